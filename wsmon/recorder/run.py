"""Events about the recorder itself."""

from __future__ import annotations

from typing import Protocol

from wsmon.model.events import RECORDER, Event, EventName, Meta
from wsmon.ports import Clock, EventSink


class EmitOwn(Protocol):
    """Emits an event of the recorder's own, now."""

    def __call__(
        self,
        name: EventName,
        *,
        status: str | None = None,
        reason: str = "",
        error_type: str = "",
        error: str = "",
        meta: Meta | None = None,
    ) -> None:
        """Fields as in ``Event``."""
        ...


def own_events(sink: EventSink, clock: Clock) -> EmitOwn:
    """The function that emits into ``sink``."""

    def emit(
        name: EventName,
        *,
        status: str | None = None,
        reason: str = "",
        error_type: str = "",
        error: str = "",
        meta: Meta | None = None,
    ) -> None:
        sink.emit(
            Event(
                RECORDER,
                name,
                clock.wall_ns(),
                clock.mono_ns(),
                status=status,
                reason=reason,
                error_type=error_type,
                error=error,
                meta=meta,
            )
        )

    return emit
