"""Lanes of the timeline: their rows, which of them are in sight, and how lanes, density and legend are drawn. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from types import MappingProxyType

from rich.cells import cell_len

from wsmon.model import units as fmt
from wsmon.model.statistics import Density
from wsmon.model.timeline import CellKind, Lane, LaneTitle, Period, lane_cells, spread
from wsmon.model.units import SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.text import Line, Role, StyledText, keep_ends, left, right, width_of

# Cells of the column of names, its space not counted
MIN_LABEL, MAX_LABEL = 8, 20
# Characters: the longest name of a connection that the configuration allows
NAME_LIMIT = 64
# Characters that a group's label has beside its name
COUNT_LIMIT = 8
# Shown over cells that the store was not asked for yet
UNREAD = "loading"
LEGEND: tuple[tuple[CellKind, str], ...] = (
    ("loss", "disconnect"),
    ("stalled", "stalled"),
    ("opened", "incident opened"),
    ("incident", "open, with an incident"),
    ("connecting", "(re)connecting"),
    ("open", "open"),
    ("closed", "closed"),
    ("gave_up", "gave up"),
    ("loss_opened", "incident and disconnect"),
)
ROLE_OF_CELL: Mapping[CellKind, Role] = MappingProxyType(
    {
        "none": "text",
        "open": "status-open",
        "closed": "status-closed",
        "connecting": "status-connecting",
        "stalled": "status-stalled",
        "incident": "caution",
        "gave_up": "status-loss",
        "opened": "problem",
        "loss": "status-loss",
        "loss_opened": "status-loss",
    }
)


@dataclass(frozen=True, slots=True)
class LaneRow:
    """A row of the timeline: a connection, or a group of connections."""

    name: str
    """Name of the connection, or of the group."""
    connections: tuple[str, ...]
    is_group: bool = False

    @property
    def label(self) -> str:
        """The text before its cells."""
        return f"{self.name} ({len(self.connections)})" if self.is_group else self.name


def lane_rows(titles: Sequence[LaneTitle], order: Sequence[str], *, by_group: bool) -> tuple[LaneRow, ...]:
    """Return rows in the order of the connections list; connections that it does not have come last, as they are.

    A group has the place of its first connection; a connection without a group keeps a row of its own.
    """
    places = {connection: place for place, connection in enumerate(order)}
    ordered = sorted(titles, key=lambda title: places.get(title.connection, len(places)))
    rows: dict[tuple[bool, str], list[str]] = {}
    for title in ordered:
        is_group = by_group and bool(title.group)
        rows.setdefault((is_group, title.group if is_group else title.connection), []).append(title.connection)
    return tuple(LaneRow(name, tuple(names), is_group) for (is_group, name), names in rows.items())


class LaneViewport:
    """All rows, the row under the cursor, and the rows in sight."""

    def __init__(self) -> None:
        self.rows: tuple[LaneRow, ...] = ()
        self.at = 0
        """Row of the cursor."""
        self.top = 0
        """First row in sight."""
        self.room = 1
        """Rows that fit into the pane."""

    @property
    def current(self) -> LaneRow | None:
        """The row under the cursor."""
        return self.rows[self.at] if self.at < len(self.rows) else None

    @property
    def row_numbers(self) -> dict[str, int]:
        """Number of the row that each connection is in."""
        return {name: number for number, row in enumerate(self.rows) for name in row.connections}

    @property
    def shown(self) -> tuple[LaneRow, ...]:
        """The rows in sight."""
        return self.rows[self.top : self.top + self.room]

    @property
    def is_scrolled(self) -> bool:
        """Whether some rows are out of sight."""
        return len(self.rows) > self.room

    @property
    def scroll_thumb(self) -> range:
        """Lines in sight that the thumb of the scroll bar fills; empty where all rows are in sight.

        It touches an end only where the rows in sight do.
        """
        if not self.is_scrolled:
            return range(0)
        length = max(1, self.room * self.room // len(self.rows))
        free, hidden = self.room - length, len(self.rows) - self.room
        start = (self.top * free + hidden // 2) // hidden
        start = min(max(start, int(self.top > 0)), free - int(self.top < hidden)) if free > 1 else start
        return range(start, start + length)

    def move_to(self, row: int) -> None:
        """Move the cursor, and scroll as little as that needs."""
        self.at = min(max(0, row), max(0, len(self.rows) - 1))
        top = min(max(self.top, self.at - self.room + 1, 0), self.at)
        self.top = max(0, min(top, len(self.rows) - self.room))

    def move_to_connection(self, connection: str) -> None:
        """Move the cursor to the row that a connection is in, if there is one."""
        self.move_to(next((at for at, row in enumerate(self.rows) if connection in row.connections), self.at))

    def scroll(self, by: int) -> None:
        """Scroll by rows; the cursor moves only where it would get out of sight."""
        self.top = max(0, min(self.top + by, len(self.rows) - self.room))
        self.at = min(max(self.at, self.top), max(self.top, min(self.top + self.room, len(self.rows)) - 1))

    def place(self, rows: tuple[LaneRow, ...]) -> None:
        """Replace the rows; a cursor that was moved stays on its connection, else it stays on the first row."""
        before = self.current if self.at else None
        self.rows = rows
        self.move_to(self.at)
        if before is not None:
            self.move_to_connection(before.connections[0])


def label_width(rows: Sequence[LaneRow], width: int) -> int:
    """Return the cells for names, the space after them included; at most a quarter of the pane."""
    longest = max((cell_len(row.label[: NAME_LIMIT + COUNT_LIMIT]) for row in rows), default=0)
    return max(0, min(max(longest, MIN_LABEL), MAX_LABEL, width // 4)) + 1


def lane_line(row: LaneRow, kinds: Sequence[CellKind | None], label: int, glyphs: Glyphs) -> Line:
    """Return a lane: its name and its cells; None is a cell that was not read yet, which differs from no data."""
    name = cell_text(row.label, NAME_LIMIT + COUNT_LIMIT, ascii_only=glyphs.is_ascii)
    return (keep_ends(name, label - 1, glyphs.cut) + " ", "text"), *_cell_runs(kinds, glyphs)


def _cell_runs(cells: Sequence[CellKind | None], glyphs: Glyphs) -> Iterator[StyledText]:
    for kind, run in groupby(cells):
        length = len(list(run))
        if kind is None:
            yield (UNREAD if length > len(UNREAD) else "").ljust(length), "dim"
        else:
            yield cell_glyph(kind, glyphs) * length, ROLE_OF_CELL[kind]


def known_cells(lane: Lane, period: Period, known: Period) -> tuple[CellKind | None, ...]:
    """Return the cells of a lane that was read for the period ``known``; None outside of that."""
    return tuple(
        kind if known.since_ns < period.start_of(cell + 1) and period.start_of(cell) < known.until_ns else None
        for cell, kind in enumerate(lane_cells(lane, period))
    )


def cell_glyph(kind: CellKind, glyphs: Glyphs) -> str:
    """Return the glyph that a cell is drawn with."""
    return {
        "none": " ",
        "open": glyphs.lane_open,
        "closed": glyphs.closed,
        "connecting": glyphs.lane_connecting,
        "stalled": glyphs.lane_stalled,
        "incident": glyphs.lane_open_incident,
        "gave_up": glyphs.gave_up,
        "opened": glyphs.lane_incident,
        "loss": glyphs.lane_loss,
        "loss_opened": glyphs.lane_loss_incident,
    }[kind]


def scroll_bar_cell(line: int, thumb: range, glyphs: Glyphs) -> StyledText:
    """Return the cell of the scroll bar on a line, at the right edge of the lanes."""
    return (glyphs.scroll_thumb, "key-name") if line in thumb else (glyphs.scroll_track, "rule")


def legend_line(width: int, glyphs: Glyphs, on_screen: Set[CellKind] = frozenset()) -> Line:
    """Return as many glyphs with their meaning as fit; a blank cell is no data.

    Those that are on the screen come first, then the most important.
    """
    texts: list[StyledText] = []
    for kind, word in sorted(LEGEND, key=lambda each: each[0] not in on_screen):
        if width_of(texts) + 4 + len(word) > width:
            break
        texts += [("  " if texts else "", "text"), (cell_glyph(kind, glyphs), ROLE_OF_CELL[kind]), (f" {word}", "dim")]
    return tuple(texts)


def density_lines(density: Density, period: Period, label: int, glyphs: Glyphs) -> Iterator[Line]:
    """Yield the row of messages, and the row of errors where there are errors."""
    for name, counts, role in _density_rows(density):
        blocks = block_bars(spread(counts, density.since_ns, density.bucket_ns, period), glyphs)
        yield (left(name, label - 1, glyphs.cut) + " ", "dim"), (blocks, role)


def traffic_lines(density: Density | None, period: Period, label: int, lines: int, glyphs: Glyphs) -> Iterator[Line]:
    """Yield the messages of a row over time as bars of so many lines, with the greatest rate before them."""
    values: tuple[float, ...] = ()
    if density is not None:
        values = spread(density.messages, density.since_ns, density.bucket_ns, period)
    cell_ns = period.start_of(1) - period.since_ns
    most = f"{fmt.rate(max(values) * SECOND_NS / cell_ns)}/s" if any(values) else ""
    if density is not None and not any(values):
        yield ((" " * label + "no messages", "dim"),)
        yield from [()] * (lines - 1)
        return
    for number, blocks in enumerate(tall_bars(values, lines, glyphs)):
        yield (right(most if number == 0 else "", label - 1, glyphs.cut) + " ", "dim"), (blocks, "direction-in")


def density_rows(density: Density) -> int:
    """Return how many lines ``density_lines`` yields."""
    return len(list(_density_rows(density)))


def _density_rows(density: Density) -> Iterator[tuple[str, Sequence[int], Role]]:
    yield "messages", density.messages, "direction-in"
    if any(density.errors):
        yield "errors", density.errors, "problem"


def tall_bars(values: Sequence[float], lines: int, glyphs: Glyphs) -> Iterator[str]:
    """Yield lines of bars, the upper one first, scaled to the greatest; zero is blank, all other values are visible."""
    top, steps = max(values, default=0.0), len(glyphs.blocks)
    heights = [max(1, ceil(value / top * steps * lines)) if value > 0 else 0 for value in values]
    for below in range((lines - 1) * steps, -1, -steps):
        parts = (min(steps, height - below) for height in heights)
        yield "".join(glyphs.blocks[part - 1] if part > 0 else " " for part in parts)


def block_bars(values: Sequence[float], glyphs: Glyphs) -> str:
    """Return values as blocks scaled to the greatest; zero is blank, and every other value is visible."""
    top = max(values, default=0.0)
    steps = len(glyphs.blocks)
    return "".join(glyphs.blocks[max(1, ceil(value / top * steps)) - 1] if value > 0 else " " for value in values)
