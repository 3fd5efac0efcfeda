"""Context of a trace: the span that the running code belongs to, per task and thread (``contextvars``)."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from wsmon.ports import Clock
    from wsmon.trace.sink import Sink


class SpanContext(NamedTuple):
    """What an event needs to find its place in a waterfall."""

    trace_id: str
    """32 hex digits, or a correlation id of the application."""
    span_id: str
    """16 hex digits; the parent of spans that begin in this context."""


# None: no span has begun
CURRENT_SPAN: Final[ContextVar[SpanContext | None]] = ContextVar("wsmon.trace.span", default=None)


class SpanReporter(NamedTuple):
    """Where the spans of a service go: its row on the screen, its sink, its clock."""

    connection: str
    group: str
    sink: Sink
    clock: Clock
    connection_id: str = ""
    """The session that they belong to, 16 hex digits; empty = none."""

    def now(self) -> tuple[int, int]:
        """Return wall and monotonic time, in nanoseconds."""
        return self.clock.wall_ns(), self.clock.mono_ns()


# Of the request or span of a service that the running code is part of; None: of none
CURRENT_REPORTER: Final[ContextVar[SpanReporter | None]] = ContextVar("wsmon.trace.reporter", default=None)


def child_context(trace_id: str = "") -> tuple[SpanContext, str]:
    """Return a new span and the id of its parent, empty for a root.

    It belongs to the trace of the current span, unless ``trace_id`` names another one; without both, to a new one.
    """
    current = CURRENT_SPAN.get()
    if current is None or trace_id not in ("", current.trace_id):
        return SpanContext(trace_id or os.urandom(16).hex(), os.urandom(8).hex()), ""
    return SpanContext(current.trace_id, os.urandom(8).hex()), current.span_id
