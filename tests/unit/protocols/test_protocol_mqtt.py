"""MQTT: packets named across messages, and what authenticates masked, wherever messages end."""

from __future__ import annotations

import pytest

from wsmon.model.events import Direction
from wsmon.protocols.mqtt import State, classify
from wsmon.protocols.mqtt_mask import Masker, mask
from wsmon.protocols.reading import UNREAD, Reading

MASK = b"[FILTERED]"


def text(value: bytes) -> bytes:
    """A field behind its 16-bit length."""
    return len(value).to_bytes(2, "big") + value


def packet(first: int, body: bytes) -> bytes:
    """A control packet."""
    length, groups = len(body), b""
    while True:
        length, group = divmod(length, 128)
        groups += bytes([group | (0x80 if length else 0)])
        if not length:
            return bytes([first]) + groups + body


def connect(flags: int, *fields: bytes, version: int = 4, properties: bytes = b"", name: bytes = b"MQTT") -> bytes:
    """A CONNECT with a client identifier and these fields behind it."""
    block = bytes([len(properties)]) + properties if version >= 5 else b""
    return packet(0x10, text(name) + bytes([version, flags, 0, 60]) + block + text(b"client") + b"".join(fields))


USER_AND_PASSWORD = 0xC2


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        (connect(0x02), Reading("CONNECT")),
        (b"\x20\x02\x00\x00", Reading("CONNACK")),
        (packet(0x30, text(b"a/b") + b"payload"), Reading("PUBLISH", "a/b")),
        (packet(0x32, text("café".encode()) + b"\x00\x07" + b"x"), Reading("PUBLISH", "café", "7")),
        (packet(0x30, text(b"a/b") + b"x" * 300), Reading("PUBLISH", "a/b")),
        (b"\x40\x02\x00\x07", Reading("PUBACK", "", "7")),
        (packet(0x82, b"\x01\x00" + text(b"a/#") + b"\x00"), Reading("SUBSCRIBE", "", "256")),
        (b"\xc0\x00", Reading("PINGREQ")),
        (b"\xd0\x00\xc0\x00", Reading("PINGRESP")),
        (b"\xe0\x00", Reading("DISCONNECT")),
        (b"\x00\x00", Reading(error_type="mqtt", error="no MQTT packet: type 0 is reserved")),
        (b"", Reading(error_type="mqtt", error="no MQTT packet")),
        (b"\x30\xff\xff\xff\xff\x01", Reading(error_type="mqtt", error="no MQTT packet")),
        (b"\x40\x01\x00", Reading("PUBACK", error_type="mqtt", error="the packet is too short for its type")),
        (b"\x30\x05\x00\x09abc", Reading("PUBLISH", error_type="mqtt", error="the packet is too short for its type")),
    ],
)
def test_a_message_is_named_by_its_first_packet(message: bytes, reading: Reading) -> None:
    assert classify("in", "binary", message, State()) == reading


def test_mqtt_knows_binary_messages_only() -> None:
    assert classify("in", "text", b"\xc0\x00", State()) == Reading(error_type="mqtt", error="MQTT in a text frame")
    assert classify("in", "ping", b"\xc0\x00", State()) is UNREAD


def test_a_packet_that_goes_on_keeps_its_name_in_its_direction() -> None:
    state = State()
    publish = packet(0x30, text(b"a/b") + b"x" * 100)
    steps: list[tuple[Direction, bytes]] = [
        ("in", publish[:50]),
        ("out", b"\xc0\x00"),
        ("in", publish[50:60]),
        ("in", publish[60:] + publish[:3]),
        ("in", publish[3:]),
        ("in", b"\xd0\x00"),
    ]
    assert [classify(direction, "binary", message, state) for direction, message in steps] == [
        Reading("PUBLISH", "a/b"),
        Reading("PINGREQ"),
        Reading("PUBLISH"),
        Reading("PUBLISH"),
        Reading("PUBLISH"),
        Reading("PINGRESP"),
    ]


def test_nothing_is_ever_overdue() -> None:
    state = State()
    state.at(1)
    assert state.overdue(10**18) == ()


