"""What the timeline has in sight and where its cursor is. No Textual."""

from __future__ import annotations

from collections.abc import Sequence

from wsmon.model.timeline import CellReading, Period, TimelineProblem, first_problem, read_cells
from wsmon.tui.panes.timeline_ask import Answer, Ask, Moment
from wsmon.tui.panes.timeline_known import KnownLanes
from wsmon.tui.panes.timeline_lanes import density_rows, label_width
from wsmon.tui.panes.timeline_rows import RowGrid, rows_of
from wsmon.tui.panes.timeline_window import Window

MIN_FOR_READING, MIN_FOR_DENSITY = 4, 6
# lines; below, lanes are worth more
MOST_READING, MOST_DENSITY = 3, 2
# lines
NARROW, MIN_FOR_TWO = 60, 8
# cells in which one line of the reading says too little, lines of a pane that has two for it
TALL = 10
# lines of a pane for each of the reading


class TimelineState:
    """A grid of lanes and cells, and one cell of it under the cursor."""

    def __init__(self) -> None:
        self.grid = RowGrid()
        self.moment = Moment(0)
        self.width = self.height = 0
        # cells and lines of the pane
        self.window = Window()
        self.by_group = False
        self.reading_room = self.density_room = 0
        # lines below the lanes
        self.is_waiting = False
        # whether what was asked for takes long
        self.known = KnownLanes()
        self._cursor_ns: int | None = None
        # None = at the right edge
        self._order: tuple[str, ...] = ()
        # names of connections

    def give(self, answer: Answer, moment: Moment) -> None:
        """Show this from now on; the cursor stays on its connection."""
        self.moment, self.is_waiting = moment, False
        self.known.take(answer)
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
        if not self.by_group and not any(title.group for title in self.known.titles):
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

    @property
    def line(self) -> int:
        """The line of the cursor; the axis is line 0."""
        return self.grid.at - self.grid.top + 1

    @property
    def reading(self) -> CellReading | None:
        """What is under the cursor."""
        return read_cells(self.known.lanes(self.grid.current), *self._cell_times())

    @property
    def problem(self) -> TimelineProblem | None:
        """The first problem in the cell under the cursor."""
        times, lanes = self._cell_times(), self.known.lanes(self.grid.current)
        found = [problem for lane in lanes if (problem := first_problem(lane, *times)) is not None]
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

    def to_problem(self, problem: TimelineProblem) -> None:
        """Move the cursor to a problem, and the period where it is out of sight."""
        self.window = self.window.showing(self.cells, self.moment, problem.at_ns)
        self._cursor_ns = self.period.start_of(max(0, self.period.cell_of(problem.at_ns)))
        self.grid.to_connection(problem.connection)

    def places_beyond(self, *, newer: bool) -> tuple[tuple[str, int], ...]:
        """From where on each connection's next problem is one in another cell: by time, then from top to bottom."""
        start_ns, end_ns = self._cell_times()
        times = (start_ns, end_ns) if newer else (end_ns, start_ns)
        at = self.grid.at
        return tuple(
            (name, times[0] if (number > at) is newer and number != at else times[1])
            for name, number in self.grid.row_numbers.items()
        )

    def nearest(self, problems: Sequence[TimelineProblem], *, newer: bool) -> TimelineProblem | None:
        """The one whose cell comes first, from left to right and from top to bottom, or the other way round."""
        period, rows = self.period, self.grid.row_numbers
        pick = min if newer else max
        return pick(
            problems,
            key=lambda problem: (period.cell_of(problem.at_ns), rows[problem.connection], problem.at_ns),
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

    def _place(self) -> None:
        rows = rows_of(self.known.titles, self._order, by_group=self.by_group)
        self.reading_room = _lines_to_read(self.width, self.height, len(rows))
        self.density_room = self._lines_of_density()
        self.grid.room = max(1, self.height - 1 - self.density_room - self.reading_room)
        self.grid.place(rows)

    def _lines_of_density(self) -> int:
        density = self.known.density
        if density is None or self.height < MIN_FOR_DENSITY:
            return 0
        lines = density_rows(density)
        free = self.height - 1 - self.reading_room - lines
        return lines if free >= min(2, len(self.known.titles)) else 1

    def _cell_times(self) -> tuple[int, int]:
        period, cell = self.period, self.cell
        return period.start_of(cell), period.start_of(cell + 1)


def _lines_to_read(width: int, height: int, rows: int) -> int:
    """Lines for the reading: few where every line is worth a lane, more where none is out of sight for them."""
    if height < MIN_FOR_READING:
        return 0
    spare = height - 1 - MOST_DENSITY - rows
    least = 2 if height >= (MIN_FOR_TWO if width < NARROW else TALL) else 1
    return min(MOST_READING, max(least, spare, height // TALL))
