"""Events as JSON lines, as a table, and statistics as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from tests.support.builders import event, message, numbered, usable
from tests.support.exports import full_event
from wsmon.export.jsonl import (
    EventDocument,
    connection_document,
    event_json,
    jsonl,
    lnav_format,
    rfc3339,
    statistics_document,
)
from wsmon.model.events import PROBLEM_NAMES, Event
from wsmon.model.snapshot import RelayedRoute
from wsmon.model.statistics import ConnectionStatistics, Flow, Heartbeats, Kpi, Statistics, Summary

CONTRACT_KEYS = (
    "id ts ts_ns mono_ns run connection group connection_id trace_id span_id parent_id name direction opcode "
    "from_status to_status type topic ref size wire_size duration_ms status close_code close_by reason error_type "
    "error verdict payload truncated redacted meta"
)


def lines(events: tuple[Event, ...]) -> list[dict[str, object]]:
    return [json.loads(line) for line in b"".join(jsonl([events])).splitlines()]


def test_keys_are_those_of_the_contract_in_its_order() -> None:
    (found,) = lines((full_event(),))
    assert " ".join(found) == CONTRACT_KEYS
    assert found["verdict"] == {
        "by": "peer",
        "code": "1008 policy violation",
        "cause": "it broke",
        "next": "mend it",
        "evidence": [3, 4],
        "evidence_text": "",
        "certainty": "",
    }
    assert found["ts"] == "2026-01-10T14:02:25.500000Z"
    assert (found["duration_ms"], found["truncated"], found["redacted"]) == (400.0, True, True)


def test_what_does_not_apply_is_absent() -> None:
    own, received = lines(numbered((event("self.run.started", connection=""), message("x"))))
    assert list(own) == ["id", "ts", "ts_ns", "mono_ns", "name"]
    assert list(received) == (
        [
            "id",
            "ts",
            "ts_ns",
            "mono_ns",
            "run",
            "connection",
            "connection_id",
            "trace_id",
            "name",
            "direction",
            "opcode",
            "size",
            "wire_size",
            "payload",
        ]
    )


def test_a_size_of_zero_and_an_empty_payload_apply() -> None:
    (found,) = lines((message(""),))
    assert (found["size"], found["payload"]) == (0, "")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("é\x00\n\u2028".encode(), {"payload": "é\x00\n\u2028"}),
        (b"\xff\x00", {"payload_base64": "/wA="}),
    ],
)
def test_a_payload_is_text_or_base64_and_one_line(payload: bytes, expected: dict[str, str]) -> None:
    line = event_json(message(payload))
    assert b"\n" not in line
    found = json.loads(line)
    assert {key: value for key, value in found.items() if key.startswith("payload")} == expected


def test_st_19_metadata_that_json_does_not_know_becomes_text() -> None:
    at = datetime(2026, 1, 10, 14, 2, 24, tzinfo=UTC)
    odd = {"bytes": b"\xff", "nan": float("nan"), "error": ValueError("no"), "set": {1}, "at": at}
    found = json.loads(event_json(msgspec.structs.replace(usable(), meta=odd)))
    assert found["meta"] == {"bytes": "/w==", "nan": None, "error": "no", "set": [1], "at": "2026-01-10T14:02:24Z"}


@pytest.mark.parametrize(
    ("ts_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_768_053_744_123_456_789, "2026-01-10T14:02:24.123456Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_utc_with_microseconds(ts_ns: int, text: str) -> None:
    assert rfc3339(ts_ns) == text


STATISTICS = Statistics(
    0,
    1_000_000_000,
    (
        ConnectionStatistics(
            name="orders",
            group="",
            url="wss://host/path",
            status="websocket_connected",
            stalled=False,
            profile="financial",
            trace_id="t",
            sessions=3,
            connection_count=3,
            reconnection_count=2,
            reconnects_per_hour=None,
            total_uptime_ms=5000.0004,
            ws_uptime_ms=4900.0,
            availability=0.97,
            last_connected_ns=0,
            last_disconnected_ns=None,
            last_message_ns=None,
            connect_ms=Summary(3, 12.1, 11.0, 14.0, 14.0, 14.2),
            reconnect_ms=None,
            rtt_ms=None,
            message_size=None,
            messages=Flow(1, 2),
            bytes=Flow(3, 4),
            wire_bytes=Flow(5, 6),
            heartbeats=Heartbeats(7, 8, 9),
            errors={"timeout": 1},
            close_codes={"1006": 2},
            incidents={"stall": 1},
            kpis=(Kpi("connection_success_rate", 0.9990004, 0.999, True, 1000, 0.0004, is_floor=True, unit="share"),),
        ),
    ),
)


def test_statistics_have_the_shape_of_the_contract() -> None:
    assert statistics_document(STATISTICS) == {
        "schema": "wsmon.stats/1",
        "since": "1970-01-01T00:00:00.000000Z",
        "until": "1970-01-01T00:00:01.000000Z",
        "connections": [
            {
                "name": "orders",
                "url": "wss://host/path",
                "status": "websocket_connected",
                "stalled": False,
                "profile": "financial",
                "trace_id": "t",
                "sessions": 3,
                "connection_count": 3,
                "reconnection_count": 2,
                "reconnects_per_hour": None,
                "reconnect_gap_ms": None,
                "total_uptime_ms": 5000.0,
                "ws_uptime_ms": 4900.0,
                "availability": 0.97,
                "last_connected_at": "1970-01-01T00:00:00.000000Z",
                "last_disconnected_at": None,
                "last_message_at": None,
                "down_since": None,
                "failing_since": None,
                "connect_ms": {"count": 3, "mean": 12.1, "p50": 11.0, "p95": 14.0, "p99": 14.0, "max": 14.2},
                "reconnect_ms": {},
                "rtt_ms": {},
                "process_ms": {},
                "decode_ms": {},
                "encode_ms": {},
                "feed_latency_ms": {},
                "feed_latency_uncertainty_ms": None,
                "message_size": {},
                "messages": {"received": 1, "sent": 2, "shed": 0},
                "bytes": {"received": 3, "sent": 4},
                "wire_bytes": {"received": 5, "sent": 6},
                "heartbeats": {"sent": 7, "answered": 8, "missed": 9},
                "errors": {"timeout": 1},
                "close_codes": {"1006": 2},
                "incidents": {"stall": 1},
                "kpis": [
                    {
                        "name": "connection_success_rate",
                        "value": 0.999,
                        "threshold": 0.999,
                        "ok": True,
                        "samples": 1000,
                        "budget_left": 0.0004,
                    }
                ],
            }
        ],
    }


def test_statistics_of_a_relayed_connection_have_the_urls_of_its_relay() -> None:
    routes = (RelayedRoute("ws://127.0.0.1:9000/", "wss://host/path"),)
    document = connection_document(replace(STATISTICS.connections[0], relay=routes))
    assert list(document)[:4] == ["name", "url", "relay", "status"]
    assert document["relay"] == [{"listen": "ws://127.0.0.1:9000/", "upstream": "wss://host/path"}]


def test_the_format_for_lnav_knows_every_key_and_problem() -> None:
    (described,) = (value for value in json.loads(lnav_format()).values() if isinstance(value, dict))
    # Its time is no value, and a field that is named as a keyword of SQL costs lnav 0.11 the whole table
    assert set(EventDocument.__struct_fields__) - set(described["value"]) == {"ts", "group"}
    shown = {part["field"] for part in described["line-format"] if isinstance(part, dict)}
    hidden = {key for key, field in described["value"].items() if field.get("hidden")}
    assert shown - {"__timestamp__"} == set(described["value"]) - hidden
    levels = described["level"]
    for name in PROBLEM_NAMES:
        assert re.search(levels["error"], name) or re.search(levels["warning"], name), name
