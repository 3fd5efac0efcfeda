"""What an application has begun and not ended: connections and spans, which end with its process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from wsmon.model.events import Event, EventName
from wsmon.model.spans import Instant
from wsmon.model.statuses import OPEN, SESSION_ENDS

# Of what was under way when its process ended
APPLICATION_ENDED: Final = "application_ended"
# Open spans of one application, some 5 MiB; beyond, the oldest are not ended for it
MOST_SPANS: Final = 5_000
_ENDS: Final[Mapping[EventName, EventName]] = MappingProxyType(
    {"trace.request.start": "trace.request.end", "trace.span.start": "trace.span.end"}
)
_END_NAMES: Final = frozenset(_ENDS.values())


class UnderWay:
    """The connections and spans of one application, by its events."""

    def __init__(self) -> None:
        # The newest transition of each connection that is not at its end
        self._connections: dict[str, Event] = {}
        # The start of each span, oldest first
        self._spans: dict[str, Event] = {}

    def __bool__(self) -> bool:
        """Return whether anything is."""
        return bool(self._connections or self._spans)

    def see(self, events: Iterable[Event]) -> None:
        """Take note of events, in their order."""
        for event in events:
            if event.to_status is not None:
                if event.to_status in SESSION_ENDS:
                    self._connections.pop(event.source.connection, None)
                else:
                    self._connections[event.source.connection] = event
            elif event.name in _ENDS:
                if event.span_id:
                    if len(self._spans) >= MOST_SPANS:
                        del self._spans[next(iter(self._spans))]
                    self._spans[event.span_id] = event
            elif event.name in _END_NAMES:
                self._spans.pop(event.span_id, None)

    def ends(self, at: Instant, reason: str) -> list[Event]:
        """Return the events that end all of it, with an error: spans first, those within others before them."""
        spans = [
            msgspec.structs.replace(
                start,
                name=_ENDS[start.name],
                ts_ns=at.ts_ns,
                mono_ns=at.mono_ns,
                duration_ns=max(0, at.mono_ns - start.mono_ns),
                status="error",
                error_type=APPLICATION_ENDED,
                error=reason,
            )
            for start in reversed(self._spans.values())
        ]
        connections = [
            Event(
                last.source,
                "connection.disconnected",
                at.ts_ns,
                at.mono_ns,
                from_status=last.to_status,
                to_status="disconnected",
                reason=reason,
                error_type=APPLICATION_ENDED,
                meta={"open": last.to_status == OPEN},
            )
            for last in self._connections.values()
        ]
        return spans + connections
