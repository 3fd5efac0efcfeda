"""Compressed messages: the tap inflates what the library would, and ends where the library ends."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter
from websockets.uri import parse_uri

from tests.support.engines import BINARY, PING, PONG, TEXT, accepting, close_frame, frame
from tests.support.taps import Heard, TapNotes, heard_from
from tests.support.thoroughness import times
from wsmon.engine.tap import HOLD_BYTES, Tap

LIMIT_BYTES = 3_000
# The library compares the compressed size of a fragment with what remains of the limit: longer messages may be refused
ALLOWED_BYTES = LIMIT_BYTES - 100
RSV1 = 0b100
CONTINUATION = 0


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the peer accepted of the offer."""

    keeps_context: bool = True
    window_bits: int = 15

    @property
    def header(self) -> str:
        """The extension as the header of the answer has it."""
        context = "" if self.keeps_context else "; server_no_context_takeover"
        window = "" if self.window_bits == 15 else f"; server_max_window_bits={self.window_bits}"
        return f"permessage-deflate{context}{window}"


class Compressor:
    """Compresses the messages of one peer."""

    def __init__(self, agreed: Agreed) -> None:
        self._agreed = agreed
        self._encoder = self._new()

    def compress(self, payload: bytes) -> bytes:
        """The payload of one message."""
        if not self._agreed.keeps_context:
            self._encoder = self._new()
        return (self._encoder.compress(payload) + self._encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def _new(self) -> zlib._Compress:
        return zlib.compressobj(wbits=-self._agreed.window_bits)


class LibraryOffer(ClientPerMessageDeflateFactory):
    """The library's own extension, which the tap leaves everything to; it also reads on behind a final block."""

    def __init__(self) -> None:
        super().__init__(compress_settings={"memLevel": 5})

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> PerMessageDeflate:
        agreed = super().process_response_params(params, accepted_extensions)
        return ReadingOn(
            agreed.remote_no_context_takeover,
            agreed.local_no_context_takeover,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
            agreed.compress_settings,
        )


class ReadingOn(PerMessageDeflate):
    """The library's extension, with a new decoder behind a message that ended the stream of the last one."""

    before = b""

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        inflated = super().decode(frame, max_size=max_size)
        if inflated is not frame and not self.remote_no_context_takeover:
            self.before += bytes(inflated.data)
            if frame.fin and self.decoder.eof:
                self.decoder = zlib.decompressobj(wbits=-self.remote_max_window_bits, zdict=self.before)
        return inflated


@dataclass(frozen=True, slots=True)
class End:
    """How a connection stands after a stream."""

    close_frames: object
    state: str
    parser_errors: list[str]
    fault: str
    malformed_close: object

    @classmethod
    def of(cls, tap: Tap) -> End:
        """The end of a tap."""
        error: BaseException | None = tap.protocol.parser_exc
        errors = []
        while error is not None:
            errors.append(repr(error))
            error = error.__cause__
        return cls(tap.close_frames, tap.protocol.state.name, errors, repr(tap.fault), tap.malformed_close)


def assert_same(pieces: list[bytes], agreed: Agreed, limit_bytes: int = LIMIT_BYTES) -> tuple[TapNotes, Tap]:
    """Inflated by the tap or by the library, in these pieces or at once: the same calls, in order, and the same end."""
    ours, tap = heard_from(pieces, limit_bytes=limit_bytes, deflate=agreed.header)
    theirs, reference = heard_from(pieces, limit_bytes=limit_bytes, deflate=agreed.header, offer=LibraryOffer())
    assert ours.heard == theirs.heard
    assert ours.wire_bytes == theirs.wire_bytes
    assert End.of(tap) == End.of(reference)
    assert tap.crash is None
    assert_as_parsed(b"".join(pieces), agreed, limit_bytes, ours, tap)
    return ours, tap


def assert_as_parsed(stream: bytes, agreed: Agreed, limit_bytes: int, notes: TapNotes, tap: Tap) -> None:
    """The library's protocol alone parses the same messages from the stream, and fails as the tap does."""
    if b"HTTP" in stream:
        return
    protocol = ClientProtocol(parse_uri("ws://x/"), max_size=limit_bytes, extensions=[LibraryOffer()])
    request = protocol.connect()
    protocol.send_request(request)
    protocol.receive_data(accepting(request.serialize().decode(), f"Sec-WebSocket-Extensions: {agreed.header}"))
    library_recv_frame = protocol.recv_frame

    def recv_frame(frame: Frame) -> None:
        # A close frame between fragments: the tap allows it (RFC 6455, section 5.4), the library alone does not
        if frame.opcode is Opcode.CLOSE:
            protocol.current_size = None
        library_recv_frame(frame)

    protocol.recv_frame = recv_frame  # type: ignore[method-assign]  # of this one
    protocol.receive_data(stream)
    parsed = parsed_messages(event for event in protocol.events_received() if isinstance(event, Frame))
    if type(tap.fault).__name__ == "InvalidUtf8Error":
        # That is found by recv(), not by the protocol
        assert notes.messages == parsed[: len(notes.messages)]
    else:
        assert notes.messages == parsed
        assert tap.protocol.state is protocol.state
        assert tap.protocol.close_sent == protocol.close_sent
        assert tap.protocol.close_rcvd == protocol.close_rcvd
        assert repr(tap.protocol.parser_exc) == repr(protocol.parser_exc)


def parsed_messages(frames: Iterable[Frame]) -> list[Heard]:
    """The messages of what the library parsed, their fragments joined."""
    messages: list[Heard] = []
    parts: list[bytes] = []
    kind = ""
    for one in frames:
        if one.opcode in (Opcode.TEXT, Opcode.BINARY):
            kind = one.opcode.name.lower()
        elif one.opcode is not Opcode.CONT:
            continue
        parts.append(bytes(one.data))
        if one.fin:
            messages.append((kind, b"".join(parts), len(parts)))
            parts = []
    return messages


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:stop] for start, stop in pairwise(bounds) if stop > start]


