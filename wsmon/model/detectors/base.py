"""What all detectors share: kinds of incidents, what a detector observes, incidents that are open, the base class."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, NamedTuple

import msgspec

from wsmon.model.events import RECORDER, Event, EventName, Json, Meta, Source
from wsmon.model.incident_kinds import NO_THRESHOLDS, IncidentKind, Thresholds
from wsmon.model.measures import NumberMark
from wsmon.model.units import MS_NS, SECOND_NS

# The recorder stood still; not an event of a connection
SUSPENDED: Final[EventName] = "self.suspended"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the configuration asks of one connection."""

    every_s: float = 0.0
    """Longest time without data; 0 = no limit."""
    stable_after_s: float = 30.0
    """A session that was open this long counts as a success."""
    silenced: frozenset[str] = frozenset()
    """Names of the kinds of incidents that are not looked for."""
    thresholds: Thresholds = field(default_factory=lambda: NO_THRESHOLDS)
    """Those that the configuration sets."""

    def threshold(self, kind: IncidentKind, name: str) -> float:
        """Return a threshold of a kind in its unit: the configured value, else the default."""
        configured = self.thresholds.get(kind.name)
        if configured is not None and name in configured:
            return configured[name]
        return kind.defaults[name]

    def threshold_ns(self, kind: IncidentKind, name: str) -> int:
        """Return a threshold that is a duration."""
        return round(self.threshold(kind, name) * SECOND_NS)


class NumberedMessage(NamedTuple):
    """A message that carries a sequence number, or that starts the count anew, or that could not be read."""

    id: int
    connection_id: str
    """The session of the message."""
    key: str
    """What the number counts; empty where the feed has a single sequence."""
    number: int
    """The last number that the message covers; of ``unread``, how many texts could not be read."""
    first: int | None = None
    """The first number that the message covers; None where it has one number."""
    mark: NumberMark = ""


_NO_COUNTS: Mapping[str, int] = MappingProxyType({})
_NO_BUCKETS: Mapping[int, int] = MappingProxyType({})


class Traffic(msgspec.Struct):
    """What one batch of messages brought on one connection."""

    source: Source = RECORDER
    """Of the newest message."""
    at_ns: int = 0
    """Monotonic time at which the batch was observed."""
    newest_data_ns: int | None = None
    """Monotonic time of the newest message received; None where none was received."""
    newest_id: int = 0
    """Id of the newest event in the batch."""
    messages: int = 0
    """Received and sent."""
    errors: int = 0
    error_types: Mapping[str, int] = _NO_COUNTS
    problem_id: int = 0
    """Id of the newest event that is a problem, also from an earlier batch; 0 = none yet."""
    types: Iterable[str] = ()
    """Of the messages, in the order in which they came first."""
    rtt: Mapping[int, int] = _NO_BUCKETS
    """Round trips of pings: a log-bucket histogram of nanoseconds (model/histogram.py)."""
    process: Mapping[int, int] = _NO_BUCKETS
    """Times from request to reply, as the same kind of histogram."""
    numbered: Sequence[NumberedMessage] = ()
    """In the order of arrival."""


# Evidence of one incident, in event ids: enough to start an investigation
MAX_EVIDENCE: Final = 20


@dataclass(slots=True)
class _OpenedIncident:
    source: Source
    reason: str
    """What it has found, the newest sentence."""
    opened_mono_ns: int = 0
    id: int = 0
    """Id of the ``incident.opened`` event; 0 until it is stored."""


