"""A report as one HTML page: no script, nothing from elsewhere, light or dark as the reader has it, fit for print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import assert_never

from wsmon.export.report_blocks import Block, Cells, Figure, Heading, Table, Text
from wsmon.model.sanitize import sanitize

CELL_LIMIT = 600
# characters of a foreign text

MANY_COLUMNS = 6
# that need smaller letters

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>"""
_STYLE = """</title>
<style>
:root { color-scheme: light dark; --ink: #22272e; --paper: #fbfbf9; --soft: #f0f0ec; --dim: #646c76; --rule: #cfcfc9;
  --open: #1f7a3f; --dial: #1c62b0; --wait: #8f5400; --lost: #c02626; --off: #8b929b; --mark: #fdf0d0; --odd: #8a3ab9; }
@media (prefers-color-scheme: dark) { :root { --ink: #d5dbe3; --paper: #0f1419; --soft: #1a222c; --dim: #8b96a5;
  --rule: #2c3744; --open: #6cc28b;
  --dial: #5fa8e8; --wait: #f0b449; --lost: #ff6b6b; --off: #5a6573; --mark: #33291a; --odd: #c99df0; } }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #f4f4f4; --dim: #444; --rule: #bbb;
  --open: #1f7a3f; --dial: #1c62b0; --wait: #8f5400; --lost: #c02626; --off: #8b929b; --mark: #fdf0d0; --odd: #8a3ab9; }
  section, tr, svg { break-inside: avoid; } h2, h3 { break-after: avoid; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1.5rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
h1 { font-size: 1.6rem; margin-bottom: .4rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: break-word; }
td:last-child { overflow-wrap: anywhere; min-width: 11rem; }
th, td:first-child { white-space: nowrap; } th { color: var(--dim); font-weight: 600; }
table.many { font-size: .85rem; } table.many th { white-space: normal; }
table.many td { white-space: nowrap; min-width: 0; }
tr.marked td { background: var(--mark); }
svg.timeline { width: 100%; height: auto; background: var(--soft); border-radius: 6px; padding: 10px;
  box-sizing: border-box; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); } svg .axis { fill: var(--dim); }
.open { fill: var(--open); } .dial { fill: var(--dial); } .wait { fill: var(--wait); } .lost { fill: var(--lost); }
.off { fill: var(--off); } .incident { fill: var(--odd); } .messages { fill: var(--dial); opacity: .55; }
.errors { fill: var(--lost); } .tick { stroke: var(--rule); }
figure { margin: .5rem 0; } figcaption { color: var(--dim); font-size: .9rem; margin-top: .3rem; }
</style>
</head>
<body>
"""
_LEGEND = (
    '<svg viewBox="0 0 700 16" width="700" height="16" aria-hidden="true">'
    + "".join(
        f'<rect x="{x}" y="3" width="14" height="10" class="{kind}"/><text x="{x + 19}" y="12">{label}</text>'
        for x, kind, label in (
            (0, "open", "open"), (80, "dial", "dialling"), (180, "wait", "waits to dial"),
            (310, "lost", "lost"), (380, "off", "closed"), (470, "incident", "incident"), (560, "messages", "messages"),
        )
    )
    + "</svg>"
)  # fmt: skip


def html_page(title: str, blocks: Iterable[Block | None]) -> Iterator[bytes]:
    """The page, a piece a block; ``None`` says that time passes."""
    yield f"{_HEAD}{_safe(title)}{_STYLE}".encode()
    for block in blocks:
        yield b"" if block is None else f"{_block(block)}\n".encode()
    yield b"</body>\n</html>\n"


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{_safe(text)}</h{level}>"
        case Text(text):
            return f"<p>{_safe(text)}</p>"
        case Figure(svg, words):
            return f"<figure>{svg}\n{_LEGEND}<figcaption>{_safe(words)}</figcaption></figure>"
        case Table():
            return _table(block)
        case _:
            assert_never(block)


def _table(table: Table) -> str:
    head = f"<thead><tr>{_cells('th', table.columns)}</tr></thead>" if table.columns else ""
    rows = "\n".join(
        f'<tr class="marked">{_cells("td", row)}</tr>' if number == table.marked else f"<tr>{_row(table, row)}</tr>"
        for number, row in enumerate(table.rows)
    )
    kind = ' class="many"' if len(table.columns) > MANY_COLUMNS else ""
    return f'<div class="wide"><table{kind}>{head}<tbody>\n{rows}\n</tbody></table></div>'


def _row(table: Table, row: Cells) -> str:
    return _cells("td", row) if table.columns else f"<th>{_safe(row[0])}</th>{_cells('td', row[1:])}"


def _cells(kind: str, cells: Cells) -> str:
    return "".join(f"<{kind}>{_safe(cell)}</{kind}>" for cell in cells)


def _safe(text: str) -> str:
    """Text that is text: no control sign, no markup."""
    return escape(sanitize(text, CELL_LIMIT))