agreements = st.builds(Agreed, st.booleans(), st.integers(9, 15))
places = st.lists(st.integers(0, 10**6), max_size=8)
# Random bytes as hex digits: long when compressed, too
lengthy = st.builds(
    lambda seed, size: seed.randbytes(size).hex().encode(),
    st.randoms(use_true_random=False),
    st.integers(1_000, ALLOWED_BYTES // 2),
)
payloads = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.integers(0, ALLOWED_BYTES).map(lambda size: b"x" * size),
    st.sampled_from([b"", b"x" * ALLOWED_BYTES]),
    lengthy,
)
controls = st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)).map(lambda pair: frame(*pair))
# What a peer must not send
faults = st.one_of(
    st.sampled_from(
        ["bomb", "just too long", "as long as the limit", "not utf-8", "corrupt", "uncompressed and too long"]
    ),
    st.sampled_from(["continues nothing", "begun anew", "reserved bit of a continuation", "reserved bit of a ping"]),
    st.sampled_from(["http", "close", "final block", "ends a fragment early"]),
)


@st.composite
def streams(draw: st.DrawFn, agreed: Agreed, *, with_faults: bool) -> bytes:
    """Messages of one peer: compressed or not, whole or in fragments, control frames between; perhaps what is wrong."""
    compressor = Compressor(agreed)
    out = b""
    for _ in range(draw(st.integers(0, 12))):
        if with_faults and draw(st.integers(0, 5)) == 0:
            out += broken(draw(faults), compressor)
            continue
        opcode, payload = draw(st.sampled_from([TEXT, TEXT, BINARY])), draw(payloads)
        match draw(st.sampled_from(["deflated", "deflated", "deflated", "plain", "fragments", "control"])):
            case "deflated":
                out += frame(opcode, compressor.compress(payload), reserved=RSV1)
            case "plain":
                out += frame(opcode, payload)
            case "control":
                out += draw(controls)
            case _:
                out += draw(in_fragments(opcode, payload, compressor))
    return out


