"""What the timeline asks of the store, and the answer: the rows in sight and some on both sides, thinned to cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wsmon.model.statistics import Density
from wsmon.model.timeline import Lane, LaneTitle, Period
from wsmon.ports import StoreView
from wsmon.tui.panes.timeline_rows import rows_of


@dataclass(frozen=True, slots=True)
class Moment:
    """The times that a period is made from."""

    now_ns: int
    # the newest time there is: the end of a recording that goes on no more
    oldest_ns: int = 0
    # of the oldest event kept; 0 = unknown
    run_ns: int = 0
    # when the newest run began; 0 = unknown
    today_ns: int = 0
    # wall time of whoever looks: other days are named; 0 = ``now_ns``


@dataclass(frozen=True, slots=True)
class Ask:
    """A period, and which rows of it."""

    period: Period
    first_row: int
    rows: int
    order: tuple[str, ...]
    # names of connections, as the list has them
    by_group: bool

    def read(self, view: StoreView) -> Answer:
        """Ask a store; interrupted, it raises ``InterruptedError`` as the view does."""
        period = self.period
        titles = view.lane_titles(period.since_ns, period.until_ns)
        rows = rows_of(titles, self.order, by_group=self.by_group)[self.first_row : self.first_row + self.rows]
        names = tuple(name for row in rows for name in row.connections)
        cell_ns = (period.until_ns - period.since_ns) // period.cells
        lanes = view.lanes(period.since_ns, period.until_ns, names, cell_ns)
        density = view.density(period.since_ns, period.until_ns, period.cells)
        return Answer(period, titles, {lane.connection: lane for lane in lanes}, density)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a period."""

    period: Period
    titles: tuple[LaneTitle, ...]
    # of all rows
    lanes: Mapping[str, Lane]
    # of the rows asked for, by connection
    density: Density | None
