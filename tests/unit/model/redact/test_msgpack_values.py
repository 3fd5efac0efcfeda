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
        # A value that looks like the name of a credential
        (b"\x82\xa8password\xabpassword123\xa1n\x01", b"\x82\xa8password" + MASK + b"\xa1n\x01"),
        (b"\x82\xa5token\xc4\x08\x81\xa3pin\xa2xy\xa1n\x01", b"\x82\xa5token" + MASK + b"\xa1n\x01"),
        # Extensions, of any and of fixed size
        (b"\x82\xa5token\xc7\x06\x01secret\xa1n\x01", b"\x82\xa5token" + MASK + b"\xa1n\x01"),
        (b"\x82\xa5token\xc8\x00\x06\x01secret\xa1n\x01", b"\x82\xa5token" + MASK + b"\xa1n\x01"),
        (b"\x82\xa5token\xd6\x01four\xa1n\x01", b"\x82\xa5token" + MASK + b"\xa1n\x01"),
        # A key as bytes
        (b"\x82\xc4\x05token\xa3abc\xa1n\x01", b"\x82\xc4\x05token" + MASK + b"\xa1n\x01"),
        # A key in words beyond ASCII
        (b"\x82\xab\xc3\xa9_password\xa3abc\xa1n\x01", b"\x82\xab\xc3\xa9_password" + MASK + b"\xa1n\x01"),
        # Behind "true", whose byte and the length of the key are a letter
        (b"\x83\xa1n\xc3\xa5token\xa3abc\xa1n\x01", b"\x83\xa1n\xc3\xa5token" + MASK + b"\xa1n\x01"),
        # Between two words that would be one long key of a text
        (
            b"\x82\xa9className\x81\xa5token\xa3abc\xa7tokenId\xa1:",
            b"\x82\xa9className\x81\xa5token" + MASK + b"\xa7tokenId\xa1:",
        ),
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
        # Texts about a credential
        b"\x82\xa5error\xaewrong password\xa4code\xcd\x0f\xa1",
        b"\x82\xa5error\xd9\x20the password is wrong, try again\xa4code\xcd\x0f\xa1",
        b"\xde\x00\x03\xa1a\xdc\x00\x01\x01\xa1b\x81\xa1c\xdf\x00\x00\x00\x01\x01\x02\xa5error\xa8password",
        # Items of a list
        b"\x82\xa1a\x92\xa5token\xa3abc\xa1b\xc3",
        b"\x82\xa1a\x91\xa5token\xa4type\xd9\x01x",
        # The same text as a value and as the key of nothing
        b"\x82\xa4type\xa5token\xa5token\xc0",
    ],
)
def test_evidence_and_harmless_keys_stay(message: bytes) -> None:
    assert Redactor().payload(message) == (message, False)


@pytest.mark.parametrize("head", [b"\xd9", b"\xda\x00", b"\xdb\x00\x00\x00", b"\xc4", b"\xc5\x00", b"\xc7"])
@pytest.mark.parametrize("text", ["\u0134 hasPassword: n", "\u00f1 password is wrong", "\u20b4token of a 20th"])
def test_a_letter_in_a_text_is_no_length(head: bytes, text: str) -> None:
    as_bytes = text.encode()
    size = bytes([len(as_bytes)]) + (b"\x01" if head == b"\xc7" else b"")
    message = b"\x83\xa1b\xcb" + bytes(8) + b"\xa1a" + head + size + as_bytes + b"\xa1n\xd9\x01\xff"
    assert Redactor().payload(message) == (message, False)


def test_the_length_of_a_long_text_is_no_length_of_a_key() -> None:
    text = b'{"tokenId": "' + b"x" * 152 + b'"}'
    message = b"\x81\xa1a\xc4" + bytes([len(text)]) + text
    assert len(text) == 0xA7
    assert Redactor().payload(message) == (message, False)


@pytest.mark.parametrize("end", ["\x80".encode()[:1], b"\xff", b'\xff\\u0041", "token0": ""}'])
def test_a_text_with_a_byte_that_is_none_is_masked_as_a_text(end: bytes) -> None:
    text = '{"\u00e9": {"otp": "abc"}, "x": "'.encode() + end
    masked, _ = Redactor().payload(text)
    assert b"abc" not in masked
    assert Redactor().payload(masked) == (masked, False)


@pytest.mark.parametrize(
    "message",
    [
        # A number that holds "<"
        b"\x82\xa7tokenId\xcb<C\x38\x00\x00\x00\x00\x00\xa6token0\xa2>0",
        b"\x83\xa5token\xc0\xa1a\xcb\x43token3:\xa6token0\xa3abc",
        b"\x82\xa1a\xa5token\xa2b:\xa3abc",
    ],
)
def test_no_key_reaches_from_one_string_into_the_next(message: bytes) -> None:
    assert Redactor().payload(message) == (message, False)


@pytest.mark.parametrize("size", [b"\xa8", b"\xd9\x08", b"\xc4\x08", b"\xda\x00\x08"])
def test_a_length_before_a_text_hides_nothing_of_it(size: bytes) -> None:
    masked, _ = Redactor().payload(size + b'{"token":"abc"}')
    assert b"abc" not in masked
    assert Redactor().payload(masked) == (masked, False)


def test_a_message_that_is_cut_in_a_number_stays() -> None:
    message = b"\x82\xa1n\xcf\x00\xc3\xa5token"
    assert Redactor().payload(message) == (message, False)


def test_a_text_beyond_ascii_is_no_messagepack() -> None:
    text = "é password b".encode()
    assert Redactor().payload(text) == (text, False)


def test_a_list_of_too_many_items_is_masked_to_the_end() -> None:
    message = b"\x82\xa5token\xdc\xff\xff" + b"\x01" * 0xFFFF + b"\xa1n\x01"
    assert Redactor().payload(message) == (b"\x82\xa5token" + MASK, True)
