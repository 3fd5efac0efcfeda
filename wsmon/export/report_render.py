"""Render a report: its blocks (headings, paragraphs, tables, figures) as HTML or Markdown, its timeline as SVG.

The HTML page has no script and loads nothing; it is light or dark as the reader's system, and fit for print. The SVG
has classes instead of colours, which the page defines. All text is foreign: it is sanitized and escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import Literal, TypeAlias, assert_never

from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import Density
from wsmon.model.statuses import Status
from wsmon.model.timeline import Lane
from wsmon.model.units import SECOND_NS

Cells: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; level 1 is the title of the report."""

    level: Literal[1, 2, 3]
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class ReportTable:
    """Rows under column names; without column names, facts whose first cell is their name."""

    columns: Cells
    rows: tuple[Cells, ...]
    marked: int | None = None
    """Index of the row to highlight; None = none."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A timeline as SVG, shown with its legend, and a caption that stands for it in Markdown."""

    svg: str
    words: str


Block: TypeAlias = Heading | Paragraph | ReportTable | Figure


# Characters that are shown of a text
CELL_LIMIT = 600

_MARKED = ' class="marked"'
# A table with more columns has smaller letters
MANY_COLUMNS = 6

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
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; } h1, h3, p, figcaption { overflow-wrap: anywhere; }
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
.open { fill: var(--open); background: var(--open); } .dial { fill: var(--dial); background: var(--dial); }
.wait { fill: var(--wait); background: var(--wait); } .lost { fill: var(--lost); background: var(--lost); }
.off { fill: var(--off); background: var(--off); } .incident { fill: var(--odd); background: var(--odd); }
.messages { fill: var(--dial); background: var(--dial); opacity: .55; }
.errors { fill: var(--lost); } .tick { stroke: var(--rule); }
figure { margin: .5rem 0; } figcaption { color: var(--dim); font-size: .9rem; margin-top: .3rem; }
ul.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .5rem 0; padding: 0;
  font-size: .85rem; }
.legend i { display: inline-block; width: 14px; height: 10px; margin-right: .4rem; }
@media screen and (max-width: 40rem) {
  body { margin: 1rem auto; padding: 0 1rem; } h1 { font-size: 1.35rem; } h2 { font-size: 1.15rem; }
  svg.timeline { min-width: 66rem; }
  table, table.many, tbody, tr, td, table.facts th { display: block; font-size: 1rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border-bottom: 1px solid var(--rule); padding: .4rem 0; }
  td, table.many td, td:first-child, table.facts th { border: 0; padding: .1rem 0; white-space: normal;
    overflow-wrap: anywhere; min-width: 0; }
  td[data-label] { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: .8rem; }
  td[data-label]::before { content: attr(data-label); color: var(--dim); font-weight: 600; } td:empty { display: none; }
  tr.marked { background: var(--mark); } table.many td:first-child { font-weight: 600; } }
