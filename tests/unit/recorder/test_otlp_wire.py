"""OTLP's bytes: protobuf and JSON are the same dictionaries, and nothing but those."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from tests.support.otlp_requests import (
    SPAN_ID,
    START_NS,
    TRACE_ID,
    Fixed,
    attribute,
    message,
    span,
    span_request,
)
from wsmon.recorder.otlp_wire import (
    JSON,
    MOST_DEPTH,
    MOST_MESSAGES,
    PROTOBUF,
    TooLargeError,
    UnreadableError,
    failure,
    partial_success,
    read_request,
    unpacked,
)


def test_a_span_of_protobuf_is_the_one_of_json() -> None:
    whole = span(
        attributes=(9, attribute("n", message((3, -5)))),
        event=(11, message((1, Fixed(START_NS)), (2, "thrown"))),
        status=(15, message((2, "no"), (3, 2))),
        # Fields that a later version adds: of each type
        later=(99, 1), later_text=(98, b"x"), later_fixed=(97, Fixed(1)),
    )  # fmt: skip
    expected = {
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
        "scopeSpans": [
            {
                "scope": {"name": "lib"},
                "spans": [
                    {
                        "traceId": TRACE_ID,
                        "spanId": SPAN_ID,
                        "name": "GET /",
                        "kind": 2,
                        "startTimeUnixNano": START_NS,
                        "endTimeUnixNano": START_NS + 3_000_000,
                        "attributes": [{"key": "n", "value": {"intValue": -5}}],
                        "events": [{"timeUnixNano": START_NS, "name": "thrown"}],
                        "status": {"message": "no", "code": 2},
                    }
                ],
            }
        ],
    }
    assert read_request("traces", PROTOBUF, span_request(whole)) == {"resourceSpans": [expected]}
    assert read_request("traces", JSON, json.dumps({"resourceSpans": [expected]}).encode()) == {
        "resourceSpans": [expected]
    }


def test_values_of_protobuf_are_those_of_json() -> None:
    kinds = [
        attribute("text", message((1, "x"))),
        attribute("flag", message((2, 1))),
        attribute("number", message((4, 2.5))),
        attribute("list", message((5, message((1, message((3, 1))), (1, message((3, 2))))))),
        attribute("map", message((6, message((1, attribute("k", message((1, "v")))))))),
        attribute("bytes", message((7, b"\x00\xff"))),
    ]
    log = message((5, message((1, "body"))), *((6, each) for each in kinds))
    request = read_request("logs", PROTOBUF, message((1, message((2, message((2, log)))))))
    (record,) = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert record["body"] == {"stringValue": "body"}
    assert {each["key"]: each["value"] for each in record["attributes"]} == {
        "text": {"stringValue": "x"},
        "flag": {"boolValue": True},
        "number": {"doubleValue": 2.5},
        "list": {"arrayValue": {"values": [{"intValue": 1}, {"intValue": 2}]}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}},
        "bytes": {"bytesValue": "AP8="},
    }


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"\x0a", "a number has no end"),
        (b"\x0a\x05ab", "it ends within a field"),
        (b"\x0b", "wire type 3"),
        (b"\xff" * 20, "a number has no end"),
        (b"\x0a" + b"\xff" * 9 + b"\x01", "it ends within a field"),
    ],
)
def test_what_is_not_protobuf_is_named(body: bytes, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read_request("traces", PROTOBUF, body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b'"x"', b"\xff", b"[" * 5_000])
def test_what_is_not_a_json_object_is_named(body: bytes) -> None:
    with pytest.raises(UnreadableError, match="the body is no"):
        read_request("logs", JSON, body)


def test_values_are_nested_so_deep_and_no_deeper() -> None:
    value = message((1, "x"))
    for _ in range(3 * MOST_DEPTH):
        value = message((5, message((1, value))))
    with pytest.raises(UnreadableError, match="too deeply"):
        read_request("traces", PROTOBUF, span_request(span(attributes=(9, attribute("deep", value)))))


def test_a_request_of_very_many_empty_messages_is_too_large() -> None:
    with pytest.raises(TooLargeError):
        read_request("traces", PROTOBUF, message((1, message((2, b"\x12\x00" * (MOST_MESSAGES + 1))))))


def test_gzip_is_unpacked_up_to_the_limit() -> None:
    assert unpacked(gzip.compress(b"x" * 100, mtime=0), 100) == b"x" * 100
    assert unpacked(gzip.compress(b"ab", mtime=0) + gzip.compress(b"cd", mtime=0), 100) == b"abcd"
    with pytest.raises(TooLargeError, match="at most 100 bytes, unpacked too"):
        unpacked(gzip.compress(b"x" * 101, mtime=0), 100)
    with pytest.raises(TooLargeError):
        unpacked(gzip.compress(b"x" * 60, mtime=0) * 2, 100)
    for broken in (
        b"no",
        gzip.compress(b"x" * 100, mtime=0)[:-9],
        zlib.compress(b"x"),
        gzip.compress(b"x", mtime=0) + b"rest",
    ):
        with pytest.raises(UnreadableError, match="gzip"):
            unpacked(broken, 100)


def test_answers_are_those_of_the_specification() -> None:
    assert partial_success(PROTOBUF, "traces", 0, "") == b""
    assert partial_success(JSON, "traces", 0, "") == b"{}"
    assert json.loads(partial_success(JSON, "traces", 2, "why")) == {
        "partialSuccess": {"rejectedSpans": "2", "errorMessage": "why"}
    }
    assert json.loads(partial_success(JSON, "logs", 2, "why")) == {
        "partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "why"}
    }
    assert partial_success(PROTOBUF, "logs", 300, "why") == message((1, message((1, 300), (2, "why"))))
    assert (failure(PROTOBUF, "why"), json.loads(failure(JSON, "why"))) == (message((2, "why")), {"message": "why"})
