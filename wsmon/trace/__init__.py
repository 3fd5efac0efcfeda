"""Tracing for applications: events of a Python program, in the recording that wsmon shows; docs/trace.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsmon.trace.events import TraceEvent
from wsmon.trace.history import TracedTransition
from wsmon.trace.sink import Sink, SinkReport, sink_of
from wsmon.trace.telemetry import AttachedHandler, Telemetry, TelemetryError, telemetry_of
from wsmon.trace.tracer import Tracer, TraceStatistics, UnsafePathError

if TYPE_CHECKING:
    from wsmon.trace.backend import BackendStats, TraceBackend
    from wsmon.trace.bus import Bus
    from wsmon.trace.connections import connect, serve
    from wsmon.trace.metrics import Counter, Histogram, MetricsBackend
    from wsmon.trace.received import Gap, ReceivedEvent, Truncated
    from wsmon.trace.requests import RequestMiddleware, RequestTracer, TracedRequest
    from wsmon.trace.routing import EventMapping, EventRouter
    from wsmon.trace.spans import (
        ActiveSpan,
        SpanScope,
        TraceParent,
        current_span,
        inject,
        parse_traceparent,
        record,
        span,
        traceparent,
    )
    from wsmon.trace.subscription import EventSubscription
    from wsmon.trace.trace_spans import TraceSpan, UnknownTraceError, waterfall

__all__ = [
    "ActiveSpan",
    "AttachedHandler",
    "BackendStats",
    "Bus",
    "Counter",
    "EventMapping",
    "EventRouter",
    "EventSubscription",
    "Gap",
    "Histogram",
    "MetricsBackend",
    "ReceivedEvent",
    "RequestMiddleware",
    "RequestTracer",
    "Sink",
    "SinkReport",
    "SpanScope",
    "Telemetry",
    "TelemetryError",
    "TraceBackend",
    "TraceEvent",
    "TraceParent",
    "TraceSpan",
    "TraceStatistics",
    "TracedRequest",
    "TracedTransition",
    "Tracer",
    "Truncated",
    "UnknownTraceError",
    "UnsafePathError",
    "connect",
    "current_span",
    "inject",
    "parse_traceparent",
    "record",
    "serve",
    "sink_of",
    "span",
    "telemetry_of",
    "traceparent",
    "waterfall",
]

# Loaded when they are asked for: few applications need them
_LATER = {
    "ActiveSpan": "spans",
    "BackendStats": "backend",
    "Bus": "bus",
    "Counter": "metrics",
    "EventMapping": "routing",
    "EventRouter": "routing",
    "EventSubscription": "subscription",
    "Gap": "received",
    "Histogram": "metrics",
    "MetricsBackend": "metrics",
    "ReceivedEvent": "received",
    "RequestMiddleware": "requests",
    "RequestTracer": "requests",
    "SpanScope": "spans",
    "TraceBackend": "backend",
    "TraceParent": "spans",
    "TraceSpan": "trace_spans",
    "TracedRequest": "requests",
    "Truncated": "received",
    "UnknownTraceError": "trace_spans",
    "current_span": "spans",
    "inject": "spans",
    "parse_traceparent": "spans",
    "record": "spans",
    "span": "spans",
    "traceparent": "spans",
    "waterfall": "trace_spans",
    "connect": "connections",
    "serve": "connections",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
