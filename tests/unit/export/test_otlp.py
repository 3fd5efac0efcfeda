"""Logs in OpenTelemetry's protocol, read back by its own definitions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from tests.support.builders import MONO_0_NS, T0_NS, TRACE, pong, source, usable
from tests.support.collectors import as_protobuf_json, exported, plain
from tests.support.queries import query as parse
from tests.support.recordings import recorded
from tests.support.session_events import FIRST, SECOND, THIRD, story
from wsmon.export.otlp import any_value, metric_records, span_id, trace_id
from wsmon.model.events import Event, Source
from wsmon.model.metrics import DistributionPoint, MetricFamily


def test_an_id_that_is_none_gives_one_that_is_the_same_each_time() -> None:
    own = Source("nova", trace_id="order 4711")
    assert trace_id(own) == trace_id(Source("other", trace_id="order 4711")) != trace_id(Source("nova"))
    assert len(bytes.fromhex(trace_id(own))) == 16
    assert len(bytes.fromhex(trace_id(Source("nova", trace_id="0" * 32)))) == 16
    assert (span_id(""), span_id(FIRST), len(bytes.fromhex(span_id("7")))) == ("", FIRST, 8)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, {"boolValue": True}),
        (7, {"intValue": "7"}),
        (2**70, {"stringValue": str(2**70)}),
        (0.5, {"doubleValue": 0.5}),
        ("", {"stringValue": ""}),
        (None, {}),
        ([1, "a"], {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}]}}),
        ({"a": None}, {"kvlistValue": {"values": [{"key": "a", "value": {}}]}}),
    ],
)
def test_a_value_has_its_type(value: Any, expected: object) -> None:
    assert any_value(value) == expected


def logs(store: Path, **fields: Any) -> list[Any]:
    read = ParseDict(as_protobuf_json(exported(store, "otlp-logs", **fields)), LogsData())
    (resource,) = read.resource_logs
    (scope,) = resource.scope_logs
    return list(scope.log_records)


def test_every_event_is_a_log_record(store: Path) -> None:
    found = logs(store)
    assert [record.event_name for record in found] == [one.name for one in story()]
    assert [plain(record.attributes)["websocket.event.id"] for record in found] == list(range(1, len(found) + 1))
    assert [record.severity_text for record in found if record.severity_number > 9] == ["WARN", "WARN", "ERROR"]
    assert found[0].trace_id == found[0].span_id == b""
    assert {record.span_id.hex() for record in found[1:]} == {FIRST, SECOND, THIRD, ""}


def test_a_message_is_the_body_and_the_rest_are_attributes(store: Path) -> None:
    text, binary = logs(store, query=parse("conn:nova kind:message"))
    assert (text.body.string_value, binary.body.bytes_value) == ("hello", b"\xff\x00")
    assert plain(text.attributes) == {
        "websocket.event.id": 8,
        "websocket.event.mono_ns": MONO_0_NS + 2 * 10**9,
        "websocket.connection": "nova",
        "websocket.connection_id": FIRST,
        "websocket.trace_id": TRACE,
        "websocket.run": 1,
        "websocket.direction": "in",
        "websocket.opcode": "text",
        "websocket.size": 5,
        "websocket.wire_size": 9,
    }
    assert (text.severity_text, text.time_unix_nano) == ("DEBUG", T0_NS + 2 * 10**9)


def test_meta_stays_nested_whatever_it_holds(tmp_path: Path) -> None:
    odd: list[Event] = [usable(1, "nova", meta={"a": [1, None, {"b": True}], "big": 2**70})]
    (record,) = logs(recorded(tmp_path / "store.db", odd, "nova"))
    meta = plain(record.attributes)["websocket.meta"]
    assert [one.key for one in meta.values] == ["a", "big"]
    assert meta.values[0].value.array_value.values[2].kvlist_value.values[0].value.bool_value is True


def test_a_file_of_nothing_is_a_file(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [], "nova")
    assert logs(path) == []


def test_ids_of_messages_without_session_are_absent(tmp_path: Path) -> None:
    lone = msgspec.structs.replace(pong(1), source=source(session=""))
    (record,) = logs(recorded(tmp_path / "store.db", [lone]))
    assert (record.trace_id.hex(), record.span_id) == (TRACE, b"")


def test_a_histogram_has_its_bounds_and_one_bucket_more_and_a_summary_has_neither() -> None:
    histogram = DistributionPoint((("connection", "a"),), 6, 1.5, (0.1, 0.5), (3, 2, 1))
    summary = DistributionPoint((), 6, 1.5)
    families = (
        MetricFamily("wsmon.connect.duration", "histogram", "Time to connect", (histogram,), "seconds"),
        MetricFamily("wsmon.process.duration", "summary", "Time to answer", (summary,), "seconds"),
        MetricFamily("wsmon.nothing", "histogram", "No series", ()),
    )
    first, second = (json.loads(record) for record in metric_records(families, T0_NS, T0_NS + 1))
    (point,) = first["histogram"]["dataPoints"]
    assert (point["explicitBounds"], point["bucketCounts"]) == ([0.1, 0.5], ["3", "2", "1"])
    assert (first["name"], first["unit"], point["count"], point["sum"]) == ("wsmon.connect.duration", "s", "6", 1.5)
    (point,) = second["summary"]["dataPoints"]
    assert point.keys() == {"attributes", "startTimeUnixNano", "timeUnixNano", "count", "sum"}
