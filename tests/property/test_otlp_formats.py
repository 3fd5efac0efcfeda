"""A request of OTLP means the same in protobuf, as google's library writes it, and in JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.otlp_requests import json_logs, json_spans
from wsmon.recorder.otlp_records import records
from wsmon.recorder.otlp_wire import JSON, PROTOBUF, partial_success, read_request

TEXTS = st.text(max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(1, 2**63 - 1).map(str)
VALUES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    TEXTS.map(lambda of: {"stringValue": of})
    | st.booleans().map(lambda of: {"boolValue": of})
    | NUMBERS.map(lambda of: {"intValue": str(of)})
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda of: {"doubleValue": of})
    | st.binary(max_size=9).map(lambda of: {"bytesValue": base64.b64encode(of).decode()}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda of: {"arrayValue": {"values": of}})
        | st.lists(st.tuples(TEXTS, inner), max_size=3).map(
            lambda of: {"kvlistValue": {"values": [{"key": key, "value": value} for key, value in of]}}
        )
    ),
    max_leaves=5,
)
ATTRIBUTES = st.lists(st.builds(lambda key, value: {"key": key, "value": value}, TEXTS, VALUES), max_size=3)
IDS = {"traceId": st.binary(min_size=16, max_size=16), "spanId": st.binary(min_size=8, max_size=8)}
SPANS = st.fixed_dictionaries(
    {**IDS, "startTimeUnixNano": TIMES, "endTimeUnixNano": TIMES},
    optional={
        "parentSpanId": st.binary(min_size=8, max_size=8),
        "name": TEXTS,
        "kind": st.integers(0, 5),
        "attributes": ATTRIBUTES,
        "status": st.fixed_dictionaries({"code": st.integers(0, 2)}, optional={"message": TEXTS}),
        "events": st.lists(
            st.fixed_dictionaries({"timeUnixNano": TIMES, "name": TEXTS, "attributes": ATTRIBUTES}), max_size=2
        ),
        # What wsmon does not keep
        "traceState": TEXTS,
        "flags": st.integers(0, 2**32 - 1),
        "droppedEventsCount": st.integers(0, 9),
    },
)
LOGS = st.fixed_dictionaries(
    {},
    optional={
        **IDS,
        "timeUnixNano": TIMES,
        "observedTimeUnixNano": TIMES,
        "severityNumber": st.integers(0, 24),
        "severityText": TEXTS,
        "eventName": TEXTS,
        "body": VALUES,
        "attributes": ATTRIBUTES,
    },
)


def with_ids(record: dict[str, Any], *, are_hex: bool) -> dict[str, Any]:
    """A record with its ids as text: hex in OTLP's JSON, base64 in that of protobuf."""
    return {
        key: value if not isinstance(value, bytes) else value.hex() if are_hex else base64.b64encode(value).decode()
        for key, value in record.items()
    }


@given(st.lists(SPANS, max_size=3))
def test_spans(spans: list[dict[str, Any]]) -> None:
    request = json_spans(*(with_ids(each, are_hex=True) for each in spans), service_namespace="web")
    theirs = json_spans(*(with_ids(each, are_hex=False) for each in spans), service_namespace="web")
    body = ParseDict(theirs, ExportTraceServiceRequest()).SerializeToString()
    found = list(records("traces", read_request("traces", PROTOBUF, body)))
    assert found == list(records("traces", read_request("traces", JSON, json.dumps(request).encode())))
    assert len(found) == len(spans)


@given(st.lists(LOGS, max_size=3))
def test_logs(logs: list[dict[str, Any]]) -> None:
    request = json_logs(*(with_ids(each, are_hex=True) for each in logs))
    theirs = json_logs(*(with_ids(each, are_hex=False) for each in logs))
    body = ParseDict(theirs, ExportLogsServiceRequest()).SerializeToString()
    found = list(records("logs", read_request("logs", PROTOBUF, body)))
    assert found == list(records("logs", read_request("logs", JSON, json.dumps(request).encode())))
    assert len(found) == len(logs)


@given(st.integers(1, 2**40), st.text(max_size=50))
def test_a_partial_success_is_read_by_the_library(rejected: int, problem: str) -> None:
    spans = ExportTraceServiceResponse.FromString(partial_success(PROTOBUF, "traces", rejected, problem))
    assert (spans.partial_success.rejected_spans, spans.partial_success.error_message) == (rejected, problem)
    logs = ExportLogsServiceResponse.FromString(partial_success(PROTOBUF, "logs", rejected, problem))
    assert (logs.partial_success.rejected_log_records, logs.partial_success.error_message) == (rejected, problem)
