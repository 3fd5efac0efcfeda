"""Base64 and MessagePack: what they become, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from datetime import UTC, datetime

import msgspec
import pytest

from wsmon.decoders.base import DecodeError
from wsmon.decoders.notation import BASE64, MSGPACK, begins_compressed

BYTES = bytes(range(256))
ROOM = 2**20


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(BYTES),
        base64.urlsafe_b64encode(BYTES),
        base64.b64encode(BYTES).rstrip(b"="),
        base64.encodebytes(BYTES),
    ],
    ids=["standard", "URL-safe", "without padding", "in lines"],
)
def test_both_alphabets_of_base64_are_decoded(text: bytes) -> None:
    assert BASE64.decode(text, None, ROOM) == BYTES


@pytest.mark.parametrize("text", [b'{"type":"trade"}', b"a", b"AAAA=AAA", b"AA=A", "grüße".encode(), b"\x1f\x8b"])
def test_what_is_no_base64_is_damaged(text: bytes) -> None:
    with pytest.raises(DecodeError, match="no base64"):
        BASE64.decode(text, None, ROOM)


def test_base64_larger_than_its_room_is_refused_unread() -> None:
    with pytest.raises(DecodeError, match="larger than 30 bytes") as caught:
        BASE64.decode(b"A" * 44, None, 30)
    assert caught.value.trouble == "refused"


@pytest.mark.parametrize("level", range(10))
def test_base64_of_compressed_messages_begins_in_a_way_of_its_own(level: int) -> None:
    assert begins_compressed(base64.b64encode(zlib.compress(BYTES, level)))
    assert begins_compressed(base64.b64encode(gzip.compress(BYTES, level, mtime=0)))
    assert not begins_compressed(b"Hello")


def packed(value: object) -> bytes | None:
    return MSGPACK.decode(msgspec.msgpack.encode(value), None, ROOM)


def test_messagepack_becomes_json() -> None:
    value = {"type": "trade", "price": 1.5, "ids": [1, -2, 2**63], "is": True, "none": None, "text": "grüße\n"}
    text = packed(value)
    assert text == json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def test_values_that_json_does_not_have_are_written_as_text() -> None:
    assert packed({1: 2, 1.5: 3}) == b'{"1":2,"1.5":3}'
    assert packed(b"\x00\xff") == b'"AP8="'
    assert packed(datetime(2026, 11, 30, 4, 0, tzinfo=UTC)) == b'"2026-11-30T04:00:00Z"'
    assert packed(msgspec.msgpack.Ext(5, b"ab")) == b'{"ext":5,"data":"YWI="}'
    assert packed(float("nan")) == b"null"


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"", "Input data was truncated"),
        (b"\x81\xa1a", "Input data was truncated"),
        (b"\x01\x02", "trailing characters (byte 1)"),
        (b"\xc1", "invalid opcode '\\xc1' (byte 0)"),
        (b"\xa1\xff", "Invalid UTF-8 encoded string"),
        (b"\x81\xc0\x01", "it holds a key or a value that JSON does not have"),
        (b"\x81\x91\x01\x01", "it holds a key or a value that JSON does not have"),
        (b"\xdd\xff\xff\xff\xff", "Input data was truncated"),
        (b"\xdf\xff\xff\xff\xff", "Input data was truncated"),
        (b"\xc6\xff\xff\xff\xff", "Input data was truncated"),
    ],
)
def test_what_is_no_messagepack_is_damaged(payload: bytes, what: str) -> None:
    with pytest.raises(DecodeError) as caught:
        MSGPACK.decode(payload, None, ROOM)
    assert (caught.value.trouble, caught.value.what) == ("damaged", what)


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (b"\x91" * 50_000, "nested too deep"),
        (b"\xdd\x00\x02\x00\x00" + b"\x80" * 2**17, "it is too large to be decoded: it may hold too many values"),
        (
            b"\xc6" + (2**20).to_bytes(4, "big") + bytes(2**20),
            "it is too large to be decoded: it may hold too many values",
        ),
    ],
    ids=["nested", "many maps", "large"],
)
def test_what_takes_long_or_much_memory_is_refused(payload: bytes, what: str) -> None:
    with pytest.raises(DecodeError) as caught:
        MSGPACK.decode(payload, None, 2**24)
    assert (caught.value.trouble, caught.value.what) == ("refused", what)


def test_json_larger_than_its_room_is_refused() -> None:
    with pytest.raises(DecodeError, match="larger than 10 bytes"):
        MSGPACK.decode(msgspec.msgpack.encode("0123456789"), None, 10)