</style>
</head>
<body>
<main>
"""
_LEGEND = (
    '<ul class="legend">'
    + "".join(
        f'<li><i class="{kind}"></i>{label}</li>'
        for kind, label in (
            ("open", "open"), ("dial", "connecting"), ("wait", "waiting to retry"), ("lost", "lost"), ("off", "closed"),
            ("incident", "incident"), ("messages", "messages"),
        )
    )
    + "</ul>"
)  # fmt: skip


def html_page(title: str, blocks: Iterable[Block | None]) -> Iterator[bytes]:
    """Write a page, a piece for each block; ``None`` is for progress."""
    yield f"{_HEAD}{_html_text(title)}{_STYLE}".encode()
    for block in blocks:
        yield b"" if block is None else f"{_html_block(block)}\n".encode()
    yield b"</main>\n</body>\n</html>\n"


def _html_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{_html_text(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{_html_text(text)}</p>"
        case Figure(svg, words):
            # In focus it is scrolled by the keyboard where the screen is narrow
            head = '<div class="wide" tabindex="0" role="group" aria-label="Timeline, scrolls sideways">'
            return f"<figure>{head}{svg}</div>\n{_LEGEND}<figcaption>{_html_text(words)}</figcaption></figure>"
        case ReportTable():
            return _html_table(block)
        case _:
            assert_never(block)


def _html_table(table: ReportTable) -> str:
    head = f"<thead><tr>{_cells('th', table.columns)}</tr></thead>" if table.columns else ""
    rows = "\n".join(
        f"<tr{_MARKED if number == table.marked else ''}>{_html_row(table, row)}</tr>"
        for number, row in enumerate(table.rows)
    )
    kind = "facts" if not table.columns else "many" if len(table.columns) > MANY_COLUMNS else "rows"
    return f'<div class="wide"><table class="{kind}">{head}<tbody>\n{rows}\n</tbody></table></div>'


def _html_row(table: ReportTable, row: Cells) -> str:
    if not table.columns:
        return f'<th scope="row">{_html_text(row[0])}</th>{_cells("td", row[1:])}'
    # A narrow screen shows a row as a list, with the name of its column before each cell
    labels = (_html_text(column) for column in table.columns)
    cells = (f'<td data-label="{label}">{_html_text(cell)}</td>' for label, cell in zip(labels, row, strict=True))
    return "".join(cells)


def _cells(kind: str, cells: Cells) -> str:
    return "".join(f"<{kind}>{_html_text(cell)}</{kind}>" for cell in cells)


def _html_text(text: str) -> str:
    """Text without control characters and markup."""
    return escape(sanitize(text, CELL_LIMIT))


# Characters with a meaning inside a line, and what makes a text a link
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~&$@!]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def markdown(blocks: Iterable[Block | None]) -> Iterator[bytes]:
    """Write Markdown, a piece for each block; ``None`` is for progress."""
    for block in blocks:
        yield b"" if block is None else f"{_markdown_block(block)}\n\n".encode()


def _markdown_block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_markdown_text(text)}"
        case Paragraph(text):
            return _markdown_text(text)
        case Figure(_, words):
            return _markdown_text(words)
        case ReportTable():
            return _markdown_table(block)
        case _:
            assert_never(block)


def _markdown_table(table: ReportTable) -> str:
    width = len(table.columns) or (len(table.rows[0]) if table.rows else 1)
    head = table.columns or ("",) * width
    rows = [_markdown_row(head), f"|{' --- |' * width}"]
    for number, row in enumerate(table.rows):
        marked = number == table.marked
        rows.append(_markdown_row(row, mark="**" if marked else ""))
    return "\n".join(rows)


def _markdown_row(cells: Cells, mark: str = "") -> str:
    return "|" + "".join(f" {mark}{_markdown_text(cell)}{mark} |" if cell.strip() else "  |" for cell in cells)


def _markdown_text(text: str) -> str:
    """Text on one line, with every character that has a meaning escaped."""
    return _SIGNS.sub(r"\\\1", sanitize(text, CELL_LIMIT).strip())


# Pixels: widths of the lanes and of the names before them; heights of a lane, its bar, the messages and the axis
WIDTH, NAMES, LANE, BAR, DENSITY = 1_000, 160, 30, 14, 60
AXIS = 26
TICKS = 6
# Characters that are shown of the name of a connection
_NAME_LIMIT = 22

CLASSES: dict[Status, str] = {
    "websocket_connected": "open",
    "connecting": "dial",
    "connected": "dial",
    "reconnecting": "wait",
    "disconnected": "lost",
    "error": "lost",
    "closed": "off",
    "initialized": "off",
}
# A pixel with several classes shows the first of these
_WORST = ("lost", "wait", "dial", "off", "open")


class Scale:
    """Converts times to pixels."""

    def __init__(self, since_ns: int, until_ns: int) -> None:
        self._since_ns = since_ns
        self._length_ns = max(1, until_ns - since_ns)

    def pixel(self, at_ns: int) -> int:
        """Return the column of a time, within the picture."""
        return min(WIDTH - 1, max(0, (at_ns - self._since_ns) * WIDTH // self._length_ns))

    def after(self, at_ns: int) -> int:
        """Return the column after a period that ends at a time."""
        return min(WIDTH, (at_ns - self._since_ns) * WIDTH // self._length_ns)

    def ticks(self) -> Iterator[tuple[int, str]]:
        """Iterate over the columns and times (UTC) of the axis."""
        for number in range(TICKS + 1):
            at = datetime.fromtimestamp((self._since_ns + self._length_ns * number // TICKS) / SECOND_NS, UTC)
            shown = at.strftime("%H:%M:%S" if self._length_ns < 86_400 * SECOND_NS else "%m-%d %H:%M")
            yield WIDTH * number // TICKS, shown


def timeline_svg(lanes: Sequence[Lane], density: Density, since_ns: int, until_ns: int, name: str) -> str:
    """Return a timeline as SVG with an accessible name; its size depends on the connections, not on the traffic."""
    scale = Scale(since_ns, until_ns)
    below = len(lanes) * LANE
    height = below + DENSITY + AXIS
    label = f'role="img" aria-label="{_html_text(name)}"'
    parts = [
        f'<svg viewBox="0 0 {NAMES + WIDTH} {height}" {label} xmlns="http://www.w3.org/2000/svg" class="timeline">',
        *(part for number, lane in enumerate(lanes) for part in _lane(lane, number * LANE, scale)),
        *_density(density, below),
        *_axis(scale, height),
        "</svg>",
    ]
    return "\n".join(parts)


def _lane(lane: Lane, top: int, scale: Scale) -> Iterator[str]:
    name = escape(sanitize(lane.connection, _NAME_LIMIT))
    yield f'<text x="0" y="{top + BAR + 4}" class="name">{name}</text>'
    for start, end, kind in _runs(_columns(lane, scale)):
        yield f'<rect x="{NAMES + start}" y="{top + 6}" width="{end - start}" height="{BAR}" class="{kind}"/>'
    times = [(one.start_ns, one.end_ns) for one in lane.incidents]
    for start, end in sorted({(scale.pixel(begin), scale.pixel(end) + 1) for begin, end in times}):
        x, width = NAMES + start, max(2, end - start)
        yield f'<rect x="{x}" y="{top + BAR + 8}" width="{width}" height="3" class="incident"/>'
    for at in sorted({scale.pixel(mark.at_ns) for mark in lane.losses}):
        x = NAMES + at
        yield f'<path d="M{x} {top + 6}l-4 -6h8z" class="lost"/>'


def _columns(lane: Lane, scale: Scale) -> list[str]:
    """The class of every column; empty = nothing was recorded."""
    columns = [""] * WIDTH
    for segment in lane.segments:
        kind = CLASSES[segment.status]
        start = scale.pixel(segment.start_ns)
        for column in range(start, max(start + 1, scale.after(segment.end_ns))):
            columns[column] = min(kind, columns[column] or kind, key=_WORST.index)
    return columns


def _runs(columns: Iterable[str]) -> Iterator[tuple[int, int, str]]:
    start = 0
    for kind, of_kind in groupby(columns):
        end = start + sum(1 for _ in of_kind)
        if kind:
            yield start, end, kind
        start = end


def _density(density: Density, top: int) -> Iterator[str]:
    """Messages as bars, with errors in front of them; both scaled to the highest bar."""
    most = max((*density.messages, *density.errors, 1))
    width = WIDTH / max(1, len(density.messages))
    for kind, counts in (("messages", density.messages), ("errors", density.errors)):
        for number, count in enumerate(counts):
            if count:
                height = max(1.0, count / most * (DENSITY - 8))
                x, y = NAMES + number * width, top + DENSITY - height
                yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}"/>'
    yield f'<text x="0" y="{top + DENSITY - 4}" class="name">messages, ≤ {most:,} a bar</text>'


def _axis(scale: Scale, height: int) -> Iterator[str]:
    for x, shown in scale.ticks():
        yield f'<line x1="{NAMES + x}" y1="0" x2="{NAMES + x}" y2="{height - AXIS + 4}" class="tick"/>'
        anchor = "end" if x == WIDTH else "middle" if x else "start"
        yield f'<text x="{NAMES + x}" y="{height - 6}" text-anchor="{anchor}" class="axis">{shown}</text>'
