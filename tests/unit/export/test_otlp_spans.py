"""Traces in OpenTelemetry's protocol, read back by its own definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.support.builders import T0_NS, TRACE, event, loss
from tests.support.collectors import as_protobuf_json, exported, plain
from tests.support.queries import query as parse
from tests.support.recordings import recorded
from tests.support.session_events import FIRST, SECOND, THIRD, of, opening
from wsmon.model.events import Event, EventName, Json, Meta, Source
from wsmon.model.spans import derived_id

VERDICT = "“rate limit: 5 connections”, 1008, closed by peer; a rate or volume limit of the server was reached"


def spans(store: Path, **fields: Any) -> dict[tuple[str, str], Any]:
    """Spans by name and session, as the protocol's definitions read them."""
    read = ParseDict(as_protobuf_json(exported(store, "otlp", **fields)), TracesData())
    (resource,) = read.resource_spans
    assert plain(resource.resource.attributes)["service.name"] == "wsmon"
    (scope,) = resource.scope_spans
    assert scope.scope.name == "wsmon"
    found = {(span.name, plain(span.attributes).get("websocket.connection_id", "")): span for span in scope.spans}
    assert len(found) == len(scope.spans)
    return found


def test_spans_are_those_of_sessions_dials_phases_and_operations(store: Path) -> None:
    found = spans(store)
    dial = ["dns", "tcp", "tls", "upgrade", "websocket connect", "websocket session"]
    assert sorted((session, name) for name, session in found) == sorted(
        [
            *((FIRST, name) for name in [*dial, "heartbeat"]),
            *((THIRD, name) for name in dial),
            (SECOND, "websocket connect"),
        ]
    )
    parents = {(name, session): span.parent_span_id.hex() for (name, session), span in found.items()}
    connect = derived_id(FIRST, "connect")
    assert {name: parent for (name, session), parent in parents.items() if session == FIRST} == {
        "websocket session": "",
        "websocket connect": FIRST,
        "dns": connect,
        "tcp": connect,
        "tls": connect,
        "upgrade": connect,
        "heartbeat": FIRST,
    }
    assert {span.trace_id.hex() for span in found.values()} == {TRACE}


def test_a_session_has_times_attributes_and_the_verdict_of_its_end(store: Path) -> None:
    span = spans(store)["websocket session", FIRST]
    assert (span.span_id.hex(), span.kind) == (FIRST, 3)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (T0_NS + 10**9, T0_NS + 5 * 10**9)
    assert span.status.code == 2
    assert span.status.message == VERDICT
    attributes = plain(span.attributes)
    assert [value.string_value for value in attributes.pop("websocket.extensions").values] == ["permessage-deflate"]
    assert attributes == {
        "websocket.connection": "nova",
        "websocket.connection_id": FIRST,
        "websocket.trace_id": TRACE,
        "websocket.run": 1,
        "url.full": "wss://stream.example.net/ws?token=[FILTERED]",
        "server.address": "stream.example.net",
        "server.port": 443,
        "network.peer.address": "192.0.2.7",
        "network.peer.port": 443,
        "network.local.address": "10.0.0.1",
        "network.local.port": 5,
        "network.transport": "tcp",
        "network.protocol.name": "websocket",
        "http.request.method": "GET",
        "http.response.status_code": 101,
        "tls.protocol.version": "TLSv1.3",
        "tls.cipher": "TLS_AES_256_GCM_SHA384",
        "tls.server.issuer": "CN=ca",
        "websocket.attempt": 1,
        "websocket.subprotocol": "v1.stream",
        "websocket.close.code": 1008,
        "websocket.close.by": "peer",
        "websocket.close.reason": "rate limit: 5 connections",
        "websocket.verdict": VERDICT,
        "websocket.open_ms": 400.0,
        "wsmon.part": 1,
        "websocket.outcome": "error",
        "error.type": "close_1008",
    }


