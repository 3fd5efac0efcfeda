"""Values of credential keys in MessagePack are masked by a string of MessagePack, and the message stays one."""

from __future__ import annotations

import pytest

from wsmon.model.redact.redactor import Redactor

MASK = b"\xaa[FILTERED]"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\x82\xa8password\xa3abc\xa1n\x01", b"\x82\xa8password" + MASK + b"\xa1n\x01"),
        (
            b"\x82\xadold_password_\xd9\x03abc\xa1n\xcb" + bytes(8),
            b"\x82\xadold_password_" + MASK + b"\xa1n\xcb" + bytes(8),
        ),
        (b"\x82\xd9\x05token\xc4\x02\xff\xfe\xa1n\xc3", b"\x82\xd9\x05token" + MASK + b"\xa1n\xc3"),
        (b"\x82\xa5token\x82\xa1a\x91\x01\xa1b\xda\x00\x02xy\xa1n\xc2", b"\x82\xa5token" + MASK + b"\xa1n\xc2"),
        (b"\x82\xa3otp\xcd\x01\x02\xa1n\xe0", b"\x82\xa3otp" + MASK + b"\xa1n\xe0"),
        (b"\x82\xa6secret\xdc\x00\x02\x01\x02\xa1n\xc0", b"\x82\xa6secret" + MASK + b"\xa1n\xc0"),
        (b"\x82\xa4type\xa5token\xa5token\xa3abc", b"\x82\xa4type\xa5token\xa5token" + MASK),
        (b"\x82\xa3sid\xa3abc\xa3pin\xcd\x04\xd2", b"\x82\xa3sid" + MASK + b"\xa3pin" + MASK),
        (b"\x81\xa5token\xda\xff\xffcut", b"\x81\xa5token" + MASK),
    ],
)
def test_a_value_is_masked_whole(message: bytes, expected: bytes) -> None:
    assert Redactor().payload(message) == (expected, True)
    assert Redactor().payload(expected) == (expected, False)


@pytest.mark.parametrize(
    "message",
    [
        b"\x83\xa5token\xc0\xa6secret\xa0\xa3otp\xc3",
        b"\x81\xa7tokenId\xa3abc",
        b"\x81\xabhasPassword\xa3yes",
        b"\x91\xa5token",
    ],
)
def test_evidence_and_harmless_keys_stay(message: bytes) -> None:
    assert Redactor().payload(message) == (message, False)


def test_a_text_beyond_ascii_is_no_messagepack() -> None:
    text = "é password b".encode()
    assert Redactor().payload(text) == (text, False)


def test_a_list_of_too_many_items_is_masked_to_the_end() -> None:
    message = b"\x82\xa5token\xdc\xff\xff" + b"\x01" * 0xFFFF + b"\xa1n\x01"
    assert Redactor().payload(message) == (b"\x82\xa5token" + MASK, True)
