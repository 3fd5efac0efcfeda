"""Compression of relayed connections: what answers agree to, and messages of one direction."""

from __future__ import annotations

import zlib

import pytest
from websockets.exceptions import ProtocolError

from wsmon.relay.inflater import Inflater, agreed_extensions


def final(payload: bytes, window: bytes = b"") -> bytes:
    """A message that ends with a final block."""
    deflater = zlib.compressobj(wbits=-15, zdict=window) if window else zlib.compressobj(wbits=-15)
    return deflater.compress(payload) + deflater.flush()


@pytest.mark.parametrize(
    ("values", "names", "has_deflate", "unknown"),
    [
        ([], (), False, ""),
        ([""], (), False, ""),
        (["permessage-deflate"], ("permessage-deflate",), True, ""),
        (
            ['permessage-deflate; server_no_context_takeover; server_max_window_bits="8"; client_max_window_bits=9'],
            ("permessage-deflate",),
            True,
            "",
        ),
        (["x-a; b=1"], ("x-a",), False, "x-a; b=1"),
        (["permessage-deflate", "x-a"], ("permessage-deflate", "x-a"), False, "x-a"),
        (["permessage-deflate, permessage-deflate"], ("permessage-deflate",) * 2, False, "permessage-deflate"),
        (
            ["permessage-deflate; server_max_window_bits=16"],
            ("permessage-deflate",),
            False,
            "permessage-deflate; server_max_window_bits=16",
        ),
        (
            ["permessage-deflate; client_max_window_bits"],
            ("permessage-deflate",),
            False,
            "permessage-deflate; client_max_window_bits",
        ),
        (["permessage-deflate; what=1"], ("permessage-deflate",), False, "permessage-deflate; what=1"),
        (["=;broken"], (), False, "=;broken"),
    ],
)
def test_the_extensions_of_an_answer(
    values: list[str], names: tuple[str, ...], has_deflate: bool, unknown: str
) -> None:
    found = agreed_extensions(values)
    assert (found.names, found.server is not None, found.application is not None, found.unknown) == (
        names,
        has_deflate,
        has_deflate,
        unknown,
    )


def test_messages_refer_to_earlier_ones_only_where_that_was_agreed() -> None:
    found = agreed_extensions(["permessage-deflate; server_no_context_takeover"])
    assert found.server is not None
    assert found.application is not None
    deflater = zlib.compressobj(wbits=-15)
    sent = [
        (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4] for text in (b"again " * 9, b"again " * 9)
    ]
    assert [found.application.inflate(each, 100) for each in sent] == [b"again " * 9] * 2
    assert found.server.inflate(sent[0], 100) == b"again " * 9
    assert found.server.inflate(sent[1], 100) is None
    assert found.server.fault is not None


def test_what_follows_a_final_block_is_read_with_what_came_before() -> None:
    inflater = Inflater()
    long = bytes(range(256)) * 150
    assert inflater.inflate(final(long), 100_000) == long
    assert inflater.inflate(final(long[-9:], long), 100_000) == long[-9:]


def test_a_message_of_exactly_the_limit_is_read_and_one_more_byte_is_too_large() -> None:
    inflater = Inflater()
    assert inflater.inflate(final(b"x" * 100), 100) == b"x" * 100
    assert inflater.inflate(final(b"x" * 101), 100) is None
    assert (inflater.is_large, inflater.size, inflater.is_lost) == (True, 101, False)
    assert inflater.inflate(b"not looked at", 100) is None
    inflater.end_large()
    assert inflater.inflate(final(b"next"), 100) == b"next"


def test_corrupt_pieces_raise() -> None:
    inflater = Inflater(9, keeps_context=False)
    inflater.begin(100)
    with pytest.raises(ProtocolError, match="decompression failed"):
        inflater.add(b"\xff\xff\xff", is_end=False)


@pytest.mark.parametrize("size", [150, 200_000])
def test_bytes_behind_the_final_block_of_a_message_that_is_too_large_end_the_message_all_the_same(size: int) -> None:
    inflater = Inflater()
    assert inflater.inflate(final(bytes(size)) + b"more" * 30_000, 100) is None
    assert (inflater.size, inflater.is_lost) == (size, False)
    inflater.end_large()
    assert inflater.inflate(final(b"next"), 100) == b"next"
