"""Control packets of MQTT as byte ranges; credentials in them are masked, wherever messages end."""

from __future__ import annotations

import pytest

from tests.support.mqtt_packets import USER_AND_PASSWORD, connect, packet, text
from wsmon.protocols.mqtt_packets import (
    MAX_KEPT_BYTES,
    MAX_PACKETS,
    SERVER_KEEP_ALIVE,
    TOPIC_ALIAS,
    CutError,
    Masker,
    PacketStream,
    after_properties,
    field,
    new_mask,
    number,
    number_property,
    packets,
    reason_name,
    reason_string,
    varint,
)

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


def test_packets_are_byte_ranges_up_to_one_that_is_cut() -> None:
    message = packet(0x30, b"one") + packet(0x32, b"second") + b"\x30\x7fcut"
    found = list(packets(message))
    assert [(each.type, each.flags, message[each.start : each.end], each.missing) for each in found] == [
        ("PUBLISH", 0, b"one", 0),
        ("PUBLISH", 2, b"second", 0),
        ("PUBLISH", 0, b"cut", 0x7F - 3),
    ]
    assert list(packets(b"\x30\xff\xff\xff\xff\xff")) == []


@pytest.mark.parametrize(
    ("encoded", "value"), [(b"\x00", 0), (b"\x7f", 127), (b"\x80\x01", 128), (b"\xff\xff\xff\x7f", 2**28 - 1)]
)
def test_a_length_has_seven_bits_a_byte(encoded: bytes, value: int) -> None:
    assert varint(encoded, 0, len(encoded)) == (value, len(encoded))
    with pytest.raises(CutError):
        varint(encoded, 0, len(encoded) - 1)


def test_fields_and_numbers_end_where_their_bytes_do() -> None:
    assert number(b"\x01\x02", 0, 2) == (0x0102, 2)
    assert field(text(b"abc"), 0, 5) == (2, 5)
    for read, end in ((number, 1), (field, 4)):
        with pytest.raises(CutError):
            read(text(b"abc"), 0, end)


def test_properties_are_found_by_their_identifiers() -> None:
    block = b"\x13\x00\x0a\x26" + text(b"k") + text(b"v") + b"\x1f" + text(b"because")
    message = bytes([len(block)]) + block
    assert number_property(message, 0, len(message), SERVER_KEEP_ALIVE) == 10
    assert number_property(message, 0, len(message), TOPIC_ALIAS) is None
    assert reason_string(message, 0, len(message)) == "because"
    assert after_properties(message + b"rest", 0, len(message) + 4) == len(message)
    with pytest.raises(CutError):
        after_properties(message, 0, len(message) - 1)


def test_a_reason_code_without_a_name_is_numbered() -> None:
    assert (reason_name(0x87), reason_name(5), reason_name(0xFE)) == ("not_authorized", "not_authorized", "code_254")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_stream_completes_packets_that_come_in_pieces(size: int) -> None:
    message = packet(0x30, b"one") + packet(0xC0, b"") + packet(0x30, b"x" * 200)
    stream = PacketStream()
    whole: list[bytes] = []
    for at in range(0, len(message), size):
        chunk = stream.feed(message[at : at + size])
        assert (chunk.is_malformed, chunk.has_more, chunk.skipped) == (False, False, "")
        whole += [chunk.stream[each.start : each.end] for each in chunk.packets]
    assert whole == [b"one", b"", b"x" * 200]


def test_the_rest_of_a_packet_too_long_to_be_kept_is_skipped() -> None:
    stream = PacketStream()
    message = packet(0x30, b"x" * (MAX_KEPT_BYTES + 10))
    first = stream.feed(message[: MAX_KEPT_BYTES + 5])
    assert ([each.type for each in first.packets], first.begun) == (["PUBLISH"], None)
    rest = stream.feed(message[MAX_KEPT_BYTES + 5 :] + packet(0xC0, b""))
    assert (rest.skipped, [each.type for each in rest.packets]) == ("PUBLISH", ["PINGREQ"])


def test_more_packets_than_are_looked_for_are_noted() -> None:
    chunk = PacketStream().feed(packet(0xC0, b"") * (MAX_PACKETS + 1))
    assert (len(chunk.packets), chunk.has_more) == (MAX_PACKETS, True)


def test_short_packets_before_between_and_behind_are_skipped_together() -> None:
    short = b"\xc0\x00\x40\x02\x00\x01\x30\x04\x00\x01ax" * 1_000
    login = connect(USER_AND_PASSWORD, text(b"user"), text(b"hunter2"))
    message = short + login + short + login + short
    assert new_mask()("binary", message) == (message.replace(b"hunter2", MASK), True)
