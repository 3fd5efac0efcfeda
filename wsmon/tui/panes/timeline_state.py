"""State of the timeline: the period in sight, the cursor, the lanes that were read, and what its keys do to them. Pure.

The pane asks the store with a ``TimelineRequest`` and hands the ``TimelineAnswer`` to the state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

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
from wsmon.tui.actions import Move, moved
from wsmon.tui.panes.timeline_lanes import LaneRow, LaneViewport, density_rows, known_cells, label_width, lane_rows

# What a cell may last: from 1 s on 200 cells to two years on 100
STEPS_S = (
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400,
    21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
STEPS_NS = tuple(round(step * SECOND_NS) for step in STEPS_S)
# Bounds of a cell while the user has not zoomed: a new store fills the pane at once, an old one shows half an hour
SMALLEST_AUTO_NS = SECOND_NS
LARGEST_AUTO_NS = 20 * SECOND_NS
# Lines of the pane from which on it has a readout, and rows of density; with fewer, lanes are worth more
MIN_FOR_READOUT, MIN_FOR_DENSITY = 4, 6
# Most lines of the readout, and of the density
MOST_READOUT, MOST_DENSITY = 3, 2
# Most lines of a lane
MOST_LANE = 6
# In fewer cells, one line of the readout says too little: a pane of so many lines gives it two
NARROW, MIN_FOR_TWO = 60, 8
# The readout gets a line for each ten lines of the pane
TALL = 10
NO_GROUPS = 'no connection is in a group: set group = "…" in its [[connection]]'


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """Wall times that limit what the timeline shows."""

    now_ns: int
    """Now, or the end of a recording that has ended."""
    oldest_ns: int = 0
    """The earliest time that was recorded; 0 = unknown."""
    run_ns: int = 0
    """Start of the newest run; 0 = unknown."""
    today_ns: int = 0
    """Now, by the user's clock: other days are shown with their date; 0 = ``now_ns``."""
    newest_ns: int = 0
    """The latest time that was recorded, which lies beyond ``now_ns`` where the clock was set back; 0 = unknown."""

    @property
    def end_ns(self) -> int:
        """The latest time that there is something to show of.

        What is less than a second ahead is no clock that was set back: a bucket of counts is as long.
        """
        return self.newest_ns if self.newest_ns - self.now_ns > SECOND_NS else self.now_ns


@dataclass(frozen=True, slots=True)
class TimelineRequest:
    """A period, and the rows of it that are to be read."""

    period: Period
    first_row: int
    rows: int
    """Number of rows, the first included."""
    order: tuple[str, ...]
    """Names of connections, in the order of the connections list."""
    by_group: bool
    has_traffic: bool = False
    """Whether lanes have room for the messages of their row."""

    def read(self, view: StoreView) -> TimelineAnswer:
        """Read the answer from the store; raises ``InterruptedError`` where the view does."""
        period = self.period
        titles = view.lane_titles(period.since_ns, period.until_ns)
        rows = lane_rows(titles, self.order, by_group=self.by_group)[self.first_row : self.first_row + self.rows]
        names = tuple(name for row in rows for name in row.connections)
        cell_ns = (period.until_ns - period.since_ns) // period.cells
        lanes = view.lanes(period.since_ns, period.until_ns, names, cell_ns)
        density = view.density(period.since_ns, period.until_ns, period.cells)
        traffic = {
            row: view.density(period.since_ns, period.until_ns, period.cells, row.connections)
            for row in rows
            if self.has_traffic
        }
        by_name = {lane.connection: lane for lane in lanes}
        return TimelineAnswer(period, titles, by_name, density, view.period(), traffic)


@dataclass(frozen=True, slots=True)
class TimelineAnswer:
    """The content of a period, as far as it was asked for."""

    period: Period
    titles: tuple[LaneTitle, ...]
    """Titles of all lanes, those out of sight included."""
    lanes: Mapping[str, Lane]
    """Lanes of the rows asked for, by connection."""
    density: Density | None
    """None = not known."""
    recorded: tuple[int, int] = (0, 0)
    """Wall times that everything recorded lies between; 0 = unknown."""
    traffic: Mapping[LaneRow, Density] = field(default_factory=dict)
    """Messages of the rows asked for, where lanes have room for them."""