def test_phases_follow_each_other_up_to_the_end_of_the_dial(store: Path) -> None:
    found = spans(store)
    times = {
        name: (found[name, FIRST].start_time_unix_nano - T0_NS, found[name, FIRST].end_time_unix_nano - T0_NS)
        for name in ("dns", "tcp", "tls", "upgrade", "websocket connect")
    }
    assert times == {
        "websocket connect": (1_000_000_000, 1_212_000_000),
        "dns": (1_000_000_000, 1_003_000_000),
        "tcp": (1_003_000_000, 1_014_000_000),
        "tls": (1_014_000_000, 1_174_000_000),
        "upgrade": (1_174_000_000, 1_212_000_000),
    }


def test_a_session_is_linked_to_the_one_before_it(store: Path) -> None:
    found = spans(store)
    (link,) = found["websocket connect", SECOND].links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE, FIRST)
    assert [len(found["websocket session", session].links) for session in (FIRST, THIRD)] == [0, 0]


def test_its_link_is_the_same_where_the_export_begins_with_it(store: Path) -> None:
    found = spans(store, first_id=17)
    (link,) = found["websocket connect", SECOND].links
    assert (link.trace_id.hex(), link.span_id.hex()) == (TRACE, FIRST)


def test_a_failed_attempt_is_an_error_with_the_answer_of_the_server(store: Path) -> None:
    span = spans(store)["websocket connect", SECOND]
    attributes = plain(span.attributes)
    assert (attributes["http.response.status_code"], attributes["error.type"]) == (403, "http_status")
    assert span.status.code == 2
    assert span.status.message.startswith("the server answered HTTP 403; response body: “no key”; HTTP 403 usually")
    assert span.end_time_unix_nano - span.start_time_unix_nano == 100_000_000


def test_a_session_that_goes_on_lasts_up_to_its_newest_event(store: Path) -> None:
    span = spans(store)["websocket session", THIRD]
    assert (span.end_time_unix_nano, span.status.code, plain(span.attributes)["websocket.open"]) == (
        T0_NS + 9 * 10**9,
        0,
        True,
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"query": parse("conn:b")}, {THIRD}),
        ({"query": parse("hello")}, {FIRST}),
        ({"first_id": 17}, {SECOND, THIRD}),
        ({"query": parse("nothing")}, set()),
    ],
)
def test_sessions_of_what_was_asked_for(store: Path, fields: dict[str, object], expected: set[str]) -> None:
    found = spans(store, **fields)
    assert {session for _, session in found} == expected


def test_an_operation_has_its_own_id_and_parent(tmp_path: Path) -> None:
    done = event(
        "subscription.subscribe.completed", 4, "nova", topic="trades", ref="7", duration_ns=10**8,
        span_id="00000000000000c1", parent_id=FIRST, status="error", error_type="rejected", error="no such channel",
    )  # fmt: skip
    path = recorded(tmp_path / "store.db", of(FIRST, *opening(1), done), "nova")
    span = spans(path)["trades", FIRST]
    assert (span.span_id.hex(), span.parent_span_id.hex(), span.kind) == ("00000000000000c1", FIRST, 3)
    assert (span.status.message, plain(span.attributes)["websocket.ref"]) == ("no such channel", "7")
    assert span.end_time_unix_nano - span.start_time_unix_nano == 10**8


