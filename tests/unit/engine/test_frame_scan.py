"""Runs of whole messages: what is taken out of received bytes, and where the scan stops."""

from __future__ import annotations

import zlib

import pytest

from wsmon.engine.frame_scan import DataOpcode, count_utf8, inflate_nothing, scan_run

LIMIT_BYTES = 100_000


def frame(payload: bytes, first: int = 0x81) -> bytes:
    """A frame that is not masked."""
    if len(payload) < 126:
        return bytes((first, len(payload))) + payload
    if len(payload) < 65_536:
        return bytes((first, 126)) + len(payload).to_bytes(2, "big") + payload
    return bytes((first, 127)) + len(payload).to_bytes(8, "big") + payload


def deflated(payload: bytes) -> bytes:
    """A message that needs no context."""
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload: bytes, limit_bytes: int) -> bytes | None:
    """Inflate one message without a context."""
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff", limit_bytes)


def scanned(data: bytes, opcode: DataOpcode = "text", limit_bytes: int = LIMIT_BYTES) -> tuple[list[bytes], int]:
    """The messages of a run, and where it ends."""
    payloads: list[bytes] = []
    wire_sizes: list[int] = []
    at = scan_run(data, 0, opcode, limit_bytes, inflated, payloads, wire_sizes)
    assert sum(wire_sizes) == at
    return payloads, at


def test_messages_of_a_run_are_taken_compressed_ones_inflated() -> None:
    payloads = [b"a", b"b" * 125, b"c" * 126, b"d" * 65_535, b""]
    data = b"".join(map(frame, payloads)) + frame(deflated(b"hello"), 0xC1) + frame(deflated(b"e" * 40_000), 0xC1)
    found, at = scanned(data + frame(b"last"))
    assert found == [*payloads, b"hello", b"e" * 40_000, b"last"]
    assert at == len(data) + 6


@pytest.mark.parametrize(
    "other",
    [
        frame(b"binary", 0x82),
        frame(b"fragment", 0x01),
        frame(b"ping", 0x89),
        frame(b"x" * 65_536),
        frame(b"masked", 0x81).replace(b"\x06", b"\x86", 1),
        frame(b"reserved", 0xA1),
        frame(b"cut short")[:-1],
        frame(b""),
    ],
)
def test_a_run_ends_before_anything_else(other: bytes) -> None:
    data = frame(b"one") + frame(b"two")
    found, at = scanned(data + other)
    # Two bytes at the end are an empty message, and are left to the caller
    assert (found, at) == ([b"one", b"two"], len(data))


def test_a_run_ends_before_a_message_past_the_limit() -> None:
    assert scanned(frame(b"one") + frame(b"four+"), limit_bytes=4) == ([b"one"], 5)


def test_nothing_is_inflated_where_nothing_was_negotiated() -> None:
    payloads: list[bytes] = []
    data = frame(deflated(b"hello"), 0xC1)
    assert scan_run(data, 0, "text", LIMIT_BYTES, inflate_nothing, payloads, []) == 0
    assert payloads == []


@pytest.mark.parametrize(
    ("payloads", "valid"),
    [([b"a", b"\xc3\xa9"], 2), ([b"a", b"\xc3", b"\xa9"], 1), ([b"\xff", b"a"], 0), ([], 0)],
)
def test_texts_are_counted_up_to_the_first_that_is_not_utf8(payloads: list[bytes], valid: int) -> None:
    assert count_utf8(payloads) == valid
