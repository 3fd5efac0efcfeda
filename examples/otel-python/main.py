# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
#   "opentelemetry-instrumentation-logging>=0.66b2,<1",
#   "opentelemetry-sdk>=1.45,<2",
# ]
# ///
"""A Python program with OpenTelemetry's SDK and its default exporter: OTLP over HTTP, protobuf, to localhost:4318.

wsmon receives it with ``otlp_listen = "127.0.0.1:4318"`` in its configuration::

    uv run examples/otel-python/main.py
    wsmon search conn:shop-python
"""

from __future__ import annotations

import logging
import os
import time

from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

os.environ.setdefault("OTEL_SERVICE_NAME", "shop-python")

traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(traces)
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
set_logger_provider(logs)

tracer = trace.get_tracer("shop")
log = logging.getLogger("shop")
log.setLevel(logging.INFO)
log.addHandler(LoggingHandler(logger_provider=logs))


def order(quantity: int) -> None:
    """Serve one request, as an HTTP framework would have the SDK describe it."""
    with tracer.start_as_current_span("GET /orders", kind=SpanKind.SERVER) as request:
        with tracer.start_as_current_span("reserve", attributes={"quantity": quantity}):
            time.sleep(0.02)
            log.info("order of %d placed", quantity)
        failed = quantity > 2
        request.set_attribute("http.response.status_code", 503 if failed else 200)
        if failed:
            request.record_exception(ValueError("out of stock"))
            request.set_status(Status(StatusCode.ERROR, "out of stock"))
        print(f"trace:{request.get_span_context().trace_id:032x}")


for number in (1, 2, 3):
    order(number)
traces.shutdown()
logs.shutdown()
