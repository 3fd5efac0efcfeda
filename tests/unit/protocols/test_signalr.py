"""SignalR: messages of both hub protocols, out of frames with several of them; calls both ways, streams, pings."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.support.builders import message
from wsmon.model.events import Direction
from wsmon.model.redact.masking import Sensitive
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import ClientOptions, Decoded, Happening, MessageSample, Part
from wsmon.protocols.registry import dissect
from wsmon.protocols.signalr import PROTOCOL, SignalRState, answer, decode, due, find_end, mask, opening, split

END = "\x1e"


def record(**members: object) -> bytes:
    return (json.dumps(members, separators=(",", ":")) + END).encode()


def packed(*items: object) -> bytes:
    content = msgspec.msgpack.encode(items)
    size, head = len(content), b""
    while size > 0x7F:
        head += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return head + bytes((size,)) + content


class Session:
    """A session of which every frame is taken apart and read."""

    def __init__(self) -> None:
        self.state = SignalRState()

    def read(self, direction: Direction, *payloads: bytes) -> list[Decoded]:
        found: list[Decoded] = []
        for payload in payloads:
            opcode = "text" if payload.endswith(b"\x1e") else "binary"
            parts = split(direction, opcode, payload, self.state)  # type: ignore[arg-type]
            for part in (Part(opcode, payload),) if parts is None else parts:  # type: ignore[arg-type]
                found += [] if part.is_partial else [decode(direction, part.opcode, part.payload, self.state)]
        return found

    def shake(self, protocol: str = "json") -> list[Decoded]:
        return [*self.read("out", record(protocol=protocol, version=1)), *self.read("in", b"{}\x1e")]


def started(operation: str, key: str, type_: str = "", ref: str = "", **fields: Any) -> Happening:
    names = {"request": "message.process.started", "subscribe": "subscription.subscribe.started"}
    return Happening(names[operation], operation, "start", key, type_, ref=ref, **fields)  # type: ignore[arg-type]


def ended(key: str, type_: str, ref: str = "", **fields: Any) -> Happening:
    whole: dict[str, Any] = {"status": "ok", **fields}
    return Happening("message.process.completed", "request", "end", key, type_, ref=ref, **whole)


def test_the_handshake_is_a_request_and_names_the_hub_protocol() -> None:
    request, response = Session().shake()
    assert request == Decoded(
        "handshake", happenings=(started("request", "handshake", "handshake"),), meta={"hub_protocol": "json"}
    )
    assert response == Decoded("handshake", happenings=(ended("handshake", "handshake"),))


def test_a_refused_handshake_is_an_error_with_its_text() -> None:
    session = Session()
    session.read("out", record(protocol="x", version=1))
    (refused,) = session.read("in", record(error="Requested protocol 'x' is not available."))
    assert [(each.name, each.error_type, each.error) for each in refused.happenings] == [
        ("message.process.completed", "refused", "Requested protocol 'x' is not available."),
        ("error.occurred", "refused", "Requested protocol 'x' is not available."),
    ]
    (unasked,) = Session().read("in", record(error="no"))
    assert [each.name for each in unasked.happenings] == ["error.occurred"]


CALL = {"type": 1, "invocationId": "1", "target": "Echo", "arguments": ["hi"]}


@pytest.mark.parametrize(
    ("call", "done", "refused"),
    [
        (
            record(**CALL),
            record(type=3, invocationId="1", result="hi"),
            record(type=3, invocationId="1", error="no such method"),
        ),
        (packed(1, {}, "1", "Echo", ["hi"], []), packed(3, {}, "1", 3, "hi"), packed(3, {}, "1", 1, "no such method")),
    ],
)
def test_an_invocation_ends_with_its_completion(call: bytes, done: bytes, refused: bytes) -> None:
    session = Session()
    session.shake()
    begun = Decoded("Echo", ref="1", happenings=(started("request", "out 1", "Echo", "1"),))
    assert session.read("out", call) == [begun]
    assert session.read("in", done) == [Decoded("Echo", ref="1", happenings=(ended("out 1", "Echo", "1"),))]
    session.read("out", call)
    (failed,) = session.read("in", refused)
    assert [(each.name, each.status, each.error) for each in failed.happenings] == [
        ("message.process.completed", "error", "no such method"),
        ("error.occurred", None, "no such method"),
    ]
    (late,) = session.read("in", done)
    assert (late.type, late.happenings[0].error_type) == ("completion", "unmatched")


def test_the_server_invokes_the_client_too_with_ids_of_its_own() -> None:
    session = Session()
    session.shake()
    session.read("out", record(**CALL))
    (asked,) = session.read("in", record(**CALL))
    assert asked.happenings == (started("request", "in 1", "Echo", "1"),)
    (answered,) = session.read("out", record(type=3, invocationId="1", result=1))
    assert answered.happenings == (ended("in 1", "Echo", "1"),)
    assert session.read("in", record(type=1, target="Tick", arguments=[1])) == [Decoded("Tick")]


def test_an_id_in_flight_is_not_taken_twice() -> None:
    session = Session()
    session.read("out", record(**CALL))
    (again,) = session.read("out", record(**CALL))
    assert [each.error_type for each in again.happenings] == ["duplicate_id"]


def test_a_stream_lasts_until_its_completion_however_long_it_is_silent() -> None:
    session = Session()
    session.read("out", record(type=4, invocationId="2", target="Counter", arguments=[2]))
    item = record(type=2, invocationId="2", item=0)
    assert session.read("in", item, item) == [Decoded("Counter", ref="2")] * 2
    assert session.state.overdue(3_600 * SECOND_NS) == ()
    assert session.read("in", record(type=3, invocationId="2")) == [
        Decoded("Counter", ref="2", happenings=(ended("out 2", "Counter", "2", meta={"items": 2}),))
    ]


def test_a_stream_may_be_cancelled_and_completed_all_the_same() -> None:
    session = Session()
    session.read("out", packed(4, {}, "2", "Counter", [], []))
    session.read("in", packed(2, {}, "2", 0))
    (cancelled,) = session.read("out", packed(5, {}, "2"))
    assert cancelled.happenings == (ended("out 2", "Counter", "2", reason="cancelled", meta={"items": 1}),)
    assert session.read("in", packed(2, {}, "2", 1), packed(3, {}, "2", 2)) == [Decoded("Counter", ref="2")] * 2
    assert session.read("out", packed(5, {}, "9")) == [Decoded("cancel", ref="9")]


def test_arguments_may_be_streams_of_the_invoker() -> None:
    session = Session()
    session.read("out", record(type=1, target="Upload", arguments=[], streamIds=["s1"]))
    item, end = record(type=2, invocationId="s1", item=1), record(type=3, invocationId="s1")
    assert session.read("out", item, end) == [Decoded("Upload", ref="s1")] * 2


def test_pings_of_both_sides_are_heartbeats_without_answers() -> None:
    session = Session()
    ping = packed(6)
    assert (
        session.read("in", record(type=6), ping)
        == [Decoded("ping", happenings=(Happening("heartbeat.received", "heartbeat"),))] * 2
    )
    assert session.read("out", ping) == [Decoded("ping", happenings=(Happening("heartbeat.sent", "heartbeat"),))]


@pytest.mark.parametrize(
    "close", [record(type=7, error="shutting down", allowReconnect=True), packed(7, "shutting down", True)]
)
def test_a_close_with_an_error_says_it(close: bytes) -> None:
    (closed,) = Session().read("in", close)
    fault = Happening(
        "error.occurred", type="close", error_type="closed", error="shutting down", meta={"reconnect": True}
    )
    assert closed == Decoded("close", happenings=(fault,), meta={"reconnect": True})


def test_a_close_without_an_error_is_no_error() -> None:
    assert Session().read("in", record(type=7), packed(7, None)) == [Decoded("close", meta={"reconnect": False})] * 2


def test_acknowledgements_and_sequences_are_known() -> None:
    found = Session().read("in", record(type=8, sequenceId=5), packed(9, 6))
    assert found == [Decoded("ack", ref="5"), Decoded("sequence", ref="6")]


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
        (b"hello\x1e", "json"),
        (record(type="x"), "signalr"),
        (record(type=99), "signalr"),
        (b'{"a":1}\x1e', "signalr"),
        (packed("x"), "signalr"),
        (packed(), "signalr"),
        (b"\x05\x91\xc1\xc1\xc1\xc1", "json"),
    ],
)
def test_what_is_no_message_of_it_is_an_error(payload: bytes, error_type: str) -> None:
    assert [each.error_type for each in Session().read("in", payload)] == [error_type]


def test_an_invocation_that_is_not_completed_is_overdue() -> None:
    session = Session()
    session.read("out", record(**CALL))
    assert [each.error_type for each in session.state.overdue(31 * SECOND_NS)] == ["timeout", "timeout"]


def test_several_messages_of_a_frame_are_taken_apart() -> None:
    first, second = record(type=6), record(**CALL)
    state = SignalRState()
    assert split("in", "text", first + second, state) == [Part("text", first), Part("text", second)]
    assert split("in", "text", first, state) is None
    assert split("in", "binary", b"{}\x1e" + packed(6), state) == [
        Part("binary", b"{}\x1e"),
        Part("binary", b"[6]", encoding="msgpack", size=3),
    ]


def test_a_message_of_messagepack_over_two_frames_is_joined_and_its_pieces_are_hidden() -> None:
    state, whole = SignalRState(), packed(1, {}, None, "Send", ["x" * 300], [])
    (piece,) = split("in", "binary", whole[:9], state) or ()
    assert piece == Part("binary", whole[:9], is_partial=True, is_hidden=True)
    (joined,) = split("in", "binary", whole[9:], state) or ()
    assert json.loads(joined.payload) == [1, {}, None, "Send", ["x" * 300], []]
    assert (joined.earlier_bytes, joined.size, joined.encoding) == (9, len(whole) - 9, "msgpack")


def test_a_piece_of_json_is_hidden_from_its_arguments_on() -> None:
    state = SignalRState()
    pieces = (b'{"type":1,"tar', b'get":"T","argum', b'ents":["p', b'w"]}\x1e')
    found = [part for piece in pieces for part in split("out", "text", piece, state) or ()]
    assert [(part.is_partial, part.is_hidden) for part in found] == [
        (True, False), (True, False), (True, True), (False, False),
    ]  # fmt: skip
    (escaped,) = split("out", "text", b'{"\\u0061rguments":["p', state) or ()
    assert escaped.is_hidden


def test_values_that_json_does_not_have_are_shown_or_left_as_they_came() -> None:
    content = [1, {}, None, "T", [b"ab", msgspec.msgpack.Ext(5, b"x")], []]
    (part,) = split("in", "binary", packed(*content), SignalRState()) or ()
    assert json.loads(part.payload)[4] == ["YWI=", {"ext": 5, "data": "eA=="}]
    odd = packed(1, {}, None, "T", [{None: 1}], [])
    assert split("in", "binary", odd, SignalRState()) == [Part("binary", odd)]


@pytest.mark.parametrize(
    ("buffer", "end"),
    [
        (b"{", -1),
        (b'{"a":1}\x1e', 8),
        (b"\x02\x91\x06\x02", 3),
        (b"\x7b\x96" + b"\0" * 10, 124),
        (b"\x85\x01\x92", 135),
        (b"\x85", -1),
        (b"\xff" * 5, 5),
        (b"\x7fabc", 4),
        (b"hello", 5),
    ],
)
def test_the_end_of_a_message_is_found_by_its_beginning(buffer: bytes, end: int) -> None:
    assert find_end(buffer, 0, 0) == end


@pytest.mark.parametrize(
    ("payload", "masked"),
    [
        (
            b'{"arguments":["ann","hunter2"],"invocationId":"0","target":"Login","type":1}\x1e',
            b'{"arguments":["[FILTERED]","[FILTERED]"],"invocationId":"0","target":"Login","type":1}\x1e',
        ),
        (b'[1,{},"1","Auth\\u0065nticate",["pw"]]', b'[1,{},"1","Auth\\u0065nticate",["[FILTERED]"]]'),
        (b'{"type":1,"target":"SignIn","arguments":[{"p":"w"},5]}\x1e',
         b'{"type":1,"target":"SignIn","arguments":[{"p":"[FILTERED]"},5]}\x1e'),
        (b'{"type":1,"target":"Login","x":["a"],"arguments":["a"]}\x1e',
         b'{"type":1,"target":"Login","x":["[FILTERED]"],"arguments":["[FILTERED]"]}\x1e'),
        (b'{"type":1,"target":"Login","arguments":[' + b'"a",' * 1_000 + b'"a"]}\x1e',
         b'{"type":1,"target":"Login","arguments":["[FILTERED]"]}\x1e'),
        (b'{"type":1,"target":"Login","arguments":"a","x":[' + b'"a",' * 1_000 + b'"a"]}\x1e', b"[FILTERED]"),
        (b'{"type":1,"target":"Login","arguments":1,"x":"' + b"1" * 100 + b'"}\x1e', None),
        (b'{"type":1,"target":"Catalog","arguments":["Login"]}\x1e', None),
        (b'{"type":1,"target":"BlogInfo","arguments":["a"]}\x1e', None),
        (b'{"type":1,"target":"LogInfo","arguments":["a"]}\x1e', None),
        (b'{"type":1,"target":"Authors","arguments":["a"]}\x1e', None),
        (b'{"type":1,"target":"Login","arguments":', None),
    ],
)  # fmt: skip
def test_what_a_method_for_a_login_gets_is_masked(payload: bytes, masked: bytes | None) -> None:
    assert mask("text", payload) == (masked or payload, masked is not None)


@pytest.mark.parametrize(
    ("sample", "is_it"),
    [
        (MessageSample("out", "text", b'{"protocol":"json","version":1}\x1e'), True),
        (MessageSample("out", "binary", b'{ "version" : 1, "protocol" : "messagepack" }\x1e{"type":6}\x1e'), True),
        (MessageSample("out", "text", b'{"protocol":"json","version":1}'), False),
        (MessageSample("in", "text", b"{}\x1e"), False),
        (MessageSample("in", "text", b'{"type":6}\x1e'), False),
    ],
)
def test_a_handshake_shows_it(sample: MessageSample, is_it: bool) -> None:
    assert bool(PROTOCOL.recognise(sample)) is is_it


def test_a_client_shakes_hands_and_then_invokes_what_is_named() -> None:
    session = Session()
    raw = '{"type":4,"invocationId":"s","target":"Ticks","arguments":[]}'
    topics = (Sensitive("Join"), Sensitive('["Watch","key-1",2]', '["Watch","[FILTERED]",2]'), Sensitive(raw))
    options = ClientOptions(topics, answers=True)
    (hello,) = opening(options, session.state)
    assert hello == '{"protocol":"json","version":1}\x1e'
    session.read("out", str(hello).encode())
    (response,) = session.read("in", b"{}\x1e")
    sent = [str(each) for each in answer(response, options, session.state)]
    assert [json.loads(each.removesuffix(END)) for each in sent] == [
        {"type": 1, "invocationId": "wsmon-1", "target": "Join", "arguments": []},
        {"type": 1, "invocationId": "wsmon-2", "target": "Watch", "arguments": ["key-1", 2]},
        json.loads(raw),
    ]
    asked = session.read("out", *(each.encode() for each in sent))
    assert [each.happenings[0].name for each in asked] == [
        "subscription.subscribe.started", "subscription.subscribe.started", "message.process.started",
    ]  # fmt: skip
    assert asked[1].topic == '["Watch","[FILTERED]",2]'
    (done,) = session.read("in", record(type=3, invocationId="wsmon-1", result=None))
    assert [(each.name, each.topic, each.status) for each in done.happenings] == [
        ("subscription.subscribe.completed", "Join", "ok")
    ]
    assert answer(done, options, session.state) == ()


def test_a_client_pings_where_it_answers() -> None:
    session, options = Session(), ClientOptions(answers=True)
    assert due(60 * SECOND_NS, options, session.state) == ()
    session.state.at(SECOND_NS)
    _, response = session.shake()
    answer(response, options, session.state)
    assert due(15 * SECOND_NS, options, session.state) == ()
    assert due(16 * SECOND_NS, options, session.state) == ('{"type":6}\x1e',)
    assert due(17 * SECOND_NS, options, session.state) == ()
    assert due(60 * SECOND_NS, ClientOptions(), session.state) == ()


def test_stored_messages_are_taken_apart() -> None:
    call = dissect(message(record(**CALL), type="Echo", opcode="text"))
    assert call is not None
    assert (call.name, call.parts, call.body) == (
        "SignalR invocation", (("Target", "Echo"), ("Invocation id", "1")), b'["hi"]',
    )  # fmt: skip
    closed = dissect(message(b'[7,"bye",true]', type="close", opcode="binary", meta={"encoding": "msgpack"}))
    assert closed is not None
    assert (closed.name, closed.parts) == ("SignalR close", (("Error", "bye"), ("Reconnect", "true")))


def test_a_message_that_may_hold_too_many_values_is_not_unpacked() -> None:
    payload = packed(1, {}, None, "m", [[]] * 2**17)
    (part,) = split("in", "binary", payload, SignalRState()) or ()
    assert (part.payload, part.error, part.is_hidden) == (
        payload,
        "too large to be decoded: it may hold too many values",
        True,
    )
