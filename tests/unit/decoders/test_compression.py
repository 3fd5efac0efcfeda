"""Compressed messages: what is decoded, what is damaged, and what is refused."""

from __future__ import annotations

import gzip
import sys
import zlib
from types import ModuleType

import pytest

from tests.support.zstandard import zstd
from wsmon.decoders.base import DecodeError, Decoder, DecodeTrouble
from wsmon.decoders.compression import DEFLATE, GZIP, ZLIB, ZLIB_STREAM, ZSTD
from wsmon.decoders.registry import DECODERS

TEXT = b'{"type":"trade","price":64123.5}'
ROOM = 1_000


def deflated(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


def flushed(content: bytes, wbits: int) -> bytes:
    compressor = zlib.compressobj(wbits=wbits)
    return compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)


WHOLE = {
    "gzip": gzip.compress(TEXT, mtime=0),
    "gzip in two parts": gzip.compress(TEXT[:9], mtime=0) + gzip.compress(TEXT[9:], mtime=0),
    "gzip that is flushed": flushed(TEXT, 31),
    "zlib": zlib.compress(TEXT),
    "zlib that is flushed": flushed(TEXT, 15),
    "deflate": deflated(TEXT),
    "deflate that is flushed": flushed(TEXT, -15),
    "zstd": zstd.compress(TEXT),
    "zstd in two parts": zstd.compress(TEXT[:9]) + zstd.compress(TEXT[9:]),
}


def decoder(title: str) -> Decoder[None]:
    return DECODERS[title.partition(" ")[0]]


def trouble(of: Decoder[None], payload: bytes, room: int = ROOM) -> tuple[DecodeTrouble, str]:
    with pytest.raises(DecodeError) as caught:
        of.decode(payload, of.new_state(), room)
    return caught.value.trouble, caught.value.what


@pytest.mark.parametrize("title", WHOLE)
def test_a_whole_message_is_decoded(title: str) -> None:
    assert decoder(title).decode(WHOLE[title], None, len(TEXT)) == TEXT


@pytest.mark.parametrize("title", WHOLE)
def test_more_than_there_is_room_for_is_refused(title: str) -> None:
    assert trouble(decoder(title), WHOLE[title], len(TEXT) - 1)[0] == "refused"


@pytest.mark.parametrize("name", ["gzip", "zlib", "deflate", "zstd"])
def test_what_ends_too_early_or_goes_on_is_damaged(name: str) -> None:
    early = ("damaged", "it ends within the compressed data")
    assert trouble(decoder(name), WHOLE[name][:-1]) == early
    assert trouble(decoder(name), WHOLE[name] + b"\0")[0] == "damaged"
    assert trouble(decoder(name), b"") == early


def test_the_words_of_zlib_say_what_is_damaged() -> None:
    assert trouble(GZIP, TEXT) == ("damaged", "Error -3 while decompressing data: incorrect header check")
    assert trouble(DEFLATE, b"\xff\xff") == ("damaged", "Error -3 while decompressing data: invalid block type")


def test_a_message_of_many_parts_is_not_decoded() -> None:
    assert trouble(GZIP, gzip.compress(b"", mtime=0) * 100) == (
        "damaged",
        "it goes on after the end of the compressed data",
    )
    assert trouble(ZSTD, zstd.compress(b"") * 100) == ("damaged", "it goes on after the end of the compressed data")


def test_a_window_of_zstd_that_takes_more_than_eight_mebibytes_is_refused() -> None:
    wide = zstd.compress(bytes(2**24), options={zstd.CompressionParameter.window_log: 24})
    assert trouble(ZSTD, wide, 2**25) == ("refused", "Frame requires too much memory for decoding")


def test_without_its_library_zstd_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression", "backports", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DecodeError, match=r"zstd is not installed\. Install the extra: pip install 'wsmon\[zstd\]'"):
        ZSTD.decode(WHOLE["zstd"], None, ROOM)


