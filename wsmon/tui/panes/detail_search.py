"""Where a text stands in the lines of a detail, also where a line broke in the middle of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wsmon.query.predicate import casefold_ascii
from wsmon.tui.panes.detail_page import Row


def places(rows: Sequence[Row], needle: str) -> tuple[int, ...]:
    """The numbers of the lines in which the needle begins; ASCII case does not count."""
    wanted = casefold_ascii(needle)
    if not wanted:
        return ()
    texts = [casefold_ascii("".join(part for part, _ in row.line)) for row in rows]
    return tuple(number for number in range(len(texts)) if _begins(rows, texts, number, wanted))


def _begins(rows: Sequence[Row], texts: Sequence[str], number: int, wanted: str) -> bool:
    text = texts[number]
    if wanted in text:
        return True
    if number + 1 == len(texts) or not _goes_on(rows[number], rows[number + 1]):
        return False
    head, tail = text.rstrip()[-len(wanted) :], texts[number + 1].lstrip()[: len(wanted)]
    return any(0 <= (head + between + tail).find(wanted) < len(head) for between in ("", " "))


def _goes_on(row: Row, following: Row) -> bool:
    """Whether the next line is about the same thing: a value that was too long for one."""
    if row.node is not None or row.field is not None:
        return row.node is following.node and row.field is following.field
    return following.node is None and following.field is None and bool(following.line)
