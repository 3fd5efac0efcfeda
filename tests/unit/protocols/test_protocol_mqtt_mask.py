"""What authenticates in MQTT is masked, wherever messages end."""

from __future__ import annotations

import pytest

from tests.support.mqtt_packets import USER_AND_PASSWORD, connect, packet, text
from wsmon.protocols.mqtt_packets import Masker, new_mask

MASK = b"[FILTERED]"
AUTHENTICATION = b"\x15" + text(b"SCRAM") + b"\x16" + text(b"s3cret")
MASKED_AUTHENTICATION = b"\x15" + text(b"SCRAM") + b"\x16\x00\x06" + MASK


@pytest.mark.parametrize("version", [3, 4, 5])
def test_the_password_of_a_connect_is_masked_and_nothing_else(version: int) -> None:
    will = (b"\x00" if version >= 5 else b"") + text(b"will/topic") + text(b"gone")
    message = connect(0xC6, will, text(b"user"), text(b"hunter2"), version=version)
    assert new_mask()("binary", message) == (message.replace(b"hunter2", MASK), True)


def test_properties_of_every_kind_stand_before_the_password() -> None:
    numbers = b"\x11\x00\x00\x00\x0a\x21\x00\x0a\x17\x01\x0b\x80\x01"
    properties = numbers + b"\x26" + text(b"name") + text(b"value")
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"), version=5, properties=properties)
    assert new_mask()("binary", message) == (message.replace(b"hunter2", MASK), True)


def test_the_data_of_enhanced_authentication_is_masked() -> None:
    message = connect(0x02, version=5, properties=AUTHENTICATION)
    assert new_mask()("binary", message) == (message.replace(AUTHENTICATION, MASKED_AUTHENTICATION), True)
    for first, head in ((0xF0, b"\x18"), (0x20, b"\x00\x00")):
        answer = packet(first, head + bytes([len(AUTHENTICATION)]) + AUTHENTICATION)
        assert new_mask()("binary", answer) == (answer.replace(AUTHENTICATION, MASKED_AUTHENTICATION), True)


def test_a_user_name_without_a_password_authenticates_alone() -> None:
    message = connect(0x82, text(b"device-token"))
    assert new_mask()("binary", message) == (message.replace(b"device-token", MASK), True)


def test_every_connect_of_a_message_is_masked() -> None:
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))
    together = b"\xc0\x00" + message + message
    assert new_mask()("binary", together) == (together.replace(b"hunter2", MASK), True)


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
    assert new_mask()("binary", message) == (message, False)


def test_a_connect_that_is_cut_in_its_password_is_masked_to_its_end() -> None:
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))[:-3]
    assert new_mask()("binary", message) == (message.replace(b"hunt", MASK), True)


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


def test_a_text_message_is_no_part_of_the_stream() -> None:
    mask = new_mask()
    assert mask("text", b'"not MQTT"') == (b'"not MQTT"', False)
    assert mask("binary", b"\x30\x20") == (b"\x30\x20", False)
    assert mask("text", b"[1, 2]") == (b"[1, 2]", False)


def test_a_connect_in_a_text_message_is_masked_all_the_same() -> None:
    message = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))
    masked, has_changed = new_mask()("text", message)
    assert has_changed
    assert b"hunter2" not in masked
