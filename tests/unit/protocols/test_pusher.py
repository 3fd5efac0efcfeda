"""Pusher Channels: channels, heartbeats by activity, errors with their advice."""

from __future__ import annotations

import json

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, HandshakeUrl, MessageSample
from wsmon.protocols.calls import WAIT_S
from wsmon.protocols.pusher import CLOSE_CODES, PROTOCOL, PusherState, answer, decode, due, is_silent, mask, prepare

WAIT_NS = int(WAIT_S) * SECOND_NS
URL = HandshakeUrl.parse("wss://ws.example.com/app/278d425bdf160c739803?protocol=7&client=js")
# Of the documentation of Pusher, "Authorizing users"
SECRET, SOCKET = "7ad3773142a6692b25b8", "1234.1234"
SIGNED = "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"


def read(state: PusherState, direction: Direction, event: str, data: object = None, **more: object) -> Decoded:
    """The message, decoded."""
    return decode(direction, "text", json.dumps({"event": event, "data": data, **more}).encode(), state)


def told(decoded: Decoded) -> list[tuple[str, str, str]]:
    """What happened, to which topic, with which error type."""
    return [(happening.name, happening.topic, happening.error_type) for happening in decoded.happenings]


def greeted(timeout_s: float = 120) -> PusherState:
    """A session whose server has said hello, in a JSON string as Pusher does."""
    state = PusherState()
    prepare(state, ClientOptions(), URL)
    hello = json.dumps({"socket_id": SOCKET, "activity_timeout": timeout_s})
    assert read(state, "in", "pusher:connection_established", hello) == Decoded("pusher:connection_established")
    return state


def test_a_subscription_succeeds_or_fails_by_its_channel() -> None:
    state = greeted()
    asked = read(state, "out", "pusher:subscribe", {"channel": "trades"})
    assert (asked.type, asked.topic) == ("pusher:subscribe", "trades")
    assert told(asked) == [("subscription.subscribe.started", "trades", "")]
    done = read(state, "in", "pusher_internal:subscription_succeeded", "{}", channel="trades")
    assert told(done) == [("subscription.subscribe.completed", "trades", "")]
    read(state, "out", "pusher:subscribe", {"channel": "private-a", "auth": "key:0123456789abcdef"})
    error = {"type": "AuthError", "error": "no key:0123456789abcdef", "status": 401}
    refused = read(state, "in", "pusher:subscription_error", error, channel="private-a")
    assert told(refused) == [("subscription.subscribe.completed", "private-a", "pusher_401")]
    assert refused.happenings[0].error == "no [FILTERED]"
    assert told(read(state, "out", "pusher:unsubscribe", {"channel": "trades"})) == [
        ("subscription.unsubscribe.completed", "trades", "")
    ]
    assert [each.name for each in state.overdue(2**62)] == ["heartbeat.timeout"]


def test_events_of_the_application_have_their_channel_and_nothing_else() -> None:
    state = greeted()
    assert read(state, "in", "price", '{"channel":"x"}', channel="trades") == Decoded("price", "trades")
    assert read(state, "out", "client-typing", {}, channel="private-a") == Decoded("client-typing", "private-a")
    assert read(state, "in", "pusher_internal:member_added", "{}", channel="presence-a").happenings == ()
    assert told(read(state, "in", "pusher_internal:subscription_succeeded", {}, channel="b")) == [
        ("subscription.subscribe.completed", "b", "")
    ]
    assert [each.error_type for each in read(state, "in", "pusher:subscription_error", {}, channel="c").happenings] == [
        "subscription_error"
    ]


def test_pings_are_paired_both_ways() -> None:
    state = greeted()
    names = [
        happening.name
        for direction, event in (("in", "ping"), ("out", "pong"), ("out", "ping"), ("in", "pong"))
        for happening in read(state, direction, f"pusher:{event}", {}).happenings  # type: ignore[arg-type]  # a literal
    ]
    assert names == ["heartbeat.received", "heartbeat.responded", "heartbeat.sent", "heartbeat.responded"]


def test_a_silent_server_is_pinged_and_given_up_when_it_does_not_answer() -> None:
    state = greeted(10)
    options = ClientOptions(answers=True)
    assert due(10 * SECOND_NS - 1, options, state) == ()
    (ping,) = due(10 * SECOND_NS, options, state)
    assert ping == '{"event":"pusher:ping","data":{}}'
    assert due(10 * SECOND_NS, ClientOptions(), state) == ()
    state.at(10 * SECOND_NS)
    decode("out", "text", str(ping).encode(), state)
    assert due(20 * SECOND_NS, options, state) == ()
    assert not is_silent(state)
    late = state.overdue(10 * SECOND_NS + WAIT_NS)
    assert [each.name for each in late] == ["heartbeat.timeout", "heartbeat.timeout"]
    assert (is_silent(state), due(2**62, options, state)) == (True, ())
    read(state, "in", "price", "{}", channel="trades")
    assert not is_silent(state)


@pytest.mark.parametrize("timeout", [0, -1, 1e9, "120", None, True])
def test_without_a_timeout_that_can_be_believed_none_is_awaited(timeout: object) -> None:
    state = PusherState()
    read(state, "in", "pusher:connection_established", {"socket_id": 7, "activity_timeout": timeout})
    assert (state.socket_id, due(2**62, ClientOptions(answers=True), state)) == ("", ()) or timeout is True


