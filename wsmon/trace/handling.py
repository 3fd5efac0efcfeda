"""Handling: the span in which an application handles a message, from the return of ``recv`` to the next call of it.

The message has the id of that span, and what the application does meanwhile (spans, events, messages that it sends) is
its child, in the task that received it and in those that it begins.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from websockets.asyncio.connection import Connection

from wsmon.model.events import Source
from wsmon.model.units import MS_NS
from wsmon.ports import Clock
from wsmon.trace.context import CURRENT_REPORTER, CURRENT_SPAN, SpanContext, SpanReporter
from wsmon.trace.events import TraceEvent
from wsmon.trace.sink import Sink
from wsmon.trace.telemetry import text_of

# Type of the spans
HANDLE: Final = "handle"


class Handling:
    """The handling of the messages of one session, in their order."""

    def __init__(self, sink: Sink, source: Source, clock: Clock) -> None:
        self._sink = sink
        # Where the spans of the application go meanwhile
        self._reporter = SpanReporter(source.connection, source.group, sink, clock, source.connection_id)
        self._source = source
        # Spans of messages that came in and were not received yet, and of those that are received piece by piece
        self._arrived: deque[str] = deque()
        self._early: deque[str] = deque()
        # Of the message that is handled; None between two
        self._span: SpanContext | None = None
        # Of the message that was received last: the task that received it may still be in it
        self._entered: SpanContext | None = None
        self._outer: tuple[SpanContext | None, SpanReporter | None] = (None, None)
        self._parent_id = ""
        self._began_ns = 0

    def join(self, trace_id: str) -> None:
        """Belong to another trace from now on; nothing is handled yet."""
        self._source = msgspec.structs.replace(self._source, trace_id=trace_id)

    def arrived(self, span_id: str = "") -> str:
        """Take a message that came in whole; return the id of its span."""
        if self._early:
            return self._early.popleft()
        span_id = span_id or os.urandom(8).hex()
        self._arrived.append(span_id)
        return span_id

    def attach(self, connection: Connection) -> None:
        """Bracket the handling of what the application receives from a connection."""
        recv, recv_streaming, close = connection.recv, connection.recv_streaming, connection.close

        async def traced_recv(decode: bool | None = None) -> Any:
            self.end()
            message = await recv(decode)
            self.begin()
            return message

        async def traced_recv_streaming(decode: bool | None = None) -> AsyncIterator[Any]:
            self.end()
            pieces: Any = recv_streaming(decode)
            has_begun = False
            try:
                async for piece in pieces:
                    if not has_begun:
                        has_begun = True
                        self.begin()
                    yield piece
            finally:
                await pieces.aclose()

        async def traced_close(*arguments: Any, **options: Any) -> None:
            await close(*arguments, **options)
            self.end()

        connection.close = traced_close  # type: ignore[method-assign]  # of this connection alone
        connection.recv = traced_recv  # type: ignore[method-assign]  # of this connection alone
        connection.recv_streaming = traced_recv_streaming  # type: ignore[method-assign]  # the same

    def enter_connection(self) -> None:
        """Let what the running task does between messages belong to the connection; for a task of its own."""
        CURRENT_SPAN.set(SpanContext(self._source.trace_id, self._source.connection_id))
        CURRENT_REPORTER.set(self._reporter)

    def begin(self) -> None:
        """Begin to handle the next message: the application received it."""
        if self._arrived:
            span_id = self._arrived.popleft()
        else:
            span_id = os.urandom(8).hex()
            self._early.append(span_id)
        self._outer = CURRENT_SPAN.get(), CURRENT_REPORTER.get()
        # What the receiving code is part of: a request or span of the application, else the connection
        current = CURRENT_SPAN.get() or SpanContext(self._source.trace_id, self._source.connection_id)
        self._parent_id = current.span_id
        self._span = self._entered = SpanContext(current.trace_id, span_id)
        CURRENT_SPAN.set(self._span)
        CURRENT_REPORTER.set(self._reporter)
        ts_ns, self._began_ns = self._reporter.now()
        self._emit("trace.span.start", ts_ns, self._began_ns)

    def end(self, error: BaseException | None = None) -> None:
        """End the handling of the message, if one is handled; ``error`` is what it raised."""
        # The end of the connection may have ended it, or another task; and code may have entered a span of its own
        if self._entered is not None and CURRENT_SPAN.get() is self._entered:
            CURRENT_SPAN.set(self._outer[0])
            CURRENT_REPORTER.set(self._outer[1])
        if self._span is None:
            return
        now = self._reporter.now()
        took_ms = (now[1] - self._began_ns) / MS_NS
        if error is None:
            self._emit("trace.span.end", *now, duration_ms=took_ms, outcome="ok")
        else:
            self._emit(
                "trace.span.end",
                *now,
                duration_ms=took_ms,
                outcome="error",
                error_type=type(error).__name__,
                error=text_of(error),
                # Cancellation and exits ask the application to end
                meta={"kind": "error" if isinstance(error, Exception) else "exit"},
            )
        self._span = None

    def _emit(self, name: str, ts_ns: int, mono_ns: int, **fields: Any) -> None:
        assert self._span is not None
        source = self._source
        self._sink.emit(
            TraceEvent(
                name=name,
                ts_ns=ts_ns,
                mono_ns=mono_ns,
                type=HANDLE,
                connection=source.connection,
                group=source.group,
                connection_id=source.connection_id,
                trace_id=self._span.trace_id,
                span_id=self._span.span_id,
                parent_id=self._parent_id,
                **fields,
            )
        )
