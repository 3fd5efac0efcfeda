"""Alert rules: searches of the user over committed events, whose matches become incidents.

The same text finds the same events here and in the log. All rules are searched in one pass over what is new, in a
thread of their own, and never delay the recording. What was just committed is taken from memory; where the rules lag,
it is read from the store.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from wsmon.errors import WsmonError
from wsmon.model.block import Committed, end_of
from wsmon.model.detectors.rules import RuleDetector, RuleMatch
from wsmon.model.incident_kinds import rule_kind
from wsmon.ports import Clock, StoreView
from wsmon.query.ast import Exact, FieldTerm, Glob, Not, Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.recorder.run import ReportFault

# Interval of the searches: an alert should be sent within 5 s
EVERY_S = 0.25
# Events searched at once: a read takes a fraction of a second, and the recorder can end after it
WINDOW_EVENTS = 5_000
# Committed events held for the rules, and the bytes of their messages, at most: a second of a flood. Where there are
# more, they are read from the store.
HELD_EVENTS = 50_000
HELD_BYTES = 16 * 1024 * 1024
# Excluded from every rule: an incident of a rule, or a failed alert, would match ``is:problem`` again and again
_NOT_OUR_OWN = (
    Not(FieldTerm("type", (Glob(rule_kind("*")),))),
    Not(FieldTerm("name", (Exact("self.alert.failed"), Exact("self.alert.delivered")))),
    Not(FieldTerm("connection", (Exact(""),))),
)


class RuleWatch:
    """Searches committed events for the rules, and reports matches to the detector. Use it on the event loop."""

    def __init__(
        self,
        open_view: Callable[[], StoreView],
        newest_id: Callable[[], int],
        detector: RuleDetector,
        clock: Clock,
        report: Callable[[str], None],
        failed: ReportFault,
    ) -> None:
        """Events after ``newest_id()`` are searched; ``report`` gets the sentence about a rule that was stopped.

        ``failed`` gets the faults of ours, with the name of the sink.
        """
        self._failed = failed
        self._open_view = open_view
        self._newest_id = newest_id
        self._detector = detector
        self._clock = clock
        self._report = report
        self._texts: Mapping[str, str] = {}
        self._rules: dict[str, Query] = {}
        self._after_id = newest_id()
        self._held = HeldCommits()
        self._view: StoreView | None = None
        # Why a rule was stopped, by its name
        self._stopped: dict[str, str] = {}
        # Why the last search of all rules failed; empty where it did not
        self._failure = ""

    @property
    def warning(self) -> str:
        """The failure of the search or of a rule, as a sentence; empty where there is none."""
        return self._failure or next(iter(self._stopped.values()), "")

    def configure(self, rules: Mapping[str, str]) -> None:
        """Search for these rules from now on; incidents of a rule with the same text stay open."""
        if rules == self._texts:
            return
        same = {name for name, text in rules.items() if self._texts.get(name) == text}
        now = ReferenceTime(self._clock.wall_ns())
        self._rules = {name: parse(text, now) for name, text in rules.items()}
        self._rules = {name: Query((*query.terms, *_NOT_OUR_OWN), query.text) for name, query in self._rules.items()}
        if not self._texts:
            self._after_id = self._newest_id()
        self._texts, self._stopped = dict(rules), {}
        if not rules:
            self._held.clear()
        self._detector.keep_only(same)

    def hold(self, committed: Sequence[Committed]) -> None:
        """Take what was committed, in the order of ids; from the writer's thread."""
        if self._texts:
            self._held.add(committed)

    async def run(self) -> None:
        """Search until cancelled; a search under way is interrupted."""
        thread = ThreadPoolExecutor(1, "alert rules")
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    is_behind = True
                    # During a flood there is always something new: a rest makes one search of many
                    while is_behind and self._rules and (newest_id := self._newest_id()) > self._after_id:
                        committed = self._held.take(self._after_id + 1)
                        if committed:
                            last_id = end_of(committed[-1]) - 1
                        else:
                            last_id = min(newest_id, self._after_id + WINDOW_EVENTS, *self._held.before())
                        is_behind = newest_id - last_id > 0
                        search = partial(self._search, dict(self._rules), self._after_id + 1, last_id, committed)
                        self._take(*await loop.run_in_executor(thread, search))
                        self._after_id, self._failure = last_id, ""
                except Exception as error:  # noqa: BLE001 - the border of the task: the recording goes on without it
                    if not isinstance(error, WsmonError):
                        self._failed("alert rules", error)
                    self._failure = f"rules cannot be checked: {error}"
                await asyncio.sleep(EVERY_S)
        finally:
            if self._view is not None:
                self._view.interrupt()
            thread.submit(self._close)
            thread.shutdown(wait=False)

    def _take(self, matches: list[RuleMatch], ended: dict[str, str]) -> None:
        for match in matches:
            if self._texts.get(match.rule) == match.query:
                self._detector.report(match)
        for name, why in ended.items():
            if self._rules.pop(name, None) is not None:
                self._stopped[name] = f"rule {name} is not checked: {why}"
                self._report(self._stopped[name])

    def _search(
        self, rules: Mapping[str, Query], first_id: int, last_id: int, committed: Sequence[Committed]
    ) -> tuple[list[RuleMatch], dict[str, str]]:
        """Return the matches in a range of ids, one per rule and connection, and why rules stop; in the thread."""
        self._view = self._view or self._open_view()
        found = self._view.first_matches(rules, first_id, last_id, committed)
        matches = [
            RuleMatch(name, rules[name].text, each.source, each.event_id)
            for name, of_rule in found.found.items()
            for each in of_rule
        ]
        return matches, {name: error.what for name, error in found.failed.items()}

    def _close(self) -> None:
        if self._view is not None:
            self._view.close()


class HeldCommits:
    """Committed events that wait for the rules; any thread may use it.

    It holds adjacent ids. Where there are too many, all are forgotten.
    """

    def __init__(self) -> None:
        # Guards all below
        self._lock = threading.Lock()
        self._commits: deque[Sequence[Committed]] = deque()
        self._size_bytes = 0

    def add(self, committed: Sequence[Committed]) -> None:
        """Add what a commit wrote, the list as it is."""
        if not committed:
            return
        size_bytes = sum(event.size or 0 for _, event, _ in committed)
        with self._lock:
            if self._commits and (
                end_of(self._commits[-1][-1]) != committed[0][0]
                or end_of(committed[-1]) - self._commits[0][0][0] > HELD_EVENTS
                or self._size_bytes + size_bytes > HELD_BYTES
            ):
                self._clear()
            self._commits.append(committed)
            self._size_bytes += size_bytes

    def take(self, first_id: int) -> list[Committed]:
        """Take everything from an id on; nothing where events from there on are missing."""
        with self._lock:
            while self._commits and self._commits[0][0][0] < first_id:
                self._size_bytes -= sum(event.size or 0 for _, event, _ in self._commits.popleft())
            if not self._commits or self._commits[0][0][0] != first_id:
                return []
            taken = [each for commit in self._commits for each in commit]
            self._clear()
            return taken

    def before(self) -> tuple[int, ...]:
        """The id before the first one held, if any is."""
        with self._lock:
            return (self._commits[0][0][0] - 1,) if self._commits else ()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._commits.clear()
        self._size_bytes = 0
