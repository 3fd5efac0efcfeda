"""A report as Markdown, for a ticket or a mail; pictures are words there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import assert_never

from wsmon.export.report_blocks import Block, Cells, Figure, Heading, Table, Text
from wsmon.export.report_html import CELL_LIMIT
from wsmon.model.sanitize import sanitize

_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~&$@!]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
# what means something in the middle of a line, and what makes a link of a text


def markdown(blocks: Iterable[Block | None]) -> Iterator[bytes]:
    """The text, a piece a block; ``None`` says that time passes."""
    for block in blocks:
        yield b"" if block is None else f"{_block(block)}\n\n".encode()


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_safe(text)}"
        case Text(text):
            return _safe(text)
        case Figure(_, words):
            return _safe(words)
        case Table():
            return _table(block)
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    width = len(table.columns) or (len(table.rows[0]) if table.rows else 1)
    head = table.columns or ("",) * width
    rows = [_row(head), f"|{' --- |' * width}"]
    for number, row in enumerate(table.rows):
        marked = number == table.marked
        rows.append(_row(row, mark="**" if marked else ""))
    return "\n".join(rows)


def _row(cells: Cells, mark: str = "") -> str:
    return "|" + "".join(f" {mark}{_safe(cell)}{mark} |" if cell.strip() else "  |" for cell in cells)


def _safe(text: str) -> str:
    """Text that is text: every sign with a meaning is escaped, and it is one line."""
    return _SIGNS.sub(r"\\\1", sanitize(text, CELL_LIMIT).strip())
