"""nexus: what its reports become, and that each is taken once (seeds 4.1 … 4.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wsmon.model.units import SECOND_NS
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import UNREAD, Decoded, Happening
from wsmon.protocols.nexus import MAX_ATTRIBUTES, MAX_ID, PROTOCOL, WINDOW, NexusState, at_ns, decode, duration_ns

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ROOT = "00f067aa0ba902b7"
LEAF = "53995c3f42cd8ad8"
T0 = "2026-04-22T10:00:00Z"
T0_NS = 1_776_852_000 * SECOND_NS
CANARY = "canary-4711-secret"


def read(state: NexusState, id_: int = 1, kind: str = "log", **fields: Any) -> Decoded:
    """One event of the feed, as Go writes it."""
    report = {"id": id_, "traceId": TRACE, "kind": kind, "timestamp": T0, **fields}
    return decode("in", "text", json.dumps(report).encode(), state)


def taken(state: NexusState, *ids: int, **fields: Any) -> list[int]:
    """Those of the ids that were new."""
    return [id_ for id_ in ids if read(state, id_, **fields).happenings]


def test_a_request_begins_and_ends_with_what_the_application_says() -> None:
    state = NexusState()
    about = {"service": "users", "endpoint": "GET /users", "transport": "rest", "method": "GET", "path": "/users"}
    meta = {"traceId": TRACE, "spanId": ROOT, **about}
    started = Happening(
        "trace.request.start", "trace", "start", ROOT, "GET /users", "GET /users", TRACE,
        meta={"kind": "request.start", **meta}, at_ns=T0_NS, span_id=ROOT,
    )  # fmt: skip
    assert read(state, 1, "request.start", spanId=ROOT, name="GET /users", **about) == Decoded(
        "request.start", "GET /users", TRACE, happenings=(started,), meta={"id": 1}
    )
    ended = Happening(
        "trace.request.end", "trace", "end", ROOT, "GET /users", "GET /users", TRACE, 200,
        meta={"kind": "request.end", **meta, "durationMs": 12}, at_ns=T0_NS, duration_ns=12_000_000, span_id=ROOT,
    )  # fmt: skip
    decoded = read(state, 2, "request.end", spanId=ROOT, name="GET /users", status=200, durationMs=12, **about)
    assert decoded.happenings == (ended,)


@pytest.mark.parametrize(
    ("kind", "fields", "status", "error_type"),
    [
        ("request.end", {"status": 500, "error": "boom"}, 500, "request_failed"),
        ("request.end", {"status": 404}, 404, "request_failed"),
        ("request.end", {"status": 399}, 399, ""),
        ("span.end", {}, "ok", ""),
        ("span.end", {"error": "nope"}, "error", "span_failed"),
        ("downstream", {"error": "nope", "durationMs": 1}, "error", "downstream_failed"),
    ],
)
def test_what_failed_says_so(kind: str, fields: dict[str, Any], status: int | str, error_type: str) -> None:
    (happening,) = read(NexusState(), 1, kind, **fields).happenings
    assert (happening.status, happening.error_type, happening.error) == (status, error_type, fields.get("error", ""))


def test_nx09_a_recorded_call_is_a_leaf_of_its_request() -> None:
    state = NexusState()
    happenings = [
        read(state, 1, "request.start", spanId=ROOT).happenings[0],
        read(state, 2, "span.start", spanId=LEAF, parentId=ROOT, name="db.users.get").happenings[0],
        read(
            state, 3, "span.end", spanId=LEAF, parentId=ROOT, name="db.users.get", durationMs=5, error="nope"
        ).happenings[0],
        read(state, 4, "request.end", spanId=ROOT).happenings[0],
    ]
    assert [(happening.name, happening.phase, happening.key) for happening in happenings] == [
        ("trace.request.start", "start", ROOT),
        ("trace.span.start", "start", LEAF),
        ("trace.span.end", "end", LEAF),
        ("trace.request.end", "end", ROOT),
    ]
    leaf = happenings[2]
    assert leaf.meta is not None
    assert (leaf.type, leaf.error, leaf.duration_ns, leaf.meta["parentId"]) == ("db.users.get", "nope", 5_000_000, ROOT)


def test_nx_10_nested_spans_keep_their_order_and_parents() -> None:
    state = NexusState()
    outer: dict[str, Any] = {"spanId": LEAF, "parentId": ROOT, "name": "outer"}
    inner: dict[str, Any] = {"spanId": "b" * 16, "parentId": LEAF, "name": "inner"}
    happenings = [
        read(state, 1, "span.start", **outer).happenings[0],
        read(state, 2, "span.start", **inner).happenings[0],
        read(state, 3, "span.end", **inner).happenings[0],
        read(state, 4, "span.end", **outer).happenings[0],
    ]
    assert [(happening.type, happening.phase, (happening.meta or {})["parentId"]) for happening in happenings] == [
        ("outer", "start", ROOT),
        ("inner", "start", LEAF),
        ("inner", "end", LEAF),
        ("outer", "end", ROOT),
    ]
    assert {happening.ref for happening in happenings} == {TRACE}


def test_nx09_a_downstream_call_of_v0_2_is_whole_and_one_of_v2_a_marker() -> None:
    (timed,) = read(NexusState(), 1, "downstream", message="db.users.get", durationMs=7).happenings
    (marker,) = read(NexusState(), 1, "downstream", message="db.users.get").happenings
    assert (timed.phase, timed.key, timed.type, timed.duration_ns) == ("whole", TRACE, "db.users.get", 7_000_000)
    assert (marker.phase, marker.key, marker.type, marker.duration_ns) == ("", "", "db.users.get", None)


def test_v0_2_pairs_requests_by_their_trace() -> None:
    state = NexusState()
    started, ended = read(state, 1, "request.start").happenings[0], read(state, 2, "request.end").happenings[0]
    assert (started.key, ended.key, ended.duration_ns) == (TRACE, TRACE, 0)  # under a millisecond Go leaves it out


@pytest.mark.parametrize(
    ("kind", "name"), [("log", "trace.log"), ("request.op", "trace.log"), ("downstream", "trace.downstream")]
)
def test_what_has_no_duration_begins_nothing(kind: str, name: str) -> None:
    (happening,) = read(NexusState(), 1, kind, endpoint="listUsers", message="hello").happenings
    assert happening.meta is not None
    assert (happening.name, happening.phase, happening.operation, happening.meta["message"]) == (name, "", "", "hello")


def test_a_kind_that_nobody_knows_is_read_and_says_nothing() -> None:
    assert read(NexusState(), 3, "cache.hit") == Decoded("cache.hit", "", TRACE, meta={"id": 3})


def test_attributes_come_along_without_credentials_and_nesting() -> None:
    attributes = {"rows": 12, "ok": True, "password": CANARY, "url": f"postgres://u:{CANARY}@db/x", "deep": [CANARY]}
    (happening,) = read(NexusState(), 1, "span.end", meta=attributes, path=f"/x?token={CANARY}").happenings
    assert happening.meta is not None
    assert happening.meta["attributes"] == {
        "rows": 12,
        "ok": True,
        "password": "[FILTERED]",
        "url": "postgres://[FILTERED]@db/x",
    }
    assert happening.meta["path"] == "/x"
    assert CANARY not in repr(happening)


def test_an_error_or_message_repeats_no_credential() -> None:
    said = f"dial postgres://u:{CANARY}@db/x: refused"
    assert CANARY not in repr(read(NexusState(), 1, "request.end", error=said, message=said, status=500))


def test_attributes_are_bounded() -> None:
    many = {"huge": 10**100} | {f"a{number}": "x" * 500 for number in range(1_000)}
    (happening,) = read(NexusState(), 1, "span.end", meta=many).happenings
    assert happening.meta is not None
    kept = happening.meta["attributes"]
    assert isinstance(kept, dict)
    assert (len(kept), "huge" in kept, {len(str(value)) for value in kept.values()}) == (MAX_ATTRIBUTES, False, {200})


def test_after_a_reconnect_only_what_is_new_is_taken() -> None:
    first = NexusState()
    assert taken(first, 1, 2, 3) == [1, 2, 3]
    second = NexusState(first.last_id, first.last_at_ns)
    assert taken(second, 1, 2, 3, 4, 5) == [4, 5]
    assert (second.last_id, second.duplicates, second.missing) == (5, 3, 0)


def test_a_duplicate_is_read_and_says_that_it_is_one() -> None:
    assert read(NexusState(5), 5) == Decoded("log", "", TRACE, meta={"id": 5, "duplicate": True})


def test_ids_that_overtook_each_other_are_all_taken_once() -> None:
    state = NexusState()
    assert taken(state, 1, 3, 2, 3, 2, 5, 4) == [1, 3, 2, 5, 4]
    assert (state.duplicates, state.missing, state.last_id) == (2, 0, 5)
    assert state.overdue(10 * SECOND_NS) == ()


def test_what_is_missing_is_told_once_when_it_can_no_longer_come() -> None:
    state = NexusState()
    state.at(SECOND_NS)
    taken(state, 10, 14, 12)
    assert state.overdue(SECOND_NS) == ()
    (gap,) = state.overdue(2 * SECOND_NS)
    assert (gap.name, gap.error_type, gap.meta) == ("error.occurred", "feed_gap", {"missing": 2})
    assert state.overdue(3 * SECOND_NS) == ()


def test_what_the_server_no_longer_kept_is_missing() -> None:
    state = NexusState(last_id=10)
    assert taken(state, 15) == [15]
    assert state.missing == 4


def test_what_came_before_the_first_event_is_not_missing() -> None:
    state = NexusState()
    assert taken(state, 900, 899, 901) == [900, 899, 901]
    assert state.missing == 0


def test_a_server_that_counts_from_one_again_is_followed() -> None:
    state = NexusState(last_id=500, last_at_ns=T0_NS)
    decoded = read(state, 1, timestamp="2026-04-22T10:05:00Z")
    assert [(happening.name, happening.error_type) for happening in decoded.happenings] == [
        ("error.occurred", "feed_restarted"),
        ("trace.log", ""),
    ]
    assert taken(state, 2, 3, timestamp="2026-04-22T10:05:01Z") == [2, 3]
    assert (state.last_id, state.restarts, state.duplicates, state.missing) == (3, 1, 0, 0)


def test_an_old_event_is_no_restart() -> None:
    state = NexusState(last_id=500, last_at_ns=T0_NS)
    assert taken(state, 500, 499, timestamp=T0) == []
    assert taken(state, 498, timestamp="no time") == []
    assert (state.restarts, state.duplicates) == (0, 3)


def test_memory_stays_bounded_and_old_ids_are_duplicates() -> None:
    state = NexusState()
    many = 3 * WINDOW
    assert len(taken(state, *range(1, many + 1))) == many
    assert taken(state, 1, many - WINDOW, many) == []
    assert len(state._seen) == WINDOW


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
        (b"", "json"),
        (b"{", "json"),
        (b"[]", "nexus"),
        (b'{"id":1,"kind":"log"}', "nexus"),
        (b'{"id":0,"traceId":"t","kind":"log"}', "nexus"),
        (b'{"id":"1","traceId":"t","kind":"log"}', "nexus"),
        (b'{"id":9223372036854775808,"traceId":"t","kind":"log"}', "nexus"),
        (b'{"id":1,"traceId":"t","kind":"log","meta":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "json"),
        (b"{" + b" " * jsonrpc_messages.MAX_BYTES, "too_large"),
    ],
)
def test_what_is_no_event_says_so(payload: bytes, error_type: str) -> None:
    state = NexusState()
    decoded = decode("in", "text", payload, state)
    assert (decoded.error_type, bool(decoded.error), decoded.happenings, state.last_id) == (error_type, True, (), 0)


def test_json_in_binary_frames_is_read_other_binary_and_what_we_send_is_not() -> None:
    state = NexusState()
    payload = json.dumps({"id": MAX_ID, "traceId": "t", "kind": "log"}).encode()
    assert decode("in", "binary", payload, state).type == "log"
    assert decode("in", "binary", b"\x00\x01", state) == UNREAD
    assert decode("out", "text", payload, state) == UNREAD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-22T10:00:00.123456789Z", T0_NS + 123_456_789),
        ("2026-04-22T12:00:00.5+02:00", T0_NS + SECOND_NS // 2),
        ("0001-01-01T00:00:00Z", None),  # Go's zero time
        ("2262-04-11T23:47:16.854775807Z", 2**63 - 1),
        ("2262-04-11T23:47:16.854775808Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-04-22T10:00:00+99:99", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_exact_to_the_nanosecond(text: str, expected: int | None) -> None:
    assert at_ns(text) == expected


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0, 0), (12, 12_000_000), (0.25, 250_000), (-1, None), (None, None), (1e308, None), (10**400, None)],
)
def test_durations_are_kept_where_they_can_be(milliseconds: float | None, expected: int | None) -> None:
    assert duration_ns(milliseconds) == expected


def test_a_session_goes_on_after_the_last_id_of_the_one_before() -> None:
    state = NexusState()
    decode("in", "text", b'{"id":7,"traceId":"a","kind":"log","message":"m"}', state)
    assert PROTOCOL.next_state is not None
    assert PROTOCOL.next_state(state).last_id == 7
