"""Detectors of missing data: stalled connections, and subscriptions that are lost while the connection is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wsmon.model.detectors.base import Expectation, IncidentDetector, Traffic, counted, seconds
from wsmon.model.events import Event, Json, Source
from wsmon.model.incident_kinds import STALL, SUBSCRIPTION
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN, STOPPED
from wsmon.model.units import MS_NS, SECOND_NS

# Where data is expected more often than this, a stall ends when a message came in time: a feed that is always a little
# late would otherwise open and close an incident with each message. Slower data ends a stall when it comes
STEADY_LIMIT_NS = 60 * SECOND_NS


# As an MQTT broker does, which waits for CONNECT, some of them for ever
_UNUSED = (
    "the server accepted the upgrade, but no messages have been exchanged since: possibly it waits for the client to "
    "speak first (set protocol, subscribe or send)"
)


@dataclass(slots=True)
class _OpenSession:
    """A usable session and the time of its newest data."""

    source: Source
    heard_id: int
    """The event with which the silence begins: the newest one when data last came, or the opening."""
    heard_ns: int
    """Monotonic time of the newest data, or of the opening."""
    stalled_ns: int = 0
    """Duration of the newest silence that was too long and that data ended."""
    paused_ns: int | None = None
    """Monotonic time since which the recorder does not read, so that silence proves nothing; None while it reads."""
    is_unused: bool = True
    """Whether no message went in either direction yet."""


class StallDetector(IncidentDetector):
    """Opens ``stall`` when no data comes within ``expect_every``; data in time or the end of the session ends it."""

    kind = STALL
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._sessions: dict[str, _OpenSession] = {}
        # The longest time without data, of the connections that have a limit
        self._expected_ns: dict[str, int] = {}

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """See the base class."""
        super().configure(expectations)
        every = ((name, round(expectation.every_s * SECOND_NS)) for name, expectation in expectations.items())
        self._expected_ns = {name: expected_ns for name, expected_ns in every if expected_ns}

    def _on_event(self, event: Event) -> None:
        connection = event.source.connection
        if event.to_status == OPEN:
            self._sessions[connection] = _OpenSession(event.source, event.id, event.mono_ns)
        elif event.to_status is not None:
            self._sessions.pop(connection, None)
            self.incidents.close(connection, "the session ended")
        elif event.name == "self.backpressure":
            self._pause(connection, event)
        elif event.name == "self.shed" and connection in self._sessions:
            # What was not kept may have been data, and it is not known when the last of it came
            session = self._sessions[connection]
            session.heard_ns = max(session.heard_ns, event.mono_ns)
            session.is_unused = False

    def _on_standstill(self, event: Event, stopped_ns: int) -> None:
        """Do not count the time in which the recorder stood still as silence."""
        for session in self._sessions.values():
            session.heard_ns = min(event.mono_ns, session.heard_ns + stopped_ns)

    def _on_traffic(self, traffic: Traffic) -> None:
        connection = traffic.source.connection
        session = self._sessions.get(connection)
        heard_ns = traffic.newest_data_ns
        if session is not None and traffic.messages:
            session.is_unused = False
        if session is None or heard_ns is None or heard_ns < session.heard_ns:
            return
        self._hear(connection, session, heard_ns)
        session.heard_id = traffic.newest_id or session.heard_id

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, session in self._sessions.items():
            expected_ns = self._expected_ns.get(connection)
            if expected_ns is None or session.paused_ns is not None:
                continue
            silent_ns = mono_ns - session.heard_ns
            if silent_ns > expected_ns:
                reason = f"no data for {seconds(silent_ns)} (expected every {seconds(expected_ns)})"
                if session.is_unused:
                    reason += f"; {_UNUSED}"
                facts: Mapping[str, Json] = {"silent_ms": round(silent_ns / MS_NS)}
                self.incidents.open(session.source, reason, [session.heard_id], facts)

    def _hear(self, connection: str, session: _OpenSession, heard_ns: int) -> None:
        silent_ns, session.heard_ns = heard_ns - session.heard_ns, heard_ns
        expected_ns = self._expected_ns.get(connection, 0)
        is_late = 0 < expected_ns < silent_ns
        if is_late:
            session.stalled_ns = silent_ns
        if connection in self.incidents and (not is_late or expected_ns > STEADY_LIMIT_NS):
            self.incidents.close(connection, f"data again after {seconds(session.stalled_ns)}")

    def _pause(self, connection: str, event: Event) -> None:
        """Do not count the time in which the recorder paused reading, because its store was slow, as silence."""
        session = self._sessions.get(connection)
        if session is None:
            return
        paused_ms = (event.meta or {}).get("paused_ms")
        if not isinstance(paused_ms, (int, float)):
            session.paused_ns = event.mono_ns
            return
        session.paused_ns = None
        session.heard_ns = min(event.mono_ns, session.heard_ns + round(paused_ms * MS_NS))


# Lost topics remembered on a connection; where there are more, the incident ends when these are back
MAX_TOPICS = 1_000
SHOWN_TOPICS = 3


@dataclass(slots=True)
class _LostTopics:
    """The subscriptions that a connection should have and does not have."""

    source: Source
    why: str = ""
    """Of the newest loss, as the peer put it; empty where it gave no reason."""
    topics: dict[str, int] = field(default_factory=dict)
    """Topic to the id of the event of its loss."""


class SubscriptionDetector(IncidentDetector):
    """Opens ``subscription`` when topics are lost, refused or not confirmed; having all of them back ends it."""

    kind = SUBSCRIPTION

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._lost: dict[str, _LostTopics] = {}

    def _on_event(self, event: Event) -> None:
        connection = event.source.connection
        is_refused = bool(event.error_type) or event.status == "error"
        match event.name:
            case "subscription.lost":
                self._lose(event)
            case "subscription.subscribe.completed" if is_refused:
                # A request that the end of the session interrupted is repeated, or followed by an event of its loss
                if event.error_type != BROKEN_OFF:
                    self._lose(event)
            case "subscription.restored" | "subscription.subscribe.completed" | "subscription.unsubscribe.completed":
                self._regain(connection, event.topic)
            case _ if event.to_status in STOPPED:
                self._lost.pop(connection, None)
                self.incidents.close(connection, "the connection ended")

    def _on_tick(self, ts_ns: int, mono_ns: int) -> None:
        for connection, lost in self._lost.items():
            if connection not in self.incidents and self._is_watched(connection):
                shown = ", ".join(filter(None, list(lost.topics)[:SHOWN_TOPICS]))
                reason = f"{counted(len(lost.topics), 'subscription')} lost: {shown}"
                if len(lost.topics) > SHOWN_TOPICS:
                    reason += f" and {len(lost.topics) - SHOWN_TOPICS:,} more"
                if lost.why:
                    reason += f" ({lost.why})"
                self.incidents.open(lost.source, reason, lost.topics.values(), {"topics": list(lost.topics)})

    def _lose(self, event: Event) -> None:
        lost = self._lost.setdefault(event.source.connection, _LostTopics(event.source))
        lost.source = event.source
        lost.why = event.error or event.reason
        if len(lost.topics) < MAX_TOPICS:
            lost.topics[event.topic] = event.id

    def _regain(self, connection: str, topic: str) -> None:
        lost = self._lost.get(connection)
        if lost is None:
            return
        lost.topics.pop(topic, None)
        if not lost.topics:
            del self._lost[connection]
            self.incidents.close(connection, "all are back")
