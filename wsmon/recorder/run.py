"""RecorderOptions, what one recording is started with; self_events, which emits events about the recorder itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from wsmon.config.specs import Configuration
from wsmon.model.events import RECORDER, Event, EventName, Meta
from wsmon.model.snapshot import Routes
from wsmon.ports import Clock, EventSink

# Connections that a reason names
_NAMED = 8
# Reports a fault of ours in a sink, "prometheus", "otlp" or so, which ends no recording
ReportFault: TypeAlias = Callable[[str, Exception], None]


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """Options of one recording: what to record, into which store, and for how long."""

    prepare: Callable[[], AbstractAsyncContextManager[Configuration]]
    """Entered on the event loop of the recorder: the demo starts its servers here."""
    store: Path
    socket: Path
    identity: str
    """Written into the lock: the real path of the configuration, or the URLs of the command line."""
    reload: Callable[[], Configuration] | None = None
    """Reads the configuration again, or raises ``ConfigError``; None where there is no file to read."""
    limit_s: float | None = None
    """End after this long; None: no limit."""
    idle_limit_s: float | None = None
    """End this long after the last viewer left; None: no limit."""
    child_descriptors: int | None = None
    """Limit on open files of the programs that the recorder starts; None: its own."""
    state_folder: Path | None = None
    """Of the user: takes the note of lost events where the folder of the store takes nothing; None: there alone."""
    program: tuple[str, ...] = ()
    """What starts a command of wsmon, which follows; empty: none is started, and no bundles are written."""
    on_listening: Callable[[Routes], None] | None = None
    """Called with the routes of the relays that listen, by their names, before ``on_ready``."""
    on_event: Callable[[Event], None] | None = None
    """Called with each lifecycle event when it is emitted, to print it on stderr."""


class EmitSelfEvent(Protocol):
    """Emits an event about the recorder itself, with the present time."""

    def __call__(
        self,
        name: EventName,
        *,
        status: str | None = None,
        reason: str = "",
        error_type: str = "",
        error: str = "",
        duration_ns: int | None = None,
        meta: Meta | None = None,
    ) -> None:
        """Emit; the fields are those of ``Event``."""
        ...


def self_events(sink: EventSink, clock: Clock) -> EmitSelfEvent:
    """Return a function that emits events about the recorder into ``sink``."""

    def emit(
        name: EventName,
        *,
        status: str | None = None,
        reason: str = "",
        error_type: str = "",
        error: str = "",
        duration_ns: int | None = None,
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
                duration_ns=duration_ns,
                meta=meta,
            )
        )

    return emit


def emit_start(emit: EmitSelfEvent, version: str, pid: int, open_at_cut_off: Sequence[str] | None) -> None:
    """Emit ``self.run.started``; where the last recorder was cut off, it says what was open then."""
    meta: Meta = {"version": version, "pid": pid}
    if open_at_cut_off is None:
        emit("self.run.started", meta=meta)
        return
    reason = "the last recorder did not record its end"
    if open_at_cut_off:
        more = len(open_at_cut_off) - _NAMED
        names = ", ".join(open_at_cut_off[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        reason += f"; open then, unknown since: {names}"
    emit("self.run.started", reason=reason, meta={**meta, "open_at_cut_off": len(open_at_cut_off)})