def test_an_error_has_its_code_and_what_a_client_is_to_do() -> None:
    state = greeted()
    never = read(state, "in", "pusher:error", {"code": 4001, "message": "App key x not in this cluster"})
    (happening,) = never.happenings
    assert (happening.name, happening.error_type, happening.error) == (
        "error.occurred",
        "pusher_4001",
        "App key x not in this cluster",
    )
    assert happening.meta == {
        "advice": "do not reconnect unchanged: correct the application's key, the URL or the account first"
    }
    assert read(state, "in", "pusher:error", {"code": 4100}).happenings[0].meta == {
        "advice": "reconnect after at least 1 s"
    }
    assert told(read(state, "in", "pusher:error", {"code": 4009, "message": "no"})) == [
        ("auth.failed", "", "pusher_4009")
    ]
    assert read(state, "in", "pusher:error", {"code": None, "message": "x"}).happenings[0].error_type == "error"
    assert read(state, "in", "pusher:error", {"code": 10**30}).happenings[0].error == "error without a message"


def test_close_codes_say_whether_to_come_back() -> None:
    assert len(CLOSE_CODES) == 400
    assert CLOSE_CODES[4004].startswith("application is over its connection quota; do not reconnect unchanged: ")
    assert CLOSE_CODES[4199] == "an error of Pusher; reconnect after at least 1 s"
    assert CLOSE_CODES[4201] == "pong reply not received; reconnect immediately"


def test_a_login_succeeds_or_is_refused() -> None:
    state = greeted()
    signin = {"auth": "key:0123456789abcdef", "user_data": '{"id":"7"}'}
    assert told(read(state, "out", "pusher:signin", signin)) == [("auth.started", "", "")]
    assert told(read(state, "in", "pusher:signin_success", {})) == [("auth.completed", "", "")]
    assert read(state, "in", "pusher:signin_success", {}).happenings == ()
    read(state, "out", "pusher:signin", signin)
    assert told(read(state, "in", "pusher:error", {"code": 4009, "message": "bad"})) == [
        ("auth.failed", "", "pusher_4009")
    ]


def test_the_client_subscribes_after_the_greeting_and_signs_private_channels() -> None:
    state = greeted()
    options = ClientOptions(
        (Sensitive("trades"), Sensitive("private-foobar"), Sensitive("presence-a")), {"secret": Sensitive(SECRET)}
    )
    data = [json.loads(str(said))["data"] for said in answer(Decoded("pusher:connection_established"), options, state)]
    assert data[:2] == [{"channel": "trades"}, {"channel": "private-foobar", "auth": SIGNED}]
    assert (data[2]["channel_data"], len(data[2]["auth"])) == ('{"user_id":"wsmon"}', len(SIGNED))
    unsigned = ClientOptions((Sensitive("private-foobar"),))
    assert answer(Decoded("pusher:connection_established"), options, state) == ()
    assert answer(Decoded("pusher:connection_established"), unsigned, greeted()) == (
        '{"event":"pusher:subscribe","data":{"channel":"private-foobar"}}',
    )
    assert answer(Decoded("pusher:ping"), options, state) == ()
    assert answer(Decoded("pusher:ping"), ClientOptions(answers=True), state) == ('{"event":"pusher:pong","data":{}}',)


@pytest.mark.parametrize("is_nested", [True, False])
def test_signatures_are_masked_wherever_they_are_escaped(is_nested: bool) -> None:
    data: object = {"auth": SIGNED, "channel": "private-a"}
    message = {"event": "pusher:subscribe", "data": json.dumps(data) if is_nested else data}
    masked, is_masked = mask("text", json.dumps(message).encode())
    assert (is_masked, SIGNED.encode() in masked, b"private-a" in masked) == (True, False, True)
    assert mask("text", b'{"event":"\\u0070usher:subscribe","auth":"x"}')[1]
    assert mask("text", b'{"event":"a","auth":"x"}') == (b'{"event":"a","auth":"x"}', False)
    assert mask("ping", b"pusher") == (b"pusher", False)


@pytest.mark.parametrize(
    ("url", "is_it"),
    [
        ("wss://h/app/key?protocol=7", True),
        ("wss://h/app/key", False),
        ("wss://h/app/key/x?protocol=7", False),
        ("wss://h/application/key?protocol=7", False),
    ],
)
def test_the_url_of_an_application_shows_it(url: str, is_it: bool) -> None:
    parsed = HandshakeUrl.parse(url)
    assert parsed is not None
    assert bool(PROTOCOL.recognise_url(parsed)) == is_it


def test_an_event_in_its_name_shows_it_and_what_is_none_is_said() -> None:
    assert PROTOCOL.recognise(MessageSample("in", "text", b'{"event":"pusher:error"}'))
    assert not PROTOCOL.recognise(MessageSample("in", "text", b'{"event":"push"}'))
    state = PusherState()
    assert decode("in", "pong", b"", state) == UNREAD
    assert decode("in", "text", b"{}", state).error_type == "pusher"
    assert decode("in", "text", b'{"event":"pusher:error","data":"{"}', state).error_type == "json"
    assert decode("in", "text", b'{"event":"pusher:error","data":[]}', state).happenings[0].error_type == "error"
