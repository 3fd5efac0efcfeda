"""Detector of the user's alert rules: opens an incident for the events that a rule matched.

The rules themselves are evaluated by recorder/alert_rules.py, over the stored events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from wsmon.model.detectors.base import Expectation, Incidents, Traffic
from wsmon.model.events import Event, Source
from wsmon.model.incident_kinds import is_rule, rule_kind
from wsmon.model.profiles import QUIET_NS

_QUIET = f"no match for {QUIET_NS // 60_000_000_000} minutes"


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """An event that a rule matched; of several of one connection in one evaluation, the first."""

    rule: str
    query: str
    source: Source
    event_id: int


@dataclass(slots=True)
class _RuleState:
    """One rule and the connections that it matched lately."""

    incidents: Incidents
    matched_ns: dict[str, int] = field(default_factory=dict)
    """Monotonic time of the newest match, by connection."""


class RuleDetector:
    """Opens ``rule:NAME`` at the first match of a rule on a connection; five minutes without a match end it."""

    reads_traffic: ClassVar[bool] = False

    def __init__(self) -> None:
        # Matches, and the names of all rules after a change of the configuration; appended by any thread
        self._reported: deque[RuleMatch | frozenset[str]] = deque()
        # By name: the rules that matched in this run
        self._rules: dict[str, _RuleState] = {}
        self._expectations: Mapping[str, Expectation] = {}
        self._has_ended = False

    def report(self, match: RuleMatch) -> None:
        """Take a match of a rule; from any thread."""
        self._reported.append(match)

    def keep_only(self, names: Collection[str]) -> None:
        """End the incidents of all rules but these; from any thread."""
        self._reported.append(frozenset(names))

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Replace the connections; incidents of connections that are gone end."""
        self._expectations = dict(expectations)
        for rule in self._rules.values():
            _close(rule, set(rule.incidents.connections) - set(expectations), "detector disabled")

    def observe(self, event: Event) -> None:
        """Read the id of an incident of a rule."""
        if event.name == "incident.opened" and is_rule(event.type):
            for rule in self._rules.values():
                rule.incidents.observe(event)

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Ignore traffic: rules are evaluated over stored events."""

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """Return the incidents that began or ended by now, as events."""
        while self._reported:
            reported = self._reported.popleft()
            if isinstance(reported, RuleMatch):
                self._open(reported, mono_ns)
            else:
                self._end_all_but(reported)
        for rule in self._rules.values():
            quiet = {name for name, matched_ns in rule.matched_ns.items() if mono_ns - matched_ns >= QUIET_NS}
            _close(rule, quiet, _QUIET)
        return tuple(event for rule in self._rules.values() for event in rule.incidents.take(ts_ns, mono_ns))

    def end(self) -> None:
        """End all incidents, because the recorder ends; none is opened from now on."""
        self._has_ended = True
        for rule in self._rules.values():
            _close(rule, rule.incidents.connections, "the recorder stopped")

    def _open(self, match: RuleMatch, mono_ns: int) -> None:
        connection = match.source.connection
        if self._has_ended or connection not in self._expectations:
            return
        rule = self._rules.get(match.rule)
        if rule is None:
            silence = f"no alerts.rules.{match.rule}"
            rule = self._rules[match.rule] = _RuleState(Incidents(rule_kind(match.rule), silence))
        rule.matched_ns[connection] = mono_ns
        facts = {"rule": match.rule, "query": match.query}
        rule.incidents.open(match.source, f"rule {match.rule!r} matched: {match.query}", [match.event_id], facts)

    def _end_all_but(self, names: frozenset[str]) -> None:
        for name, rule in self._rules.items():
            if name not in names:
                _close(rule, rule.incidents.connections, "the rule was removed or changed")


def _close(rule: _RuleState, connections: Collection[str], why: str) -> None:
    for connection in connections:
        rule.matched_ns.pop(connection, None)
        rule.incidents.close(connection, why)
