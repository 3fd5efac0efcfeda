"""What spans and log records become: the lines of an application."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.support.otlp_requests import SPAN_ID, START_NS, TRACE_ID, json_logs, json_span, json_spans
from wsmon.recorder.intake import ReportedLine
from wsmon.recorder.otlp_records import MOST_RECORDS, records
from wsmon.recorder.otlp_wire import TooLargeError

OF_SHOP: dict[str, Any] = {"connection": "shop", "trace_id": TRACE_ID, "span_id": SPAN_ID}


def attribute(key: str, value: object, kind: str = "stringValue") -> dict[str, Any]:
    return {"key": key, "value": {kind: value}}


def lines(found: object) -> tuple[ReportedLine, ...]:
    assert isinstance(found, tuple), found
    return found


def test_a_span_of_a_server_is_a_request() -> None:
    span = json_span(
        parentSpanId="6C" * 8, attributes=[attribute("http.response.status_code", "200", "intValue")], flags=1
    )
    ((begin, end),) = map(lines, records("traces", json_spans(span, service_namespace="web", service_version="1.2")))
    about = {"resource": {"service.version": "1.2"}, "scope": "lib", "kind": "server"}
    common: dict[str, Any] = {**OF_SHOP, "group": "web", "parent_id": "6c" * 8, "type": "GET /"}
    assert begin == ReportedLine(name="trace.request.start", ts_ns=START_NS, meta=about, **common)
    assert end == ReportedLine(
        name="trace.request.end", ts_ns=START_NS + 3_000_000, duration_ms=Decimal(3), status=200,
        meta={**about, "attributes": {"http.response.status_code": 200}}, **common,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, ("ok", "", "")),
        ({"status": {"code": 1}}, ("ok", "", "")),
        ({"status": {"code": 2, "message": "no"}}, ("error", "error", "no")),
        ({"status": {"code": 2}, "attributes": [attribute("error.type", "timeout")]}, ("error", "timeout", "")),
        ({"status": {"code": 2}, "attributes": [attribute("http.response.status_code", 503, "intValue")]},
         (503, "error", "")),
        ({"status": {"code": 2}, "attributes": [attribute("http.response.status_code", 200, "intValue")]},
         ("error", "error", "")),
        ({"status": {"code": 2}, "events": [{"name": "exception", "attributes": [
            attribute("exception.type", "KeyError"), attribute("exception.message", "'x'")]}]},
         ("error", "KeyError", "'x'")),
    ],
)  # fmt: skip
def test_outcomes_of_spans(changes: dict[str, Any], outcome: tuple[object, str, str]) -> None:
    (record,) = map(lines, records("traces", json_spans(json_span(kind=3, **changes))))
    assert (record[0].name, record[-1].name) == ("trace.span.start", "trace.span.end")
    assert (record[-1].status, record[-1].error_type, record[-1].error) == outcome


def test_what_the_recorder_sent_itself_does_not_come_back() -> None:
    request = json_spans(json_span(), service_instance_id="/state/store.db")
    (problem,) = records("traces", request, "/state/store.db")
    assert problem == "service.instance.id: this recorder sent it"
    (kept,) = records("traces", request, "/state/other.db")
    assert len(lines(kept)) == 2


def test_names_of_kinds_and_codes_are_read_too() -> None:
    span = json_span(kind="SPAN_KIND_SERVER", status={"code": "STATUS_CODE_ERROR"})
    ((_, end),) = map(lines, records("traces", json_spans(span)))
    assert (end.name, end.status) == ("trace.request.end", "error")


def test_an_event_of_a_span_is_a_line_between_the_two() -> None:
    event = {"name": "cache.miss", "timeUnixNano": START_NS + 1, "attributes": [attribute("key", "a")]}
    ((_, line, _),) = map(lines, records("traces", json_spans(json_span(events=[event]))))
    assert line == ReportedLine(
        name="trace.log", ts_ns=START_NS + 1, type="cache.miss", meta={"attributes": {"key": "a"}}, **OF_SHOP
    )


def test_a_log_record_is_a_line() -> None:
    log = {
        "timeUnixNano": str(START_NS), "severityNumber": 13, "severityText": "WARNING", "traceId": TRACE_ID,
        "spanId": SPAN_ID, "body": {"stringValue": "hello"}, "attributes": [attribute("n", 1.5, "doubleValue")],
    }  # fmt: skip
    ((line,),) = map(lines, records("logs", json_logs(log)))
    assert line == ReportedLine(
        name="trace.log", ts_ns=START_NS, type="warn", payload="hello",
        meta={"severity": "warn", "attributes": {"n": 1.5}}, **OF_SHOP,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ({}, {"type": "log"}),
        ({"observedTimeUnixNano": str(START_NS)}, {"type": "log", "ts_ns": START_NS}),
        ({"eventName": "order.placed", "severityNumber": 9}, {"type": "order.placed", "meta": {"severity": "info"}}),
        ({"severityNumber": 17}, {"type": "error", "error_type": "error", "meta": {"severity": "error"}}),
        ({"severityText": "Odd"}, {"type": "odd", "meta": {"severity": "odd"}}),
        ({"body": {"kvlistValue": {"values": [attribute("a", 1, "intValue")]}}}, {"type": "log", "payload": '{"a":1}'}),
        ({"traceId": "short", "spanId": "0" * 16}, {"type": "log"}),
        ({"attributes": "none", "body": 7, "severityNumber": "x"}, {"type": "log"}),
    ],
)
def test_log_records_with_less(log: dict[str, Any], expected: dict[str, Any]) -> None:
    ((line,),) = map(lines, records("logs", json_logs(log)))
    assert line == ReportedLine(name="trace.log", connection="shop", **expected)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"traceId": ""}, "traceId: must be 32 hex digits"),
        ({"traceId": "0" * 32}, "traceId: must be 32 hex digits"),
        ({"spanId": "xyz"}, "spanId: must be 16 hex digits"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano: not a valid time"),
        ({"endTimeUnixNano": None}, "endTimeUnixNano: a span needs a start and an end"),
        ({"events": [{"name": "tick"}] * 257}, "events: a span has at most 256"),
        ({"endTimeUnixNano": str(2**70)}, "endTimeUnixNano: not a valid time"),
        ({"attributes": [attribute("big", "x" * 2**20)]}, "attributes: a record has at most 1,048,576 bytes"),
    ],
)
def test_what_cannot_be_a_span_is_named_and_the_others_are_kept(changes: dict[str, Any], problem: str) -> None:
    refused, kept = records("traces", json_spans(json_span(**changes), json_span()))
    assert isinstance(refused, str)
    assert refused.startswith(problem)
    assert len(lines(kept)) == 2


def test_values_are_those_that_json_has() -> None:
    values = [
        attribute("whole", str(2**60), "intValue"),
        attribute("not a number", "NaN", "doubleValue"),
        attribute("flag", True, "boolValue"),
        attribute("bytes", "AP8=", "bytesValue"),
        attribute("list", {"values": [{"stringValue": "a"}, {}]}, "arrayValue"),
        {"key": "nothing"},
        {"value": {"stringValue": "no key"}},
    ]
    ((_, end),) = map(lines, records("traces", json_spans(json_span(attributes=values))))
    assert end.meta is not None
    assert end.meta["attributes"] == {
        "whole": 2**60,
        "not a number": "NaN",
        "flag": True,
        "bytes": "AP8=",
        "list": ["a", None],
        "nothing": None,
    }


def test_a_request_with_too_many_records_is_too_large() -> None:
    request = json_logs(*[{}] * (MOST_RECORDS + 1))
    with pytest.raises(TooLargeError):
        list(records("logs", json.loads(json.dumps(request))))
