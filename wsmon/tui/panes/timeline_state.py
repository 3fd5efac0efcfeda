"""What the timeline shows and where its cursor is: answers, window, size in; lines and sentences out. No Textual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from wsmon.model.events import Event
from wsmon.model.stats import Density
from wsmon.model.timeline import Lane, LaneTitle, Problem, merged
from wsmon.model.timeline_cells import CellKind, Period, Reading, first_problem, read_cells
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.panes.timeline_ask import Answer, Ask, Moment
from wsmon.tui.panes.timeline_lines import (
    UNREAD,
    Line,
    density_lines,
    known_cells,
    label_width,
    lane_line,
    legend,
    scroll_mark,
)
from wsmon.tui.panes.timeline_reading import Teller
from wsmon.tui.panes.timeline_rows import LaneRow, RowGrid, rows_of
from wsmon.tui.panes.timeline_window import Window
from wsmon.tui.time_axis import axis, cell_words, span_words

MIN_FOR_READING, MIN_FOR_DENSITY = 4, 6
# lines; below, lanes are worth more
MOST_READING, MOST_DENSITY = 3, 2
# lines
MIN_FOR_LEGEND = 2
# lines that nothing else needs
NARROW, MIN_FOR_TWO = 60, 8
# cells in which one line of the reading says too little, lines of a pane that has two for it
TALL = 10
# lines of a pane for each of the reading


class TimelineState:
    """A grid of lanes and cells, and one cell of it under the cursor."""

    def __init__(self, zone: tzinfo | None, glyphs: Glyphs) -> None:
        """``zone`` ``None`` = local time."""
        self._zone, self._glyphs = zone, glyphs
        self.teller = Teller(zone, glyphs)
        self.grid = RowGrid()
        self.moment = Moment(0)
        self.width = self.height = 0
        # cells and lines of the pane
        self.window = Window()
        self.by_group = False
        self._reading_room = 0
        # lines
        self._density: Density | None = None
        self.is_waiting = False
        # whether what was asked for takes long
        self._lanes: Mapping[str, Lane] = {}
        # those read, by connection
        self._read: Period | None = None
        # what they were read for
        self._kinds: dict[LaneRow, tuple[CellKind | None, ...]] = {}
        self._kinds_of: Period | None = None
        self._titles: tuple[LaneTitle, ...] = ()
        self._cursor_ns: int | None = None
        # None = at the right edge
        self._order: tuple[str, ...] = ()
        # names of connections

    def give(self, answer: Answer, moment: Moment) -> None:
        """Show this from now on; the cursor stays on its connection."""
        self.moment, self._titles, self._density = moment, answer.titles, answer.density
        self._lanes, self._read, self.is_waiting = answer.lanes, answer.period, False
        self._kinds = {}
        self._place()

    def set_order(self, order: Sequence[str]) -> bool:
        """Order the lanes as these names are, now and later; whether that changes anything."""
        if tuple(order) == self._order:
            return False
        self._order = tuple(order)
        self._place()
        return True

    def toggle_groups(self) -> bool:
        """A lane a group, or a lane a connection; ``False`` where no connection is in a group."""
        if not self.by_group and not any(title.group for title in self._titles):
            return False
        self.by_group = not self.by_group
        self._place()
        return True

    def ask(self, moment: Moment) -> Ask:
        """What to ask the store for as of a moment: the rows in sight, and half a page of them on both sides."""
        room = self.grid.room
        period = self.window.period(self.cells, moment)
        return Ask(period, max(0, self.grid.top - room // 2), 2 * room, self._order, self.by_group)

    @property
    def label(self) -> int:
        """Cells that names take."""
        return label_width(self.grid.rows, self.width)

    @property
    def cells(self) -> int:
        """Cells that time takes."""
        return max(1, self.width - self.label - int(self.grid.is_scrolled))

    @property
    def period(self) -> Period:
        """The time in sight."""
        return self.window.period(self.cells, self.moment)

    @property
    def cell(self) -> int:
        """The cell of the cursor."""
        if self._cursor_ns is None:
            return self.cells - 1
        return min(max(0, self.period.cell_of(self._cursor_ns)), self.cells - 1)

    @property
    def is_at_present(self) -> bool:
        """Whether the cursor is at the right edge, and that is the present."""
        return self._cursor_ns is None and self.window.until_ns is None

    def set_glyphs(self, glyphs: Glyphs) -> None:
        """Draw with these signs from now on."""
        self._glyphs, self.teller = glyphs, Teller(self._zone, glyphs)

    @property
    def line(self) -> int:
        """The line of the cursor; the axis is line 0."""
        return self.grid.at - self.grid.top + 1

    @property
    def reading(self) -> Reading | None:
        """What is under the cursor."""
        return read_cells(self._under_cursor(), *self._cell_times())

    @property
    def problem(self) -> Problem | None:
        """The first problem in the cell under the cursor."""
        times = self._cell_times()
        found = [problem for lane in self._under_cursor() if (problem := first_problem(lane, *times)) is not None]
        return min(found, key=lambda problem: (problem.at_ns, problem.event_id), default=None)

    def resize(self, width: int, height: int) -> None:
        """The pane has another size."""
        self.width, self.height = width, height
        self._place()

    def to_cell(self, cell: int) -> None:
        """Move the cursor to a cell; past an edge the period moves along."""
        if 0 <= cell < self.cells:
            is_edge = self.window.until_ns is None and cell == self.cells - 1
            self._cursor_ns = None if is_edge else self.period.start_of(cell)
            return
        self._cursor_ns = self.period.start_of(0 if cell < 0 else self.cells - 1)
        self.pan(-max(1, self.cells // 4) if cell < 0 else max(1, self.cells // 4))

    def to_problem(self, problem: Problem) -> None:
        """Move the cursor to a problem, and the period where it is out of sight."""
        self.window = self.window.showing(self.cells, self.moment, problem.at_ns)
        self._cursor_ns = self.period.start_of(max(0, self.period.cell_of(problem.at_ns)))
        self.grid.to_connection(problem.connection)

    def places_beyond(self, *, newer: bool) -> tuple[tuple[str, int], ...]:
        """From where on each connection's next problem is one in another cell: by time, then from top to bottom."""
        start_ns, end_ns = self._cell_times()
        times = (start_ns, end_ns) if newer else (end_ns, start_ns)
        return tuple(
            (name, times[0] if (number > self.grid.at) is newer and number != self.grid.at else times[1])
            for number, row in enumerate(self.grid.rows)
            for name in row.connections
        )

    def nearest(self, problems: Sequence[Problem], *, newer: bool) -> Problem | None:
        """The one whose cell comes first, from left to right and from top to bottom, or the other way round."""
        rows = {name: number for number, row in enumerate(self.grid.rows) for name in row.connections}
        pick = min if newer else max
        return pick(
            problems,
            key=lambda problem: (self.period.cell_of(problem.at_ns), rows[problem.connection], problem.at_ns),
            default=None,
        )

    def zoom(self, *, closer: bool) -> None:
        """The next round period, shorter or longer, around the cursor."""
        self.window = self.window.zoomed(self.cells, self.moment, closer=closer, around_ns=self._cursor_ns)

    def pan(self, cells: int) -> None:
        """Later, or earlier."""
        self.window = self.window.panned(self.cells, self.moment, by=cells)

    def fit(self) -> None:
        """The newest run, then everything that is kept."""
        self.window = self.window.fitted(self.cells, self.moment)

    def follow(self) -> None:
        """The same zoom, up to now, and the cursor there."""
        self.window, self._cursor_ns = Window(self.window.cell_ns), None

    def lines(self, reading: str, *, has_cursor: bool) -> list[Line]:
        """The axis, the lanes in sight, the density, and the reading, or without a cursor what the signs mean."""
        period, label, grid = self.period, self.label, self.grid
        lines: list[Line] = [((" " * label + axis(period, self._zone), "dim"),)]
        for number, row in enumerate(grid.shown):
            line = lane_line(row, self._cells_of(row), label, self._glyphs)
            lines.append((*line, scroll_mark(number, grid.mark, self._glyphs)) if grid.is_scrolled else line)
        lines += self._density_lines()
        count = self._reading_room
        if not has_cursor:
            below = [legend(self.width, self._glyphs)] if count else []
        else:
            below = [((text, "text"),) for text in self.teller.lines(reading, max(1, self.width), count)]
        free = self.height - len(lines) - count
        lines += [*[()] * min(1, free), *below, *[()] * (count - len(below) + max(0, free - 1))]
        if has_cursor and free > MIN_FOR_LEGEND:
            lines[-1] = legend(self.width, self._glyphs)
        return lines

    def titles(self) -> tuple[str, ...]:
        """From when until when, how long a cell is, and what is out of sight; the same shorter where room is scarce."""
        period, grid = self.period, self.grid
        span = span_words(period, self._zone, self.moment.today_ns or self.moment.now_ns)
        parts = [span, f"{cell_words(period.start_of(1) - period.since_ns)} a cell"]
        if self.by_group:
            parts.append("by group")
        if grid.is_scrolled:
            noun = "rows" if self.by_group else "lanes"
            last = min(len(grid.rows), grid.top + grid.room)
            parts.append(f"{noun} {grid.top + 1}–{last} of {len(grid.rows)}")
        if self.is_waiting:
            parts.insert(0, UNREAD)
        if self.window.until_ns is not None:
            parts.append("held (. follows)")
        between = f" {self._glyphs.between} "
        texts = (between.join(parts[:count]) for count in range(len(parts), 0, -1))
        return tuple(text.replace("–", "-") if self._glyphs.is_ascii else text for text in texts)

    def read_out(self, event: Event | None) -> str:
        """What is under the cursor, in sentences; ``event`` is that of ``reading``."""
        row, reading = self.grid.current, self.reading
        if row is None:
            return ""
        if self._cells_of(row)[self.cell] is None:
            return UNREAD
        if reading is None:
            return self.teller.nothing(row, self.period, self.cell, self.moment)
        return self.teller.tell(row, reading, event, self.moment.now_ns)

    def _place(self) -> None:
        rows = rows_of(self._titles, self._order, by_group=self.by_group)
        self._reading_room = self._lines_to_read(len(rows))
        self.grid.room = max(1, self.height - 1 - len(self._density_lines()) - self._reading_room)
        self.grid.place(rows)

    def _lines_to_read(self, rows: int) -> int:
        """Lines for the reading: few where every line is worth a lane, more where none is out of sight for them."""
        if self.height < MIN_FOR_READING:
            return 0
        spare = self.height - 1 - MOST_DENSITY - rows
        least = 2 if self.height >= (MIN_FOR_TWO if self.width < NARROW else TALL) else 1
        return min(MOST_READING, max(least, spare, self.height // TALL))

    def _cell_times(self) -> tuple[int, int]:
        period, cell = self.period, self.cell
        return period.start_of(cell), period.start_of(cell + 1)

    def _under_cursor(self) -> tuple[Lane, ...]:
        row = self.grid.current
        return () if row is None else tuple(self._lanes[name] for name in row.connections if name in self._lanes)

    def _is_read(self, row: LaneRow) -> bool:
        return all(name in self._lanes for name in row.connections)

    def _cells_of(self, row: LaneRow) -> tuple[CellKind | None, ...]:
        """Computed once for an answer and a period: a cursor that moves leaves them as they are."""
        period = self.period
        if self._kinds_of != period:
            self._kinds, self._kinds_of = {}, period
        kinds = self._kinds.get(row)
        if kinds is None:
            kinds = (None,) * period.cells
            if self._read is not None and self._is_read(row):
                lane = merged(row.name, [self._lanes[name] for name in row.connections])
                kinds = known_cells(lane, period, self._read)
            self._kinds[row] = kinds
        return kinds

    def _density_lines(self) -> list[Line]:
        if self._density is None or self.height < MIN_FOR_DENSITY:
            return []
        lines = list(density_lines(self._density, self.period, self.label, self._glyphs))
        free = self.height - 1 - self._reading_room - len(lines)
        return lines if free >= min(2, len(self._titles)) else lines[:1]
