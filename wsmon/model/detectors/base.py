"""The incidents of one kind that are open: each is opened once, closed once, and knows the event that opened it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Literal, NamedTuple, NewType, get_args

from wsmon.model.events import RECORDER, Event, Json, Meta, Source
from wsmon.model.units import SECOND_NS

# What detectors are told: what a configuration asks of a connection, and what a batch brought of it.

IncidentKind = Literal[
    "stall",
    "storm",
    "gap",
    "duplicate",
    "reorder",
    "slow",
    "errors",
    "retries_exhausted",
    "auth",
    "subscription",
    "certificate",
    "peer_changed",
    "types",
    "backpressure",
    "shed",
]
# Of what a rule of the user's found: ``rule:NAME``
RuleKind = NewType("RuleKind", str)
_RULE = "rule:"
INCIDENT_KINDS: tuple[IncidentKind, ...] = get_args(IncidentKind)

_NONE: Mapping[str, int] = MappingProxyType({})
_NO_BUCKETS: Mapping[int, int] = MappingProxyType({})


def rule_kind(name: str) -> RuleKind:
    """The kind of incidents that a rule with this name opens."""
    return RuleKind(f"{_RULE}{name}")


def is_rule(kind: str) -> bool:
    """Whether a rule of the user's opens incidents of this kind."""
    return kind.startswith(_RULE)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the configuration asks of one connection."""

    every_s: float = 0.0
    """Data at least so often; 0 = never mind."""
    stable_after_s: float = 30.0
    """A session that was open this long is a success."""
    silenced: frozenset[str] = frozenset()
    """Kinds of incidents that nobody wants to hear of."""


class NumberedMessage(NamedTuple):
    """A message that carries a sequence number."""

    id: int
    connection_id: str
    """Its session."""
    key: str
    number: int


@dataclass(slots=True)
class Traffic:
    """What one batch brought of one connection."""

    source: Source = RECORDER
    """Its newest."""
    at_ns: int = 0
    """Monotonic, when it was looked at."""
    newest_data_ns: int | None = None
    """Monotonic, of the newest message received; None where none was."""
    newest_id: int = 0
    """Of its newest event."""
    messages: int = 0
    """Both ways."""
    errors: int = 0
    error_types: Mapping[str, int] = field(default_factory=lambda: _NONE)
    problem_id: int = 0
    """Of the newest event that is a problem, however old; 0 = none yet."""
    types: Mapping[str, int] = field(default_factory=lambda: _NONE)
    rtt: Mapping[int, int] = field(default_factory=lambda: _NO_BUCKETS)
    process: Mapping[int, int] = field(default_factory=lambda: _NO_BUCKETS)
    """Log-bucket histograms of nanoseconds (model/histogram.py)."""
    numbered: Sequence[NumberedMessage] = ()
    """In the order of arrival."""


# Event ids that an incident names: enough to begin with
MOST_EVIDENCE = 20


@dataclass(slots=True)
class _Incident:
    source: Source
    opened_mono_ns: int = 0
    id: int = 0
    """0 until the event that opens it is stored."""


class Incidents:
    """Makes ``incident.*`` events; ``take`` them, and show each to ``observe`` once it has its id, in that order."""

    def __init__(self, kind: IncidentKind | RuleKind, silence: str = "") -> None:
        """``silence`` says which key keeps such incidents away, beside the one that all connections have.

        What a rule finds is silenced by the rule alone.
        """
        self.kind = kind
        self._silence = silence if is_rule(kind) else f'{silence}{silence and " or "}silence = ["{kind}"]'
        self._open: dict[str, _Incident] = {}
        # by connection
        self._opening: list[tuple[_Incident, str, Meta]] = []
        self._closing: list[tuple[_Incident, str, Meta]] = []
        # Taken, without an id yet
        self._announced: deque[_Incident] = deque()

    def __contains__(self, connection: str) -> bool:
        return connection in self._open

    @property
    def connections(self) -> tuple[str, ...]:
        """Those with an open incident."""
        return tuple(self._open)

    def open(
        self, source: Source, reason: str, evidence: Iterable[int], facts: Mapping[str, Json] | None = None
    ) -> None:
        """Begin the incident of a connection; one that is open already stays as it is."""
        if source.connection in self._open:
            return
        incident = self._open[source.connection] = _Incident(source)
        ids = [each for each in evidence if each][-MOST_EVIDENCE:]
        self._opening.append((incident, reason, {"evidence": [*ids], "silence": self._silence, **(facts or {})}))

    def close(self, connection: str, reason: str, facts: Mapping[str, Json] | None = None) -> None:
        """End the incident of a connection, where one is open."""
        incident = self._open.pop(connection, None)
        if incident is not None:
            self._closing.append((incident, reason, facts or {}))

    def observe(self, event: Event) -> None:
        """See the id of an incident that was taken."""
        if event.name == "incident.opened" and event.type == self.kind and self._announced:
            self._announced.popleft().id = event.id

    def take(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What ended and began since the last time; an end waits until its beginning is stored."""
        closed = [
            Event(
                incident.source,
                "incident.closed",
                ts_ns,
                mono_ns,
                type=self.kind,
                reason=reason,
                duration_ns=mono_ns - incident.opened_mono_ns,
                meta={"incident": incident.id, "evidence": [incident.id], **facts},
            )
            for incident, reason, facts in self._closing
            if incident.id
        ]
        self._closing = [each for each in self._closing if not each[0].id]
        opening, self._opening = self._opening, []
        for incident, _, _ in opening:
            incident.opened_mono_ns = mono_ns
            self._announced.append(incident)
        opened = [
            Event(incident.source, "incident.opened", ts_ns, mono_ns, type=self.kind, reason=reason, meta=meta)
            for incident, reason, meta in opening
        ]
        return (*closed, *opened)


