"""Finds connections that are open and silent for longer than their data is expected."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model.detectors.base import IncidentDetector, Traffic, counted, seconds
from wsmon.model.events import Event, Source
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN, STOPPED
from wsmon.model.units import MS_NS, SECOND_NS

# Data that is expected more often than that is back when it came in time once: a feed that is always a little late
# would else begin and end an incident with each message. Slower data is back when it comes
STEADY_LIMIT_NS = 60 * SECOND_NS


@dataclass(slots=True)
class _Watch:
    """An open session whose data is waited for."""

    source: Source
    heard_id: int
    """The newest event when data last came, or the one that made it usable: there the silence begins."""
    heard_ns: int
    """monotonic: the newest data, or the opening."""
    stalled_ns: int = 0
    """How long the silence was that data ended last."""
    paused_ns: int | None = None
    """monotonic: since then we do not read, so silence is our own doing."""


class StallDetector(IncidentDetector):
    """Opens an incident ``stall`` when data stays out, closes it when data comes in time or the session ends."""

    kind = "stall"
    silence = "a longer expect_every"
    reads_traffic = True

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._watched: dict[str, _Watch] = {}

    def _see(self, event: Event) -> None:
        connection = event.source.connection
        if event.to_status == OPEN:
            self._watched[connection] = _Watch(event.source, event.id, event.mono_ns)
        elif event.to_status is not None:
            self._watched.pop(connection, None)
            self.incidents.close(connection, "the session ended")
        elif event.name == "self.backpressure":
            self._pause(connection, event)

    def _see_traffic(self, traffic: Traffic) -> None:
        connection = traffic.source.connection
        watch = self._watched.get(connection)
        heard_ns = traffic.newest_data_ns
        if watch is None or heard_ns is None or heard_ns < watch.heard_ns:
            return
        self._hear(watch, heard_ns)
        watch.heard_id = traffic.newest_id or watch.heard_id

    def _look(self, ts_ns: int, mono_ns: int) -> None:
        for connection, watch in self._watched.items():
            every_s = self._expected(connection).every_s
            silent_ns = mono_ns - watch.heard_ns
            if every_s and watch.paused_ns is None and silent_ns > every_s * SECOND_NS:
                expected = f"expected every {seconds(every_s * SECOND_NS)}"
                self.incidents.open(watch.source, f"no data for {seconds(silent_ns)}; {expected}", [watch.heard_id])

    def _hear(self, watch: _Watch, heard_ns: int) -> None:
        connection = watch.source.connection
        silent_ns, watch.heard_ns = heard_ns - watch.heard_ns, heard_ns
        expected_ns = round(self._expected(connection).every_s * SECOND_NS)
        is_late = 0 < expected_ns < silent_ns
        if is_late:
            watch.stalled_ns = silent_ns
        if not is_late or expected_ns > STEADY_LIMIT_NS:
            self.incidents.close(connection, f"data again after {seconds(watch.stalled_ns)}")

    def _pause(self, connection: str, event: Event) -> None:
        """Our own store was slow: the time in which nothing was read is no silence."""
        watch = self._watched.get(connection)
        if watch is None:
            return
        paused_ms = (event.meta or {}).get("paused_ms")
        if not isinstance(paused_ms, (int, float)):
            watch.paused_ns = event.mono_ns
            return
        watch.paused_ns = None
        watch.heard_ns = min(event.mono_ns, watch.heard_ns + round(paused_ms * MS_NS))


# Finds subscriptions that a connection no longer has, though it is open.

# Remembered as lost on a connection; of more, the incident is open until these are back
MOST_TOPICS = 1_000
SHOWN_TOPICS = 3


@dataclass(slots=True)
class _Lost:
    """What a connection should have, and has not."""

    source: Source
    why: str = ""
    """Of the newest."""
    topics: dict[str, int] = field(default_factory=dict)
    """Event ids."""


class SubscriptionDetector(IncidentDetector):
    """Opens ``subscription`` when topics are lost, refused or not confirmed; ends when none is out any more."""

    kind = "subscription"

    def __init__(self) -> None:
        super().__init__()
        # By connection
        self._lost: dict[str, _Lost] = {}

    def _see(self, event: Event) -> None:
        connection = event.source.connection
        is_refused = bool(event.error_type) or event.status == "error"
        match event.name:
            case "subscription.lost":
                self._lose(event)
            case "subscription.subscribe.completed" if is_refused:
                if event.error_type != BROKEN_OFF:  # else it will be asked for anew, or told as lost
                    self._lose(event)
            case "subscription.restored" | "subscription.subscribe.completed" | "subscription.unsubscribe.completed":
                self._regain(connection, event.topic)
            case _ if event.to_status in STOPPED:
                self._lost.pop(connection, None)
                self.incidents.close(connection, "the connection ended")

    def _look(self, ts_ns: int, mono_ns: int) -> None:
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
        lost = self._lost.setdefault(event.source.connection, _Lost(event.source))
        lost.source = event.source
        lost.why = event.error or event.reason
        if len(lost.topics) < MOST_TOPICS:
            lost.topics[event.topic] = event.id

    def _regain(self, connection: str, topic: str) -> None:
        lost = self._lost.get(connection)
        if lost is None:
            return
        lost.topics.pop(topic, None)
        if not lost.topics:
            del self._lost[connection]
            self.incidents.close(connection, "all are back")
