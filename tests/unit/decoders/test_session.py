"""The decoders of a session: chosen by the configuration or by magic numbers, and what is said of trouble."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from tests.support.zstandard import zstd
from wsmon.decoders.base import MOST_BYTES, DecodeError, Decoder
from wsmon.decoders.registry import DECODERS
from wsmon.decoders.session import (
    AS_IT_IS,
    AUTO,
    EVERYTHING,
    MOST_REFUSED,
    NOTHING,
    DecodedMessage,
    DecodeProblem,
    Decoding,
    PayloadDecoding,
)
from wsmon.model.events import Opcode

TEXT = b'{"type":"trade","price":64123.5}'
BOMB = gzip.compress(bytes(2**21), mtime=0)


def session(*names: str, limit_bytes: int = 2**20, decoders: Sequence[Decoder[None]] = ()) -> PayloadDecoding:
    added = {decoder.name: decoder for decoder in decoders}
    return PayloadDecoding(names or AUTO, limit_bytes, {**DECODERS, **added})


def decoded(content: bytes | None, encoding: str, *, is_alone: bool = True) -> Decoding:
    return Decoding(DecodedMessage(content, encoding, is_alone))


def problem(error_type: str, error: str) -> Decoding:
    name = "self.plugin.failed" if error_type == "plugin" else "error.occurred"
    return Decoding(problem=DecodeProblem(name, error_type, error))  # type: ignore[arg-type]  # both are names of events


@pytest.mark.parametrize(
    ("opcode", "payload", "encoding"),
    [
        ("binary", gzip.compress(TEXT, mtime=0), "gzip"),
        ("binary", zlib.compress(TEXT), "zlib"),
        ("binary", zstd.compress(TEXT), "zstd"),
        ("text", base64.b64encode(gzip.compress(TEXT, mtime=0)), "base64+gzip"),
        ("text", base64.b64encode(zlib.compress(TEXT)), "base64+zlib"),
        ("text", base64.b64encode(zstd.compress(TEXT)), "base64+zstd"),
    ],
)
def test_magic_numbers_decide_by_default(opcode: Opcode, payload: bytes, encoding: str) -> None:
    assert session().decode("in", opcode, payload) == decoded(TEXT, encoding)


@pytest.mark.parametrize(
    ("opcode", "payload"),
    [
        ("text", TEXT),
        ("text", b"Hello"),
        ("text", b"eJxHello"),
        ("text", base64.b64encode(gzip.compress(b"\xff\xfe", mtime=0))),
        ("text", base64.b64encode(gzip.compress(TEXT, mtime=0)) + b"!"),
        ("binary", TEXT),
        ("binary", b""),
        ("binary", msgspec.msgpack.encode({"type": "trade"})),
        ("binary", b"\x78\x9c is no zlib"),
        ("binary", zlib.compress(TEXT)[:-1]),
        ("binary", base64.b64encode(gzip.compress(TEXT, mtime=0))),
    ],
)
def test_anything_else_is_left_as_it_is(opcode: Opcode, payload: bytes) -> None:
    assert session().decode("in", opcode, payload) == AS_IT_IS


def test_a_stream_is_found_by_its_first_message() -> None:
    found, compressor = session(), zlib.compressobj()
    for number in range(3):
        content = b'{"s":%d}' % number
        payload = compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert found.decode("in", "binary", payload) == decoded(content, "zlib-stream")
    assert found.decode("in", "binary", b"plain") == AS_IT_IS
    assert found.decode("out", "binary", payload) == AS_IT_IS


def test_a_stream_that_loses_its_context_says_so_once() -> None:
    found, compressor = session("zlib-stream"), zlib.compressobj()
    first, second, third = (compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH) for _ in range(3))
    assert found.decode("in", "binary", first) == decoded(TEXT, "zlib-stream")
    assert found.decode("in", "binary", b"\xff" + second) == problem(
        "decode_lost",
        "zlib-stream: Error -3 while decompressing data: invalid block type; recorded as it came. "
        "The messages that follow refer to this one, and are recorded as they come",
    )
    assert found.decode("in", "binary", third) == AS_IT_IS


def test_a_message_of_a_stream_in_pieces_is_content_of_the_last() -> None:
    found = session("zlib-stream")
    compressor = zlib.compressobj()
    payload = compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert found.decode("in", "binary", payload[:30]) == decoded(None, "zlib-stream", is_alone=False)
    assert found.decode("in", "binary", payload[30:]) == decoded(TEXT, "zlib-stream", is_alone=False)


def test_a_piece_of_a_stream_may_be_smaller_than_what_came_before_it_became() -> None:
    found = session("zlib-stream", limit_bytes=MOST_BYTES)
    compressor = zlib.compressobj()
    content = Random(7).randbytes(20_000) + bytes(3 * 2**20)
    payload = compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert found.decode("in", "binary", payload[:-9]) == decoded(None, "zlib-stream", is_alone=False)
    assert found.decode("in", "binary", payload[-9:]) == decoded(content, "zlib-stream", is_alone=False)


def test_a_chain_is_applied_in_its_order() -> None:
    value = {"type": "trade", "price": 64123.5}
    payload = base64.b64encode(zlib.compress(msgspec.msgpack.encode(value)))
    found = session("base64", "zlib", "msgpack")
    assert found.decode("in", "text", payload) == decoded(TEXT, "base64+zlib+msgpack")
    assert found.decode("in", "text", b'{"plain": true}') == AS_IT_IS
    assert found.decode("in", "text", b"ping") == AS_IT_IS


def test_only_base64_is_looked_for_in_texts() -> None:
    assert session("base64").decode("in", "text", base64.b64encode(TEXT)) == decoded(TEXT, "base64")
    assert session("gzip").decode("in", "text", TEXT) == AS_IT_IS


def test_a_message_that_a_configured_decoder_cannot_read_is_an_error_once() -> None:
    found = session("msgpack")
    assert found.decode("in", "binary", b"\xc1\xff") == problem(
        "decode_damaged", "msgpack: invalid opcode '\\xc1' (byte 0); recorded as it came"
    )
    assert found.decode("in", "binary", b"\xc1\xff") == AS_IT_IS
    assert session("msgpack").decode("in", "binary", b"{}") == AS_IT_IS


def test_gzip_that_is_damaged_is_an_error_once_even_if_it_was_found() -> None:
    found = session()
    payload = gzip.compress(TEXT, mtime=0)[:-3]
    assert found.decode("in", "binary", payload) == problem(
        "decode_damaged", "gzip: it ends within the compressed data; recorded as it came"
    )
    assert found.decode("in", "binary", payload) == AS_IT_IS


def test_after_some_bombs_nothing_is_decoded() -> None:
    found = session()
    results = [found.decode("in", "binary", BOMB) for _ in range(MOST_REFUSED)]
    what = "gzip: its content is larger than 1,048,576 bytes; recorded as it came"
    assert results == [
        problem("decode_refused", what),
        *[AS_IT_IS] * (MOST_REFUSED - 2),
        problem("decode_refused", f"{what}. It is the 8th of this session: nothing more is decoded"),
    ]
    assert found.decode("in", "binary", gzip.compress(TEXT, mtime=0)) == AS_IT_IS


@pytest.mark.parametrize(
    ("limit_bytes", "size", "is_decoded"),
    [(1_000, 1_000, True), (1_000, 1_001, False), (2**30, MOST_BYTES, False), (2**30, 2**20, True)],
)
def test_content_is_bounded_by_the_largest_message_and_the_ratio(limit_bytes: int, size: int, is_decoded: bool) -> None:
    found = session(limit_bytes=limit_bytes).decode("in", "binary", gzip.compress(bytes(size), mtime=0))
    assert (found.payload is not None) is is_decoded


def test_all_steps_of_a_chain_share_the_room() -> None:
    found = session("gzip", "gzip", limit_bytes=1_000)
    inner = gzip.compress(bytes(900), mtime=0)
    assert found.decode("in", "binary", gzip.compress(inner, mtime=0)) == decoded(bytes(900), "gzip+gzip")
    inner = gzip.compress(bytes(990), mtime=0)
    assert found.decode("in", "binary", gzip.compress(inner, mtime=0)).problem is not None


def exclusive_or(payload: bytes, _state: None, _room: int) -> bytes:
    return bytes(byte ^ 0x55 for byte in payload)


def test_a_plugin_decodes_by_its_name_and_by_its_magic_number() -> None:
    plugin = Decoder("xor", exclusive_or, magic=(b".w",))
    payload = exclusive_or(TEXT, None, 0)
    assert session("xor", decoders=[plugin]).decode("in", "binary", payload) == decoded(TEXT, "xor")
    assert payload.startswith(b".w")
    found = session(decoders=[plugin])
    assert b".w" in found.binary_begins
    assert found.decode("in", "binary", payload) == decoded(TEXT, "xor")


def test_a_plugin_that_raises_is_told_once_without_the_text_of_its_exception() -> None:
    def fail(payload: bytes, _state: None, _room: int) -> bytes:
        raise ValueError(payload)

    found = session("bad", decoders=[Decoder("bad", fail)])
    result = found.decode("in", "binary", b"secret \xff")
    assert result.problem is not None
    assert result.problem.name == "self.plugin.failed"
    assert result.problem.error.startswith("decoder bad: ValueError at test_session.py:")
    assert "secret" not in result.problem.error
    assert found.decode("in", "binary", b"secret \xff") == AS_IT_IS


def test_a_plugin_that_ends_the_process_does_not() -> None:
    def leave(_payload: bytes, _state: None, _room: int) -> bytes:
        raise SystemExit(3)

    result = session("bad", decoders=[Decoder("bad", leave)]).decode("in", "binary", b"\xff")
    assert result.problem is not None
    assert result.problem.error.startswith("decoder bad: SystemExit at test_session.py:")


def test_a_plugin_that_cannot_make_its_state_is_told_with_the_first_message() -> None:
    def fail() -> None:
        raise KeyError("secret")

    found = session("bad", decoders=[Decoder("bad", exclusive_or, fail)])
    result = found.decode("in", "binary", b"\x01")
    assert result.problem is not None
    assert result.problem.error.startswith("decoder bad: KeyError at test_session.py:")
    assert found.decode("in", "binary", b"\x01") == AS_IT_IS


def test_most_messages_are_known_by_two_bytes_to_be_as_they_are() -> None:
    begins = {b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x28\xb5"}
    assert session().binary_begins == begins
    assert session().text_begins == {b"H4", b"eA", b"eF", b"eJ", b"eN", b"KL"}
    # What continues a stream begins in any way
    found = session()
    compressor = zlib.compressobj()
    found.decode("in", "binary", compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH))
    assert found.binary_begins is EVERYTHING
    for name in DECODERS:
        named = session(name)
        assert named.binary_begins is EVERYTHING
        assert named.text_begins is (EVERYTHING if name == "base64" else NOTHING)


@pytest.mark.parametrize("content", [None, "text", 5, bytearray(TEXT)])
def test_what_a_plugin_returns_is_checked(content: object) -> None:
    plugin = Decoder[None]("odd", lambda _payload, _state, _room: content)  # type: ignore[arg-type,return-value]  # as a plugin may
    found = session("odd", decoders=[plugin]).decode("in", "binary", b"\xff")
    if content is None:
        assert found == decoded(None, "odd", is_alone=False)
    elif isinstance(content, bytearray):
        assert found == decoded(TEXT, "odd")
        assert found.payload is not None
        assert type(found.payload.content) is bytes
    else:
        assert found.problem is not None
        assert found.problem.error.startswith("decoder odd: TypeError")


def test_a_plugin_that_returns_too_much_is_refused() -> None:
    plugin = Decoder[None]("large", lambda _payload, _state, room: bytes(room + 1))
    found = session("large", decoders=[plugin], limit_bytes=100).decode("in", "binary", b"\xff")
    assert found == problem("decode_refused", "large: its content is larger than 100 bytes; recorded as it came")


def test_a_decode_error_of_a_plugin_is_its_own_sentence() -> None:
    def fail(_payload: bytes, _state: None, _room: int) -> bytes:
        raise DecodeError("its key is unknown", hint="Ask for the key")

    found = session("sealed", decoders=[Decoder("sealed", fail)]).decode("in", "binary", b"\xff")
    assert found == problem("decode_damaged", "sealed: its key is unknown; recorded as it came. Ask for the key")


def test_a_plugin_that_could_not_be_loaded_is_told_once() -> None:
    found = PayloadDecoding(("gzip", "a-plugin"), 2**20)
    payload = gzip.compress(TEXT, mtime=0)
    assert found.decode("in", "binary", payload) == problem(
        "decode_missing", "a-plugin: the plugin is not loaded; recorded as it came"
    )
    assert found.decode("in", "binary", payload) == AS_IT_IS
