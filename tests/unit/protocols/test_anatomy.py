"""Messages taken apart as their protocols see them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import event, message
from wsmon.model.events import Event
from wsmon.protocols.base import Anatomy
from wsmon.protocols.mqtt_packets import TYPES
from wsmon.protocols.registry import dissect


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
