"""The user's rules at work: queries over what is committed, beside the recording and never in its way.

They are evaluated by the store, as a search is: the same text finds the same events here, in the log and everywhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from wsmon.errors import QueryError, WsmonError
from wsmon.model.detectors.base import rule_kind
from wsmon.model.detectors.rules import RuleDetector, RuleMatch
from wsmon.ports import Clock, StoreView
from wsmon.query.ast import Exact, FieldTerm, Glob, Not, Query
from wsmon.query.parser import ReferenceTime, parse

# An alert is to be out within 5 s; what matches again and again costs a look, not an event
EVERY_S = 0.25
# Looked at in one go: a read ends within a fraction of a second, and so does the recorder
WINDOW_EVENTS = 5_000
# An incident of a rule, or an alert that failed, would match ``is:problem`` and alarm for ever
_NOT_OUR_OWN = (
    Not(FieldTerm("type", (Glob(rule_kind("*")),))),
    Not(FieldTerm("name", (Exact("self.alert.failed"),))),
    Not(FieldTerm("connection", (Exact(""),))),
)
_LOG = logging.getLogger("wsmon.alerts")


class RuleWatch:
    """Belongs to the event loop; reads in a thread of its own."""

    def __init__(
        self,
        open_view: Callable[[], StoreView],
        newest_id: Callable[[], int],
        detector: RuleDetector,
        clock: Clock,
        report: Callable[[str], None],
    ) -> None:
        """What is committed after ``newest_id()`` is looked at; ``report`` gets why a rule ended."""
        self._open_view = open_view
        self._newest_id = newest_id
        self._detector = detector
        self._clock = clock
        self._report = report
        self._texts: Mapping[str, str] = {}
        self._rules: dict[str, Query] = {}
        self._after_id = newest_id()
        self._view: StoreView | None = None
        self._trouble: dict[str, str] = {}
        # why a rule is no longer looked at
        # Why none is looked at for the time being
        self._hindrance = ""

    @property
    def warning(self) -> str:
        """What is wrong with the rules; empty = nothing."""
        return self._hindrance or next(iter(self._trouble.values()), "")

    def configure(self, rules: Mapping[str, str]) -> None:
        """Look for these from now on; a rule that says what it said goes on."""
        if rules == self._texts:
            return
        same = {name for name, text in rules.items() if self._texts.get(name) == text}
        now = ReferenceTime(self._clock.wall_ns())
        self._rules = {name: parse(text, now) for name, text in rules.items()}
        self._rules = {name: Query((*query.terms, *_NOT_OUR_OWN), query.text) for name, query in self._rules.items()}
        if not self._texts:
            self._after_id = self._newest_id()
        self._texts, self._trouble = dict(rules), {}
        self._detector.keep_only(same)

    async def run(self) -> None:
        """Look until cancelled; a look under way is interrupted."""
        thread = ThreadPoolExecutor(1, "alert rules")
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    while self._rules and self._after_id < self._newest_id():
                        last_id = min(self._newest_id(), self._after_id + WINDOW_EVENTS)
                        look = partial(self._look, dict(self._rules), self._after_id + 1, last_id)
                        self._take(*await loop.run_in_executor(thread, look))
                        self._after_id, self._hindrance = last_id, ""
                except Exception as error:  # noqa: BLE001 - the border of the task: the recording goes on without it
                    if not isinstance(error, WsmonError):
                        _LOG.exception("a mistake in looking for rules")
                    self._hindrance = f"rules are not looked for: {error}"
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
                self._trouble[name] = f"rule {name} is not looked for: {why}"
                self._report(self._trouble[name])

    def _look(self, rules: Mapping[str, Query], first_id: int, last_id: int) -> tuple[list[RuleMatch], dict[str, str]]:
        """What rules match in a range of ids, each connection once, and why rules end; in the thread."""
        matches: list[RuleMatch] = []
        ended: dict[str, str] = {}
        for name, query in rules.items():
            try:
                self._view = self._view or self._open_view()
                matches += _matches(self._view, name, query, first_id, last_id)
            except QueryError as error:
                ended[name] = error.what
        return matches, ended

    def _close(self) -> None:
        if self._view is not None:
            self._view.close()


def _matches(view: StoreView, name: str, query: Query, first_id: int, last_id: int) -> Iterator[RuleMatch]:
    """The first match of each connection: one pass over the range, however many there are."""
    while first_id <= last_id:
        found = view.events_after(first_id - 1, 1, query.within(first_id, last_id))
        if not found:
            return
        (event,) = found
        yield RuleMatch(name, query.text, event.source, event.id)
        others = Not(FieldTerm("connection", (Exact(event.source.connection),)))
        query = Query((*query.terms, others), query.text)
        first_id = event.id + 1