APPLICATION = Source("shop", trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
CALLER, ROOT, CALL = "00f067aa0ba902b7", "1" * 16, "2" * 16


def reported(name: EventName, label: str, span_id: str, parent_id: str, **fields: Any) -> Event:
    told = event(name, 4, "shop", size=0, type=label, span_id=span_id, parent_id=parent_id, duration_ns=7, **fields)
    return msgspec.structs.replace(told, source=APPLICATION)


def exported_span(tmp_path: Path, told: Event) -> Any:
    (found,) = spans(recorded(tmp_path / "store.db", [told], "shop")).values()
    return found


def test_a_request_that_was_served_is_a_span_of_a_server_with_its_attributes(tmp_path: Path) -> None:
    meta: dict[str, Json] = {
        "transport": "http",
        "method": "GET",
        "path": "/orders",
        "remote": True,
        "attributes": {"cart": 7, "user.tier": "gold", "ok": True, "websocket.connection": "forged"},
    }
    span = exported_span(
        tmp_path, reported("trace.request.end", "GET /orders", ROOT, CALLER, status=503, error="busy", meta=meta)
    )
    assert (span.kind, span.name, span.trace_id.hex()) == (2, "GET /orders", APPLICATION.trace_id)
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (ROOT, CALLER)
    assert (span.status.code, span.status.message) == (2, "busy")
    told = plain(span.attributes)
    assert {key: told[key] for key in ("cart", "user.tier", "ok")} == {
        "cart": 7,
        "user.tier": "gold",
        "ok": True,
    }
    assert {key: value for key, value in told.items() if key.startswith(("http", "url", "network"))} == {
        "http.request.method": "GET",
        "http.response.status_code": 503,
        "network.protocol.name": "http",
        "url.path": "/orders",
    }
    assert told["websocket.connection"] == "shop"
    assert not {"remote", "attributes", "kind"} & told.keys()


@pytest.mark.parametrize(
    ("name", "meta", "kind"),
    [
        ("trace.span.end", None, 1),
        ("trace.span.end", {"kind": "client"}, 3),
        ("trace.span.end", {"kind": "producer"}, 4),
        ("trace.span.end", {"kind": "consumer"}, 5),
        ("trace.span.end", {"kind": "server"}, 2),
        ("trace.span.end", {"kind": "error"}, 1),
        ("trace.span.end", {"kind": ["client"]}, 1),
        ("trace.downstream", None, 3),
        ("trace.request.end", {"kind": "internal"}, 1),
    ],
)
def test_the_kind_of_a_span_is_what_its_application_says(
    tmp_path: Path, name: EventName, meta: Meta | None, kind: int
) -> None:
    assert exported_span(tmp_path, reported(name, "work", CALL, ROOT, meta=meta)).kind == kind


def test_metadata_of_a_telemetry_span_are_its_attributes(tmp_path: Path) -> None:
    meta: dict[str, Json] = {"cart": 7, "resource": {"host.name": "web1"}, "path": "/tmp/x"}
    told = plain(exported_span(tmp_path, reported("trace.span.end", "checkout", CALL, ROOT, meta=meta)).attributes)
    assert {key: told[key] for key in ("cart", "host.name", "path")} == {
        "cart": 7,
        "host.name": "web1",
        "path": "/tmp/x",
    }


def test_a_file_of_no_session_is_a_file(tmp_path: Path) -> None:
    (resource,) = exported(recorded(tmp_path / "store.db", [], "nova"), "otlp")["resourceSpans"]
    assert resource["scopeSpans"][0]["spans"] == []


def gap(after_s: float, name: EventName = "incident.opened", **fields: Any) -> Event:
    about: dict[str, Any] = {"evidence": [3], "silence": "none", "missing": 3}
    return event(name, after_s, "nova", type="gap", reason="3 numbers missing", meta=about, **fields)


def parts_of(store: Path, **fields: Any) -> list[Any]:
    """The spans of whole sessions, in the order of the file."""
    read = ParseDict(as_protobuf_json(exported(store, "otlp", **fields)), TracesData())
    return [span for span in read.resource_spans[0].scope_spans[0].spans if span.name == "websocket session"]


def test_a_long_session_is_cut_every_15_minutes_into_linked_spans(tmp_path: Path) -> None:
    closed = gap(950, "incident.closed", duration_ns=50 * 10**9)
    story = of(FIRST, *opening(1, "nova"), gap(900), closed, loss(1_900, "nova"))
    following = of(SECOND, *opening(1_910, "nova"), loss(1_920, "nova"))
    first, second, third, next_one = parts_of(recorded(tmp_path / "store.db", [*story, *following], "nova"))
    times = [(each.start_time_unix_nano - T0_NS, each.end_time_unix_nano - T0_NS) for each in (first, second, third)]
    assert times == [(10**9, 901 * 10**9), (901 * 10**9, 1_801 * 10**9), (1_801 * 10**9, 1_900 * 10**9)]
    own_ids = [FIRST, derived_id(FIRST, "part", 2), derived_id(FIRST, "part", 3), SECOND]
    assert [each.span_id.hex() for each in (first, second, third, next_one)] == own_ids
    links = [[(link.span_id.hex(), plain(link.attributes)) for link in each.links] for each in (first, second, third)]
    previous = {"websocket.link": "previous part"}
    assert links == [[], [(own_ids[0], previous)], [(own_ids[1], previous)]]
    (link,) = next_one.links
    assert (link.span_id.hex(), plain(link.attributes)) == (own_ids[2], {"websocket.link": "previous session"})
    told = [plain(each.attributes) for each in (first, second, third)]
    assert [(each["wsmon.part"], each.get("websocket.open"), each.get("websocket.close.code")) for each in told] == [
        (1, True, None), (2, True, None), (3, None, 1008),
    ]  # fmt: skip
    assert [each.status.code for each in (first, second, third)] == [0, 0, 2]
    assert {each.trace_id.hex() for each in (first, second, third)} == {TRACE}


def test_a_span_has_the_incidents_and_the_end_of_its_session_as_events(tmp_path: Path) -> None:
    closed = gap(950, "incident.closed", duration_ns=50 * 10**9)
    story = of(FIRST, *opening(1, "nova"), gap(900), closed, loss(960, "nova"))
    first, second = parts_of(recorded(tmp_path / "store.db", story, "nova"))
    incident = {"websocket.incident.kind": "gap", "websocket.incident.reason": "3 numbers missing"}
    told = [
        (each.time_unix_nano - T0_NS, each.name, plain(each.attributes)) for each in (*first.events, *second.events)
    ]
    assert told == [
        (900 * 10**9, "incident.opened", {"websocket.event.id": 4, **incident, "websocket.incident.missing": 3}),
        (
            950 * 10**9,
            "incident.closed",
            {
                "websocket.event.id": 5,
                **incident,
                "websocket.incident.missing": 3,
                "websocket.incident.open_ms": 50_000.0,
            },
        ),
        (
            960 * 10**9,
            "connection.disconnected",
            {
                "websocket.event.id": 6,
                "websocket.close.code": 1008,
                "websocket.close.by": "peer",
                "websocket.close.reason": "rate limit: 5 connections",
                "websocket.verdict": VERDICT,
            },
        ),
    ]


def test_of_too_many_events_the_first_ones_and_the_end_are_kept(tmp_path: Path) -> None:
    incidents = [gap(10 + number) for number in range(300)]
    (span,) = parts_of(recorded(tmp_path / "s.db", of(FIRST, *opening(1), *incidents, loss(400, "nova")), "nova"))
    assert (len(span.events), span.dropped_events_count) == (128, 173)
    assert [each.time_unix_nano - T0_NS for each in span.events[:127]] == [(10 + n) * 10**9 for n in range(127)]
    assert span.events[127].name == "connection.disconnected"


def test_of_a_long_session_the_parts_are_written_that_were_asked_for(tmp_path: Path) -> None:
    story = of(FIRST, *opening(1), gap(1_000), gap(1_900), gap(3_000), loss(5_000, "nova"))
    store = recorded(tmp_path / "store.db", story, "nova")
    found = parts_of(store, first_id=5, query=parse("type:gap"))
    assert [plain(each.attributes)["wsmon.part"] for each in found] == [3, 4]
    everything = parts_of(store)
    assert found == everything[2:4]
    assert len(everything) == 6


def test_a_session_of_impossible_length_has_a_year_of_parts_and_a_long_last_one(tmp_path: Path) -> None:
    whole = of(FIRST, *opening(1), loss(2, "nova"))
    ended = msgspec.structs.replace(whole[-1], mono_ns=2**62 - 1)
    store = recorded(tmp_path / "store.db", [*whole[:-1], ended], "nova")
    found = parts_of(store, query=parse("code:1008"))
    assert [plain(each.attributes)["wsmon.part"] for each in found] == [366 * 24 * 4]
    assert found[0].events[0].name == "connection.disconnected"
