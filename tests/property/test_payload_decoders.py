"""Any bytes, in any state, never raise out of a decoder, and never become more than there is room for."""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.thoroughness import times
from tests.support.zstandard import zstd
from wsmon.decoders.base import DecodeError
from wsmon.decoders.registry import DECODERS
from wsmon.decoders.session import AUTO, PayloadDecoding
from wsmon.model.events import Direction, Opcode

ROOM = 4_096

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=4)
    ),
    max_leaves=20,
)


def deflated(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


def flushed(content: bytes) -> bytes:
    compressor = zlib.compressobj()
    return compressor.compress(content) + compressor.flush(zlib.Z_SYNC_FLUSH)


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": deflated,
    "zlib-stream": flushed,
    "base64": base64.b64encode,
    "msgpack": msgspec.msgpack.encode,
    "zstd": zstd.compress,
}


@st.composite
def messages(draw: st.DrawFn, names: tuple[str, ...]) -> bytes:
    """A message that one of the decoders makes, often changed in a place, cut, or with something behind it."""
    name = draw(st.sampled_from(names))
    content = draw(st.binary(max_size=200) | st.binary(min_size=1, max_size=3).map(lambda part: part * 3_000))
    payload = bytearray(msgspec.msgpack.encode(draw(JSON)) if name == "msgpack" else ENCODE[name](content))
    for at in draw(st.lists(st.integers(0, max(0, len(payload) - 1)), max_size=3)):
        payload[at : at + 1] = draw(st.binary(max_size=2))
    return bytes(payload[draw(st.integers(0, 3)) :] + draw(st.binary(max_size=3)))


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=times(100))
@given(data=st.data())
def test_a_decoder_raises_nothing_but_its_error(name: str, data: st.DataObject) -> None:
    decoder = DECODERS[name]
    state = decoder.new_state()
    for payload in data.draw(st.lists(st.binary(max_size=50) | messages((name,)), min_size=1, max_size=4)):
        room = data.draw(st.sampled_from([0, 10, ROOM]))
        content: bytes | None = None
        with suppress(DecodeError):
            content = decoder.decode(payload, state, room)
        assert content is None or len(content) <= room


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=times(100))
@given(content=st.binary(max_size=300), value=JSON)
def test_what_was_encoded_is_decoded(name: str, content: bytes, value: object) -> None:
    if name == "msgpack":
        payload, content = msgspec.msgpack.encode(value), msgspec.json.encode(value)
    else:
        payload = ENCODE[name](content)
    assert DECODERS[name].decode(payload, DECODERS[name].new_state(), 10**6) == content


CHAINS = st.just(AUTO) | st.lists(st.sampled_from([*DECODERS]), min_size=1, max_size=4).map(tuple)
ANY = messages(tuple(ENCODE)).flatmap(lambda payload: st.sampled_from([payload, base64.b64encode(payload)]))


@settings(max_examples=times(100))
@given(
    names=CHAINS,
    said=st.lists(
        st.tuples(st.sampled_from(["in", "out"]), st.sampled_from(["text", "binary"]), st.binary(max_size=30) | ANY),
        max_size=6,
    ),
)
def test_a_session_decodes_or_leaves_anything(
    names: tuple[str, ...], said: list[tuple[Direction, Opcode, bytes]]
) -> None:
    decoding = PayloadDecoding(names, ROOM)
    for direction, opcode, payload in said:
        found, problem = decoding.decode(direction, opcode, payload)
        assert found is None or problem is None
        assert found is None or len(found.content or b"") <= ROOM
        assert problem is None or problem.name == "error.occurred"
