"""Which period the timeline shows: a number of cells of a round duration, live at its right edge or held."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wsmon.model.timeline_cells import Period

SECOND_NS = 1_000_000_000
STEPS_S = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
)  # fmt: skip
STEPS_NS = tuple(round(step * SECOND_NS) for step in STEPS_S)
# what a cell may last: from 10 s to three months on 100 cells
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

    def period(self, cells: int, now_ns: int, oldest_ns: int) -> Period:
        """The period for a width; its edges are multiples of a cell, so that a live one moves cell by cell.

        ``oldest_ns`` is the time of the oldest event kept, 0 = unknown.
        """
        step_ns = self._step(cells, now_ns, oldest_ns)
        end_ns = now_ns if self.until_ns is None else self.until_ns
        until_ns = -(-end_ns // step_ns) * step_ns
        return Period(until_ns - cells * step_ns, until_ns, cells)

    def zoomed(self, cells: int, now_ns: int, oldest_ns: int, *, closer: bool, around_ns: int | None) -> Window:
        """The next round duration; a held window keeps ``around_ns`` where it is, a live one its right edge."""
        step_ns = self._step(cells, now_ns, oldest_ns)
        place = STEPS_NS.index(step_ns) + (-1 if closer else 1)
        wanted_ns = STEPS_NS[min(max(place, 0), len(STEPS_NS) - 1)]
        if self.until_ns is None or around_ns is None:
            return replace(self, cell_ns=wanted_ns)
        after = round((self.until_ns - around_ns) * wanted_ns / step_ns)
        return Window(wanted_ns, around_ns + after)._live_if_late(now_ns)

    def panned(self, cells: int, now_ns: int, oldest_ns: int, *, by: int) -> Window:
        """So many cells later (or earlier); at the present it becomes live."""
        period = self.period(cells, now_ns, oldest_ns)
        step_ns = self._step(cells, now_ns, oldest_ns)
        return Window(step_ns, period.until_ns + by * step_ns)._live_if_late(now_ns)

    def fitted(self, cells: int, now_ns: int, oldest_ns: int) -> Window:
        """Everything that is kept, live."""
        return Window(_smallest(now_ns - oldest_ns, cells) if oldest_ns else LARGEST_AUTO_NS, None)

    def _live_if_late(self, now_ns: int) -> Window:
        return self if self.until_ns is not None and self.until_ns < now_ns else replace(self, until_ns=None)

    def _step(self, cells: int, now_ns: int, oldest_ns: int) -> int:
        if self.cell_ns:
            return self.cell_ns
        if not oldest_ns:
            return LARGEST_AUTO_NS
        return min(max(_smallest(now_ns - oldest_ns, cells), SMALLEST_AUTO_NS), LARGEST_AUTO_NS)


def _smallest(span_ns: int, cells: int) -> int:
    """The shortest cell with which a span fits, its last cell being an open one."""
    return next((step for step in STEPS_NS if step * (cells - 1) >= span_ns), STEPS_NS[-1])
