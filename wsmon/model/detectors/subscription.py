"""Finds subscriptions that a connection no longer has, though it is open."""

from __future__ import annotations

from dataclasses import dataclass, field

from wsmon.model.detectors.detector import IncidentDetector, counted
from wsmon.model.events import Event, Source
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import STOPPED

MOST_TOPICS = 1_000
# remembered as lost on a connection; of more, the incident is open until these are back
SHOWN_TOPICS = 3


@dataclass(slots=True)
class _Lost:
    """What a connection should have, and has not."""

    source: Source
    why: str = ""
    # of the newest
    topics: dict[str, int] = field(default_factory=dict)
    # event ids


class SubscriptionDetector(IncidentDetector):
    """Opens ``subscription`` when topics are lost, refused or not confirmed; ends when none is out any more."""

    kind = "subscription"

    def __init__(self) -> None:
        super().__init__()
        self._lost: dict[str, _Lost] = {}
        # by connection

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