class TimelineState:
    """A grid of lanes and cells, with a cursor on one cell.

    A change of ``window``, ``viewport.top`` or ``by_group`` needs another answer of the store.
    """

    def __init__(self) -> None:
        self.viewport = LaneViewport()
        self.bounds = TimeBounds(0)
        self.width = self.height = 0
        """Cells and lines of the pane."""
        self.window = TimeWindow()
        self.by_group = False
        self.readout_room = self.density_room = 0
        """Lines below the lanes."""
        self.lane_height = 1
        """Lines of a lane: status, from two on also its messages, from three on a line that is left free."""
        self.is_waiting = False
        """Whether the answer to the newest request takes long."""
        self.known = LaneCache()
        self._cursor_ns: int | None = None
        """Time of the cursor; None = at the right edge."""
        self._order: tuple[str, ...] = ()
        """Names of connections."""

    def request(self, bounds: TimeBounds) -> TimelineRequest:
        """Return the request for the rows in sight, and half a page of them on both sides."""
        room = self.viewport.room
        period = self.window.period(self.cells, bounds)
        first = max(0, self.viewport.top - room // 2)
        return TimelineRequest(period, first, 2 * room, self._order, self.by_group, self.lane_height > 1)

    def take(self, answer: TimelineAnswer, bounds: TimeBounds) -> None:
        """Show an answer from now on; the cursor stays on its connection."""
        self.bounds, self.is_waiting = bounds, False
        self.known.take(answer)
        self._place()

    @property
    def label(self) -> int:
        """Cells that the names of lanes take."""
        return label_width(self.viewport.rows, self.width)

    @property
    def cells(self) -> int:
        """Cells that the period takes."""
        return max(1, self.width - self.label - int(self.viewport.is_scrolled))

    @property
    def period(self) -> Period:
        """The period in sight."""
        return self.window.period(self.cells, self.bounds)

    @property
    def cell(self) -> int:
        """Number of the cell under the cursor."""
        if self._cursor_ns is None:
            return self.cells - 1
        return min(max(0, self.period.cell_of(self._cursor_ns)), self.cells - 1)

    @property
    def line(self) -> int:
        """Line of the pane that the cursor is on; the axis is line 0."""
        return (self.viewport.at - self.viewport.top) * self.lane_height + 1

    @property
    def is_at_present(self) -> bool:
        """Whether the cursor is at the right edge, and that is the present."""
        return self._cursor_ns is None and self.window.until_ns is None

    @property
    def reading(self) -> CellReading | None:
        """Content of the cell under the cursor; None where there is no data."""
        return read_cells(self.known.lanes(self.viewport.current), *self._cell_times())

    @property
    def problem(self) -> TimelineProblem | None:
        """The first problem in the cell under the cursor."""
        times, lanes = self._cell_times(), self.known.lanes(self.viewport.current)
        problems = [problem for lane in lanes if (problem := first_problem(lane, *times)) is not None]
        return min(problems, key=lambda problem: (problem.at_ns, problem.event_id), default=None)

    def set_order(self, order: Sequence[str]) -> bool:
        """Order the lanes as these connections are from now on; return whether that changes anything."""
        if tuple(order) == self._order:
            return False
        self._order = tuple(order)
        self._place()
        return True

    def resize(self, width: int, height: int) -> None:
        """Take the new size of the pane, in cells and lines."""
        self.width, self.height = width, height
        self._place()

    def move(self, move: Move) -> None:
        """Move the cursor to another row."""
        viewport = self.viewport
        viewport.move_to(moved(move, viewport.at, viewport.room, len(viewport.rows) - 1))

    def move_to_cell(self, cell: int) -> None:
        """Move the cursor to a cell; past an edge the period moves along by a quarter."""
        if 0 <= cell < self.cells:
            is_edge = self.window.until_ns is None and cell == self.cells - 1
            self._cursor_ns = None if is_edge else self.period.start_of(cell)
            return
        self._cursor_ns = self.period.start_of(0 if cell < 0 else self.cells - 1)
        self.pan(-max(1, self.cells // 4) if cell < 0 else max(1, self.cells // 4))

    def move_to_problem(self, problem: TimelineProblem) -> None:
        """Move the cursor to a problem, and the period where the problem is out of sight."""
        self.window = self.window.showing(self.cells, self.bounds, problem.at_ns)
        self._cursor_ns = self.period.start_of(max(0, self.period.cell_of(problem.at_ns)))
        self.viewport.move_to_connection(problem.connection)

    def search_starts(self, *, newer: bool) -> tuple[tuple[str, int], ...]:
        """Return for each connection the time from which on its next problem is in another cell than the cursor.

        Cells are ordered by time, then from top to bottom.
        """
        start_ns, end_ns = self._cell_times()
        times = (start_ns, end_ns) if newer else (end_ns, start_ns)
        at = self.viewport.at
        return tuple(
            (name, times[0] if (number > at) is newer and number != at else times[1])
            for name, number in self.viewport.row_numbers.items()
        )

    def nearest(self, problems: Sequence[TimelineProblem], *, newer: bool) -> TimelineProblem | None:
        """Return the first problem in the order of ``search_starts``, or the last one if not ``newer``."""
        period, rows = self.period, self.viewport.row_numbers
        pick = min if newer else max
        return pick(
            problems,
            key=lambda problem: (period.cell_of(problem.at_ns), rows[problem.connection], problem.at_ns),
            default=None,
        )

    def zoom(self, *, closer: bool) -> None:
        """Take the next shorter or longer cell duration; the cursor keeps its cell."""
        self.window = self.window.zoomed(self.cells, self.bounds, closer=closer, around_ns=self._cursor_ns)

    def pan(self, cells: int) -> None:
        """Move the period to a later time, or with a negative number to an earlier one."""
        self.window = self.window.panned(self.cells, self.bounds, by=cells)

    def fit(self) -> None:
        """Show the newest run; where that is shown, everything that is kept."""
        self.window = self.window.fitted(self.cells, self.bounds)

    def follow(self) -> None:
        """Follow the present at the same zoom, with the cursor at the right edge."""
        self.window, self._cursor_ns = TimeWindow(self.window.cell_ns), None

    def toggle_groups(self) -> None:
        """Show a lane for each group, or for each connection; changes nothing where no connection is in a group."""
        if self.by_group or any(title.group for title in self.known.titles):
            self.by_group = not self.by_group
            self._place()

    def _place(self) -> None:
        rows = lane_rows(self.known.titles, self._order, by_group=self.by_group)
        self.readout_room = _readout_lines(self.width, self.height, len(rows))
        self.density_room = self._density_lines()
        lines = max(1, self.height - 1 - self.density_room - self.readout_room)
        self.lane_height = max(1, min(MOST_LANE, lines // max(1, len(rows))))
        self.viewport.room = lines // self.lane_height
        self.viewport.place(rows)

    def _density_lines(self) -> int:
        density = self.known.density
        if density is None or self.height < MIN_FOR_DENSITY:
            return 0
        lines = density_rows(density)
        free = self.height - 1 - self.readout_room - lines
        return lines if free >= min(2, len(self.known.titles)) else 1

    def _cell_times(self) -> tuple[int, int]:
        period, cell = self.period, self.cell
        return period.start_of(cell), period.start_of(cell + 1)


def _readout_lines(width: int, height: int, rows: int) -> int:
    """Return the lines for the readout: more where the lanes leave lines free."""
    if height < MIN_FOR_READOUT:
        return 0
    spare = height - 1 - MOST_DENSITY - rows
    least = 2 if height >= (MIN_FOR_TWO if width < NARROW else TALL) else 1
    return min(MOST_READOUT, max(least, spare, height // TALL))


@dataclass(frozen=True, slots=True)
class TimelineAction:
    """What an action of the scope ``timeline`` does to the state."""

    apply: Callable[[TimelineState], None]
    refusal: str = ""
    """Why nothing else came into sight; empty = then the cursor moved."""


TIMELINE_ACTIONS: Mapping[str, TimelineAction] = MappingProxyType(
    {
        "left": TimelineAction(lambda state: state.move_to_cell(state.cell - 1)),
        "right": TimelineAction(lambda state: state.move_to_cell(state.cell + 1)),
        "zoom_in": TimelineAction(lambda state: state.zoom(closer=True), "already at the shortest period"),
        "zoom_out": TimelineAction(lambda state: state.zoom(closer=False), "already at the longest period"),
        "pan_left": TimelineAction(lambda state: state.pan(-max(1, state.cells // 2))),
        "pan_right": TimelineAction(lambda state: state.pan(max(1, state.cells // 2)), "already at the present"),
        "fit": TimelineAction(lambda state: state.fit(), "entire recording shown"),
        "now": TimelineAction(lambda state: state.follow()),
        "groups": TimelineAction(lambda state: state.toggle_groups(), NO_GROUPS),
    }
)
"""By the id of the action, without ``timeline.``."""


class LaneCache:
    """Lanes of the newest answer, and their cells for the period in sight."""

    def __init__(self) -> None:
        self.titles: tuple[LaneTitle, ...] = ()
        self.density: Density | None = None
        self.traffic: Mapping[LaneRow, Density] = {}
        self._lanes: Mapping[str, Lane] = {}
        """By connection; lanes out of sight are not there."""
        self._read: Period | None = None
        """The period of the newest answer."""
        self._cells: dict[LaneRow, tuple[CellKind | None, ...]] = {}
        self._cells_period: Period | None = None

    def take(self, answer: TimelineAnswer) -> None:
        """Replace everything by the content of an answer."""
        self.titles, self.density, self.traffic = answer.titles, answer.density, answer.traffic
        self._lanes, self._read = answer.lanes, answer.period
        self._cells = {}

    def lanes(self, row: LaneRow | None) -> tuple[Lane, ...]:
        """Return the lanes of a row that were read."""
        return () if row is None else tuple(self._lanes[name] for name in row.connections if name in self._lanes)

    def cells(self, row: LaneRow, period: Period) -> tuple[CellKind | None, ...]:
        """Return the cells of a row in a period, None where they were not read.

        They are computed once for an answer and a period: a cursor that moves costs nothing.
        """
        if self._cells_period != period:
            self._cells, self._cells_period = {}, period
        cells = self._cells.get(row)
        if cells is None:
            cells = self._cells[row] = self._read_cells(row, period)
        return cells

    def _read_cells(self, row: LaneRow, period: Period) -> tuple[CellKind | None, ...]:
        lanes = self.lanes(row)
        if self._read is None or len(lanes) < len(row.connections):
            return (None,) * period.cells
        return known_cells(merged(row.name, lanes), period, self._read)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Zoom and right edge of the timeline, whatever its width; a change returns another window."""

    cell_ns: int = 0
    """Duration of a cell; 0 = chosen from how far back the store goes."""
    until_ns: int | None = None
    """The right edge; None = live, at the present, or at the latest time recorded if the clock was set back since."""

    def period(self, cells: int, bounds: TimeBounds) -> Period:
        """Return the period for a width; its edges are multiples of a cell, so that a live one moves cell by cell."""
        step_ns = self.step_ns(cells, bounds)
        end_ns = bounds.end_ns if self.until_ns is None else self.until_ns
        until_ns = -(-end_ns // step_ns) * step_ns
        return Period(until_ns - cells * step_ns, until_ns, cells)

    def zoomed(self, cells: int, bounds: TimeBounds, *, closer: bool, around_ns: int | None) -> TimeWindow:
        """Return the window of the next cell duration; ``around_ns`` keeps its cell, None keeps the right edge."""
        step_ns = self.step_ns(cells, bounds)
        place = STEPS_NS.index(step_ns) + (-1 if closer else 1)
        wanted_ns = STEPS_NS[min(max(place, 0), len(STEPS_NS) - 1)]
        if around_ns is None:
            return replace(self, cell_ns=wanted_ns)
        before = self.period(cells, bounds).cell_of(around_ns)
        until_ns = (around_ns // wanted_ns - before + cells) * wanted_ns
        return TimeWindow(wanted_ns, until_ns)._live_if_late(bounds.end_ns)

    def panned(self, cells: int, bounds: TimeBounds, *, by: int) -> TimeWindow:
        """Return the window so many cells later, or earlier; at the present it is live."""
        step_ns = self.step_ns(cells, bounds)
        return TimeWindow(step_ns, self.period(cells, bounds).until_ns + by * step_ns)._live_if_late(bounds.end_ns)

    def showing(self, cells: int, bounds: TimeBounds, at_ns: int) -> TimeWindow:
        """Return this window where a time is in sight, else the one with the time in its middle."""
        if 0 <= self.period(cells, bounds).cell_of(at_ns) < cells:
            return self
        step_ns = self.step_ns(cells, bounds)
        return TimeWindow(step_ns, (at_ns // step_ns + cells // 2) * step_ns)._live_if_late(bounds.end_ns)

    def fitted(self, cells: int, bounds: TimeBounds) -> TimeWindow:
        """Return the live window of the newest run; where that is this one, of everything that is kept."""
        run = self._since(bounds.run_ns or bounds.oldest_ns, cells, bounds)
        return self._since(bounds.oldest_ns, cells, bounds) if run == self else run

    def step_ns(self, cells: int, bounds: TimeBounds) -> int:
        """Return the duration of a cell."""
        if self.cell_ns:
            return self.cell_ns
        if not bounds.oldest_ns:
            return LARGEST_AUTO_NS
        # Where the clock was set back, half an hour before the present stays in sight, too
        from_present_ns = bounds.end_ns - bounds.now_ns + LARGEST_AUTO_NS * (cells - 2)
        largest_ns = max(LARGEST_AUTO_NS, _smallest_step(from_present_ns, cells))
        return min(max(_smallest_step(bounds.end_ns - bounds.oldest_ns, cells), SMALLEST_AUTO_NS), largest_ns)

    def _since(self, start_ns: int, cells: int, bounds: TimeBounds) -> TimeWindow:
        return TimeWindow(_smallest_step(bounds.end_ns - start_ns, cells) if start_ns else LARGEST_AUTO_NS)

    def _live_if_late(self, end_ns: int) -> TimeWindow:
        return self if self.until_ns is not None and self.until_ns < end_ns else replace(self, until_ns=None)


def _smallest_step(length_ns: int, cells: int) -> int:
    """Return the shortest cell with which a length fits, its last cell being a partial one."""
    return next((step for step in STEPS_NS if step * (cells - 1) >= length_ns), STEPS_NS[-1])
