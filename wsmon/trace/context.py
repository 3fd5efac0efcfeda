"""Context of a trace: the span that the running code belongs to, per task and thread (``contextvars``)."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Final, NamedTuple


class SpanContext(NamedTuple):
    """What an event needs to find its place in a waterfall."""

    trace_id: str
    """32 hex digits, or a correlation id of the application."""
    span_id: str
    """16 hex digits; the parent of spans that begin in this context."""


# None: no span has begun
CURRENT_SPAN: Final[ContextVar[SpanContext | None]] = ContextVar("wsmon.trace.span", default=None)


def child_context(trace_id: str = "") -> tuple[SpanContext, str]:
    """Return a new span and the id of its parent, empty for a root.

    It belongs to the trace of the current span, unless ``trace_id`` names another one; without both, to a new one.
    """
    current = CURRENT_SPAN.get()
    if current is None or trace_id not in ("", current.trace_id):
        return SpanContext(trace_id or os.urandom(16).hex(), os.urandom(8).hex()), ""
    return SpanContext(current.trace_id, os.urandom(8).hex()), current.span_id
