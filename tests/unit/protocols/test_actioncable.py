"""ActionCable: subscriptions by identifier, pings, disconnects."""

from __future__ import annotations

import json

import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.actioncable import EXTENDED, PROTOCOL, STALE_NS, answer, decode
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, Happening, MessageSample
from wsmon.protocols.calls import CallState

ROOM = '{"channel":"ChatChannel","room":"a"}'


def read(state: CallState, direction: Direction, **message: object) -> Decoded:
    """The message, decoded."""
    return decode(direction, "text", json.dumps(message).encode(), state)


def told(decoded: Decoded) -> list[tuple[str, str, str]]:
    """What happened, to which topic, with which error."""
    return [(happening.name, happening.topic, happening.error) for happening in decoded.happenings]


def test_a_subscription_is_confirmed_rejected_or_ended_by_its_identifier() -> None:
    state = CallState()
    asked = read(state, "out", command="subscribe", identifier=ROOM)
    assert (asked.type, asked.topic) == ("subscribe", ROOM)
    assert told(asked) == [("subscription.subscribe.started", ROOM, "")]
    done = read(state, "in", type="confirm_subscription", identifier=ROOM)
    assert told(done) == [("subscription.subscribe.completed", ROOM, "")]
    read(state, "out", command="subscribe", identifier='{"channel":"X"}')
    refused = read(state, "in", type="reject_subscription", identifier='{"channel":"X"}')
    assert [(each.topic, each.status, each.error_type) for each in refused.happenings] == [
        ('{"channel":"X"}', "error", "rejected")
    ]
    left = read(state, "out", command="unsubscribe", identifier=ROOM)
    assert told(left) == [("subscription.unsubscribe.completed", ROOM, "")]
    assert state.overdue(2**62) == ()


def test_a_subscribe_that_is_repeated_until_it_is_confirmed_is_one() -> None:
    state = CallState()
    read(state, "out", command="subscribe", identifier=ROOM)
    assert read(state, "out", command="subscribe", identifier=ROOM) == Decoded("subscribe", ROOM)
    assert told(read(state, "in", type="confirm_subscription", identifier=ROOM)) == [
        ("subscription.subscribe.completed", ROOM, "")
    ]


def test_what_nothing_asked_for_is_confirmed_and_rejected_all_the_same() -> None:
    state = CallState()
    assert told(read(state, "in", type="confirm_subscription", identifier=ROOM)) == [
        ("subscription.subscribe.completed", ROOM, "")
    ]
    assert [each.error_type for each in read(state, "in", type="reject_subscription", identifier=ROOM).happenings] == [
        "rejected"
    ]


def test_a_broadcast_and_an_action_are_messages_of_their_channel() -> None:
    state = CallState()
    assert read(state, "in", identifier=ROOM, message={"n": 1}) == Decoded("message", ROOM)
    performed = read(state, "out", command="message", identifier=ROOM, data='{"action":"shout","x":1}')
    assert performed == Decoded("message", ROOM, meta={"action": "shout"})
    for data in ("plain", "[1]", None, '{"action":1}'):
        assert read(state, "out", command="message", identifier=ROOM, data=data).meta is None


def test_a_server_that_pings_no_more_is_late_once_after_the_welcome() -> None:
    state = CallState()
    assert state.overdue(2**61) == ()
    state.at(SECOND_NS)
    assert read(state, "in", type="welcome") == Decoded("welcome")
    state.at(4 * SECOND_NS)
    assert told(read(state, "in", type="ping", message=1_795_959_404)) == [("heartbeat.received", "", "")]
    assert state.overdue(4 * SECOND_NS + STALE_NS - 1) == ()
    (late,) = state.overdue(4 * SECOND_NS + STALE_NS)
    assert (late.name, late.error) == ("heartbeat.timeout", "no heartbeat of the peer within 6 s")
    assert state.overdue(2**62) == ()


@pytest.mark.parametrize(
    ("reason", "reconnect", "name", "error"),
    [
        ("unauthorized", False, "auth.failed", "unauthorized"),
        ("server_restart", True, "error.occurred", "server_restart"),
        (None, None, "error.occurred", "disconnected without a reason"),
    ],
)
def test_a_disconnect_says_why_and_whether_to_come_back(
    reason: str | None, reconnect: bool | None, name: str, error: str
) -> None:
    decoded = read(CallState(), "in", type="disconnect", reason=reason, reconnect=reconnect)
    (happening,) = decoded.happenings
    assert (happening.name, happening.error, happening.type) == (name, error, "disconnect")
    assert happening.meta == (None if reconnect is None else {"reconnect": reconnect})


def test_no_string_repeats_a_token_in_an_identifier() -> None:
    state = CallState()
    identifier = '{"channel":"A","token":"cAnArY-x7Q9zz"}'
    asked = read(state, "out", command="subscribe", identifier=identifier)
    done = read(state, "in", type="confirm_subscription", identifier=identifier)
    assert "cAnArY" not in repr((asked, done))
    assert [happening.status for happening in done.happenings] == ["ok"]


def test_topics_are_asked_for_after_the_welcome_and_pings_answered_where_the_protocol_wants_it() -> None:
    state = CallState()
    options = ClientOptions((Sensitive("ChatChannel"), Sensitive(ROOM)), answers=True)
    assert [json.loads(str(said)) for said in answer(Decoded("welcome"), options, state)] == [
        {"command": "subscribe", "identifier": '{"channel":"ChatChannel"}'},
        {"command": "subscribe", "identifier": ROOM},
    ]
    assert answer(Decoded("welcome"), options, state) == ()
    assert answer(Decoded("ping"), options, state) == ()
    extended = ClientOptions(subprotocol=EXTENDED, answers=True)
    assert answer(Decoded("ping"), extended, state) == ('{"command":"pong"}',)
    assert told(decode("out", "text", b'{"command":"pong"}', state)) == [("heartbeat.sent", "", "")]


@pytest.mark.parametrize(
    ("message", "is_it"),
    [
        ({"type": "disconnect", "reason": "remote", "reconnect": True}, True),
        ({"type": "confirm_subscription", "identifier": ROOM}, True),
        ({"command": "subscribe", "identifier": ROOM}, True),
        ({"type": "welcome"}, False),
        ({"type": "ping", "message": 1_795_959_404}, False),
        ({"command": "subscribe", "identifier": "trades"}, False),
        ({"type": "disconnect", "reason": "bye"}, False),
    ],
)
def test_only_a_message_with_an_identifier_or_a_disconnect_shows_it(message: dict[str, object], is_it: bool) -> None:
    assert bool(PROTOCOL.recognise(MessageSample("in", "text", json.dumps(message).encode()))) == is_it


def test_what_is_no_message_of_it_is_said() -> None:
    state = CallState()
    assert decode("in", "ping", b"", state) == UNREAD
    assert decode("in", "text", b"[1]", state).error_type == "actioncable"
    assert decode("in", "text", b"{", state).error_type == "json"
    assert decode("in", "text", b'{"type":7,"identifier":[]}', state) == Decoded("message")
    assert (
        Happening("heartbeat.received", "heartbeat")
        in decode("in", "text", b'\xef\xbb\xbf{"type":"ping"}', state).happenings
    )
