"""What the screen asks of the store each second, and for whom; the answers come while it paints other things."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wsmon.model.snapshot import StoreBounds
from wsmon.model.stats import Density, Statistics
from wsmon.model.timeline import Lane
from wsmon.ports import StoreView
from wsmon.query.parser import parse
from wsmon.tui.backing import Backing
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.recording import RecorderWatch

STATISTICS_NS = 3600 * 1_000_000_000
# the period of the statistics pane: the last hour
RUN_STARTED = parse("name:self.run.started")


class Questions:
    """One of each kind at a time; a newer one replaces it."""

    def __init__(self, backing: Backing, recorder: RecorderWatch, now_ns: Callable[[], int]) -> None:
        self._backing = backing
        self._recorder = recorder
        self._now_ns = now_ns
        self._oldest_id = 0
        self._oldest_ns = 0
        # wall time of the oldest event kept; 0 = not known
        self._run = 0

    def notice(self, bounds: StoreBounds) -> None:
        """Ask when the run began, and how far back the store goes, where that has changed."""
        answers = self._backing.answers
        if bounds.run != self._run:
            self._run = bounds.run
            answers.ask("run", lambda view: _run_started(view, bounds), self._set_run)
        if bounds.oldest_id != self._oldest_id:
            self._oldest_id = bounds.oldest_id
            answers.ask("oldest", lambda view: _time_of(view, bounds.oldest_id), self._set_oldest)

    def ask_timeline(self, pane: TimelinePane, order: Sequence[str]) -> None:
        """Lanes and density for the period that the pane shows."""
        now_ns, oldest_ns = self._now_ns(), self._oldest_ns
        period = pane.period(now_ns, oldest_ns)

        def read(view: StoreView) -> tuple[tuple[Lane, ...], Density]:
            lanes = view.lanes(period.since_ns, period.until_ns)
            return lanes, view.density(period.since_ns, period.until_ns, period.cells)

        def deliver(found: tuple[tuple[Lane, ...], Density]) -> None:
            lanes, density = found
            pane.show(arranged(lanes, order), density, now_ns, oldest_ns)

        self._backing.answers.ask("timeline", read, deliver)

    def ask_statistics(self, deliver: Callable[[Statistics], None]) -> None:
        """Statistics of the last hour, of all connections."""
        since_ns = self._now_ns() - STATISTICS_NS
        self._backing.answers.ask("statistics", lambda view: view.statistics(since_ns, None), deliver)

    def _set_run(self, started_ns: int) -> None:
        self._recorder.run_started_ns = started_ns or None

    def _set_oldest(self, oldest_ns: int) -> None:
        self._oldest_ns = oldest_ns


def arranged(lanes: Sequence[Lane], order: Sequence[str]) -> tuple[Lane, ...]:
    """The lanes in the order of the connections list; those it does not know come last."""
    places = {name: place for place, name in enumerate(order)}
    return tuple(sorted(lanes, key=lambda lane: places.get(lane.connection, len(places))))


def _run_started(view: StoreView, bounds: StoreBounds) -> int:
    found = view.events_before(bounds.last_id + 1, 1, RUN_STARTED)
    return found[0].ts_ns if found else 0


def _time_of(view: StoreView, event_id: int) -> int:
    found = view.events_by_id((event_id,)) if event_id else ()
    return found[0].ts_ns if found else 0
