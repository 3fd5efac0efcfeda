"""What the timeline has in sight and where its cursor is. No Textual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from wsmon.model.statistics import Density
from wsmon.model.timeline import (
    CellKind,
    CellReading,
    Lane,
    LaneTitle,
    Period,
    TimelineProblem,
    first_problem,
    merged,
    read_cells,
)
from wsmon.model.units import SECOND_NS
from wsmon.ports import StoreView
from wsmon.tui.panes.timeline_lanes import LaneRow, LaneViewport, density_rows, known_cells, label_width, rows_of

# What the timeline asks of the store, and the answer: the rows in sight and some on both sides, thinned to cells.


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """The times that a period is made from."""

    now_ns: int
    """The newest time there is: the end of a recording that goes on no more."""
    oldest_ns: int = 0
    """Of the oldest event kept; 0 = unknown."""
    run_ns: int = 0
    """When the newest run began; 0 = unknown."""
    today_ns: int = 0
    """Wall time of whoever looks: other days are named; 0 = ``now_ns``."""


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """A period, and which rows of it."""

    period: Period
    first_row: int
    rows: int
    order: tuple[str, ...]
    """Names of connections, as the list has them."""
    by_group: bool

    def read(self, view: StoreView) -> TimelineAnswer:
        """Ask a store; interrupted, it raises ``InterruptedError`` as the view does."""
        period = self.period
        titles = view.lane_titles(period.since_ns, period.until_ns)
        rows = rows_of(titles, self.order, by_group=self.by_group)[self.first_row : self.first_row + self.rows]
        names = tuple(name for row in rows for name in row.connections)
        cell_ns = (period.until_ns - period.since_ns) // period.cells
        lanes = view.lanes(period.since_ns, period.until_ns, names, cell_ns)
        density = view.density(period.since_ns, period.until_ns, period.cells)
        return TimelineAnswer(period, titles, {lane.connection: lane for lane in lanes}, density)


@dataclass(frozen=True, slots=True)
class TimelineAnswer:
    """What is known of a period."""

    period: Period
    titles: tuple[LaneTitle, ...]
    """Of all rows."""
    lanes: Mapping[str, Lane]
    """Of the rows asked for, by connection."""
    density: Density | None


# What the timeline has read of the store, and the cells of its rows as far as they were read. Pure.


class LaneCache:
    """The newest answer; lanes of connections out of sight are not in it."""

    def __init__(self) -> None:
        self.titles: tuple[LaneTitle, ...] = ()
        self.density: Density | None = None
        self._lanes: Mapping[str, Lane] = {}
        # by connection
        self._read: Period | None = None
        # what they were read for
        self._kinds: dict[LaneRow, tuple[CellKind | None, ...]] = {}
        self._kinds_of: Period | None = None

    def take(self, answer: TimelineAnswer) -> None:
        """Know this from now on, and nothing of before."""
        self.titles, self.density = answer.titles, answer.density
        self._lanes, self._read = answer.lanes, answer.period
        self._kinds = {}

    def lanes(self, row: LaneRow | None) -> tuple[Lane, ...]:
        """The lanes of a row that were read."""
        return () if row is None else tuple(self._lanes[name] for name in row.connections if name in self._lanes)

    def cells(self, row: LaneRow, period: Period) -> tuple[CellKind | None, ...]:
        """The cells of a row, ``None`` where they were not read.

        Computed once for an answer and a period: a cursor that moves leaves them as they are.
        """
        if self._kinds_of != period:
            self._kinds, self._kinds_of = {}, period
        kinds = self._kinds.get(row)
        if kinds is None:
            kinds = self._kinds[row] = self._read_cells(row, period)
        return kinds

    def _read_cells(self, row: LaneRow, period: Period) -> tuple[CellKind | None, ...]:
        lanes = self.lanes(row)
        if self._read is None or len(lanes) < len(row.connections):
            return (None,) * period.cells
        return known_cells(merged(row.name, lanes), period, self._read)


# Which period the timeline shows: a number of cells of a round duration, live at its right edge or held.

STEPS_S = (
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400,
    21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
# What a cell may last: from 1 s on 200 cells to two years on 100
STEPS_NS = tuple(round(step * SECOND_NS) for step in STEPS_S)
SMALLEST_AUTO_NS = SECOND_NS
# While nobody zooms: a new store fills the pane at once, an old one shows the last half hour
LARGEST_AUTO_NS = 20 * SECOND_NS


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Immutable; every change makes another one."""

    cell_ns: int = 0
    """0 = chosen by itself, from what there is to show."""
    until_ns: int | None = None
    """None = live."""

    def period(self, cells: int, moment: TimeBounds) -> Period:
        """The period for a width; its edges are multiples of a cell, so that a live one moves cell by cell."""
        step_ns = self.step_ns(cells, moment)
        end_ns = moment.now_ns if self.until_ns is None else self.until_ns
        until_ns = -(-end_ns // step_ns) * step_ns
        return Period(until_ns - cells * step_ns, until_ns, cells)

    def zoomed(self, cells: int, moment: TimeBounds, *, closer: bool, around_ns: int | None) -> TimeWindow:
        """The next round duration; ``around_ns`` stays where it is, ``None`` keeps the right edge."""
        step_ns = self.step_ns(cells, moment)
        place = STEPS_NS.index(step_ns) + (-1 if closer else 1)
        wanted_ns = STEPS_NS[min(max(place, 0), len(STEPS_NS) - 1)]
        if around_ns is None:
            return replace(self, cell_ns=wanted_ns)
        before = self.period(cells, moment).cell_of(around_ns)
        until_ns = (around_ns // wanted_ns - before + cells) * wanted_ns
        return TimeWindow(wanted_ns, until_ns)._live_if_late(moment.now_ns)

    def panned(self, cells: int, moment: TimeBounds, *, by: int) -> TimeWindow:
        """So many cells later (or earlier); at the present it becomes live."""
        step_ns = self.step_ns(cells, moment)
        return TimeWindow(step_ns, self.period(cells, moment).until_ns + by * step_ns)._live_if_late(moment.now_ns)

    def showing(self, cells: int, moment: TimeBounds, at_ns: int) -> TimeWindow:
        """The same where a time is in sight, else with the time in its middle."""
        if 0 <= self.period(cells, moment).cell_of(at_ns) < cells:
            return self
        step_ns = self.step_ns(cells, moment)
        return TimeWindow(step_ns, (at_ns // step_ns + cells // 2) * step_ns)._live_if_late(moment.now_ns)

    def fitted(self, cells: int, moment: TimeBounds) -> TimeWindow:
        """The newest run, live; where that is what is shown, everything that is kept."""
        run = self._since(moment.run_ns or moment.oldest_ns, cells, moment)
        return self._since(moment.oldest_ns, cells, moment) if run == self else run

    def step_ns(self, cells: int, moment: TimeBounds) -> int:
        """How long a cell lasts."""
        if self.cell_ns:
            return self.cell_ns
        if not moment.oldest_ns:
            return LARGEST_AUTO_NS
        return min(max(_smallest(moment.now_ns - moment.oldest_ns, cells), SMALLEST_AUTO_NS), LARGEST_AUTO_NS)

    def _since(self, start_ns: int, cells: int, moment: TimeBounds) -> TimeWindow:
        return TimeWindow(_smallest(moment.now_ns - start_ns, cells) if start_ns else LARGEST_AUTO_NS)

    def _live_if_late(self, now_ns: int) -> TimeWindow:
        return self if self.until_ns is not None and self.until_ns < now_ns else replace(self, until_ns=None)


def _smallest(span_ns: int, cells: int) -> int:
    """The shortest cell with which a span fits, its last cell being an open one."""
    return next((step for step in STEPS_NS if step * (cells - 1) >= span_ns), STEPS_NS[-1])


# Lines; below, lanes are worth more
MIN_FOR_READING, MIN_FOR_DENSITY = 4, 6
# Lines
MOST_READING, MOST_DENSITY = 3, 2
# Cells in which one line of the reading says too little, lines of a pane that has two for it
NARROW, MIN_FOR_TWO = 60, 8
# Lines of a pane for each of the reading
TALL = 10


class TimelineState:
    """A grid of lanes and cells, and one cell of it under the cursor."""

    def __init__(self) -> None:
        self.grid = LaneViewport()
        self.moment = TimeBounds(0)
        self.width = self.height = 0
        # cells and lines of the pane
        self.window = TimeWindow()
        self.by_group = False
        self.reading_room = self.density_room = 0
        # lines below the lanes
        self.is_waiting = False
        # whether what was asked for takes long
        self.known = LaneCache()
        self._cursor_ns: int | None = None
        # None = at the right edge
        # Names of connections
        self._order: tuple[str, ...] = ()

    def give(self, answer: TimelineAnswer, moment: TimeBounds) -> None:
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

    def ask(self, moment: TimeBounds) -> TimelineRequest:
        """What to ask the store for as of a moment: the rows in sight, and half a page of them on both sides."""
        room = self.grid.room
        period = self.window.period(self.cells, moment)
        return TimelineRequest(period, max(0, self.grid.top - room // 2), 2 * room, self._order, self.by_group)

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
        self.window, self._cursor_ns = TimeWindow(self.window.cell_ns), None

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
