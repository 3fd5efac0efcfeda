"""The bounds of decoders, and the value that one is."""

from __future__ import annotations

from typing import Any

import pytest

from wsmon.decoders.base import FREE_BYTES, MOST_BYTES, MOST_RATIO, DecodeError, Decoder, is_utf8, room_bytes, too_large


@pytest.mark.parametrize(
    ("size", "limit_bytes", "room"),
    [
        (10, MOST_BYTES, FREE_BYTES),
        (10, 1_000, 1_000),
        (10_000, MOST_BYTES, 10_000 * MOST_RATIO),
        (2**20, MOST_BYTES, MOST_BYTES),
    ],
)
def test_small_messages_may_become_large_and_large_ones_by_a_ratio(size: int, limit_bytes: int, room: int) -> None:
    assert room_bytes(size, limit_bytes) == room


def test_an_error_is_a_sentence_with_what_to_do() -> None:
    assert str(DecodeError("zstd is not installed", "missing", "Install it")) == "zstd is not installed. Install it"
    assert (too_large(2_000).trouble, str(too_large(2_000))) == ("refused", "its content is larger than 2,000 bytes")


def test_a_decoder_may_be_made_with_the_type_of_its_state() -> None:
    decoder = Decoder[list[bytes]]("joined", lambda payload, state, _room: b"".join([*state, payload]), list)
    assert decoder.decode(b"a", decoder.new_state(), 10) == b"a"
    assert Decoder("plain", lambda payload, _state, _room: payload).new_state() is None


def test_only_whole_characters_are_text() -> None:
    assert [is_utf8(payload) for payload in (b"", b"a", "ü".encode(), "ü".encode()[:1], b"\xff")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_a_magic_number_has_two_bytes_or_more() -> None:
    with pytest.raises(ValueError, match="the magic numbers of short have 2 bytes or more"):
        Decoder("short", lambda payload, _state, _room: payload, magic=(b"abc", b"a"))
    marked: Decoder[None] = Decoder("marked", lambda payload, _state, _room: payload, magic=(b"abc",), end=b"z")
    assert [marked.marks(payload) for payload in (b"abcz", b"abc", b"bcz")] == [True, False, False]


@pytest.mark.parametrize("wrong", [{"magic": [b"abc"]}, {"magic": ("abc",)}, {"magic": b"abc"}, {"end": "z"}])
def test_magic_numbers_are_bytes(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="a tuple of bytes"):
        Decoder("wrong", lambda payload, _state, _room: payload, **wrong)
