"""The reader of relayed bytes against the parser of ``websockets``, and against any bytes."""

from __future__ import annotations

import random
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from tests.support.frame_notes import FrameNotes, Read, open_reader
from tests.support.thoroughness import times

LIMIT_BYTES = 300_000


class Message(NamedTuple):
    """What one side sends."""

    opcode: Literal["text", "binary", "ping", "pong"]
    parts: list[bytes | int]
    """Payloads of its frames; a number stands for so many bytes."""
    is_compressed: bool


class Deflate(NamedTuple):
    """permessage-deflate of one direction as it was agreed."""

    no_context: bool
    bits: int


TEXTS = st.text(max_size=60).map(str.encode)
BINARIES = st.binary(max_size=60) | st.sampled_from([125, 126, 65_535, 65_536, 70_000])
MESSAGES = st.lists(
    st.builds(Message, st.just("text"), st.lists(TEXTS, min_size=1, max_size=4), st.booleans())
    | st.builds(Message, st.just("binary"), st.lists(BINARIES, min_size=1, max_size=3), st.booleans())
    | st.builds(
        Message,
        st.sampled_from(["ping", "pong"]),
        st.lists(st.binary(max_size=125), min_size=1, max_size=1),
        st.just(False),
    ),
    max_size=12,
)
DEFLATES = st.none() | st.builds(Deflate, st.booleans(), st.integers(9, 15))
OPCODES = {"text": Opcode.TEXT, "binary": Opcode.BINARY, "ping": Opcode.PING, "pong": Opcode.PONG}


def sent(messages: list[Message], deflate: Deflate | None, *, mask: bool, seed: int) -> list[bytes]:
    """The frames of a side; control frames of other messages stand between fragments at times."""
    roll = random.Random(seed)
    encoder = None if deflate is None else PerMessageDeflate(True, deflate.no_context, 15, deflate.bits)
    frames: list[bytes] = []
    for message in messages:
        extensions = [encoder] if encoder is not None and message.is_compressed else []
        for number, part in enumerate(message.parts):
            if number and roll.random() < 0.3:
                frames.append(Frame(Opcode.PING, b"between").serialize(mask=mask))
            opcode = Opcode.CONT if number else OPCODES[message.opcode]
            is_last = number == len(message.parts) - 1
            frames.append(Frame(opcode, bytes(part), is_last).serialize(mask=mask, extensions=extensions))
    return frames


def cut(data: bytes, seed: int) -> list[bytes]:
    """The bytes in pieces of random sizes, now and then of one byte each."""
    roll = random.Random(seed)
    pieces, at = [], 0
    while at < len(data):
        size = roll.choice((1, 2, 3, 10, 100, 5_000, 70_000))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def library(*, mask: bool, deflate: Deflate | None) -> Protocol:
    """The library's end that receives the direction, without I/O."""
    protocol: Protocol
    if mask:
        protocol = ServerProtocol(state=State.OPEN, max_size=LIMIT_BYTES)
    else:
        protocol = ClientProtocol(parse_uri("ws://x/"), state=State.OPEN, max_size=LIMIT_BYTES)
    if deflate is not None:
        protocol.extensions = [PerMessageDeflate(deflate.no_context, True, deflate.bits, 15)]
    return protocol


def read_by_library(pieces: list[bytes], *, mask: bool, deflate: Deflate | None) -> list[Read]:
    """Messages and control frames that the library's parser finds: kind, payload, fragments."""
    protocol = library(mask=mask, deflate=deflate)
    found: list[Read] = []
    opcode = ""
    parts: list[bytes] = []
    for piece in pieces:
        protocol.receive_data(piece)
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        data = bytes(event.data)
        match event.opcode:
            case Opcode.PING | Opcode.PONG:
                found.append((event.opcode.name.lower(), data))
                continue
            case Opcode.TEXT | Opcode.BINARY:
                opcode, parts = event.opcode.name.lower(), []
        parts.append(data)
        if event.fin:
            found.append((opcode, b"".join(parts), len(parts)))
    assert protocol.parser_exc is None
    return found


@pytest.mark.parametrize("mask", [False, True])
@settings(max_examples=times(60))
@given(messages=MESSAGES, deflate=DEFLATES, seed=st.integers(0, 2**32))
def test_legal_traffic_is_read_as_the_library_reads_it_however_it_is_cut(
    mask: bool, messages: list[Message], deflate: Deflate | None, seed: int
) -> None:
    frames = sent(messages, deflate, mask=mask, seed=seed)
    pieces = cut(b"".join(frames), seed)
    notes = FrameNotes()
    extensions = ""
    if deflate is not None:
        side = "client" if mask else "server"
        extensions = f"permessage-deflate; {side}_max_window_bits={deflate.bits}"
        extensions += f"; {side}_no_context_takeover" if deflate.no_context else ""
    reader = open_reader(notes, is_masked=mask, limit_bytes=LIMIT_BYTES, extensions=extensions)
    for piece in pieces:
        reader.feed(piece)
    short = [one[:2] if one[0] in ("ping", "pong") else (one[0], one[1], one[3]) for one in notes.read]
    assert short == read_by_library(pieces, mask=mask, deflate=deflate)
    # Every byte belongs to one frame
    wire_sizes = [one[2] for one in notes.read]
    assert sum(size for size in wire_sizes if isinstance(size, int)) == sum(map(len, frames))
    assert reader.unread_bytes == 0


@pytest.mark.parametrize("mask", [False, True])
@settings(max_examples=times(100))
@given(
    messages=MESSAGES.filter(bool),
    deflate=DEFLATES,
    seed=st.integers(0, 2**32),
    junk=st.binary(min_size=1, max_size=40),
)
def test_illegal_traffic_is_read_up_to_the_same_place_however_it_is_cut(
    mask: bool, messages: list[Message], deflate: Deflate | None, seed: int, junk: bytes
) -> None:
    frames = sent(messages, deflate, mask=mask, seed=seed)
    roll = random.Random(seed)
    data = bytearray(b"".join(frames))
    at = roll.randrange(len(data))
    data[at : at + len(junk)] = junk
    extensions = "" if deflate is None else "permessage-deflate"
    whole, in_pieces = FrameNotes(), FrameNotes()
    options = {"is_masked": mask, "limit_bytes": 1_000, "extensions": extensions}
    readers = [open_reader(whole, **options), open_reader(in_pieces, **options)]  # type: ignore[arg-type]  # see there
    readers[0].feed(bytes(data))
    for piece in cut(bytes(data), seed):
        readers[1].feed(piece)
    assert whole.read == in_pieces.read
    assert readers[0].unread_bytes == readers[1].unread_bytes
    assert sum(one[0] == "fault" for one in whole.read) <= 1
