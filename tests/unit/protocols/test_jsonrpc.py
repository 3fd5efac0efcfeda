"""Requests, answers, notifications, batches and subscriptions of JSON-RPC 2.0."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from wsmon.model.events import Direction, Meta
from wsmon.model.units import SECOND_NS
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import UNREAD, Decoded, Happening
from wsmon.protocols.calls import MAX_IN_FLIGHT
from wsmon.protocols.jsonrpc import JsonRpcState, decode
from wsmon.protocols.jsonrpc_messages import code_meta

MS = 1_000_000


def message(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


class Session:
    """A state whose clock moves as told."""

    def __init__(self, timeout_s: float = 30.0) -> None:
        self.state = JsonRpcState(timeout_s=timeout_s)

    def read(self, direction: Direction, payload: bytes, at_ms: int = 0) -> Decoded:
        self.state.at(at_ms * MS)
        return decode(direction, "text", payload, self.state)

    def ask(self, id_: Any, method: str = "get_time", at_ms: int = 0, **members: Any) -> Decoded:
        return self.read("out", message(id=id_, method=method, **members), at_ms)

    def reply(self, id_: Any, at_ms: int = 0, **members: Any) -> Decoded:
        return self.read("in", message(id=id_, **(members or {"result": 1})), at_ms)


def began(key: str, method: str = "get_time", ref: str = "") -> Happening:
    return Happening("message.process.started", "request", "start", key, method, ref=ref or key.strip('"'))


def ended(key: str, method: str = "get_time", ref: str = "", meta: Meta | None = None) -> Happening:
    return Happening(
        "message.process.completed", "request", "end", key, method, ref=ref or key.strip('"'), status="ok", meta=meta
    )


def failure(
    key: str, error_type: str, error: str, meta: Meta | None = None, method: str = "get_time"
) -> tuple[Happening, ...]:
    ref = key.strip('"')
    return (
        Happening(
            "message.process.completed", "request", "end", key, method, ref=ref, status="error",
            error_type=error_type, error=error, meta=meta,
        ),
        Happening("error.occurred", "request", type=method, ref=ref, error_type=error_type, error=error, meta=meta),
    )  # fmt: skip


def orphan(key: str, type_: str = "response", ref: str = "") -> Happening:
    return Happening(
        "message.process.completed", "request", "end", key, type_, ref=ref or key.strip('"'),
        error_type="unmatched", error="matches no request in flight",
    )  # fmt: skip


def test_a_request_and_its_answer_are_start_and_end() -> None:
    session = Session()
    assert session.ask(1) == Decoded("get_time", "", "1", happenings=(began("1"),))
    assert session.reply(1) == Decoded("get_time", "", "1", happenings=(ended("1"),))


def test_ids_of_any_type_are_told_apart() -> None:
    session = Session()
    ids = (1, "1", "test-id-123", 1.5, -7, True, [1], {"a": 1}, "", "é\n", 10**30)
    for number, id_ in enumerate(ids):
        decoded = session.ask(id_, f"method_{number}")
        assert [happening.name for happening in decoded.happenings] == ["message.process.started"]
    for number, id_ in reversed(list(enumerate(ids))):
        decoded = session.reply(id_)
        assert (decoded.type, decoded.happenings[0].status) == (f"method_{number}", "ok")
    assert len(session.state.calls) == 0


def test_a_string_id_matches_however_it_is_escaped() -> None:
    session = Session()
    session.read("out", b'{"jsonrpc":"2.0","id":"\\u0061/b","method":"m"}')
    assert session.read("in", b'{"jsonrpc":"2.0","id":"a\\/b","result":1}').type == "m"


def test_a_long_id_is_cut_and_still_its_own() -> None:
    session = Session()
    first, second = "x" * 5000 + "1", "x" * 5000 + "2"
    session.ask(first, "one")
    decoded = session.ask(second, "two")
    assert max(len(decoded.happenings[0].key), len(decoded.ref)) <= 200
    assert (session.reply(second).type, session.reply(first).type) == ("two", "one")


def test_a_null_id_is_an_id_of_its_own() -> None:
    session = Session()
    assert session.ask(None).happenings == (
        Happening("message.process.started", "request", "start", "null", "get_time"),
    )
    assert session.reply(None).happenings[0].status == "ok"


def test_many_in_flight_each_answer_goes_to_its_own_request() -> None:
    session = Session()
    for id_ in range(20):
        session.ask(id_, f"m{id_}")
    assert [session.reply(id_).type for id_ in (7, 0, 19, 3)] == ["m7", "m0", "m19", "m3"]


def test_a_message_without_id_is_correlated_with_nothing() -> None:
    session = Session()
    decoded = session.read("out", message(method="log", params={"topic": "audit"}))
    assert decoded == Decoded("log", "audit")
    assert session.state.overdue(3600 * SECOND_NS) == ()


@pytest.mark.parametrize(
    ("params", "topic"),
    [
        ({"channel": "ticker.BTC"}, "ticker.BTC"),
        ({"subscription": "0x9c", "result": {}}, "0x9c"),
        ({"subscription": 24040, "result": {}}, "24040"),
        ({"topic": "t", "subscription": [1]}, "t"),
        ({"channel": True}, ""),
        (["a"], ""),
        (None, ""),
    ],
)
def test_a_notification_is_about_its_subscription_or_channel(params: Any, topic: str) -> None:
    assert Session().read("in", message(method="eth_subscription", params=params)) == Decoded("eth_subscription", topic)


def test_an_error_is_named_and_its_code_kept() -> None:
    session = Session()
    session.ask(1)
    decoded = session.reply(1, error={"code": -32601, "message": "Method not found"})
    assert decoded.happenings == failure("1", "method_not_found", "Method not found", {"code": -32601})


@pytest.mark.parametrize(
    ("error", "error_type", "text", "code"),
    [
        ({"code": -32000, "message": "execution reverted"}, "rpc_-32000", "execution reverted", -32000),
        ({"code": "E1", "message": 5}, "rpc_error", "", "E1"),
        ({"code": True}, "rpc_error", "", None),
        ({"code": 10**20}, f"rpc_{10**20}", "", str(10**20)),
        ("out of cheese", "rpc_error", "out of cheese", None),
        ([1, 2], "rpc_error", "", None),
        (False, "rpc_error", "", None),
    ],
)
def test_errors_of_any_shape_fail_the_request(error: Any, error_type: str, text: str, code: Any) -> None:
    session = Session()
    session.ask(1)
    assert session.reply(1, error=error).happenings == failure("1", error_type, text, code_meta(code))


def test_a_null_error_beside_a_result_is_success() -> None:
    session = Session()
    session.ask(1)
    assert session.reply(1, error=None, result=5).happenings == (ended("1"),)


def test_an_error_without_id_is_told() -> None:
    decoded = Session().reply(None, error={"code": -32700, "message": "Parse error"})
    assert decoded.happenings == (
        msgspec.structs.replace(orphan("null", "error"), ref=""),
        Happening("error.occurred", type="error", error_type="parse_error", error="Parse error"),
    )


def test_a_request_without_an_answer_times_out_once_and_the_late_answer_is_unmatched() -> None:
    session = Session(timeout_s=0.05)
    session.ask(1)
    assert session.state.overdue(49 * MS) == ()
    assert session.state.overdue(50 * MS) == failure("1", "timeout", "no answer within 0.05 s")
    assert session.state.overdue(51 * MS) == ()
    assert session.reply(1, 60).happenings == (orphan("1"),)


def test_an_id_may_be_used_again_and_its_old_deadline_is_gone() -> None:
    session = Session(timeout_s=1.0)
    session.ask(1, at_ms=0)
    session.reply(1, at_ms=10)
    session.ask(1, at_ms=900)
    assert session.state.overdue(1_000 * MS) == ()
    assert session.reply(1, at_ms=1_100).happenings == (ended("1"),)


def test_a_second_request_under_an_id_in_flight_is_flagged_and_the_first_still_resolves() -> None:
    session = Session()
    session.ask(1, "first")
    duplicate = Happening(
        "error.occurred",
        "request",
        type="second",
        ref="1",
        error_type="duplicate_id",
        error="id 1 is already in flight",
    )
    assert session.ask(1, "second").happenings == (duplicate,)
    assert session.reply(1).happenings == (ended("1", "first"),)
    assert session.reply(1).happenings == (orphan("1"),)


def test_requests_of_the_peer_have_ids_of_their_own() -> None:
    session = Session()
    session.ask(1, "ours")
    assert session.read("in", message(id=1, method="theirs")).happenings == (
        Happening("message.process.started", "request", "start", "peer 1", "theirs", ref="1"),
    )
    assert session.read("out", message(id=1, result="x")).happenings == (ended("peer 1", "theirs", "1"),)
    assert session.reply(1).happenings == (ended("1", "ours"),)


def test_past_the_limit_the_oldest_request_is_given_up_and_told() -> None:
    session = Session()
    for id_ in range(MAX_IN_FLIGHT):
        assert len(session.ask(id_).happenings) == 1
    error = f"more than {MAX_IN_FLIGHT} requests in flight: no longer tracked"
    key = str(MAX_IN_FLIGHT)
    end, told = failure("0", "given_up", error)
    abandoned = msgspec.structs.replace(end, status="abandoned")
    assert session.ask(MAX_IN_FLIGHT).happenings == (abandoned, told, began(key))
    assert session.reply(0).happenings == (orphan("0"),)


def test_a_batch_is_one_reading_with_all_notes() -> None:
    session = Session()
    batch = b" [" + message(id=1, method="a") + b"," + message(method="b") + b"," + message(id=2, method="c") + b"]"
    decoded = session.read("out", batch)
    assert (decoded.type, decoded.happenings) == ("batch", (began("1", "a"), began("2", "c")))
    assert [each.type for each in decoded.texts] == ["a", "b", "c"]
    answers = b"[" + message(id=2, result=1) + b"," + message(id=1, result=1) + b"]"
    assert session.read("in", answers).happenings == (ended("2", "c"), ended("1", "a"))


def test_p2_each_text_of_a_frame_is_read() -> None:
    session = Session()
    frame = message(id=1, method="a") + b"\n" + message(id=2, method="c")
    decoded = session.read("out", frame)
    assert (decoded.type, decoded.ref, decoded.meta) == ("a", "1", {"texts": 2})
    assert decoded.happenings == (began("1", "a"), began("2", "c"))


def test_p4_an_empty_text_is_a_heartbeat() -> None:
    assert Session().read("in", b"") == Decoded(happenings=(Happening("heartbeat.received", "heartbeat"),))


def test_p6_a_notification_of_rpc_websockets_is_an_event_of_its_name() -> None:
    assert Session().read("in", b'{"notification":"tick","params":[1,2]}') == Decoded("tick", "tick")


def test_events_of_rpc_websockets_are_subscriptions() -> None:
    session = Session()
    decoded = session.read("out", message(id=1, method="rpc.on", params=["tick", "tock"]))
    assert [(each.name, each.topic) for each in decoded.happenings] == [
        ("subscription.subscribe.started", "tick"),
        ("subscription.subscribe.started", "tock"),
    ]


def test_replies_are_paired_without_a_version() -> None:
    session = Session()
    session.read("out", b'{"id":1,"method":"Page.enable"}')
    decoded = session.read("in", b'{"id":1,"result":{}}')
    assert [(each.name, each.status) for each in decoded.happenings] == [("message.process.completed", "ok")]
    assert (
        session.read("in", b'{"method":"Page.loadEventFired","params":{"timestamp":1}}').type == "Page.loadEventFired"
    )


def test_a_notification_has_the_name_that_was_subscribed_to() -> None:
    session = Session()
    session.read("out", message(id=1, method="eth_subscribe", params=["newHeads"]))
    session.read("in", message(id=1, result="0xcd0c"))
    notification = message(method="eth_subscription", params={"subscription": "0xcd0c", "result": {}})
    assert session.read("in", notification) == Decoded("eth_subscription", "newHeads")
    other = message(method="eth_subscription", params={"subscription": "0xffff", "result": {}})
    assert session.read("in", other) == Decoded("eth_subscription", "0xffff")


@pytest.mark.parametrize("error", [{"code": 1, "reason": "no"}, {"msg": "no"}, "no"])
def test_the_text_of_an_error_is_kept_wherever_it_stands(error: object) -> None:
    session = Session()
    session.read("out", message(id=1, method="a"))
    decoded = session.read("in", message(id=1, error=error))
    assert {each.error for each in decoded.happenings} == {"no"}


def test_what_is_broken_in_a_batch_leaves_the_rest_readable() -> None:
    session = Session()
    decoded = session.read("out", b'[5,{"foo":1},' + message(id=1, method="a") + b"]")
    assert (decoded.error_type, decoded.happenings) == ("jsonrpc", (began("1", "a"),))


def test_batches_are_read_up_to_a_limit() -> None:
    session = Session()
    batch = b"[" + b",".join(message(id=n, method="a") for n in range(jsonrpc_messages.MAX_BATCH + 1)) + b"]"
    decoded = session.read("out", batch)
    assert (decoded.error_type, decoded.error) == (
        "too_large",
        "a batch of 1001 messages; only the first 1000 are parsed",
    )
    assert len(decoded.happenings) == jsonrpc_messages.MAX_BATCH


def test_a_subscription_is_confirmed_by_its_id_and_unsubscribed_by_its_name() -> None:
    session = Session()
    start = Happening(
        "subscription.subscribe.started", "subscribe", "start", "1 newHeads", "eth_subscribe", "newHeads", "1"
    )
    assert session.ask(1, "eth_subscribe", params=["newHeads"]) == Decoded(
        "eth_subscribe", "newHeads", "1", happenings=(start,)
    )
    end = Happening(
        "subscription.subscribe.completed", "subscribe", "end", "1 newHeads", "eth_subscribe", "newHeads", "1", "ok",
        meta={"subscription": "0x9c"},
    )  # fmt: skip
    assert session.reply(1, result="0x9c") == Decoded("eth_subscribe", "0x9c", "1", happenings=(end,))
    asked = session.ask(2, "eth_unsubscribe", params=["0x9c"])
    assert asked.happenings == (
        Happening(
            "subscription.unsubscribe.started", "unsubscribe", "start", "2 newHeads", "eth_unsubscribe", "newHeads", "2"
        ),
    )
    done = session.reply(2, result=True).happenings
    assert [(happening.name, happening.topic, happening.status) for happening in done] == [
        ("subscription.unsubscribe.completed", "newHeads", "ok")
    ]


@pytest.mark.parametrize(
    ("method", "params", "topic"),
    [
        ("subscribe", {"channel": "c"}, "c"),
        ("subscribe", {"name": "n"}, "n"),
        ("accountSubscribe", ["CM78"], "CM78"),
        ("slotSubscribe", None, "slotSubscribe"),
        ("eth_subscribe", [{"address": "0x1"}], "eth_subscribe"),
        ("eth_subscribe", [], "eth_subscribe"),
    ],
)
def test_what_is_subscribed_to_is_named_by_the_first_parameter(method: str, params: Any, topic: str) -> None:
    members = {} if params is None else {"params": params}
    assert [happening.topic for happening in Session().ask(1, method, **members).happenings] == [topic]


def test_a_refused_subscription_fails_without_an_error_beside_it() -> None:
    session = Session()
    session.ask(1, "eth_subscribe", params=["x"])
    happenings = session.reply(1, error={"code": -32602, "message": "no x"}).happenings
    assert [(happening.name, happening.status, happening.error_type, happening.error) for happening in happenings] == [
        ("subscription.subscribe.completed", "error", "invalid_params", "no x")
    ]


def test_an_unsubscribe_that_did_nothing_failed() -> None:
    session = Session()
    session.ask(1, "eth_unsubscribe", params=["0x1"])
    assert [(happening.status, happening.error_type) for happening in session.reply(1, result=False).happenings] == [
        ("error", "not_confirmed")
    ]


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
        (b"hello", "json"),
        (b'{"id":1', "json"),
        (b'"hello"', "jsonrpc"),
        (b"5", "jsonrpc"),
        (b"{}", "jsonrpc"),
        (b"[]", "jsonrpc"),
        (b'{"method":5}', "jsonrpc"),
        (b'{"x":' + b"[" * 100_000, "json"),
        (b'{"method":"\xff"}', "json"),
        (b" " * (jsonrpc_messages.MAX_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_json_rpc_says_so(payload: bytes, error_type: str) -> None:
    decoded = Session().read("in", payload)
    assert (decoded.error_type, bool(decoded.error), decoded.happenings) == (error_type, True, ())


def test_binary_is_read_where_it_is_json_and_passed_through_where_it_is_not() -> None:
    state = JsonRpcState()
    assert decode("in", "binary", b"\x00\x01", state) == UNREAD
    assert decode("in", "binary", message(method="a"), state) == Decoded("a")
    assert decode("in", "ping", b"{}", state) == UNREAD


def test_no_credential_is_repeated() -> None:
    canary = "CANARY-7f3a"
    session = Session()
    session.ask(1, "login", params={"user": "me", "password": canary, "nested": {"api_key": canary}})
    session.ask(2, "order", params={"access_token": canary})
    session.ask(3, "authenticate", params=["me", canary])
    error = {"code": -1, "message": f"bad {canary}, token={canary}", "data": {"token": canary}}
    messages = [session.reply(id_, error=error) for id_ in (1, 2, 3, 99)]
    assert all(decoded.happenings for decoded in messages)
    assert canary not in repr(messages) + repr(session.state.__dict__)
    assert all(
        "[FILTERED]" in happening.error
        for decoded in messages
        for happening in decoded.happenings
        if "bad" in happening.error
    )
