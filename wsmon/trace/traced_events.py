"""TracedEvents: the events of the engine's paths, as events that an application reports."""

from __future__ import annotations

import msgspec

from wsmon.model.block import Block
from wsmon.model.events import Event
from wsmon.model.units import MS_NS
from wsmon.trace.context import CURRENT_SPAN
from wsmon.trace.events import TraceEvent
from wsmon.trace.handling import Handling
from wsmon.trace.sink import Sink
from wsmon.trace.spans import TraceParent


class TracedEvents:
    """An ``EventSink`` (wsmon/ports.py) before a ``Sink``; messages get the span in which they are handled.

    With ``is_held`` it keeps events until ``join`` says which trace they belong to.
    """

    # The sink is bounded itself: it counts what finds no place, and delays nobody's socket
    is_full = False

    def __init__(self, sink: Sink, handling: Handling, parent_id: str = "", *, is_held: bool = False) -> None:
        """``parent_id`` is the span in which the session was begun; empty = none."""
        self._sink = sink
        self._handling = handling
        self._parent_id = parent_id
        # Those of the lifecycle before the upgrade: few
        self._held: list[TraceEvent] | None = [] if is_held else None
        # Of the caller; empty = that of the session itself
        self._trace_id = ""
        self._is_remote = False

    def join(self, caller: TraceParent | None) -> None:
        """Let the session belong to the trace of a caller, or to its own, and report what was held."""
        held, self._held = self._held, None
        if held is None:
            return
        if caller is not None:
            self._trace_id, self._parent_id, self._is_remote = caller.trace_id, caller.span_id, True
            self._handling.join(caller.trace_id)
        for event in held:
            self._report(event)

    def emit(self, event: Event) -> None:
        """Report any event but a message."""
        self._report(reported(event, event.span_id, event.parent_id))

    def emit_message(self, event: Event) -> None:
        """Report a message or a heartbeat: one that came in with the span of its handling, one that goes out within
        the span that sends it.
        """
        span_id, parent_id = event.span_id, event.parent_id
        if event.name == "message.received":
            span_id = self._handling.arrived(span_id)
        elif event.name == "message.sent" and not parent_id:
            current = CURRENT_SPAN.get()
            if current is not None and current.trace_id == (self._trace_id or event.source.trace_id):
                parent_id = current.span_id
        self._report(reported(event, span_id, parent_id))

    def emit_block(self, block: Block) -> None:
        """Report the messages of a block one by one."""
        for number in range(block.count):
            self.emit_message(block.event(number))

    def _report(self, event: TraceEvent) -> None:
        if self._held is not None:
            self._held.append(event)
            return
        if self._trace_id:
            event = msgspec.structs.replace(event, trace_id=self._trace_id)
        if self._parent_id and event.name == "connection.started":
            meta = {**(event.meta or {}), "remote": True} if self._is_remote else event.meta
            event = msgspec.structs.replace(event, parent_id=self._parent_id, meta=meta)
        self._sink.emit(event)


def reported(event: Event, span_id: str, parent_id: str) -> TraceEvent:
    """Return an event of the engine as an application reports it."""
    payload: str | bytes | None = event.payload
    if isinstance(payload, bytes) and event.opcode != "" and event.holds_text:
        payload = payload.decode("utf-8", "replace")
    source = event.source
    return TraceEvent(
        name=event.name,
        ts_ns=event.ts_ns,
        mono_ns=event.mono_ns,
        connection=source.connection,
        group=source.group,
        connection_id=source.connection_id,
        trace_id=source.trace_id,
        span_id=span_id,
        parent_id=parent_id,
        direction=event.direction,
        opcode=event.opcode,
        from_status=event.from_status,
        to_status=event.to_status,
        type=event.type,
        topic=event.topic,
        ref=event.ref,
        size=event.size,
        wire_size=event.wire_size,
        duration_ms=None if event.duration_ns is None else event.duration_ns / MS_NS,
        status=event.http_status,
        outcome=event.outcome,
        close_code=event.close_code,
        close_by=event.close_by,
        reason=event.reason,
        error_type=event.error_type,
        error=event.error,
        payload=payload,
        truncated=event.truncated,
        redacted=event.redacted,
        meta=event.meta,
    )
