"""Opens incidents for what rules of the user's find; who evaluates the rules is somebody else."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from wsmon.model.detectors.base import Expectation, Incidents, Traffic, is_rule, rule_kind
from wsmon.model.events import Event, Source
from wsmon.model.profiles import QUIET_NS

_QUIET = f"nothing matched for {QUIET_NS // 60_000_000_000} minutes"


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """An event of a connection that a rule matched, the first of those that were looked at together."""

    rule: str
    query: str
    source: Source
    event_id: int


@dataclass(slots=True)
class _Rule:
    """One rule, and the connections that it matched of late."""

    incidents: Incidents
    seen_ns: dict[str, int] = field(default_factory=dict)
    """Monotonic, by connection: when the newest sighting came."""


class RuleDetector:
    """One kind of incidents a rule: opened by the first sighting, over when there was none for five minutes."""

    reads_traffic: ClassVar[bool] = False

    def __init__(self) -> None:
        self._reported: deque[RuleMatch | frozenset[str]] = deque()
        # sightings, and the names of all rules where these changed; filled by any thread
        self._rules: dict[str, _Rule] = {}
        # those with an incident, open or about to end
        self._expectations: Mapping[str, Expectation] = {}
        self._has_ended = False

    def sight(self, sighting: RuleMatch) -> None:
        """Take notice of what a rule matched; from any thread."""
        self._reported.append(sighting)

    def keep(self, names: Collection[str]) -> None:
        """There are these rules from now on, the incidents of others end; from any thread."""
        self._reported.append(frozenset(names))

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Know the connections; what is open of others ends."""
        self._expectations = dict(expectations)
        for rule in self._rules.values():
            _close(rule, set(rule.incidents.connections) - set(expectations), "it is no longer watched")

    def observe(self, event: Event) -> None:
        """See the id of an incident that was opened."""
        if event.name == "incident.opened" and is_rule(event.type):
            for rule in self._rules.values():
                rule.incidents.observe(event)

    def observe_traffic(self, traffic: Traffic) -> None:
        """Nothing: rules are evaluated over what is stored."""

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What began or ended by now, as events."""
        while self._reported:
            reported = self._reported.popleft()
            if isinstance(reported, RuleMatch):
                self._open(reported, mono_ns)
            else:
                self._end_all_but(reported)
        for rule in self._rules.values():
            quiet = {name for name, seen_ns in rule.seen_ns.items() if mono_ns - seen_ns >= QUIET_NS}
            _close(rule, quiet, _QUIET)
        return tuple(event for rule in self._rules.values() for event in rule.incidents.take(ts_ns, mono_ns))

    def end(self) -> None:
        """The recorder ends: so does whatever was found, and nothing begins."""
        self._has_ended = True
        for rule in self._rules.values():
            _close(rule, rule.incidents.connections, "the recorder ended")

    def _open(self, sighting: RuleMatch, mono_ns: int) -> None:
        connection = sighting.source.connection
        if self._has_ended or connection not in self._expectations:
            return
        rule = self._rules.get(sighting.rule)
        if rule is None:
            silence = f"no alerts.rules.{sighting.rule}"
            rule = self._rules[sighting.rule] = _Rule(Incidents(rule_kind(sighting.rule), silence))
        rule.seen_ns[connection] = mono_ns
        facts = {"rule": sighting.rule, "query": sighting.query}
        rule.incidents.open(sighting.source, f"an event matches {sighting.query}", [sighting.event_id], facts)

    def _end_all_but(self, names: frozenset[str]) -> None:
        for name, rule in self._rules.items():
            if name not in names:
                _close(rule, rule.incidents.connections, "the rule is gone or another")


def _close(rule: _Rule, connections: Collection[str], why: str) -> None:
    for connection in connections:
        rule.seen_ns.pop(connection, None)
        rule.incidents.close(connection, why)
