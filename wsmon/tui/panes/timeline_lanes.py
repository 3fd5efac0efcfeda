"""Lines of the timeline: lanes, the density of messages and errors under them, and what the signs mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from types import MappingProxyType

from rich.cells import cell_len

from wsmon.model.sanitize import sanitize
from wsmon.model.statistics import Density
from wsmon.model.timeline import CellKind, Lane, LaneTitle, Period, lane_cells, spread
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.text import Line, Role, StyledText, keep_ends, left, width_of

# The rows of the timeline: a connection each, or a group each; which of them are in sight. Pure.


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One line of the timeline."""

    name: str
    """Of the connection, or of the group."""
    connections: tuple[str, ...]
    is_group: bool = False

    @property
    def label(self) -> str:
        """What stands before its cells."""
        return f"{self.name} ({len(self.connections)})" if self.is_group else self.name


def rows_of(titles: Sequence[LaneTitle], order: Sequence[str], *, by_group: bool) -> tuple[LaneRow, ...]:
    """Rows in the order of the connections' list: those it does not name come last, as they are.

    A group stands where its first connection would; a connection without a group keeps a row of its own.
    """
    places = {connection: place for place, connection in enumerate(order)}
    ordered = sorted(titles, key=lambda title: places.get(title.connection, len(places)))
    rows: dict[tuple[bool, str], list[str]] = {}
    for title in ordered:
        is_group = by_group and bool(title.group)
        rows.setdefault((is_group, title.group if is_group else title.connection), []).append(title.connection)
    return tuple(LaneRow(name, tuple(names), is_group) for (is_group, name), names in rows.items())


