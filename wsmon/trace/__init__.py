"""Tracing for applications: events of a Python program, in the recording that wsmon shows; docs/trace.md."""

from wsmon.trace.events import TraceEvent
from wsmon.trace.sink import Sink, SinkReport, sink_of

__all__ = ["Sink", "SinkReport", "TraceEvent", "sink_of"]
