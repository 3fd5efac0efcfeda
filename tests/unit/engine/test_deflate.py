"""What an offer of compression becomes, and inflating; beside the library: tests/property/test_tap_deflate.py."""

from __future__ import annotations

import zlib

import pytest
from websockets.exceptions import NegotiationError, PayloadTooBig, ProtocolError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, enable_client_permessage_deflate
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

from wsmon.engine.deflate import DeflateOffer, TapDeflate

HELLO = bytes.fromhex("f248cdc9c90700")
HELLO_AGAIN = bytes.fromhex("f200110000")


def agreed(*parameters: ExtensionParameter) -> TapDeflate:
    """The extension where the server accepts our offer with these parameters."""
    made = DeflateOffer().process_response_params(parameters, [])
    assert isinstance(made, TapDeflate)
    return made


def whole(payload: bytes) -> Frame:
    """A compressed text message."""
    return Frame(Opcode.TEXT, payload, rsv1=True)


def test_the_extension_is_as_agreed() -> None:
    deflate = agreed(("server_no_context_takeover", None), ("server_max_window_bits", "10"))
    assert repr(deflate) == (
        "PerMessageDeflate(remote_no_context_takeover=True, local_no_context_takeover=False, "
        "remote_max_window_bits=10, local_max_window_bits=15)"
    )


def test_the_offer_is_that_of_the_library() -> None:
    (librarys,) = enable_client_permessage_deflate(None)
    assert isinstance(librarys, ClientPerMessageDeflateFactory)
    ours = DeflateOffer()
    assert ours.get_request_params() == librarys.get_request_params()
    assert ours.compress_settings == librarys.compress_settings


def test_what_the_library_refuses_is_refused() -> None:
    with pytest.raises(NegotiationError):
        agreed(("server_max_window_bits", "16"))


@pytest.mark.parametrize(("bits", "is_compressed"), [("8", False), ("9", True), ("15", True)])
def test_only_with_the_smallest_window_our_messages_go_out_uncompressed(bits: str, is_compressed: bool) -> None:
    sent = agreed(("client_max_window_bits", bits)).encode(Frame(Opcode.TEXT, b"Hello"))
    inflated = zlib.decompressobj(wbits=-15).decompress(bytes(sent.data)) if is_compressed else sent.data
    assert (sent.rsv1, inflated) == (is_compressed, b"Hello")


def test_both_ways_of_inflating_share_what_was_sent_before() -> None:
    """RFC 7692, section 7.2.3.2: the second message refers to the first."""
    first, second = agreed(), agreed()
    assert first.inflate(HELLO, 100) == b"Hello"
    assert first.decode(whole(HELLO_AGAIN), max_size=100).data == b"Hello"
    assert second.decode(whole(HELLO), max_size=100).data == b"Hello"
    assert second.inflate(HELLO_AGAIN, 100) == b"Hello"


def test_without_context_each_message_stands_alone() -> None:
    deflate = agreed(("server_no_context_takeover", None))
    assert [deflate.inflate(HELLO, 100) for _ in range(2)] == [b"Hello"] * 2
    assert deflate.inflate(HELLO_AGAIN, 100) is None


def test_a_message_that_is_too_long_is_left_to_the_library_which_hears_why() -> None:
    deflate = agreed()
    assert deflate.inflate(HELLO, 4) is None
    with pytest.raises(PayloadTooBig, match="exceeds limit of 4 bytes"):
        deflate.decode(whole(HELLO), max_size=4)


def test_corrupt_data_is_left_to_the_library_which_hears_why() -> None:
    deflate = agreed()
    assert deflate.inflate(b"\x07", 100) is None
    with pytest.raises(ProtocolError, match="decompression failed") as raised:
        deflate.decode(whole(b"\x07"), max_size=100)
    assert isinstance(raised.value.__cause__, zlib.error)


def test_after_a_message_that_could_not_be_inflated_none_is() -> None:
    deflate = agreed()
    assert deflate.inflate(HELLO, 4) is None
    assert deflate.inflate(HELLO, 100) is None


def final(payload: bytes, before: bytes = b"") -> bytes:
    """A message in a final block (RFC 7692, section 7.2.3.4), which may refer to what came before."""
    deflate = zlib.compressobj(wbits=-15, zdict=before)
    return deflate.compress(payload) + deflate.flush(zlib.Z_FINISH) + b"\x00"


@pytest.mark.parametrize("is_first_from_library", [False, True])
@pytest.mark.parametrize("is_second_from_library", [False, True])
def test_what_follows_a_final_block_is_read_with_what_came_before_it(
    is_first_from_library: bool, is_second_from_library: bool
) -> None:
    deflate = agreed()

    def read(payload: bytes, *, by_library: bool) -> bytes | None:
        return bytes(deflate.decode(whole(payload)).data) if by_library else deflate.inflate(payload, 100_000)

    long = bytes(range(256)) * 150
    assert read(final(long), by_library=is_first_from_library) == long
    assert read(final(b"Hello, " + long[-40:], long), by_library=is_second_from_library) == b"Hello, " + long[-40:]
    again = zlib.compressobj(wbits=-15, zdict=long[-500:] + b"Hello, " + long[-40:])
    third = again.compress(b"Hello, " + long[-400:]) + again.flush(zlib.Z_SYNC_FLUSH)
    assert read(third[:-4], by_library=False) == b"Hello, " + long[-400:]
    assert deflate.inflate(final(b"the last"), 100_000) == b"the last"


def test_what_messages_may_refer_to_is_kept_within_bounds() -> None:
    deflate, sent = agreed(), zlib.compressobj(wbits=-15)
    messages = [bytes([number]) * 20_000 + b"end" for number in range(20)]
    for each in messages:
        compressed = (sent.compress(each) + sent.flush(zlib.Z_SYNC_FLUSH))[:-4]
        assert deflate.inflate(compressed, 100_000) == each
    assert len(b"".join(deflate._history._recent)) < 200_000
    assert deflate.inflate(final(messages[-1]), 100_000) == messages[-1]
    assert deflate.inflate(final(messages[-1][-9:], messages[-1]), 100_000) == messages[-1][-9:]
