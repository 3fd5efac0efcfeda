"""Events about the recorder itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wsmon.config.specs import Configuration
from wsmon.model.events import RECORDER, Event, EventName, Meta
from wsmon.ports import Clock, EventSink

# What a recorder is told to do, before it does anything.


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """One recording: what, where to, and for how long."""

    prepare: Callable[[], AbstractAsyncContextManager[Configuration]]
    """Entered on the recorder's own loop: the demonstration starts its servers here."""
    store: Path
    socket: Path
    identity: str
    """What the lock says: the configuration's real path, or the URLs of the command line."""
    reload: Callable[[], Configuration] | None = None
    """Reads the configuration again; raises ConfigError; None where there is no file to read."""
    limit_s: float | None = None
    """End after this long."""
    idle_limit_s: float | None = None
    """End this long after the last viewer left."""
    on_event: Callable[[Event], None] | None = None
    """Sees lifecycle events as they are emitted, for talking on stderr."""


class EmitSelfEvent(Protocol):
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


def self_events(sink: EventSink, clock: Clock) -> EmitSelfEvent:
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
