"""Which period the timeline shows: a number of cells of a round duration, live at its right edge or held."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wsmon.model.timeline import Period
from wsmon.model.units import SECOND_NS
from wsmon.tui.panes.timeline_ask import Moment

STEPS_S = (
    0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400,
    21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
STEPS_NS = tuple(round(step * SECOND_NS) for step in STEPS_S)
# what a cell may last: from 1 s on 200 cells to two years on 100
SMALLEST_AUTO_NS = SECOND_NS
LARGEST_AUTO_NS = 20 * SECOND_NS
# while nobody zooms: a new store fills the pane at once, an old one shows the last half hour


@dataclass(frozen=True, slots=True)
class Window:
    """Immutable; every change makes another one."""

    cell_ns: int = 0
    # 0 = chosen by itself, from what there is to show
    until_ns: int | None = None
    # None = live

    def period(self, cells: int, moment: Moment) -> Period:
        """The period for a width; its edges are multiples of a cell, so that a live one moves cell by cell."""
        step_ns = self.step_ns(cells, moment)
        end_ns = moment.now_ns if self.until_ns is None else self.until_ns
        until_ns = -(-end_ns // step_ns) * step_ns
        return Period(until_ns - cells * step_ns, until_ns, cells)

    def zoomed(self, cells: int, moment: Moment, *, closer: bool, around_ns: int | None) -> Window:
        """The next round duration; ``around_ns`` stays where it is, ``None`` keeps the right edge."""
        step_ns = self.step_ns(cells, moment)
        place = STEPS_NS.index(step_ns) + (-1 if closer else 1)
        wanted_ns = STEPS_NS[min(max(place, 0), len(STEPS_NS) - 1)]
        if around_ns is None:
            return replace(self, cell_ns=wanted_ns)
        before = self.period(cells, moment).cell_of(around_ns)
        until_ns = (around_ns // wanted_ns - before + cells) * wanted_ns
        return Window(wanted_ns, until_ns)._live_if_late(moment.now_ns)

    def panned(self, cells: int, moment: Moment, *, by: int) -> Window:
        """So many cells later (or earlier); at the present it becomes live."""
        step_ns = self.step_ns(cells, moment)
        return Window(step_ns, self.period(cells, moment).until_ns + by * step_ns)._live_if_late(moment.now_ns)

    def showing(self, cells: int, moment: Moment, at_ns: int) -> Window:
        """The same where a time is in sight, else with the time in its middle."""
        if 0 <= self.period(cells, moment).cell_of(at_ns) < cells:
            return self
        step_ns = self.step_ns(cells, moment)
        return Window(step_ns, (at_ns // step_ns + cells // 2) * step_ns)._live_if_late(moment.now_ns)

    def fitted(self, cells: int, moment: Moment) -> Window:
        """The newest run, live; where that is what is shown, everything that is kept."""
        run = self._since(moment.run_ns or moment.oldest_ns, cells, moment)
        return self._since(moment.oldest_ns, cells, moment) if run == self else run

    def step_ns(self, cells: int, moment: Moment) -> int:
        """How long a cell lasts."""
        if self.cell_ns:
            return self.cell_ns
        if not moment.oldest_ns:
            return LARGEST_AUTO_NS
        return min(max(_smallest(moment.now_ns - moment.oldest_ns, cells), SMALLEST_AUTO_NS), LARGEST_AUTO_NS)

    def _since(self, start_ns: int, cells: int, moment: Moment) -> Window:
        return Window(_smallest(moment.now_ns - start_ns, cells) if start_ns else LARGEST_AUTO_NS)

    def _live_if_late(self, now_ns: int) -> Window:
        return self if self.until_ns is not None and self.until_ns < now_ns else replace(self, until_ns=None)


def _smallest(span_ns: int, cells: int) -> int:
    """The shortest cell with which a span fits, its last cell being an open one."""
    return next((step for step in STEPS_NS if step * (cells - 1) >= span_ns), STEPS_NS[-1])
