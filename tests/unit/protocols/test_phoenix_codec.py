"""Frames of Phoenix Channels: the vectors PH-01 and PH-02, and PH-03 … PH-06."""

from __future__ import annotations

import pytest

from tests.support.phoenix_frames import push, text_of_version_1
from wsmon.model.events import Direction
from wsmon.protocols.phoenix_codec import (
    Frame,
    FrameError,
    decode_binary,
    decode_reply,
    decode_text,
    encode_text,
)

PUSH_OUT = bytes.fromhex("00020305053132313233746f7069636576656e74656667")
PUSH = Frame("12", "123", "topic", "event", b"efg", is_binary=True)


@pytest.mark.parametrize(
    ("direction", "payload", "frame"),
    [
        ("out", PUSH_OUT, PUSH),
        (
            "in",
            bytes.fromhex("000205053132746f7069636576656e74656667"),
            Frame("12", "", "topic", "event", b"efg", is_binary=True),
        ),
        (
            "in",
            bytes.fromhex("01020305023132313233746f7069636f6b656667"),
            Frame("12", "123", "topic", "phx_reply", b"efg", "ok", is_binary=True),
        ),
        (
            "in",
            bytes.fromhex("020505746f7069636576656e74656667"),
            Frame("", "", "topic", "event", b"efg", is_binary=True),
        ),
        (
            "in",
            b"\0\x03\x03\n123topsome-event\x01\x01",
            Frame("123", "", "top", "some-event", b"\x01\x01", is_binary=True),
        ),
        (
            "in",
            b"\x01\x03\x02\x03\x0210012topok\x01\x01",
            Frame("100", "12", "top", "phx_reply", b"\x01\x01", "ok", is_binary=True),
        ),
    ],
)
def test_ph01_ph02_the_vectors(direction: Direction, payload: bytes, frame: Frame) -> None:
    assert decode_binary(direction, payload) == frame


def test_ph01_the_layout_of_the_other_direction_is_another_frame() -> None:
    assert decode_binary("in", PUSH_OUT) != PUSH


@pytest.mark.parametrize(
    ("direction", "payload"),
    [
        ("out", PUSH_OUT[:-3]),
        ("in", bytes.fromhex("000205053132746f7069636576656e74")),
        ("in", bytes.fromhex("01020305023132313233746f7069636f6b")),
        ("in", bytes.fromhex("020505746f7069636576656e74")),
    ],
)
def test_ph03_frames_cut_before_their_data_are_refused(direction: Direction, payload: bytes) -> None:
    assert decode_binary(direction, payload).payload == b""
    for length in range(len(payload)):
        with pytest.raises(FrameError):
            decode_binary(direction, payload[:length])


@pytest.mark.parametrize(("direction", "kind"), [("out", 1), ("out", 2), ("in", 3), ("in", 255)])
def test_ph03_unknown_kinds_are_refused(direction: Direction, kind: int) -> None:
    with pytest.raises(FrameError, match=f"unknown message kind {kind}"):
        decode_binary(direction, bytes([kind]) + bytes(8))


def test_ph03_fields_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(FrameError, match="UTF-8"):
        decode_binary("in", b"\x02\x01\x01\xff\xff")


def test_ph04_sizes_count_bytes() -> None:
    frame = Frame("", "1", "room:café", "new", b"", is_binary=True)
    encoded = push(frame)
    assert encoded[:5] == bytes((0, 0, 1, 10, 3))
    assert decode_binary("out", encoded) == frame


def test_a_field_may_have_255_bytes() -> None:
    assert decode_binary("out", push(Frame("", "", "t" * 255, "e", b""))).topic == "t" * 255


@pytest.mark.parametrize(
    "payload",
    [
        b' {"topic":"t","event":"e","payload":{"a":1},"ref":"2","join_ref":"1"}',  # PH-06
        b'["1","2","t","e",{"a":1}]',
        b'["1","2","t","e",{"a":1},"more","elements"]',
    ],
)
def test_ph06_both_versions_say_the_same(payload: bytes) -> None:
    assert decode_text(payload) == Frame("1", "2", "t", "e", b'{"a":1}')


def test_text_is_encoded_in_version_2_and_decoded_in_both() -> None:
    heartbeat = Frame("", "7", "phoenix", "heartbeat", b"{}")
    assert encode_text(heartbeat) == b'[null,"7","phoenix","heartbeat",{}]'
    assert decode_text(text_of_version_1(heartbeat)) == heartbeat


def test_a_reply_says_its_status_in_the_payload_or_in_the_header() -> None:
    text = decode_text(b'["1","2","t","phx_reply",{"status":"error","response":{"reason":"no"}}]')
    binary = decode_binary("in", b"\x01\x00\x01\x01\x052terror{not json")
    assert (decode_reply(text).status_text, decode_reply(text).reason) == ("error", "no")
    assert (decode_reply(binary).status_text, decode_reply(binary).reason) == ("error", "")