def test_the_module_of_python_3_14_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    own = ModuleType("compression")
    own.zstd = zstd  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "compression", own)
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    assert ZSTD.decode(WHOLE["zstd"], None, ROOM) == TEXT


def test_magic_numbers() -> None:
    heads = {
        title: [each.name for each in DECODERS.values() if each.magic and each.marks(WHOLE[title])] for title in WHOLE
    }
    assert heads == {
        "gzip": ["gzip"],
        "gzip in two parts": ["gzip"],
        "gzip that is flushed": ["gzip"],
        "zlib": ["zlib"],
        "zlib that is flushed": ["zlib-stream", "zlib"],
        "deflate": [],
        "deflate that is flushed": [],
        "zstd": ["zstd"],
        "zstd in two parts": ["zstd"],
    }
    assert [level for level in range(10) if not ZLIB.marks(zlib.compress(TEXT, level))] == []


class Stream:
    """A zlib stream, as servers compress it, and the state of its decoder."""

    def __init__(self) -> None:
        self._compressor = zlib.compressobj()
        self.state = ZLIB_STREAM.new_state()

    def message(self, content: bytes) -> bytes:
        return self._compressor.compress(content) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    def decode(self, payload: bytes, room: int = ROOM) -> bytes | None:
        return ZLIB_STREAM.decode(payload, self.state, room)

    def trouble(self, payload: bytes, room: int = ROOM) -> str:
        with pytest.raises(DecodeError) as caught:
            self.decode(payload, room)
        assert caught.value.trouble == "lost"
        return caught.value.what


def test_messages_of_a_stream_refer_to_those_before() -> None:
    stream = Stream()
    first, second = stream.message(TEXT), stream.message(TEXT)
    assert len(second) < len(first)
    assert [stream.decode(first), stream.decode(second)] == [TEXT, TEXT]


def test_a_message_of_a_stream_may_come_in_pieces() -> None:
    stream = Stream()
    payload = stream.message(TEXT)
    assert [stream.decode(payload[:5]), stream.decode(payload[5:20]), stream.decode(payload[20:])] == [None, None, TEXT]


def test_a_piece_of_a_stream_that_has_no_room_left_is_not_inflated() -> None:
    stream = Stream()
    payload = stream.message(bytes(2 * ROOM))
    assert stream.decode(payload[:-4], 4 * ROOM) is None
    assert stream.trouble(payload[-4:], 2 * ROOM - 1) == f"its content is larger than {2 * ROOM - 1:,} bytes"


def test_a_stream_that_ends_and_one_that_begins_again_are_decoded() -> None:
    stream = Stream()
    assert stream.decode(stream.message(TEXT)) == TEXT
    assert stream.decode(zlib.compress(b"the last")) == b"the last"
    again = Stream().message(b"anew")
    assert stream.decode(again) == b"anew"


@pytest.mark.parametrize(
    ("payload", "room", "why"),
    [
        (b"\xff\xff\xff", ROOM, "Error -3 while decompressing data: invalid block type"),
        (flushed(bytes(2_000), 15), ROOM, "its content is larger than 1,000 bytes"),
        (zlib.compress(b"end") + b"more", ROOM, "it goes on after the end of the stream"),
    ],
    ids=["damaged", "bomb", "after the end"],
)
def test_a_stream_is_lost_with_the_first_message_that_is_not_decoded(payload: bytes, room: int, why: str) -> None:
    stream = Stream()
    stream.decode(stream.message(TEXT))
    assert stream.trouble(payload, room) == why
    assert stream.trouble(stream.message(TEXT)) == "an earlier message of the stream was not decoded"
    assert not stream.state.is_open


def test_what_a_stream_keeps_of_a_message_in_pieces_is_bounded() -> None:
    stream = Stream()
    bomb = stream.message(bytes(100_000))
    assert [stream.decode(bomb[at : at + 1]) for at in range(4)] == [None] * 4
    assert stream.trouble(bomb[4:-4]) == "its content is larger than 1,000 bytes"
    assert stream.state.content == b""
