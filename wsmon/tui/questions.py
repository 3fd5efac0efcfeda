"""What the screen asks of the store each second, and for whom; the answers come while it paints other things."""

from __future__ import annotations

from collections.abc import Callable

from wsmon.model.snapshot import StoreBounds
from wsmon.model.stats import Density
from wsmon.model.timeline import Lane
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.tui.backing import Backing
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.statistics_lines import Answer
from wsmon.tui.panes.timeline import TimelinePane

RUN_STARTED = Query((FieldTerm("name", (Exact("self.run.started"),)),))


class Questions:
    """One of each kind at a time; a newer one replaces it."""

    def __init__(
        self,
        backing: Backing,
        now_ns: Callable[[], int],
        run_is_known: Callable[[int], None],
        oldest_is_known: Callable[[], None],
    ) -> None:
        """``run_is_known`` gets the wall time at which the newest run began, 0 = not known.

        ``oldest_is_known`` is called once periods can be asked for: they begin where the store does.
        """
        self._backing = backing
        self._now_ns = now_ns
        self._run_is_known = run_is_known
        self._oldest_is_known = oldest_is_known
        self._oldest_id = 0
        self._oldest_ns = 0
        # wall time of the oldest event kept; 0 = not known
        self._is_oldest_read = False
        self._run = 0

    def notice(self, bounds: StoreBounds) -> None:
        """Ask when the run began, and how far back the store goes, where that has changed."""
        answers = self._backing.answers
        if bounds.run != self._run:
            self._run = bounds.run
            answers.ask("run", lambda view: _run_started(view, bounds), self._run_is_known)
        if bounds.oldest_id != self._oldest_id:
            self._oldest_id = bounds.oldest_id
            answers.ask("oldest", lambda view: _time_of(view, bounds.oldest_id), self._set_oldest)

    def ask_timeline(self, pane: TimelinePane) -> None:
        """Lanes and density for the period that the pane shows."""
        if not self._is_oldest_read:
            return
        now_ns, oldest_ns = self._now_ns(), self._oldest_ns
        period = pane.period(now_ns, oldest_ns)

        def read(view: StoreView) -> tuple[tuple[Lane, ...], Density]:
            lanes = view.lanes(period.since_ns, period.until_ns)
            return lanes, view.density(period.since_ns, period.until_ns, period.cells)

        def deliver(found: tuple[tuple[Lane, ...], Density]) -> None:
            lanes, density = found
            pane.show(lanes, density, now_ns, oldest_ns)

        self._backing.answers.ask("timeline", read, deliver)

    def ask_statistics(self, pane: StatisticsPane, current: str, deliver: Callable[[Answer], None]) -> None:
        """Statistics of all connections, and the trends of the current one and the one beside it."""
        if not self._is_oldest_read:
            return
        now_ns, buckets = self._now_ns(), pane.buckets
        # counts outlive the events that were pruned
        since_ns = pane.choice.since_ns(now_ns, self._oldest_ns if self._oldest_id == 1 else 0)
        names = [name for name in (current, pane.choice.beside) if name]

        def read(view: StoreView) -> Answer:
            statistics = view.statistics(since_ns, None)
            until_ns = max(statistics.until_ns, statistics.since_ns + 1)
            return Answer(statistics, tuple(view.trend(name, statistics.since_ns, until_ns, buckets) for name in names))

        self._backing.answers.ask("statistics", read, deliver)

    def _set_oldest(self, oldest_ns: int) -> None:
        is_first, self._is_oldest_read = not self._is_oldest_read, True
        self._oldest_ns = oldest_ns
        if is_first:
            self._oldest_is_known()


def _run_started(view: StoreView, bounds: StoreBounds) -> int:
    found = view.events_before(bounds.last_id + 1, 1, RUN_STARTED)
    return found[0].ts_ns if found else 0


def _time_of(view: StoreView, event_id: int) -> int:
    found = view.events_by_id((event_id,)) if event_id else ()
    return found[0].ts_ns if found else 0
