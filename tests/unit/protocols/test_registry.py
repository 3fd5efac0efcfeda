"""The list of protocols: all of one shape, and messages taken apart by the one that decoded them."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import event, message
from wsmon.config.specs import ProtocolName
from wsmon.model.events import Event
from wsmon.model.redact.masking import Sensitive
from wsmon.protocols.base import Anatomy, ClientOptions, Decoded, Happening, ProtocolClient
from wsmon.protocols.mqtt_packets import TYPES
from wsmon.protocols.registry import PROTOCOLS, dissect


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_new_session_has_nothing_due(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    state.at(0)
    assert (state.overdue(2**62), client.due(2**62, ClientOptions(), state)) == ((), ())
    assert isinstance(protocol.decode("in", "text", b"", state), Decoded)


def test_nexus_alone_carries_over_a_state() -> None:
    assert {name for name, protocol in PROTOCOLS.items() if protocol.next_state} == {"nexus"}


def test_most_mask_both_directions_and_json_what_goes_out() -> None:
    masks = {name: set(protocol.new_masks(protocol.new_state())) for name, protocol in PROTOCOLS.items()}
    masked = {name: directions for name, directions in masks.items() if directions}
    both = {"in", "out"}
    named = dict.fromkeys(("mqtt", "stomp", "nats", "socketio", "signalr", "pusher", "ocpp", "wamp"), both)
    assert masked == {**named, "jsonrpc": {"out"}, "json": {"out"}}
    mask = PROTOCOLS["stomp"].new_masks(PROTOCOLS["stomp"].new_state())["in"]
    assert mask("text", b"CONNECT\npasscode:hush\n\n\0") == (b"CONNECT\npasscode:[FILTERED]\n\n\0", True)


@pytest.mark.parametrize(
    ("name", "topic", "message"),
    [
        ("raw", "any text", "any text"),
        ("json", "trades", '{"type":"subscribe","channel":"trades"}'),
        ("json", '{"op":"subscribe","args":["a"]}', '{"op":"subscribe","args":["a"]}'),
        ("jsonrpc", "newHeads", '{"jsonrpc":"2.0","id":ID,"method":"eth_subscribe","params":["newHeads"]}'),
        ("jsonrpc", '["logs",{"a":1}]', '{"jsonrpc":"2.0","id":ID,"method":"eth_subscribe","params":["logs",{"a":1}]}'),
        ("jsonrpc", "[odd", '{"jsonrpc":"2.0","id":ID,"method":"eth_subscribe","params":["[odd"]}'),
        ("jsonrpc", '{"id":5,"method":"sub"}', '{"id":5,"method":"sub"}'),
        ("deribit", "a.raw", '{"jsonrpc":"2.0","id":ID,"method":"public/subscribe","params":{"channels":["a.raw"]}}'),
        ("phoenix", "room:a", '["wsmon-1","wsmon-1","room:a","phx_join",{}]'),
        ("graphql-ws", "subscription { a }", '{"type":"connection_init"}'),
    ],
)
def test_a_topic_is_asked_for_as_the_protocol_does(name: ProtocolName, topic: str, message: str) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    (said,) = client.opening(ClientOptions((Sensitive(topic),)), state)
    own_id = str(json.loads(said)["id"]) if "ID" in message else ""
    assert said == message.replace("ID", own_id)


@pytest.mark.parametrize("name", ["raw", "json", "jsonrpc"])
def test_topics_wait_for_an_authentication_whose_end_can_be_told(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    auth = {"send": Sensitive('{"op":"auth"}'), "success": Sensitive("welcome")}
    options = ClientOptions((Sensitive('{"op":"subscribe"}'),), auth, answers=True)
    granted = Decoded(happenings=(Happening("auth.completed", "auth", "end", status="ok"),))
    assert client.opening(options, state) == ('{"op":"auth"}',)
    assert client.answer(Decoded("other"), options, state) == ()
    assert client.answer(granted, options, state) == ('{"op":"subscribe"}',)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_without_leave_to_answer_heartbeats_stay_unanswered(name: ProtocolName) -> None:
    protocol = PROTOCOLS[name]
    client = protocol.client or ProtocolClient()
    state = protocol.new_state()
    for ping in (b'{"type":"ping"}', b"2", b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'):
        decoded = protocol.decode("in", "text", ping, state)
        assert client.answer(decoded, ClientOptions((Sensitive("/a"),)), state) == ()
    assert client.due(2**62, ClientOptions((Sensitive("/a"),)), state) == ()


def publish(content: bytes, *, flags: int = 0, properties: bytes = b"") -> bytes:
    identifier = b"\x00\x07" if flags & 0b0110 else b""
    body = b"\x00\x03a/b" + identifier + properties + content
    return bytes((0x30 | flags, len(body))) + body


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (
            message(publish(b'{"t":21}'), type="PUBLISH", topic="a/b"),
            Anatomy("MQTT PUBLISH", (("Topic", "a/b"), ("Quality", "0")), b'{"t":21}'),
        ),
        (
            message(publish(b"21.5", flags=0b1011, properties=b"\x02\x01\x01"), type="PUBLISH", topic="a/b"),
            Anatomy(
                "MQTT PUBLISH",
                (("Topic", "a/b"), ("Quality", "1"), ("Packet id", "7"), ("Retained", "yes"), ("Again", "yes")),
                b"21.5",
            ),
        ),
        (message(b"\x20\x02\x00\x00", type="CONNACK"), Anatomy("MQTT CONNACK", (("Flags", "0000"),), b"\x00\x00")),
        (
            message('["1","2","room:1","new_msg",{"body":"hi"}]', type="new_msg", topic="room:1"),
            Anatomy(
                "Phoenix new_msg", (("Topic", "room:1"), ("Event", "new_msg"), ("Ref", "2"), ("Join ref", "1")), None
            ),
        ),
        (
            message('42/admin,17["tick",{"n":1}]', type="tick", topic="/admin"),
            Anatomy(
                "Socket.IO event",
                (("Packet", "event"), ("Namespace", "/admin"), ("Ack id", "17")),
                b'["tick",{"n":1}]',
            ),
        ),
        (message('0{"sid":"x"}', type="open"), Anatomy("Engine.IO open", (), b'{"sid":"x"}')),
        (
            message("MESSAGE\ndestination:/q/a\r\nmessage-id:7\n\n{}\0", type="MESSAGE", topic="/q/a"),
            Anatomy("STOMP MESSAGE", (("destination", "/q/a"), ("message-id", "7")), b"{}"),
        ),
    ],
    ids=["mqtt", "mqtt 5", "connack", "phoenix", "socket.io", "engine.io", "stomp"],
)
def test_a_message_is_its_parts_and_its_content(each: Event, expected: Anatomy) -> None:
    assert dissect(each) == expected


@pytest.mark.parametrize(
    "each",
    [
        message("42 is the answer"),
        message('["1","2","room:1","x",{}]', type="x"),
        message('["1","2","room:1","x",{}]', type="x", topic="another"),
        message("MESSAGEs are text", type="MESSAGE"),
        message('{"type":"trade"}', type="trade"),
        message(b"\x30", type="PUBLISH"),
        event("connection.started", type="open"),
    ],
)
def test_what_no_protocol_read_is_not_taken_apart(each: Event) -> None:
    assert dissect(each) is None


@given(
    st.binary(max_size=60),
    st.sampled_from([*TYPES[1:], "open", "event", "MESSAGE", "x"]),
    st.sampled_from(["", "a/b"]),
    st.sampled_from(["text", "binary"]),
)
def test_any_bytes_are_taken_apart_or_not(payload: bytes, type_: str, topic: str, opcode: str) -> None:
    found = dissect(message(payload, type=type_, topic=topic, opcode=opcode))
    assert found is None or found.body is None or found.body in payload


def test_a_message_that_was_decoded_to_a_text_is_taken_apart_as_one() -> None:
    sent = message('42["chat",1]', type="chat", opcode="binary")
    decoded = msgspec.structs.replace(sent, meta={"encoding": "gzip"})
    assert dissect(sent) is None
    assert dissect(decoded) == dissect(msgspec.structs.replace(sent, opcode="text"))
    assert dissect(decoded) is not None