@st.composite
def in_fragments(draw: st.DrawFn, opcode: int, payload: bytes, compressor: Compressor) -> bytes:
    """The frames of a message, perhaps with control frames between them."""
    is_deflated = draw(st.booleans())
    body = compressor.compress(payload) if is_deflated else payload
    places = sorted(draw(st.lists(st.integers(0, len(body)), min_size=1, max_size=3)))
    parts = [body[start:stop] for start, stop in pairwise([0, *places, len(body)])]
    out = frame(opcode, parts[0], is_last=False, reserved=RSV1 if is_deflated else 0)
    for number, part in enumerate(parts[1:], 2):
        if draw(st.booleans()):
            out += draw(controls)
        out += frame(CONTINUATION, part, is_last=number == len(parts))
    return out


def broken(fault: str, compressor: Compressor) -> bytes:
    """Frames that break a rule, or end the connection."""
    compress = compressor.compress
    made: dict[str, Callable[[], bytes]] = {
        "bomb": lambda: frame(TEXT, compress(b"x" * 1_000_000), reserved=RSV1),
        "just too long": lambda: frame(BINARY, compress(b"x" * (LIMIT_BYTES + 1)), reserved=RSV1),
        "as long as the limit": lambda: frame(BINARY, compress(b"x" * LIMIT_BYTES), reserved=RSV1),
        "not utf-8": lambda: frame(TEXT, compress(b"caf\xe9"), reserved=RSV1),
        "corrupt": lambda: frame(TEXT, b"\x07\xff\xff\xff", reserved=RSV1),
        "uncompressed and too long": lambda: frame(TEXT, b"x" * (LIMIT_BYTES + 1)),
        "continues nothing": lambda: frame(CONTINUATION, compress(b"x")),
        "begun anew": lambda: frame(TEXT, b"begun", is_last=False) + frame(TEXT, compress(b"anew"), reserved=RSV1),
        "reserved bit of a continuation": lambda: (
            frame(TEXT, compress(b"begun"), is_last=False, reserved=RSV1) + frame(CONTINUATION, b"", reserved=RSV1)
        ),
        "reserved bit of a ping": lambda: frame(PING, b"", reserved=RSV1),
        "http": lambda: b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        "close": lambda: close_frame(1001, "bye"),
        "final block": lambda: frame(TEXT, bytes.fromhex("f348cdc9c9070000"), reserved=RSV1),
        "ends a fragment early": lambda: (
            frame(TEXT, bytes.fromhex("f348cdc9c90700"), is_last=False, reserved=RSV1) + frame(CONTINUATION, b"more")
        ),
    }
    return made[fault]()


@settings(max_examples=times(200))
@given(data=st.data(), agreed=agreements, where=places)
def test_the_tap_inflates_as_the_library_does(data: st.DataObject, agreed: Agreed, where: list[int]) -> None:
    stream = data.draw(streams(agreed, with_faults=False))
    notes, tap = assert_same(cut(stream, where), agreed)
    assert tap.fault is None
    assert notes.wire_bytes == len(stream)


@settings(max_examples=times(300))
@given(data=st.data(), agreed=agreements, where=places)
def test_what_breaks_a_rule_ends_as_the_library_ends_it(data: st.DataObject, agreed: Agreed, where: list[int]) -> None:
    assert_same(cut(data.draw(streams(agreed, with_faults=True)), where), agreed)


@settings(max_examples=times(200))
@given(
    data=st.data(),
    agreed=agreements,
    where=places,
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=3),
)
def test_damaged_bytes_end_as_the_library_ends_them(
    data: st.DataObject, agreed: Agreed, where: list[int], damage: list[tuple[int, int]]
) -> None:
    stream = bytearray(data.draw(streams(agreed, with_faults=False)))
    for place, mask in damage if stream else ():
        stream[place % len(stream)] ^= mask
    assert_same(cut(bytes(stream), where), agreed)


