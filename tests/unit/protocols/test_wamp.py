"""WAMP 2: sessions, subscriptions, remote calls, in both encodings; tickets masked."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import UNREAD, ClientOptions, Decoded, MessageSample
from wsmon.protocols.jsonrpc_messages import MAX_BYTES
from wsmon.protocols.wamp import MSGPACK, PROTOCOL, WampState, answer, decode, mask, opening

TICKET = "cAnArY-x7Q9zz"


def read(state: WampState, direction: Direction, *items: object) -> Decoded:
    """The message, decoded."""
    return decode(direction, "text", json.dumps(items).encode(), state)


def packed(*items: object) -> bytes:
    """A message in MessagePack."""
    return msgspec.msgpack.encode(items)


def told(decoded: Decoded) -> list[tuple[str, str, str]]:
    """What happened, to which topic, with which error type."""
    return [(happening.name, happening.topic, happening.error_type) for happening in decoded.happenings]


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_event_has_the_topic_of_its_subscription(is_packed: bool) -> None:
    state = WampState()

    def say(direction: Direction, *items: object) -> Decoded:
        payload = msgspec.msgpack.encode(items) if is_packed else msgspec.json.encode(items)
        return decode(direction, "binary" if is_packed else "text", payload, state)

    asked = say("out", 32, 1, {}, "com.t")
    assert (asked.type, asked.topic, asked.ref) == ("SUBSCRIBE", "com.t", "1")
    assert told(asked) == [("subscription.subscribe.started", "com.t", "")]
    assert told(say("in", 33, 1, 6275493738774962)) == [("subscription.subscribe.completed", "com.t", "")]
    assert say("in", 36, 6275493738774962, 820025404242207, {}, ["hello"]) == Decoded(
        "EVENT", "com.t", "820025404242207"
    )
    assert say("in", 36, 6275493738774962, 1, {"topic": "com.t.x"}) == Decoded("EVENT", "com.t.x", "1")
    assert say("in", 36, 5, 1, {}) == Decoded("EVENT", "", "1")
    assert told(say("out", 34, 2, 6275493738774962)) == [("subscription.unsubscribe.started", "com.t", "")]
    assert told(say("in", 35, 2)) == [("subscription.unsubscribe.completed", "com.t", "")]
    assert told(say("in", 35, 0, {"subscription": 6275493738774962, "reason": "wamp.x"})) == [
        ("subscription.lost", "com.t", "revoked")
    ]


def test_calls_have_results_in_parts_errors_or_none() -> None:
    state = WampState()
    started = read(state, "out", 48, 4, {}, "com.add", [1])
    assert (told(started), started.topic) == ([("message.process.started", "com.add", "")], "com.add")
    state.at(20 * SECOND_NS)
    part = read(state, "in", 50, 4, {"progress": True}, [1])
    assert part == Decoded("RESULT", "com.add", "4", meta={"progress": True})
    assert state.overdue(49 * SECOND_NS) == ()
    assert told(read(state, "in", 50, 4, {}, [2])) == [("message.process.completed", "com.add", "")]
    assert told(read(state, "in", 50, 4, {}, [2])) == [("message.process.completed", "", "unmatched")]
    read(state, "out", 48, 5, {}, "com.nosuch")
    refused = read(state, "in", 8, 48, 5, {}, "wamp.error.no_such_procedure", ["no callee registered"])
    assert (refused.type, refused.topic) == ("ERROR", "com.nosuch")
    assert [(each.error_type, each.error) for each in refused.happenings] == [
        ("wamp.error.no_such_procedure", "no callee registered")
    ] * 2
    assert read(state, "out", 49, 9, {}) == Decoded("CANCEL", "", "9")
    assert [each.error_type for each in read(state, "in", 8, 48, 77, {}, "com.x.bad_thing").happenings] == [
        "unmatched",
        "com.x.bad_thing",
    ]


def test_a_publication_is_awaited_an_answer_where_it_asks_for_one() -> None:
    state = WampState()
    assert read(state, "out", 16, 1, {}, "com.t") == Decoded("PUBLISH", "com.t", "1")
    assert told(read(state, "out", 16, 2, {"acknowledge": True}, "com.t")) == [("message.process.started", "com.t", "")]
    assert told(read(state, "out", 16, 2, {"acknowledge": True}, "com.t")) == [("error.occurred", "", "duplicate_id")]
    assert told(read(state, "in", 17, 2, 820025404242207)) == [("message.process.completed", "com.t", "")]


def test_an_invocation_has_the_procedure_of_its_registration_and_is_answered() -> None:
    state = WampState()
    assert told(read(state, "out", 64, 1, {}, "com.add")) == [("message.process.started", "com.add", "")]
    read(state, "in", 65, 1, 900)
    assert read(state, "in", 68, 1, 900, {}, [1]).topic == "com.add"
    assert read(state, "in", 69, 1, {}) == Decoded("INTERRUPT", "com.add", "1")
    assert told(read(state, "out", 70, 1, {}, [2])) == [("message.process.completed", "com.add", "")]
    assert read(state, "in", 68, 2, 900, {"procedure": "com.add.x"}).topic == "com.add.x"
    assert told(read(state, "out", 8, 68, 2, {}, "com.x.bad")) == [
        ("message.process.completed", "com.add.x", "com.x.bad"),
        ("error.occurred", "", "com.x.bad"),
    ]
    assert told(read(state, "out", 66, 2, 900)) == [("message.process.started", "com.add", "")]
    assert told(read(state, "in", 67, 2)) == [("message.process.completed", "com.add", "")]
    assert told(read(state, "in", 67, 0, {"registration": 900})) == [("error.occurred", "com.add", "revoked")]


def test_a_login_is_accepted() -> None:
    state = WampState()
    hello = read(state, "out", 1, "realm1", {"roles": {}, "authmethods": ["ticket"], "authid": "joe"})
    assert (hello.type, hello.topic, told(hello)) == ("HELLO", "realm1", [("auth.started", "", "")])
    assert read(state, "in", 4, "ticket", {}) == Decoded("CHALLENGE", meta={"method": "ticket"})
    assert read(state, "out", 5, TICKET, {}) == Decoded("AUTHENTICATE")
    welcome = read(state, "in", 2, 4552997080442727, {"authrole": "user"})
    assert (welcome.ref, told(welcome)) == ("4552997080442727", [("auth.completed", "", "")])


def test_a_key_of_messagepack_may_be_a_number() -> None:
    hello = packed(1, "realm1", {"roles": {}, "authextra": {1: "one", "token": TICKET, None: 2.5}})
    state = WampState()
    assert decode("out", "binary", hello, state) == Decoded("HELLO", "realm1")
    assert state.credentials.mask(f"no {TICKET}") == "no [FILTERED]"


@pytest.mark.parametrize("is_login", [True, False])
def test_an_abort_refuses_the_login_with_its_text_and_without_the_ticket(is_login: bool) -> None:
    state = WampState()
    if is_login:
        assert told(read(state, "in", 4, "ticket", {})) == [("auth.started", "", "")]
    read(state, "out", 5, TICKET, {})
    aborted = read(state, "in", 3, {"message": f"ticket {TICKET} is wrong"}, "wamp.error.authentication_failed")
    assert told(aborted) == [("auth.failed", "", "wamp.error.authentication_failed")]
    assert aborted.happenings[0].error == "ticket [FILTERED] is wrong"


def test_a_session_that_is_refused_or_closed_says_why() -> None:
    state = WampState()
    assert read(state, "out", 1, "realm1", {"roles": {}}).happenings == ()
    (refused,) = read(state, "in", 3, {"message": "no such realm"}, "wamp.error.no_such_realm").happenings
    assert (refused.name, refused.type, refused.error) == ("error.occurred", "ABORT", "no such realm")
    (closed,) = read(state, "in", 6, {}, "wamp.close.system_shutdown").happenings
    assert (closed.type, closed.error) == ("GOODBYE", "system shutdown")
    assert read(state, "in", 6, {}, "wamp.close.normal").happenings == ()
    read(state, "out", 6, {}, "wamp.close.normal")
    assert read(state, "in", 6, {}, "wamp.close.system_shutdown").happenings == ()


@pytest.mark.parametrize(
    ("payload", "masked"),
    [
        (b'[5,"' + TICKET.encode() + b'",{}]', b'[5,"[FILTERED]",{}]'),
        (b' [ 5 , "\\"' + TICKET.encode(), b' [ 5 , "[FILTERED]'),
        (b'[5,"",{}]', b'[5,"",{}]'),
        (b'[6,{},"a"]', b'[6,{},"a"]'),
        (packed(5, TICKET, {}), packed(5, "[FILTERED]", {})),
        (packed(5, TICKET, {})[:-3], packed(5, "[FILTERED]")[:0] + b"\x93" + packed(5, "[FILTERED]")[1:]),
        (b"\x93\xcc\x05" + packed(5, TICKET, {})[2:], b"\x93\xcc\x05" + packed(5, "[FILTERED]", {})[2:]),
        (b"\xdc\0\3\5" + packed(5, TICKET, {})[2:], b"\xdc\0\3\5" + packed(5, "[FILTERED]", {})[2:]),
        (
            b"\xdd\0\0\0\3\xd1\0\5" + packed(5, TICKET, {})[2:],
            b"\xdd\0\0\0\3\xd1\0\5" + packed(5, "[FILTERED]", {})[2:],
        ),
        (packed(6, {}, "a"), packed(6, {}, "a")),
    ],
)
def test_the_answer_to_a_challenge_is_masked_in_both_encodings(payload: bytes, masked: bytes) -> None:
    assert mask("binary", payload) == (masked, payload != masked)
    assert mask("ping", payload) == (payload, False)


@pytest.mark.parametrize(
    ("subprotocol", "load"), [("wamp.2.json", json.loads), (MSGPACK, msgspec.msgpack.decode)], ids=["json", "msgpack"]
)
def test_the_client_logs_in_subscribes_and_says_goodbye(subprotocol: str, load: Callable[..., object]) -> None:
    state = WampState()
    auth = {"realm": Sensitive("r"), "authid": Sensitive("joe"), "ticket": Sensitive(TICKET)}
    options = ClientOptions((Sensitive("com.a"), Sensitive("com.b")), auth, subprotocol, answers=True)
    (hello,) = opening(options, state)
    roles: dict[str, object] = {"subscriber": {}, "publisher": {}, "caller": {}, "callee": {}}
    assert load(hello) == [1, "r", {"roles": roles, "authid": "joe", "authmethods": ["ticket"]}]
    challenged = read(state, "in", 4, "ticket", {})
    assert [load(each) for each in answer(challenged, options, state)] == [[5, TICKET, {}]]
    assert answer(read(state, "in", 4, "wampcra", {}), options, state) == ()
    read(state, "out", 16, 7, {}, "com.x")
    asked = [load(each) for each in answer(Decoded("WELCOME"), options, state)]
    assert asked == [[32, 8, {}, "com.a"], [32, 9, {}, "com.b"]]
    assert answer(Decoded("WELCOME"), options, state) == ()
    assert [load(each) for each in answer(Decoded("GOODBYE"), options, state)] == [
        [6, {}, "wamp.close.goodbye_and_out"]
    ]
    assert answer(Decoded("EVENT"), options, state) == ()


def test_without_credentials_the_client_opens_the_usual_realm() -> None:
    (hello,) = opening(ClientOptions(), WampState())
    assert json.loads(hello)[1] == "realm1"
    assert json.loads(hello)[2].keys() == {"roles"}


@pytest.mark.parametrize(
    "payload", [b"{}", b"[]", b"[99,1,2]", b"[32,1]", b'["a",1]', b"[32,1,{}", b"\x93\x20\x01", b"\x90", b"", b"\xff"]
)
def test_what_is_no_message_of_it_is_said(payload: bytes) -> None:
    state = WampState()
    assert decode("in", "binary", payload, state).error_type in ("wamp", "json")
    assert decode("in", "pong", payload, state) == UNREAD


def test_members_of_another_type_are_empty() -> None:
    state = WampState()
    directions: tuple[Direction, ...] = ("out", "in")
    items: tuple[object, ...] = (None, -1, 2**60, "x", [], {}, 1.5)
    for code in range(71):
        for item in items:
            for direction in directions:
                decoded = read(state, direction, code, item, item, item, item)
                assert bool(decoded.type) != bool(decoded.error_type)


def test_a_message_past_the_limit_is_not_read() -> None:
    assert decode("in", "text", b" " * (MAX_BYTES + 1), WampState()).error_type == "too_large"


def test_an_array_alone_does_not_show_it() -> None:
    assert PROTOCOL.recognise(MessageSample("in", "text", b'[2,7,{"roles":{"broker":{}}}]')) == ""