class Incidents:
    """The open incidents of one kind, at most one per connection.

    Collects ``incident.*`` events for ``take``. Every event taken must be shown to ``observe`` with its id, in the same
    order, because the event that closes an incident names the event that opened it.
    """

    def __init__(self, kind: str, silence: str) -> None:
        """Collect incidents of a kind; ``silence`` is what the user can configure against them, part of the events."""
        self.kind = kind
        self._silence = silence
        # By connection
        self._open: dict[str, _OpenedIncident] = {}
        self._opening: list[tuple[_OpenedIncident, str, Meta]] = []
        self._closing: list[tuple[_OpenedIncident, str, Meta]] = []
        # Taken, waiting for the id of their event
        self._unstored: deque[_OpenedIncident] = deque()
        # By connection: what an open incident has found by now, where that is news
        self._running: dict[str, str] = {}

    def __contains__(self, connection: str) -> bool:
        return connection in self._open

    @property
    def connections(self) -> tuple[str, ...]:
        """The connections that have an open incident."""
        return tuple(self._open)

    def open(
        self, source: Source, reason: str, evidence: Iterable[int], facts: Mapping[str, Json] | None = None
    ) -> None:
        """Open an incident of a connection; one that is open already stays as it is.

        ``evidence`` are event ids, of which the last ``MAX_EVIDENCE`` are kept; ``facts`` become part of ``meta``.
        """
        if source.connection in self._open:
            return
        incident = self._open[source.connection] = _OpenedIncident(source, reason)
        ids = [each for each in evidence if each][-MAX_EVIDENCE:]
        self._opening.append((incident, reason, {"evidence": [*ids], "silence": self._silence, **(facts or {})}))

    def update(self, connection: str, reason: str) -> None:
        """Set what an open incident has found by now, for ``take_running``."""
        incident = self._open.get(connection)
        if incident is not None and reason != incident.reason:
            incident.reason = reason
            self._running[connection] = reason

    def take_running(self) -> tuple[tuple[int, str], ...]:
        """Return the ids of the open incidents that found more since the last call, and what they have found by now."""
        ready = [name for name in self._running if name not in self._open or self._open[name].id]
        found = [(name, self._running.pop(name)) for name in ready]
        return tuple((self._open[name].id, reason) for name, reason in found if name in self._open)

    def close(self, connection: str, reason: str, facts: Mapping[str, Json] | None = None) -> None:
        """Close the incident of a connection, if one is open."""
        self._running.pop(connection, None)
        incident = self._open.pop(connection, None)
        if incident is not None:
            self._closing.append((incident, reason, facts or {}))

    def observe(self, event: Event) -> None:
        """Read the id of an incident event that was taken before."""
        if event.name == "incident.opened" and event.type == self.kind and self._unstored:
            self._unstored.popleft().id = event.id

    def take(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """Return the events since the last call; the end of an incident waits until its beginning is stored."""
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
            self._unstored.append(incident)
        opened = [
            Event(incident.source, "incident.opened", ts_ns, mono_ns, type=self.kind, reason=reason, meta=meta)
            for incident, reason, meta in opening
        ]
        return (*closed, *opened)


NO_EXPECTATION: Final = Expectation()


class IncidentDetector:
    """Base class of the detectors of one kind of incident.

    A subclass sets ``kind``, keeps its own state, opens and closes ``incidents``, and overrides those of the
    ``_on_…`` methods that it needs. Those for events and traffic are called for watched connections only: those of the
    configuration that do not silence the kind.
    """

    kind: ClassVar[IncidentKind]
    reads_traffic: ClassVar[bool] = False
    """Whether ``_on_traffic`` is to be called."""

    def __init__(self) -> None:
        self.incidents = Incidents(self.kind.name, self.kind.silence)
        self._expectations: Mapping[str, Expectation] = {}
        # Connections of the configuration that do not silence this kind
        self._watched: frozenset[str] = frozenset()
        # Thresholds that were asked for since the configuration, by connection and name
        self._thresholds_ns: dict[tuple[str, str], int] = {}
        self._has_ended = False

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Replace the connections and what is asked of them; incidents of connections that are not watched end."""
        self._expectations = dict(expectations)
        self._watched = frozenset(
            name for name, expectation in expectations.items() if self.kind.name not in expectation.silenced
        )
        self._thresholds_ns.clear()
        for connection in self.incidents.connections:
            if not self._is_watched(connection):
                self.incidents.close(connection, "detector disabled")

    def observe(self, event: Event) -> None:
        """Take a lifecycle event with its id, in the order of commit."""
        self.incidents.observe(event)
        if event.name == SUSPENDED:
            self._on_standstill(event, stopped_ns(event))
        elif self._is_watched(event.source.connection):
            self._on_event(event)

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Take what a batch brought on each connection."""
        watched, on_traffic = self._watched, self._on_traffic
        for traffic in batch:
            if traffic.source.connection in watched:
                on_traffic(traffic)

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """Return the incidents that began or ended by now, as events."""
        if not self._has_ended:
            self._on_tick(ts_ns, mono_ns)
        return self.incidents.take(ts_ns, mono_ns)

    def end(self) -> None:
        """End all incidents, because the recorder ends; none is opened from now on."""
        self._has_ended = True
        for connection in self.incidents.connections:
            self.incidents.close(connection, "the recorder stopped")

    def _threshold(self, connection: str, name: str) -> float:
        """Return a threshold of ``kind`` in its unit."""
        return self._expectation(connection).threshold(self.kind, name)

    def _threshold_ns(self, connection: str, name: str) -> int:
        """Return a threshold that is a duration."""
        key = (connection, name)
        found = self._thresholds_ns.get(key)
        if found is None:
            found = self._thresholds_ns[key] = self._expectation(connection).threshold_ns(self.kind, name)
        return found

    def _expectation(self, connection: str) -> Expectation:
        return self._expectations.get(connection, NO_EXPECTATION)

    def _is_watched(self, connection: str) -> bool:
        """Whether the connection is in the configuration and does not silence this kind."""
        return connection in self._watched

    def _on_event(self, event: Event) -> None:
        """Handle a lifecycle event of a watched connection."""

    def _on_standstill(self, event: Event, stopped_ns: int) -> None:
        """Handle that the recorder stood still until this event, on the monotonic clock for ``stopped_ns``."""

    def _on_traffic(self, traffic: Traffic) -> None:
        """Handle what a batch brought on a watched connection."""

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        """Handle the passing of time; called several times a second, also for connections that are not watched."""


def stopped_ns(suspended: Event) -> int:
    """Return how much of the monotonic clock a standstill of the recorder took, from its event."""
    return max(0, (suspended.duration_ns or 0) - asleep_ns(suspended))


def asleep_ns(suspended: Event) -> int:
    """Return how long the machine slept in a standstill of the recorder: the monotonic clock stood still, too."""
    asleep_ms = (suspended.meta or {}).get("asleep_ms")
    return round(asleep_ms * MS_NS) if isinstance(asleep_ms, (int, float)) else 0


def seconds(duration_ns: float) -> str:
    """Format a duration as in ``5.2 s``, ``41 s``."""
    return f"{round(duration_ns / SECOND_NS, 1):g} s"


def counted(number: int, noun: str) -> str:
    """Format a number of things as in ``1 message``, ``1,204 messages``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
