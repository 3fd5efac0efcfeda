"""JSON without a named protocol: types, topics and ids, and the operations that most such protocols have."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from wsmon.model.events import Direction, EventName, Meta
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols import jsonrpc_messages
from wsmon.protocols.base import MAX_NAME_CHARS, UNREAD, ClientOptions, Decoded, Happening
from wsmon.protocols.calls import MAX_TOPICS
from wsmon.protocols.json import PROTOCOL, JsonState, answer, decode, due, opening

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
        ([1, "a"], Decoded("a")),
        ([1, 2], Decoded("array")),
        (["trade", {"price": 1}], Decoded("trade")),
        ([42, "hb"], Decoded("hb")),
        ([340, {"price": 1}, "ticker", "XBT/USD"], Decoded("ticker")),
        ([2, "19223201", "BootNotification", {}], Decoded("BootNotification")),
        ([3, "19223201", {}], Decoded("array")),
        ([1700000000, "12"], Decoded("array")),
        ("hello", UNREAD),
        (5, UNREAD),
    ],
)
def test_type_topic_and_ref_stand_where_most_protocols_put_them(content: Any, decoded: Decoded) -> None:
    for direction in ("in", "out"):
        assert msgspec.structs.replace(Session().read(direction, content), texts=()) == decoded


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
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


# frames of several texts, and texts that JSON does not allow


def test_p2_each_text_of_a_frame_is_read() -> None:
    session = Session()
    session.send({"type": "subscribe", "channel": "a"})
    frame = b'{"type":"tick","symbol":"A","seq":1}\n{"type":"subscribed","channel":"a"}\n{"type":"heartbeat"}'
    decoded = session.read("in", frame)
    assert (decoded.type, decoded.topic, decoded.error_type, decoded.meta) == ("tick", "A", "", {"texts": 3})
    assert outline(decoded.happenings) == [(SUBSCRIBED, "end", "a", ""), ("heartbeat.received", "", "", "")]
    assert [(each.type, each.topic, each.is_heartbeat) for each in decoded.texts] == [
        ("tick", "A", False),
        ("subscribed", "a", False),
        ("heartbeat", "", True),
    ]


@pytest.mark.parametrize(
    "payload",
    [
        b'{"type":"tick","p":NaN}',
        b'{"type":"tick","p":[-Infinity,Infinity]}',
        b'{"type":"tick","p":"party \\ud83d"}',
        b'\xef\xbb\xbf{"type":"tick"}',
        b'{"type":"tick"}\0',
        b'{"type":"tick","p":18446744073709551617}',
    ],
)
def test_p2_a_text_that_json_does_not_allow_is_read(payload: bytes) -> None:
    decoded = Session().read("in", payload)
    assert (decoded.type, decoded.error_type, decoded.meta) == ("tick", "", None)


def test_p2_a_text_that_cannot_be_read_leaves_the_others_readable() -> None:
    decoded = Session().read("in", b'{"type":"a"}\n{"type":\n{"type":"c"}')
    assert (decoded.type, decoded.error_type) == ("a", "json")
    assert [each.type for each in decoded.texts] == ["a", "", "c"]


def test_p2_credentials_in_a_frame_of_several_texts_are_masked() -> None:
    frame = b'{"op":"tick"}\n{"op":"auth","args":["key-1",1,"signature-1"]}'
    masked, has_any = PROTOCOL.new_masks(PROTOCOL.new_state())["out"]("text", frame)
    assert has_any
    assert masked == b'{"op":"tick"}\n{"op":"auth","args":["[FILTERED]",1,"[FILTERED]"]}'


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
    session.state.answers = True
    decoded = session.read("in", ping)
    assert outline(decoded.happenings) == [("heartbeat.received", "start", "", "")]
    assert answer(decoded, ClientOptions(answers=True), session.state) == (pong,)
    assert outline(session.send(pong.encode())) == [("heartbeat.responded", "end", "", "")]


@pytest.mark.parametrize(("letters", "is_repeated"), [(MAX_NAME_CHARS - 2, True), (MAX_NAME_CHARS - 1, False)])
def test_a_pong_repeats_no_id_longer_than_a_name(letters: int, *, is_repeated: bool) -> None:
    session = Session()
    session.state.answers = True
    # With its quotes
    member = f',"id":"{"x" * letters}"'
    decoded = session.read("in", f'{{"type":"ping"{member}}}'.encode())
    expected = f'{{"type":"pong"{member if is_repeated else ""}}}'
    assert answer(decoded, ClientOptions(answers=True), session.state) == (expected,)


def test_the_peers_ping_without_a_pong_is_a_timeout() -> None:
    session = Session()
    session.state.answers = True
    session.receive({"type": "ping"})
    assert outline(session.state.overdue(30 * SECOND_NS)) == [("heartbeat.timeout", "end", "", "timeout")]


def test_p4_a_ping_that_wsmon_is_not_to_answer_leaves_nothing_unanswered() -> None:
    session = Session()
    assert outline(session.receive({"type": "ping"}, 1)) == [("heartbeat.received", "", "", "")]
    assert session.state.overdue(31 * SECOND_NS) == ()
    assert outline(session.receive({"type": "ping", "id": 7}, 40)) == [("heartbeat.received", "", "", "")]
    (answered,) = session.send({"type": "pong", "id": 7}, 42)
    assert (answered.name, answered.phase, answered.duration_ns) == ("heartbeat.responded", "whole", 2 * SECOND_NS)


@pytest.mark.parametrize(
    "greeting",
    [{"type": "welcome"}, {"type": "hello", "id": 1, "heartbeat": {"interval": 15_000, "timeout": 5_000}}],
)
def test_p4_pings_of_actioncable_and_nes_want_no_answer(greeting: dict[str, Any]) -> None:
    session = Session()
    session.state.answers = True
    session.receive(greeting)
    ping = {"type": "ping", "message": 1_795_959_569} if greeting["type"] == "welcome" else {"type": "ping"}
    decoded = session.read("in", ping)
    assert outline(decoded.happenings) == [("heartbeat.received", "", "", "")]
    assert answer(decoded, ClientOptions(answers=True), session.state) == ()
    assert session.state.overdue(60 * SECOND_NS) == ()


@pytest.mark.parametrize("payload", [b"", b"\n", b" \r\n"])
def test_p4_an_empty_text_is_a_heartbeat(payload: bytes) -> None:
    assert Session().read("in", payload) == Decoded(happenings=(Happening("heartbeat.received", "heartbeat"),))
    assert Session().read("out", payload) == Decoded(happenings=(Happening("heartbeat.sent", "heartbeat"),))


def test_a_heartbeat_asks_for_nothing() -> None:
    session = Session()
    decoded = session.read("in", {"type": "heartbeat"})
    assert decoded.happenings == (Happening("heartbeat.received", "heartbeat", type="heartbeat"),)
    assert answer(decoded, ClientOptions(answers=True), session.state) == ()
    assert outline(session.send({"type": "heartbeat"})) == [("heartbeat.sent", "", "", "")]
    assert len(session.state.calls) == 0


# logins


def test_v1_a_refused_login_has_the_text_of_the_message() -> None:
    session = Session()
    session.send({"type": "auth", "access_token": "wrong"})
    (refused,) = session.receive({"type": "auth_invalid", "message": "Invalid access token or password"})
    assert (refused.name, refused.phase, refused.error_type, refused.error) == (
        "auth.failed",
        "end",
        "auth_failed",
        "Invalid access token or password",
    )


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
    state.answers = True
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
