"""What the screen asks of the store each second, and for whom; the answers come while it paints other things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wsmon.model.snapshot import StoreBounds
from wsmon.ports import Clock, RecorderControl, StoreView
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.tui.actions import Keymap
from wsmon.tui.bookmarks import Notebook
from wsmon.tui.glyphs import Glyphs
from wsmon.tui.options import AppOptions, Exporter
from wsmon.tui.panes import statistics_render, timeline_state
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.panes.timeline_state import TimeBounds
from wsmon.tui.session_state import SessionState
from wsmon.tui.store_threads import StoreWorker

# What the screen stands on: the store, the recorder, the clock, and the keys in force.


@dataclass(frozen=True, slots=True)
class ScreenServices:
    """Handed to the screen when it is built."""

    views: Callable[[], StoreView]
    """Each call opens another one, for the thread that calls."""
    clock: Clock
    options: AppOptions
    keymap: Keymap
    control: RecorderControl | None
    """None = there is no recorder to talk to."""
    exporter: Exporter
    notebook: Notebook
    answers: StoreWorker
    """Short questions: lanes, density, statistics."""
    searches: StoreWorker
    """Long ones."""
    glyphs: Glyphs
    """The signs that the terminal has at the start."""
    remembered: SessionState
    """How the screen was left."""
    forgotten: str
    """Why that is not known; empty = it is."""


# Times as long as an answer took, the timeline waits for the next one: no more than a tenth of a core
REST = 10
# After that an answer does not come any more: its question failed
PATIENCE_NS = 10_000_000_000
RUN_STARTED = Query((FieldTerm("name", (Exact("self.run.started"),)),))


class PaneQueries:
    """One of each kind at a time; a newer one replaces it."""

    def __init__(
        self,
        backing: ScreenServices,
        now_ns: Callable[[], int],
        run_is_known: Callable[[int], None],
        newest_is_known: Callable[[int, int], None],
        oldest_is_known: Callable[[], None],
    ) -> None:
        """``now_ns`` says the wall time that the panes are about.

        ``run_is_known`` gets the wall time at which the newest run began, 0 = not known; ``newest_is_known`` the newest
        event that was there at first, and its wall time. ``oldest_is_known`` is called once periods can be asked for:
        they begin where the store does.
        """
        self._backing = backing
        self._now_ns = now_ns
        self._run_is_known = run_is_known
        self._newest_is_known = newest_is_known
        self._oldest_is_known = oldest_is_known
        self._oldest_id = 0
        self._oldest_ns = 0
        # wall time of the oldest event kept; 0 = not known
        self._is_oldest_read = self._is_newest_asked = False
        self._run = 0
        self._run_ns = 0
        # wall time at which it began; 0 = not known
        self._timeline_asked_ns: int | None = None
        # monotonic; None = nothing is under way
        # monotonic: not urgent before
        self._timeline_due_ns = 0

    def notice(self, bounds: StoreBounds) -> None:
        """Ask when the run began, and how far back the store goes, where that has changed."""
        answers = self._backing.answers
        if bounds.last_id and not self._is_newest_asked:
            self._is_newest_asked = True
            newest_id = bounds.last_id
            answers.ask("newest", lambda view: _time_of(view, newest_id), partial(self._newest_is_known, newest_id))
        if bounds.run != self._run:
            self._run = bounds.run
            answers.ask("run", lambda view: _run_started(view, bounds), self._set_run)
        if not bounds.last_id:
            self._set_oldest(0)
        if bounds.oldest_id != self._oldest_id:
            self._oldest_id = bounds.oldest_id
            answers.ask("oldest", lambda view: _time_of(view, bounds.oldest_id), self._set_oldest)

    def ask_timeline(self, pane: TimelinePane, *, is_urgent: bool) -> None:
        """What the pane shows: at once where somebody moved it, else as often as the answers' cost allows.

        A question under way is not replaced by one that is not urgent: what takes long would never be answered.
        """
        if not self._is_oldest_read:
            return
        began_ns = self._backing.clock.mono_ns()
        asked_ns = self._timeline_asked_ns
        if not is_urgent and asked_ns is not None and began_ns - asked_ns < PATIENCE_NS:
            pane.wait()
            return
        if not is_urgent and began_ns < self._timeline_due_ns:
            return
        self._timeline_asked_ns = began_ns
        moment = TimeBounds(self._now_ns(), self._oldest_ns, self._run_ns, self._backing.clock.wall_ns())

        def deliver(answer: timeline_state.TimelineAnswer) -> None:
            self._timeline_asked_ns = None
            self._timeline_due_ns = began_ns + (self._backing.clock.mono_ns() - began_ns) * REST
            pane.show(answer, moment)

        self._backing.answers.ask("timeline", pane.ask(moment).read, deliver)

    def ask_statistics(
        self, pane: StatisticsPane, current: str, deliver: Callable[[statistics_render.StatisticsAnswer], None]
    ) -> None:
        """Statistics of all connections, and the trends of the current one and the one beside it."""
        if not self._is_oldest_read:
            return
        now_ns, buckets = self._now_ns(), pane.buckets
        # counts outlive the events that were pruned
        since_ns = pane.choice.since_ns(now_ns, self._oldest_ns if self._oldest_id == 1 else 0)
        names = [name for name in (current, pane.choice.beside) if name]

        def read(view: StoreView) -> statistics_render.StatisticsAnswer:
            statistics = view.statistics(since_ns, None)
            until_ns = max(statistics.until_ns, statistics.since_ns + 1)
            trends = tuple(view.trend(name, statistics.since_ns, until_ns, buckets) for name in names)
            return statistics_render.StatisticsAnswer(statistics, trends)

        self._backing.answers.ask("statistics", read, deliver)

    def _set_run(self, started_ns: int) -> None:
        self._run_ns = started_ns
        self._run_is_known(started_ns)

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