class LaneViewport:
    """Rows, the one under the cursor, and those in sight."""

    def __init__(self) -> None:
        self.rows: tuple[LaneRow, ...] = ()
        self.at = 0
        # the row of the cursor
        self.top = 0
        # the first one in sight
        # How many are in sight
        self.room = 1

    @property
    def current(self) -> LaneRow | None:
        """The row under the cursor."""
        return self.rows[self.at] if self.at < len(self.rows) else None

    @property
    def row_numbers(self) -> dict[str, int]:
        """Which row each connection is in."""
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
    def mark(self) -> range:
        """Which lines of those in sight the scroll mark fills; empty where all rows are in sight."""
        if not self.is_scrolled:
            return range(0)
        length = max(1, self.room * self.room // len(self.rows))
        free, hidden = self.room - length, len(self.rows) - self.room
        start = (self.top * free + hidden // 2) // hidden
        start = min(max(start, int(self.top > 0)), free - int(self.top < hidden)) if free > 1 else start
        return range(start, start + length)

    def to(self, row: int) -> None:
        """Move the cursor, and scroll as little as that needs."""
        self.at = min(max(0, row), max(0, len(self.rows) - 1))
        top = min(max(self.top, self.at - self.room + 1, 0), self.at)
        self.top = max(0, min(top, len(self.rows) - self.room))

    def scroll(self, by: int) -> None:
        """Other rows in sight; the cursor comes along only where it would get out of sight."""
        self.top = max(0, min(self.top + by, len(self.rows) - self.room))
        self.at = min(max(self.at, self.top), max(self.top, min(self.top + self.room, len(self.rows)) - 1))

    def to_connection(self, connection: str) -> None:
        """Move the cursor to the row that a connection is in, if there is one."""
        self.to(next((at for at, row in enumerate(self.rows) if connection in row.connections), self.at))

    def place(self, rows: tuple[LaneRow, ...]) -> None:
        """Show these rows: the cursor stays with its connection, or on top where nobody has moved it."""
        before = self.current if self.at else None
        self.rows = rows
        self.to(self.at)
        if before is not None:
            self.to_connection(before.connections[0])


MIN_LABEL, MAX_LABEL = 8, 20
# Characters; a connection's name has no more
NAME_LIMIT = 64
# Characters that a group's name has more
COUNT_LIMIT = 8
UNREAD = "reading"
LEGEND: tuple[tuple[CellKind, str], ...] = (
    ("loss", "loss"),
    ("stalled", "stalled"),
    ("incident", "incident"),
    ("connecting", "connecting"),
    ("open", "open"),
    ("closed", "closed by us"),
    ("gave_up", "gave up"),
    ("loss_opened", "loss and incident"),
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


def label_width(rows: Sequence[LaneRow], width: int) -> int:
    """Cells for names, the space after them included; never more than a quarter of the pane."""
    longest = max((cell_len(row.label[: NAME_LIMIT + COUNT_LIMIT]) for row in rows), default=0)
    return max(0, min(max(longest, MIN_LABEL), MAX_LABEL, width // 4)) + 1


def lane_line(row: LaneRow, kinds: Sequence[CellKind | None], label: int, glyphs: Glyphs) -> Line:
    """A name and its cells; ``None`` where a cell is not read yet, which is said and is not the same as no data."""
    name = sanitize(row.label, NAME_LIMIT + COUNT_LIMIT, ascii_only=glyphs.is_ascii)
    return (keep_ends(name, label - 1, glyphs.cut) + " ", "text"), *_runs(kinds, glyphs)


def known_cells(lane: Lane, period: Period, known: Period) -> tuple[CellKind | None, ...]:
    """The cells of a lane that was read for another period, as far as it was."""
    return tuple(
        kind if known.since_ns < period.start_of(cell + 1) and period.start_of(cell) < known.until_ns else None
        for cell, kind in enumerate(lane_cells(lane, period))
    )


def legend(width: int, glyphs: Glyphs) -> Line:
    """As many signs and what they mean as fit, the most telling first; blank is no data."""
    spans: list[StyledText] = []
    for kind, word in LEGEND:
        if width_of(spans) + 4 + len(word) > width:
            break
        spans += [("  " if spans else "", "text"), (glyph_of(kind, glyphs), ROLE_OF_CELL[kind]), (f" {word}", "dim")]
    return tuple(spans)


def scroll_mark(line: int, filled: range, glyphs: Glyphs) -> StyledText:
    """One cell at the right edge: whether the rows in sight are here."""
    return (glyphs.scroll_thumb, "key-name") if line in filled else (glyphs.scroll_track, "rule")


def density_lines(density: Density, period: Period, label: int, glyphs: Glyphs) -> Iterator[Line]:
    """The row of messages; the row of errors only where there is one."""
    for name, counts, role in _rows(density):
        blocks = bars(spread(counts, density.since_ns, density.bucket_ns, period), glyphs)
        yield (left(name, label - 1, glyphs.cut) + " ", "dim"), (blocks, role)


def density_rows(density: Density) -> int:
    """How many lines it takes."""
    return len(list(_rows(density)))


def bars(values: Sequence[float], glyphs: Glyphs) -> str:
    """Values as blocks scaled to the greatest; nothing is a blank, and the least of something is seen."""
    top = max(values, default=0.0)
    steps = len(glyphs.blocks)
    return "".join(glyphs.blocks[max(1, ceil(value / top * steps)) - 1] if value > 0 else " " for value in values)


def glyph_of(kind: CellKind, glyphs: Glyphs) -> str:
    """What a cell is drawn as."""
    return {
        "none": " ",
        "open": glyphs.lane_open,
        "closed": glyphs.lane_closed,
        "connecting": glyphs.lane_connecting,
        "stalled": glyphs.lane_stalled,
        "incident": glyphs.lane_incident,
        "gave_up": glyphs.lane_gave_up,
        "opened": glyphs.lane_incident,
        "loss": glyphs.lane_loss,
        "loss_opened": glyphs.lane_loss_incident,
    }[kind]


def _rows(density: Density) -> Iterator[tuple[str, Sequence[int], Role]]:
    yield "messages", density.messages, "direction-in"
    if any(density.errors):
        yield "errors", density.errors, "problem"


def _runs(cells: Sequence[CellKind | None], glyphs: Glyphs) -> Iterator[StyledText]:
    for kind, run in groupby(cells):
        length = len(list(run))
        if kind is None:
            yield (UNREAD if length > len(UNREAD) else "").ljust(length), "dim"
        else:
            yield glyph_of(kind, glyphs) * length, ROLE_OF_CELL[kind]