# What all detectors have in common: one kind of incident, connections that are watched, and when they are not.

UNWATCHED = Expectation()


class IncidentDetector:
    """A detector of one kind of incident; each says what it sees, and what it looks at when time passes."""

    kind: ClassVar[IncidentKind]
    silence: ClassVar[str] = ""
    """Which key of a connection keeps it quiet, beside ``silence``."""
    reads_traffic: ClassVar[bool] = False

    def __init__(self) -> None:
        self.incidents = Incidents(self.kind, self.silence)
        self._expectations: Mapping[str, Expectation] = {}
        self._has_ended = False

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Know the connections and what is asked of them; replaces what was known."""
        self._expectations = dict(expectations)
        for connection in self.incidents.connections:
            if not self._is_watched(connection):
                self.incidents.close(connection, "it is no longer watched")

    def observe(self, event: Event) -> None:
        """See a lifecycle event, in the order of commit, its id included."""
        self.incidents.observe(event)
        if self._is_watched(event.source.connection):
            self._see(event)

    def observe_traffic(self, traffic: Traffic) -> None:
        """See what a batch brought of a connection."""
        if self._is_watched(traffic.source.connection):
            self._see_traffic(traffic)

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What began or ended by now, as events."""
        if not self._has_ended:
            self._look(ts_ns, mono_ns)
        return self.incidents.take(ts_ns, mono_ns)

    def end(self) -> None:
        """The recorder ends: so does whatever it watched, and nothing begins."""
        self._has_ended = True
        for connection in self.incidents.connections:
            self.incidents.close(connection, "the recorder ended")

    def _expected(self, connection: str) -> Expectation:
        return self._expectations.get(connection, UNWATCHED)

    def _is_watched(self, connection: str) -> bool:
        """Whether somebody wants to hear of it: a connection of the configuration, not silenced."""
        expectation = self._expectations.get(connection)
        return expectation is not None and self.kind not in expectation.silenced

    def _see(self, event: Event) -> None:
        """A lifecycle event of a watched connection."""

    def _see_traffic(self, traffic: Traffic) -> None:
        """What a batch brought of a watched connection."""

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        """Time has passed."""


def seconds(duration_ns: float) -> str:
    """``5.2 s``, ``41 s``."""
    return f"{round(duration_ns / SECOND_NS, 1):g} s"


def counted(number: int, what: str) -> str:
    """``1 message``, ``1,204 messages``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
