"""JSON without a named protocol: types, topics and ids, and the operations that most such protocols have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wsmon.model.events import Direction, EventName, Meta
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.calls import MAX_TOPICS
from wsmon.protocols.json import JsonState, answer, decode, due, opening

CANARY = "CANARY-7f3a"


class Session:
    """A state whose clock moves as told."""

    def __init__(self) -> None:
        self.state = JsonState()

    def read(self, direction: Direction, content: Any, at_s: float = 0.0) -> Decoded:
        self.state.at(round(at_s * SECOND_NS))
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        return decode(direction, "text", payload, self.state)

    def send(self, content: Any, at_s: float = 0.0) -> tuple[Happening, ...]:
        return self.read("out", content, at_s).happenings

    def receive(self, content: Any, at_s: float = 0.0) -> tuple[Happening, ...]:
        return self.read("in", content, at_s).happenings


def outline(happenings: tuple[Happening, ...]) -> list[tuple[str, ...]]:
    """Name, phase, topic and error type of each."""
    return [(happening.name, happening.phase, happening.topic, happening.error_type) for happening in happenings]


SUBSCRIBED: EventName = "subscription.subscribe.completed"
UNSUBSCRIBED: EventName = "subscription.unsubscribe.completed"


# columns


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        ({"type": "trade", "symbol": "BTC", "id": 7}, Decoded("trade", "BTC", "7")),
        ({"method": "do", "topic": "t", "ref": "r"}, Decoded("do", "t", "r")),
        ({"action": "move", "room": "lobby", "req_id": "q"}, Decoded("move", "lobby", "q")),
        ({"event": "e", "stream": "s", "request_id": 1.5}, Decoded("e", "s", "1.5")),
        ({"op": "x", "product_id": "p"}, Decoded("x", "p")),
        ({"channel": "c", "data": [1]}, Decoded("c", "c")),
        ({"e": "trade", "s": "BTCUSDT", "t": 12345}, Decoded("trade", "BTCUSDT")),
        ({"stream": "btcusdt@trade", "data": {"e": "trade"}}, Decoded("", "btcusdt@trade")),
        ({"arg": {"channel": "tickers", "instId": "BTC-USDT"}, "data": []}, Decoded("", "tickers")),
        ({"type": 5, "method": None, "action": "", "event": "e"}, Decoded("e")),
        ({"type": "a", "id": None, "ref": [1], "req_id": "kept"}, Decoded("a", "", "kept")),
        ({"type": "x" * 300}, Decoded("x" * 199 + "…")),
        ({"code": 5, "result": "error", "type": "data"}, Decoded("data")),
        ({}, Decoded()),
        ([], Decoded("array")),
        ([1, "a"], Decoded("array")),
        ([{"ev": "T", "symbol": "AAPL"}, {"ev": "Q"}], Decoded("T", "AAPL")),
        ("hello", UNREAD),
        (5, UNREAD),
    ],
)
def test_type_topic_and_ref_stand_where_most_protocols_put_them(content: Any, decoded: Decoded) -> None:
    assert Session().read("in", content) == decoded
    assert Session().read("out", content) == decoded


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
        (b"", "json"),
        (b"hello", "json"),
        (b'{"a":1', "json"),
        (b"[1,", "json"),
        (b'{"x":' + b"[" * 100_000, "json"),
        (b'{"type":"\xff"}', "json"),
        (b" " * (jsonrpc_messages.MAX_BYTES + 1), "too_large"),
        (b"[" + b"{}," * 2_000 + b"{}]", "too_large"),
    ],
)
def test_what_cannot_be_read_says_why(payload: bytes, error_type: str) -> None:
    decoded = Session().read("in", payload)
    assert (decoded.error_type, bool(decoded.error)) == (error_type, True)


def test_binary_is_read_where_it_is_json() -> None:
    assert decode("in", "binary", b'{"type":"a"}', JsonState()) == Decoded("a")
    assert decode("in", "binary", b"ping", JsonState()) == UNREAD
    assert decode("in", "close", b"{}", JsonState()) == UNREAD


# subscriptions


def test_a_subscription_is_confirmed_by_its_id() -> None:
    session = Session()
    assert session.send({"type": "subscribe", "channel": "a", "id": 1}) == (
        Happening("subscription.subscribe.started", "subscribe", "start", "1 a", "subscribe", "a", "1"),
    )
    assert session.receive({"type": "subscribed", "id": 1}) == (
        Happening(SUBSCRIBED, "subscribe", "end", "1 a", "subscribe", "a", "1", "ok"),
    )


@pytest.mark.parametrize(
    ("reply", "error_type", "error"),
    [
        ({"type": "subscription", "result": "success", "id": "s1"}, "", ""),
        ({"type": "subscription", "result": "error", "id": "s1", "error": "no such"}, "peer_error", "no such"),
        ({"type": "error", "subscription_id": "s1", "reason": "denied"}, "peer_error", "denied"),
        ({"type": "error", "id": "s1", "code": 42, "message": "m"}, "code_42", "m"),
        ({"id": "s1", "result": None, "success": True}, "", ""),
        ({"id": "s1", "error": {"code": "E7", "message": "m"}}, "E7", "m"),
        ({"req_id": "s1", "op": "subscribe", "success": False, "ret_msg": "bad"}, "peer_error", "bad"),
        ({"method": "subscribe", "result": {"channel": "other"}, "success": True, "req_id": "s1"}, "", ""),
        ({"type": "ack", "id": "s1"}, "", ""),
    ],
)
def test_confirmations_of_every_shape(reply: Any, error_type: str, error: str) -> None:
    session = Session()
    session.send({"type": "subscribe", "topic": "a", "id": "s1"})
    happenings = session.receive(reply)
    assert outline(happenings) == [(SUBSCRIBED, "end", "a", error_type)]
    assert (happenings[0].status, happenings[0].error) == ("error" if error_type else "ok", error)


def test_an_empty_result_with_the_id_of_a_subscription_confirms_it() -> None:
    session = Session()
    session.send({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1})
    assert outline(session.receive(b'{"result":null,"id":1}')) == [
        (SUBSCRIBED, "end", "btcusdt@trade", ""),
        (SUBSCRIBED, "end", "ethusdt@trade", ""),
    ]


def test_a_confirmation_that_lists_channels_leaves_the_others_failed() -> None:
    session = Session()
    session.send({"type": "subscribe", "channels": ["a", {"name": "b"}], "id": 1})
    assert outline(session.receive({"type": "subscribed", "id": 1, "channels": ["a"]})) == [
        (SUBSCRIBED, "end", "a", ""),
        (SUBSCRIBED, "end", "b", "not_confirmed"),
    ]


def test_confirmations_one_by_one_leave_the_others_waiting() -> None:
    session = Session()
    session.send({"op": "subscribe", "args": [{"channel": "a"}, {"channel": "b"}, {"channel": "c"}]})
    assert outline(session.receive({"event": "subscribe", "arg": {"channel": "b"}})) == [(SUBSCRIBED, "end", "b", "")]
    assert outline(session.receive({"type": "subscribed", "channel": "a"})) == [(SUBSCRIBED, "end", "a", "")]
    assert outline(session.state.overdue(30 * SECOND_NS)) == [(SUBSCRIBED, "end", "c", "timeout")]


def test_a_confirmation_without_id_or_topic_answers_the_oldest() -> None:
    session = Session()
    session.send({"type": "subscribe", "topic": "a"})
    session.send({"type": "subscribe", "topic": "b"})
    assert outline(session.receive({"type": "subscribed"})) == [(SUBSCRIBED, "end", "a", "")]
    assert outline(session.receive({"type": "subscribed"})) == [(SUBSCRIBED, "end", "b", "")]
    assert outline(session.receive({"type": "subscribed"})) == [(SUBSCRIBED, "end", "", "unmatched")]


def test_an_unknown_id_confirms_nothing_and_is_told() -> None:
    session = Session()
    session.send({"type": "subscribe", "topic": "a", "id": 1})
    assert outline(session.receive({"type": "subscribed", "id": 2})) == [(SUBSCRIBED, "end", "", "unmatched")]
    assert outline(session.receive({"type": "subscribed", "id": "1"})) == [(SUBSCRIBED, "end", "", "unmatched")]
    assert outline(session.receive({"type": "subscribed", "id": 1})) == [(SUBSCRIBED, "end", "a", "")]


def test_data_with_the_id_of_a_subscription_is_data() -> None:
    session = Session()
    session.send({"type": "subscribe", "topic": "a", "id": 1})
    assert session.receive({"type": "trade", "id": 1, "topic": "a"}) == ()
    assert len(session.state.calls) == 1


def test_what_the_peer_confirms_by_itself_is_told_without_a_span() -> None:
    session = Session()
    assert session.receive({"type": "subscribed", "channel": "news"}) == (
        Happening(SUBSCRIBED, type="subscribed", topic="news", status="ok"),
    )
    assert outline(session.receive({"type": "unsubscribed", "channel": "news"})) == [(UNSUBSCRIBED, "", "news", "")]


def test_unsubscribing_pairs_too() -> None:
    session = Session()
    assert outline(session.send({"action": "unsubscribe", "topics": ["a"]})) == [
        ("subscription.unsubscribe.started", "start", "a", "")
    ]
    assert outline(session.receive({"type": "unsubscribed", "topic": "a"})) == [(UNSUBSCRIBED, "end", "a", "")]
    assert outline(session.receive({"type": "unsubscribed", "id": 5})) == [(UNSUBSCRIBED, "end", "", "unmatched")]


def test_a_second_operation_under_an_id_in_flight_is_flagged() -> None:
    session = Session()
    session.send({"type": "subscribe", "topic": "a", "id": 1})
    assert outline(session.send({"type": "subscribe", "topic": "b", "id": 1})) == [
        ("error.occurred", "", "", "duplicate_id")
    ]
    assert outline(session.receive({"type": "subscribed", "id": 1})) == [(SUBSCRIBED, "end", "a", "")]


def test_more_topics_than_the_limit_are_told() -> None:
    happenings = Session().send({"type": "subscribe", "topics": [f"t{n}" for n in range(MAX_TOPICS + 1)]})
    assert (len(happenings), happenings[0].error_type) == (MAX_TOPICS + 1, "too_many_topics")


# authentication


@pytest.mark.parametrize(
    ("reply", "meta"),
    [
        ({"type": "auth_success", "token": CANARY, "expires_in": 60}, {"expires_in_s": 60}),
        ({"type": "auth_success", "expires_at": 1_700_000_000}, {"expires_at": 1_700_000_000}),
        ({"type": "auth_success", "expires_at": "2026-01-01T00:00:00Z"}, {"expires_at": "2026-01-01T00:00:00Z"}),
        ({"op": "auth", "success": True, "ret_msg": ""}, {}),
        ({"event": "login", "code": "0", "msg": ""}, {}),
    ],
)
def test_authentication_is_completed(reply: Any, meta: Meta) -> None:
    session = Session()
    assert outline(session.send({"op": "auth", "args": ["me", 1, CANARY]})) == [("auth.started", "start", "", "")]
    assert session.receive(reply) == (
        Happening("auth.completed", "auth", "end", "auth 1", "auth", status="ok", meta=meta),
    )


@pytest.mark.parametrize(
    ("reply", "error_type", "error"),
    [
        ({"type": "auth_error", "reason": "expired"}, "auth_failed", "expired"),
        ({"type": "auth_error", "message": "wrong"}, "auth_failed", "wrong"),
        ({"op": "auth", "success": False, "ret_msg": "no"}, "peer_error", "no"),
        ({"event": "login", "code": "60009", "msg": "Login failed"}, "60009", "Login failed"),
    ],
)
def test_authentication_is_refused(reply: Any, error_type: str, error: str) -> None:
    for begun in (True, False):
        session = Session()
        if begun:
            session.send({"type": "login", "password": CANARY})
        happenings = session.receive(reply)
        assert outline(happenings) == [("auth.failed", "end" if begun else "", "", error_type)]
        assert happenings[0].error == error


def test_a_refresh_is_a_refresh() -> None:
    session = Session()
    assert outline(session.send({"type": "refresh_token", "token": CANARY})) == [
        ("auth.refresh.started", "start", "", "")
    ]
    assert outline(session.receive({"type": "auth_success"})) == [("auth.refresh.completed", "end", "", "")]
    session.send({"type": "refresh"})
    happenings = session.receive({"type": "auth_error"})
    assert (outline(happenings), happenings[0].meta) == ([("auth.failed", "end", "", "auth_failed")], {"refresh": True})


def test_an_authentication_by_headers_is_completed_without_a_span() -> None:
    happenings = Session().receive({"type": "authenticated"})
    assert happenings == (Happening("auth.completed", type="authenticated", status="ok", meta={}),)


def test_a_token_that_nobody_renews_is_told_before_its_end_where_that_is_known() -> None:
    session = Session()
    session.receive({"type": "auth_success"})
    assert session.state.overdue(4000 * SECOND_NS) == ()
    session.receive({"type": "auth_success", "expires_in": 900}, 4000)
    assert session.state.overdue(4839 * SECOND_NS) == ()
    assert outline(session.state.overdue(4840 * SECOND_NS)) == [("error.occurred", "", "", "token_expires")]


# heartbeats


@pytest.mark.parametrize(
    ("ping", "pong"),
    [
        ({"type": "ping"}, {"type": "pong"}),
        ({"op": "ping", "req_id": "7"}, {"op": "pong", "req_id": "7"}),
        ({"method": "PING", "id": 1}, {"method": "PONG", "id": 1}),
        (b"ping", b"pong"),
        ({"op": "ping"}, {"op": "pong", "req_id": "server-made"}),
    ],
)
def test_our_ping_is_answered_by_a_pong(ping: Any, pong: Any) -> None:
    session = Session()
    assert outline(session.send(ping)) == [("heartbeat.sent", "start", "", "")]
    assert outline(session.receive(pong)) == [("heartbeat.responded", "end", "", "")]
    assert outline(session.receive(pong)) == [("heartbeat.responded", "end", "", "unmatched")]


def test_a_pong_with_another_id_answers_nothing() -> None:
    session = Session()
    session.send({"type": "ping", "id": 1})
    assert outline(session.receive({"type": "pong", "id": 2})) == [("heartbeat.responded", "end", "", "unmatched")]
    assert outline(session.state.overdue(30 * SECOND_NS)) == [("heartbeat.timeout", "end", "", "timeout")]


@pytest.mark.parametrize(
    ("ping", "pong"),
    [
        (b'{"type":"ping"}', '{"type":"pong"}'),
        (b'{"op":"ping","req_id":"7"}', '{"op":"pong","req_id":"7"}'),
        (b'{"method":"PING","id":12}', '{"method":"PONG","id":12}'),
        (b"ping", "pong"),
    ],
)
def test_the_peers_ping_is_answered_in_its_own_shape(ping: bytes, pong: str) -> None:
    session = Session()
    decoded = session.read("in", ping)
    assert outline(decoded.happenings) == [("heartbeat.received", "start", "", "")]
    assert answer(decoded, ClientOptions(answers=True), session.state) == (pong,)
    assert outline(session.send(pong.encode())) == [("heartbeat.responded", "end", "", "")]


def test_the_peers_ping_without_a_pong_is_a_timeout() -> None:
    session = Session()
    session.receive({"type": "ping"})
    assert outline(session.state.overdue(30 * SECOND_NS)) == [("heartbeat.timeout", "end", "", "timeout")]


def test_a_heartbeat_asks_for_nothing() -> None:
    session = Session()
    decoded = session.read("in", {"type": "heartbeat"})
    assert decoded.happenings == (Happening("heartbeat.received", "heartbeat", type="heartbeat"),)
    assert answer(decoded, ClientOptions(answers=True), session.state) == ()
    assert outline(session.send({"type": "heartbeat"})) == [("heartbeat.sent", "", "", "")]
    assert len(session.state.calls) == 0


# errors


@pytest.mark.parametrize(
    ("content", "error_type", "error"),
    [
        ({"type": "error", "message": "Rate limited", "code": 429}, "code_429", "Rate limited"),
        ({"type": "error"}, "peer_error", ""),
        ({"success": False, "ret_msg": "too many"}, "peer_error", "too many"),
        ({"error": {"code": 2, "msg": "x", "message": "bad"}, "id": 9}, "code_2", "bad"),
        ({"error": "boom"}, "peer_error", "boom"),
    ],
)
def test_errors_that_answer_nothing_are_told(content: Any, error_type: str, error: str) -> None:
    happenings = Session().receive(content)
    assert [(happening.name, happening.error_type, happening.error) for happening in happenings] == [
        ("error.occurred", error_type, error)
    ]


@pytest.mark.parametrize("error", [None, False, 0, "", [], {}])
def test_an_empty_error_is_none(error: Any) -> None:
    assert Session().receive({"type": "data", "error": error}) == ()


# what is sent, and what is never repeated


def test_no_credential_is_repeated() -> None:
    session = Session()
    messages = [
        session.read("out", {"op": "auth", "args": ["key-" + CANARY, 1, CANARY]}),
        session.read("in", {"op": "auth", "success": False, "ret_msg": f"bad signature {CANARY}"}),
        session.read("out", {"type": "login", "user": "me", "password": CANARY, "otp": CANARY}),
        session.read("in", {"type": "auth_success", "token": CANARY + "-t", "refresh_token": CANARY + "-r"}),
        session.read("out", {"type": "order", "api_key": CANARY + "-o", "id": 3}),
        session.read("in", {"type": "error", "message": f"{CANARY}-o and {CANARY}-t and {CANARY}-r", "id": 3}),
        session.read("in", {"type": "error", "message": f"https://x/?token={CANARY}-unseen&a=1"}),
        session.read("out", {"type": "subscribe", "channel": "a", "token": CANARY, "headers": {"cookie": CANARY}}),
    ]
    assert CANARY not in repr(messages) + repr(vars(session.state))
    assert sum("[FILTERED]" in happening.error for decoded in messages for happening in decoded.happenings) == 3


def test_wsmon_says_what_the_configuration_spells_out() -> None:
    state = JsonState()
    login = '{"op":"login"}'
    assert opening(ClientOptions(auth={"send": Sensitive(login)}, answers=True), state) == (login,)
    assert answer(decode("in", "text", b'{"type":"ping"}', state), ClientOptions(answers=True), state) != ()
    assert answer(decode("in", "text", b'{"type":"tick"}', state), ClientOptions(answers=True), state) == ()


def test_wsmon_renews_a_grant_at_80_percent_of_its_life() -> None:
    state = JsonState()
    auth = {"send": Sensitive('{"type":"auth"}'), "refresh": Sensitive('{"type":"refresh"}')}
    options = ClientOptions(auth=auth, answers=True)
    decode("out", "text", b'{"type":"auth"}', state)
    decode("in", "text", b'{"type":"auth_success","expires_in":100}', state)
    assert due(79 * 10**9, options, state) == ()
    assert due(80 * 10**9, options, state) == ('{"type":"refresh"}',)
    assert due(81 * 10**9, options, state) == ()
