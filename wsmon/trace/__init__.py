"""Tracing for applications: events of a Python program, in the recording that wsmon shows; docs/trace.md."""

from wsmon.trace.events import TraceEvent
from wsmon.trace.history import TracedTransition
from wsmon.trace.sink import Sink, SinkReport, sink_of
from wsmon.trace.telemetry import AttachedHandler, Telemetry, TelemetryError, telemetry_of
from wsmon.trace.tracer import Tracer, TraceStatistics, UnsafePathError

__all__ = [
    "AttachedHandler",
    "Sink",
    "SinkReport",
    "Telemetry",
    "TelemetryError",
    "TraceEvent",
    "TraceStatistics",
    "TracedTransition",
    "Tracer",
    "UnsafePathError",
    "sink_of",
    "telemetry_of",
]
