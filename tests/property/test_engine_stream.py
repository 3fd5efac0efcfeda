"""However the bytes of a server are cut into pieces, the tap tells what the library would have told."""

from __future__ import annotations

import asyncio
import zlib
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from tests.support.engines import BINARY, CLOSE, PING, PONG, TEXT, accepting, close_frame, frame
from tests.support.taps import FakeTransport
from tests.support.thoroughness import times
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.tap import Tap
from wsmon.model.events import Opcode as OpcodeName

LIMIT_BYTES = 70_000
Told: TypeAlias = tuple[object, ...]


class Notes:
    """Both listeners: notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.wire_bytes = 0
        self.faults: list[str] = []

    def on_connected(self, tap: Tap) -> None:
        """Not of interest."""

    def on_upgraded(self, tap: Tap) -> None:
        self.told.append(("upgraded",))

    def on_fault(self, fault: Exception) -> None:
        self.faults.append(type(fault).__name__)

    def on_chunk(self) -> None:
        """Not of interest."""

    def on_chunk_end(self) -> None:
        """Not of interest."""

    def on_message(self, opcode: DataOpcode, payload: bytes, wire_size: int, fragments: int) -> None:
        self.told.append((opcode, payload, fragments))
        self.wire_bytes += wire_size

    def on_messages(self, opcode: DataOpcode, payloads: list[bytes], wire_sizes: list[int]) -> None:
        self.told += [(opcode, payload, 1) for payload in payloads]
        self.wire_bytes += sum(wire_sizes)

    def on_ping(self, payload: bytes, wire_size: int) -> None:
        self.told.append(("ping", payload))
        self.wire_bytes += wire_size

    def on_close(self, *, is_alone: bool) -> None:
        """Close frames are no part of the stream that is compared."""

    def on_pong(self, payload: bytes, wire_size: int) -> None:
        self.told.append(("pong", payload))
        self.wire_bytes += wire_size

    def on_sent(self, opcode: OpcodeName, payload: bytes, wire_size: int) -> None:
        self.told.append(("sent", opcode, payload))


def protocol() -> ClientProtocol:
    return ClientProtocol(parse_uri("ws://x/"), max_size=LIMIT_BYTES)


def through_tap(pieces: list[bytes], *, is_compressed: bool) -> tuple[Notes, Tap]:
    """What the tap tells of pieces of a stream."""

    async def run() -> tuple[Notes, Tap]:
        notes = Notes()
        client = protocol()
        tap = Tap(client, notes, notes, ping_interval=None, close_timeout=0.0)
        tap.connection_made(FakeTransport())
        request = client.connect()
        client.send_request(request)
        head = accepting(request.serialize().decode())
        joined = [head + pieces[0], *pieces[1:]] if pieces and not is_compressed else [head, *pieces]
        if is_compressed:
            tap.data_received(joined.pop(0))
            client.extensions = [deflate()]
        for piece in joined:
            tap.data_received(piece)
        return notes, tap

    return asyncio.run(run())


def through_library(stream: bytes, *, is_compressed: bool) -> tuple[list[Told], ClientProtocol]:
    """What the library itself parses of the stream, its messages joined as ``recv()`` joins them.

    It takes a close frame between two fragments for an error, which RFC 6455 allows (section 5.4).
    """
    client = protocol()
    library_recv_frame = client.recv_frame

    def recv_frame(frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            client.current_size = None
        library_recv_frame(frame)

    client.recv_frame = recv_frame  # type: ignore[method-assign]  # of this one client
    client.state = State.OPEN
    client.parser = super(ClientProtocol, client).parse()
    next(client.parser)
    if is_compressed:
        client.extensions = [deflate()]
    client.receive_data(stream)
    return joined(client.events_received()), client


def joined(frames: object) -> list[Told]:
    told: list[Told] = []
    parts: list[Frame] = []
    assert isinstance(frames, list)
    for one in frames:
        match one.opcode:
            case Opcode.PING:
                told.append(("ping", bytes(one.data)))
            case Opcode.PONG:
                told.append(("pong", bytes(one.data)))
            case Opcode.CLOSE:
                continue
            case _:
                parts.append(one)
                if one.fin:
                    payload = b"".join(bytes(part.data) for part in parts)
                    kind = "text" if parts[0].opcode is Opcode.TEXT else "binary"
                    told.append((kind, payload, len(parts)))
                    parts = []
    return told


def deflate() -> PerMessageDeflate:
    return PerMessageDeflate(
        remote_no_context_takeover=True,
        local_no_context_takeover=True,
        remote_max_window_bits=15,
        local_max_window_bits=15,
    )


def compress(payload: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return (encoder.compress(payload) + encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]


texts = st.one_of(st.text(max_size=40).map(str.encode), st.integers(120, 400).map(lambda size: b"t" * size))
binaries = st.one_of(st.binary(max_size=140), st.sampled_from([65_535, 65_536, 66_000]).map(bytes))
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)).map(lambda pair: frame(*pair))


@st.composite
def messages(draw: st.DrawFn, is_compressed: bool) -> bytes:
    """The frames of one message, perhaps in fragments with control frames between them."""
    opcode, payload = draw(st.one_of(st.tuples(st.just(TEXT), texts), st.tuples(st.just(BINARY), binaries)))
    reserved = 0
    if is_compressed and draw(st.booleans()):
        payload, reserved = compress(payload), 0b100
    cuts = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    parts = [payload[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    out = b""
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        out += frame(opcode if number == 0 else 0, part, is_last=is_last, reserved=reserved if number == 0 else 0)
        if not is_last and draw(st.booleans()):
            out += draw(controls)
    return out


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(bounds) if stop > start]


places = st.lists(st.integers(0, 10**6), max_size=8)


@settings(max_examples=times(150))
@given(data=st.data(), is_compressed=st.booleans(), where=places)
def test_any_cut_tells_what_the_library_parses(data: st.DataObject, is_compressed: bool, where: list[int]) -> None:
    stream = b"".join(data.draw(st.lists(st.one_of(messages(is_compressed), controls), max_size=8)))
    expected, _ = through_library(stream, is_compressed=is_compressed)

    notes, _tap = through_tap(cut(stream, where), is_compressed=is_compressed)

    received = [told for told in notes.told if told[0] not in ("sent", "upgraded")]
    pongs = [told[2] for told in notes.told if told[:2] == ("sent", "pong")]
    assert received == expected
    assert pongs == [told[1] for told in expected if told[0] == "ping"]
    assert notes.told.count(("upgraded",)) == 1
    assert notes.wire_bytes == len(stream)
    assert notes.faults == []


@settings(max_examples=times(150))
@given(data=st.data(), rest=st.binary(min_size=1, max_size=300), where=places)
def test_garbage_ends_as_the_library_ends_it(data: st.DataObject, rest: bytes, where: list[int]) -> None:
    stream = b"".join(data.draw(st.lists(st.one_of(messages(is_compressed=False), controls), max_size=3))) + rest
    expected, library = through_library(stream, is_compressed=False)

    notes, tap = through_tap(cut(stream, where), is_compressed=False)

    received = [told for told in notes.told if told[0] not in ("sent", "upgraded")]
    if "InvalidUtf8Error" in notes.faults:  # recv() would find that, not the parser
        assert received == expected[: len(received)]
        assert tap.close_frames[1] is not None
        assert tap.close_frames[1][0] == 1007
    else:
        assert received == expected
        assert tap.close_frames[:2] == (
            (library.close_rcvd.code, library.close_rcvd.reason) if library.close_rcvd else None,
            (library.close_sent.code, library.close_sent.reason) if library.close_sent else None,
        )
        assert notes.faults == ([type(library.parser_exc).__name__] if library.parser_exc else [])
    assert tap.crash is None


@pytest.mark.parametrize(
    "stream",
    [
        frame(TEXT, b"begun", is_last=False) + frame(TEXT, b"another"),
        frame(TEXT, b"begun", is_last=False) + frame(BINARY, b"another", is_last=False),
        frame(0, b"continues nothing"),
        frame(TEXT, b"x" * (LIMIT_BYTES + 1)),
        frame(TEXT, b"x" * LIMIT_BYTES, is_last=False) + frame(0, b"y"),
        frame(PING, b"x" * 126),
        frame(PING, b"", is_last=False),
        frame(TEXT, b"reserved bit", reserved=0b010),
        b"\x81\x85mask12345",
        b"\x83\x00",
        b"\x83\x7e",
        close_frame(1006),
        frame(CLOSE, b"\x03"),
        frame(CLOSE, b"\x03\xe8\xff"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_broken_rule_ends_as_the_library_ends_it(stream: bytes, size: int) -> None:
    stream = frame(BINARY, b"before") + stream
    expected, library = through_library(stream, is_compressed=False)
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]

    notes, tap = through_tap([*pieces, frame(TEXT, b"after")], is_compressed=False)

    assert library.close_sent is not None
    assert [told for told in notes.told if told[0] not in ("sent", "upgraded")] == expected
    assert tap.close_frames[1] == (library.close_sent.code, library.close_sent.reason)
    assert notes.faults == [type(library.parser_exc).__name__]


def test_everything_in_single_bytes() -> None:
    stream = frame(TEXT, b"a" * 300) + frame(PING, b"p") + frame(BINARY, b"b") + frame(CLOSE, b"\x03\xe8")
    notes, tap = through_tap([bytes([byte]) for byte in stream], is_compressed=False)
    assert [told for told in notes.told if told[0] != "upgraded"] == [
        ("text", b"a" * 300, 1),
        ("ping", b"p"),
        ("sent", "pong", b"p"),
        ("binary", b"b", 1),
        ("sent", "close", b"\x03\xe8"),
    ]
    assert tap.close_frames == ((1000, ""), (1000, ""), True)