AUTHENTICATION = b"\x15" + text(b"SCRAM") + b"\x16" + text(b"s3cret")
MASKED_AUTHENTICATION = b"\x15" + text(b"SCRAM") + b"\x16\x00\x06" + MASK


@pytest.mark.parametrize("version", [3, 4, 5])
def test_the_password_of_a_connect_is_masked_and_nothing_else(version: int) -> None:
    will = (b"\x00" if version >= 5 else b"") + text(b"will/topic") + text(b"gone")
    message = connect(0xC6, will, text(b"user"), text(b"hunter2"), version=version)
    assert mask(message) == (message.replace(b"hunter2", MASK), True)


def test_properties_of_every_kind_stand_before_the_password() -> None:
    numbers = b"\x11\x00\x00\x00\x0a\x21\x00\x0a\x17\x01\x0b\x80\x01"
    properties = numbers + b"\x26" + text(b"name") + text(b"value")
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"), version=5, properties=properties)
    assert mask(message) == (message.replace(b"hunter2", MASK), True)


def test_the_data_of_enhanced_authentication_is_masked() -> None:
    message = connect(0x02, version=5, properties=AUTHENTICATION)
    assert mask(message) == (message.replace(AUTHENTICATION, MASKED_AUTHENTICATION), True)
    for first, head in ((0xF0, b"\x18"), (0x20, b"\x00\x00")):
        answer = packet(first, head + bytes([len(AUTHENTICATION)]) + AUTHENTICATION)
        assert mask(answer) == (answer.replace(AUTHENTICATION, MASKED_AUTHENTICATION), True)


def test_a_user_name_without_a_password_authenticates_alone() -> None:
    message = connect(0x82, text(b"device-token"))
    assert mask(message) == (message.replace(b"device-token", MASK), True)


def test_every_connect_of_a_message_is_masked() -> None:
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))
    together = b"\xc0\x00" + message + message
    assert mask(together) == (together.replace(b"hunter2", MASK), True)


@pytest.mark.parametrize(
    "message",
    [
        connect(0x02),
        connect(USER_AND_PASSWORD, text(b"user"), text(b"")),
        connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"), name=b"other"),
        packet(0x30, text(b"a/b") + connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))),
        b"\x20\x02\x00\x00",
        b"\xf0\x00",
        b"",
        b"text",
    ],
)
def test_what_holds_no_credential_stays(message: bytes) -> None:
    assert mask(message) == (message, False)


def test_a_connect_that_is_cut_in_its_password_is_masked_to_its_end() -> None:
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))[:-3]
    assert mask(message) == (message.replace(b"hunt", MASK), True)


@pytest.mark.parametrize("size", range(1, 40))
def test_a_connect_in_pieces_shows_no_byte_of_its_password(size: int) -> None:
    password = bytes(range(0x80, 0xA0))
    message = connect(USER_AND_PASSWORD, text(b"user"), text(password)) + b"\xc0\x00"
    masker = Masker()
    pieces = [masker.mask(message[at : at + size])[0] for at in range(0, len(message), size)]
    assert not set(password) & set(b"".join(pieces))
    assert pieces[-1].endswith(message[-1:])


def test_what_follows_a_connect_in_pieces_stays() -> None:
    masker = Masker()
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))
    masker.mask(message[:20])
    masker.mask(message[20:])
    publish = packet(0x30, text(b"a/b") + b"x" * 200)
    assert [masker.mask(piece) for piece in (publish[:90], publish[90:], b"\xd0\x00")] == [
        (publish[:90], False),
        (publish[90:], False),
        (b"\xd0\x00", False),
    ]


def test_a_connect_too_long_to_be_kept_is_masked_whole_from_there() -> None:
    masker = Masker()
    message = connect(USER_AND_PASSWORD, text(b"u" * 30_000), text(b"hunter2"))
    first, second = message[:20_000], message[20_000:]
    assert masker.mask(first)[1]
    assert masker.mask(second + b"\xc0\x00") == (MASK + b"\xc0\x00", True)
