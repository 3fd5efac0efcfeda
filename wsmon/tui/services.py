"""What the screen is given, and the queries that its panes send to the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import Health, Snapshot
from wsmon.ports import Clock, RecorderControl, StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.tui.actions import Keymap
from wsmon.tui.appearance import ThemeController
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.options import AppOptions, Exporter
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.statistics_render import StatisticsAnswer
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.panes.timeline_state import TimeBounds, TimelineAnswer
from wsmon.tui.recorder_status import RecorderStatus
from wsmon.tui.session_state import SessionState
from wsmon.tui.store_threads import StoreWorker
from wsmon.tui.terminal.pacing import OutputPacer

# The timeline rests this many times as long as an answer took: its queries cost at most a tenth of a core.
REST = 10
# A timeline query without an answer for this long counts as failed, and the next is sent.
TIMEOUT_NS = 10_000_000_000
# Statistics that only the time changes are read this seldom: of a large store they take a tenth of a second.
QUIET_NS = 10_000_000_000
RUN_STARTED = Query((FieldTerm("name", (Exact("self.run.started"),)),))


@dataclass(frozen=True, slots=True)
class ScreenServices:
    """Everything MonitorScreen needs from outside: store views, recorder control, clock, worker threads."""

    views: Callable[[], StoreView]
    """Opens a view of the store for the thread that calls."""
    clock: Clock
    options: AppOptions
    keymap: Keymap
    control: RecorderControl | None
    """None = there is no recorder to send commands to."""
    exporter: Exporter
    notebook: Notebook
    worker: StoreWorker
    """For short queries: lanes, density, statistics, single events."""
    log_worker: StoreWorker
    """For what the log shows: its rows, and the first matches of a search. No key waits behind statistics for them."""
    search_worker: StoreWorker
    """For searches of the log, which take long."""
    appearance: ThemeController
    pacer: OutputPacer
    session_state: SessionState
    """How the screen was left."""
    session_state_trouble: str
    """Why that is not known; empty = it is."""

    @property
    def health(self) -> Health | None:
        """The last sample of the recorder's health; None = no recorder answers."""
        return self.control.health if self.control is not None else None


class _Question(NamedTuple):
    """What an answer of the store depends on, beside the time."""

    asked: object
    """What the pane asks for."""
    snapshot: Snapshot
    """The one that is shown: there is another one whenever something was recorded."""
    is_recorded: bool
    """Whether a recorder answers: what is open lasts until now then."""

    def is_same(self, other: _Question | None) -> bool:
        """Whether the store has the same answer to both."""
        return (
            other is not None
            and self.snapshot is other.snapshot
            and self.is_recorded == other.is_recorded
            and self.asked == other.asked
        )


