"""Reporter: emits the lifecycle events of one connection, redacted, and tracks its status."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, Unpack

from wsmon.model.events import CloseBy, Direction, Event, EventName, Json, Meta, Opcode, Source
from wsmon.model.redact.redactor import Redactor
from wsmon.model.statuses import Status, is_allowed
from wsmon.ports import Clock, EventSink


class LifecycleFields(TypedDict, total=False):
    """Fields of a lifecycle event that the caller of ``emit`` may set; see ``Event``."""

    direction: Direction
    opcode: Opcode
    duration_ns: int | None
    status: int | None
    close_code: int | None
    close_by: CloseBy
    reason: str
    error_type: str
    error: str


class Reporter:
    """Emits the lifecycle of one connection; ``status`` follows the transitions that it emits.

    A transition that ``model.statuses`` does not allow is emitted and flagged (``meta.illegal``), never refused.
    """

    def __init__(
        self, source: Source, redactor: Redactor, sink: EventSink, clock: Clock, status: Status = "initialized"
    ) -> None:
        # Source of events between two sessions
        self.base = source
        # Source of events of the current session; ``base`` where there is none
        self.source = source
        self.redactor = redactor
        self.status: Status = status
        self._sink = sink
        self._clock = clock

    def emit(
        self, name: EventName, to: Status | None = None, meta: Meta | None = None, **fields: Unpack[LifecycleFields]
    ) -> Event:
        """Emit and return a lifecycle event, with ``to`` a transition; ``reason`` and ``error`` are redacted here."""
        before = None
        if to is not None:
            before, self.status = self.status, to
            if not is_allowed(before, to):
                meta = {**(meta or {}), "illegal": True}
        for key in ("reason", "error"):
            if fields.get(key):
                fields[key] = self.redactor.text(fields[key])
        event = Event(
            self.source,
            name,
            self._clock.wall_ns(),
            self._clock.mono_ns(),
            from_status=before,
            to_status=to,
            meta=meta or None,
            **fields,
        )
        self._sink.emit(event)
        return event

    def headers(self, headers: Iterable[tuple[str, str]], request: Iterable[tuple[str, str]] = ()) -> list[Json]:
        """Return headers for ``meta``: ``[[name, value], …]``, credentials masked; ``request``: those they answer."""
        return [[name, value] for name, value in self.redactor.headers(headers, request)]
