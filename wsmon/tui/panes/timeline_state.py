"""What the timeline shows and where its cursor is: lanes, window, size in; lines and sentences out. No Textual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from wsmon.model.events import Event
from wsmon.model.stats import Density
from wsmon.model.timeline import Lane
from wsmon.model.timeline_cells import Period, Reading, read_cell
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.lines import time_of_day
from wsmon.tui.panes.timeline_lines import Line, density_lines, label_width, lane_line
from wsmon.tui.panes.timeline_window import Window
from wsmon.tui.time_axis import axis, cell_words, span_words
from wsmon.tui.wording import describe

MIN_FOR_DENSITY = 4
# lines; below, lanes are worth more


class TimelineState:
    """A grid of lanes and cells, and one cell of it under the cursor."""

    def __init__(self, zone: tzinfo | None, glyphs: Glyphs) -> None:
        """``zone`` ``None`` = local time."""
        self._zone, self._glyphs = zone, glyphs
        self.lanes: tuple[Lane, ...] = ()
        self.density: Density | None = None
        self.now_ns = 0
        # 0 = nothing was given yet
        self.oldest_ns = 0
        # time of the oldest event kept; 0 = unknown
        self.width = self.height = 0
        # cells and lines of the pane
        self.window = Window()
        self.lane = 0
        # of the cursor
        self._cursor_ns: int | None = None
        # None = at the right edge
        self._top_lane = 0
        self._order: tuple[str, ...] = ()
        # names of connections

    def give(self, lanes: Sequence[Lane], density: Density | None, now_ns: int, oldest_ns: int) -> None:
        """Show these from now on; the cursor stays on its connection."""
        self.density, self.now_ns, self.oldest_ns = density, now_ns, oldest_ns
        self._place(lanes)

    def set_order(self, order: Sequence[str]) -> bool:
        """Order the lanes as these names are, now and later; whether that changes anything."""
        if tuple(order) == self._order:
            return False
        self._order = tuple(order)
        self._place(self.lanes)
        return True

    @property
    def label(self) -> int:
        """Cells that names take."""
        return label_width(self.lanes, self.width)

    @property
    def cells(self) -> int:
        """Cells that time takes."""
        return max(1, self.width - self.label)

    @property
    def period(self) -> Period:
        """The time in sight."""
        return self.window.period(self.cells, self.now_ns, self.oldest_ns)

    @property
    def cell(self) -> int:
        """The cell of the cursor."""
        if self._cursor_ns is None:
            return self.cells - 1
        return min(max(0, self.period.cell_of(self._cursor_ns)), self.cells - 1)

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._glyphs = glyphs

    @property
    def row(self) -> int:
        """The line of the cursor; the axis is line 0."""
        return self.lane - self._top_lane + 1

    @property
    def current(self) -> Lane | None:
        """The lane of the cursor."""
        return self.lanes[self.lane] if self.lane < len(self.lanes) else None

    @property
    def reading(self) -> Reading | None:
        """What is under the cursor."""
        period, cell, lane = self.period, self.cell, self.current
        return None if lane is None else read_cell(lane, period.start_of(cell), period.start_of(cell + 1))

    @property
    def room(self) -> int:
        """How many lanes are in sight."""
        return max(1, self.height - 1 - len(self._footer()))

    def to_lane(self, lane: int) -> None:
        """Move the cursor up or down, and scroll as little as that needs."""
        self.lane = min(max(0, lane), max(0, len(self.lanes) - 1))
        room = self.room
        top = min(max(self._top_lane, self.lane - room + 1, 0), self.lane)
        self._top_lane = max(0, min(top, len(self.lanes) - room))

    def to_row(self, row: int) -> None:
        """Move the cursor to a line of the pane."""
        self.to_lane(self._top_lane + row - 1)

    def to_cell(self, cell: int) -> None:
        """Move the cursor to a cell; past an edge the period moves along."""
        if 0 <= cell < self.cells:
            is_edge = self.window.until_ns is None and cell == self.cells - 1
            self._cursor_ns = None if is_edge else self.period.start_of(cell)
            return
        self._cursor_ns = self.period.start_of(0 if cell < 0 else self.cells - 1)
        self.pan(-max(1, self.cells // 4) if cell < 0 else max(1, self.cells // 4))

    def zoom(self, *, closer: bool) -> None:
        """Half the period, or twice as much."""
        self.window = self.window.zoomed(
            self.cells, self.now_ns, self.oldest_ns, closer=closer, around_ns=self._cursor_ns
        )

    def pan(self, cells: int) -> None:
        """Later, or earlier."""
        self.window = self.window.panned(self.cells, self.now_ns, self.oldest_ns, by=cells)

    def fit(self) -> None:
        """Everything that is kept."""
        self.window = self.window.fitted(self.cells, self.now_ns, self.oldest_ns)

    def lines(self) -> list[Line]:
        """The axis, the lanes in sight, the density."""
        period, label = self.period, self.label
        lines: list[Line] = [((" " * label + axis(period, self._zone), "dim"),)]
        shown = self.lanes[self._top_lane : self._top_lane + self.room]
        lines += [lane_line(lane, period, label, self._glyphs) for lane in shown]
        return lines + self._footer()

    def title(self) -> str:
        """From when until when, how long a cell is, and what is out of sight."""
        period, count = self.period, len(self.lanes)
        parts = [span_words(period, self._zone), f"{cell_words(period.start_of(1) - period.since_ns)} a cell"]
        if count > self.room:
            parts.append(f"lanes {self._top_lane + 1}–{min(count, self._top_lane + self.room)} of {count}")
        if self.window.until_ns is not None:
            parts.append("held (0 fits)")
        return f" {self._glyphs.between} ".join(parts)

    def read_out(self, event: Event | None) -> str:
        """The transition under the cursor: which connection, when, what, why; ``event`` is that of ``reading``."""
        lane, reading, between = self.current, self.reading, self._glyphs.between
        if lane is None:
            return ""
        if reading is None:
            return f"{lane.connection} {between} no data: no recorder ran"
        since = time_of_day(reading.at_ns, self._zone)
        many = f"{reading.losses} losses, the last: " if reading.losses > 1 else ""
        is_told = reading.kind in ("opened", "incident") or not reading.incident
        beside = "" if is_told else f" {between} {_words(reading.incident)} incident"
        if event is None:
            what = (
                "loss" if reading.losses else _words(reading.incident if is_told and reading.incident else reading.kind)
            )
            return f"{lane.connection} {between} {many}{what} since {since} or before{beside}"
        wording = describe(event, ascii_only=self._glyphs.is_ascii)
        said = f"{wording.what} {wording.text}".rstrip()
        return f"{lane.connection} {between} {since} {between} {many}{said}{beside}"

    def _place(self, lanes: Sequence[Lane]) -> None:
        name = self.current.connection if self.current is not None and self.lane else ""
        # a cursor that was not moved stays with the worst, which is the first
        places = {connection: place for place, connection in enumerate(self._order)}
        self.lanes = tuple(sorted(lanes, key=lambda lane: places.get(lane.connection, len(places))))
        self.to_lane(next((at for at, lane in enumerate(self.lanes) if lane.connection == name), self.lane))

    def _footer(self) -> list[Line]:
        if self.density is None or self.height < MIN_FOR_DENSITY:
            return []
        lines = list(density_lines(self.density, self.period, self.label, self._glyphs))
        return lines if self.height - 1 - len(lines) >= min(2, len(self.lanes)) else lines[:1]


def _words(name: str) -> str:
    return name.replace("_", " ")