class PaneQueries:
    """Sends the queries of panes to the worker: one of each kind at a time, where a newer one replaces the older."""

    def __init__(
        self,
        services: ScreenServices,
        recorder: RecorderStatus,
        shown_ns: Callable[[], int],
        on_run: Callable[[], None],
        on_period: Callable[[], None],
    ) -> None:
        """``shown_ns`` returns the wall time that panes are about.

        ``recorder`` gets the start of the run and the newest event that was there at first; ``on_run`` is called when
        the start of the run is known, ``on_period`` when periods can be queried: they begin where the store does.
        """
        self._services = services
        self._recorder = recorder
        self._shown_ns = shown_ns
        self._on_run = on_run
        self._on_period = on_period
        self._oldest_id = 0
        self._recorded = (0, 0)
        """Wall times that everything recorded lies between; 0 = not known."""
        self._is_period_read = self._is_newest_read = False
        self._run = 0
        self._run_ns = 0
        """Wall time at which the run began; 0 = not known."""
        self._timeline_sent_ns: int | None = None
        """Monotonic time of the timeline's query under way; None = there is none."""
        self._timeline_due_ns = 0
        """Monotonic time before which no query of the timeline is sent, unless it is urgent."""
        self._timeline_question: _Question | None = None
        """The one whose answer the timeline shows."""
        self._statistics_question: _Question | None = None
        self._statistics_answer: StatisticsAnswer | None = None
        """The newest answer that was shown, to that question."""
        self._statistics_read_ns = 0
        """Monotonic time of its query."""

    def follow_bounds(self, bounds: StoreBounds) -> None:
        """Query the start of the run, the time of the newest event and the period recorded, where ``bounds`` differ."""
        worker = self._services.worker
        if bounds.last_id and not self._is_newest_read:
            self._is_newest_read = True
            newest_id = bounds.last_id
            worker.submit(
                "newest", lambda view: _time_of(view, newest_id), lambda at_ns: self._set_newest(newest_id, at_ns)
            )
        if bounds.run != self._run:
            self._run = bounds.run
            worker.submit("run", lambda view: _run_started(view, bounds), partial(self._set_run, bounds))
        if not bounds.last_id:
            self._set_recorded((0, 0))
        if bounds.oldest_id != self._oldest_id:
            self._oldest_id = bounds.oldest_id
            worker.submit("period", lambda view: view.period(), self._set_recorded)

    def ask_timeline(self, pane: TimelinePane, snapshot: Snapshot, *, is_urgent: bool) -> None:
        """Query what the timeline shows: at once if urgent, else as often as the cost of its answers allows.

        Nothing is queried where nothing was recorded since ``snapshot`` was shown, and the period is the same. A query
        under way is not replaced by one that is not urgent: a slow one would never be answered.
        """
        if not self._is_period_read:
            return
        began_ns = self._services.clock.mono_ns()
        sent_ns = self._timeline_sent_ns
        if not is_urgent and sent_ns is not None and began_ns - sent_ns < TIMEOUT_NS:
            pane.mark_waiting()
            return
        if not is_urgent and began_ns < self._timeline_due_ns:
            return
        bounds = TimeBounds(
            self._shown_ns(), self._recorded[0], self._run_ns, self._services.clock.wall_ns(), self._recorded[1]
        )
        request = pane.request(bounds)
        question = _Question(request, snapshot, self._recorder.is_on)
        if not is_urgent and question.is_same(self._timeline_question):
            pane.pass_time(bounds)
            return
        self._timeline_sent_ns = began_ns

        def deliver(answer: TimelineAnswer) -> None:
            self._timeline_sent_ns, self._timeline_question = None, question
            self._timeline_due_ns = began_ns + (self._services.clock.mono_ns() - began_ns) * REST
            self._recorded = answer.recorded
            pane.show(answer, bounds)

        self._services.worker.submit("timeline", request.read, deliver)

    def ask_statistics(
        self,
        pane: StatisticsPane,
        current: str,
        snapshot: Snapshot,
        deliver: Callable[[StatisticsAnswer], bool],
        *,
        is_urgent: bool,
    ) -> None:
        """Query statistics of all connections, and the trends of ``current`` and of the one beside it.

        ``deliver`` returns whether the answer is shown; one that is not is queried again.
        Where nothing was recorded since ``snapshot`` was shown, the answer that is known is delivered: only the time
        changes it, and only while a recorder runs.
        """
        if not self._is_period_read:
            return
        now_ns, buckets, began_ns = self._shown_ns(), pane.buckets, self._services.clock.mono_ns()
        since_ns = pane.selection.since_ns(now_ns, self._recorded[0])
        names = [name for name in (current, pane.selection.beside) if name]
        question = _Question((pane.selection, current, buckets), snapshot, self._recorder.is_on)
        known = self._statistics_answer
        if known is not None and not is_urgent and question.is_same(self._statistics_question):
            if not question.is_recorded:
                return
            if began_ns - self._statistics_read_ns < QUIET_NS:
                deliver(known)
                return

        def read(view: StoreView) -> StatisticsAnswer:
            statistics = view.statistics(since_ns, None)
            until_ns = max(statistics.until_ns, statistics.since_ns + 1)
            trends = tuple(view.trend(name, statistics.since_ns, until_ns, buckets) for name in names)
            return StatisticsAnswer(statistics, trends)

        def note(answer: StatisticsAnswer) -> None:
            if deliver(answer):
                self._statistics_question, self._statistics_answer = question, answer
                self._statistics_read_ns = began_ns

        self._services.worker.submit("statistics", read, note)

    def _set_newest(self, newest_id: int, at_ns: int) -> None:
        if at_ns:
            self._recorder.find(newest_id, at_ns)

    def _set_run(self, bounds: StoreBounds, started_ns: int) -> None:
        self._run_ns = started_ns
        # A recorder begins with this event
        self._recorder.is_imported = not started_ns and bounds.oldest_id == 1 and not self._services.options.recordings
        self._recorder.run_started_ns = started_ns or None
        self._on_run()

    def _set_recorded(self, recorded: tuple[int, int]) -> None:
        is_first, self._is_period_read = not self._is_period_read, True
        self._recorded = recorded
        if is_first:
            self._on_period()


def _run_started(view: StoreView, bounds: StoreBounds) -> int:
    """Wall time; 0 = no event of the start is kept."""
    found = view.events_before(bounds.last_id + 1, 1, RUN_STARTED)
    return found[0].ts_ns if found else 0


def _time_of(view: StoreView, event_id: int) -> int:
    """Wall time; 0 = the event is not kept."""
    found = view.events_by_id((event_id,)) if event_id else ()
    return found[0].ts_ns if found else 0
