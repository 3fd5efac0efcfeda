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
    from wsmon.trace.metrics import Counter, Histogram, MetricsBackend
    from wsmon.trace.received import Gap, ReceivedEvent, Truncated
    from wsmon.trace.routing import EventMapping, EventRouter
    from wsmon.trace.subscription import EventSubscription

__all__ = [
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
    "Sink",
    "SinkReport",
    "Telemetry",
    "TelemetryError",
    "TraceBackend",
    "TraceEvent",
    "TraceStatistics",
    "TracedTransition",
    "Tracer",
    "Truncated",
    "UnsafePathError",
    "sink_of",
    "telemetry_of",
]

# Loaded when they are asked for: few applications need them
_LATER = {
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
    "TraceBackend": "backend",
    "Truncated": "received",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