@pytest.mark.parametrize("keeps_context", [True, False])
@pytest.mark.parametrize("size", [2_043, 2_044, 2_045, 5_000])
@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_the_limit_is_the_librarys_to_the_byte(keeps_context: bool, size: int, excess: int) -> None:
    """Stored blocks: as long compressed as not, around the length where the library treats them otherwise."""
    agreed = Agreed(keeps_context)
    encoder = zlib.compressobj(0, wbits=-15)
    body = (encoder.compress(b"x" * (size - 5)) + encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]
    stream = frame(TEXT, b"before") + frame(TEXT, body, reserved=RSV1)
    _, tap = assert_same([stream], agreed, size - 5 - excess)
    assert_same([stream, stream], agreed, len(body) - excess)
    assert (tap.fault is not None) == (excess > 0 or len(body) > size - 5 - excess)


@pytest.mark.parametrize("fault", ["bomb", "just too long", "corrupt"])
@pytest.mark.parametrize("keeps_context", [True, False])
@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_came_before_a_bad_message_is_reported(fault: str, keeps_context: bool, before: int, size: int) -> None:
    agreed = Agreed(keeps_context)
    compressor = Compressor(agreed)
    good = b"".join(frame(TEXT, compressor.compress(b"again" * 9), reserved=RSV1) for _ in range(before))
    stream = good + broken(fault, compressor) + frame(TEXT, b"after")
    notes, tap = assert_same([stream[at : at + size] for at in range(0, len(stream), size)], agreed)
    assert notes.messages == [("text", b"again" * 9, 1)] * before
    assert [one[0] for one in notes.heard[before:]] == ["sent", "fault"]
    assert tap.close_frames[1] is not None
    assert tap.close_frames[1][0] == (1002 if fault == "corrupt" else 1009)


def test_a_message_that_needs_more_than_the_agreed_window_is_corrupt() -> None:
    noise = random.Random(2).randbytes(1_000)
    compressor = Compressor(Agreed())
    stream = b"".join(frame(BINARY, compressor.compress(noise), reserved=RSV1) for _ in range(2))
    notes, tap = assert_same([stream], Agreed(window_bits=9))
    assert (notes.messages, str(tap.fault)) == ([("binary", noise, 1)], "decompression failed")
    notes, _ = assert_same([stream], Agreed(window_bits=10))
    assert notes.messages == [("binary", noise, 1)] * 2


def test_tap_and_library_take_turns_with_one_decoder() -> None:
    """Each message repeats the one before, so that it needs the window that the other left."""
    agreed = Agreed()
    compressor = Compressor(agreed)
    text = b"a text that is seldom written twice, 0123456789"
    stream, sizes = b"", []
    for number in range(8):
        body = compressor.compress(text)
        sizes.append(len(body))
        half = len(body) // 2
        if number % 2:
            stream += frame(TEXT, body[:half], is_last=False, reserved=RSV1) + frame(CONTINUATION, body[half:])
        else:
            stream += frame(TEXT, body, reserved=RSV1)
    assert max(sizes[1:]) < 10 < sizes[0]
    notes, _ = assert_same([stream], agreed)
    assert notes.messages == [("text", text, 2 if number % 2 else 1) for number in range(8)]


def test_a_message_longer_than_what_is_held_goes_through_the_library_and_the_next_one_does_not() -> None:
    agreed = Agreed()
    compressor = Compressor(agreed)
    noise = random.Random(1).randbytes(2 * HOLD_BYTES)
    sent = [b"first", noise, noise[-200:], b"last"]
    stream = b"".join(frame(BINARY, compressor.compress(payload), reserved=RSV1) for payload in sent)
    pieces = [stream[at : at + 10_000] for at in range(0, len(stream), 10_000)]
    notes, _ = assert_same(pieces, agreed, 1 << 20)
    assert [one[1] for one in notes.messages] == sent


def test_messages_that_grow_are_not_collected_without_end() -> None:
    agreed = Agreed()
    compressor = Compressor(agreed)
    size = 400_000
    stream = b"".join(frame(TEXT, compressor.compress(b"x" * size), reserved=RSV1) for _ in range(20))
    assert len(stream) < 64 * 1024
    notes, _ = assert_same([stream], agreed, size)
    assert len(notes.messages) == 20
    assert max(notes.groups) * size < 2_000_000
    assert min(notes.groups[:-1]) > 1
