"""The status of one connection, and its lifecycle events: what is said about it, redacted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, Unpack

from wsmon.model.events import CloseBy, Direction, Event, EventName, Json, Meta, Opcode, Source
from wsmon.model.redact import Redactor
from wsmon.model.statuses import Status, is_allowed
from wsmon.ports import Clock, EventSink


class Fields(TypedDict, total=False):
    """Fields of a lifecycle event that its emitter chooses."""

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

    A transition that the table does not allow is emitted and flagged (``meta.illegal``), never refused.
    """

    def __init__(
        self, source: Source, redactor: Redactor, sink: EventSink, clock: Clock, status: Status = "initialized"
    ) -> None:
        self.base = source
        # of the connection between two sessions
        self.source = source
        # of the session, while there is one
        self.redactor = redactor
        self.status: Status = status
        self._sink = sink
        self._clock = clock

    def emit(
        self, name: EventName, to: Status | None = None, meta: Meta | None = None, **fields: Unpack[Fields]
    ) -> Event:
        """Emit a lifecycle event, with ``to`` a transition; ``reason`` and ``error`` are redacted here."""
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

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[Json]:
        """Headers for ``meta``: ``[[name, value], …]``, credentials masked."""
        return [[name, value] for name, value in self.redactor.headers(headers)]
