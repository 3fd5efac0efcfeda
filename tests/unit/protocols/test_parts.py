"""The messages of a protocol, cut out of WebSocket messages whose borders are others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.events import Opcode
from wsmon.protocols.base import Part
from wsmon.protocols.parts import BEFORE_BYTES, MAX_HELD_BYTES, MAX_PARTS, MessageStream


def line_end(buffer: bytes | bytearray, _start: int, seen: int) -> int:
    """Messages are lines."""
    return buffer.find(b"\n", seen) + 1 or -1


def sized_end(buffer: bytes | bytearray, start: int, _seen: int) -> int:
    """Messages begin with their length in four digits."""
    digits = bytes(buffer[start : start + 4])
    return start + 4 + int(digits) if len(digits) == 4 else -1


def sized(body: bytes) -> bytes:
    return b"%04d" % len(body) + body


def test_a_frame_that_is_one_message_is_not_taken_apart() -> None:
    stream = MessageStream(line_end)
    assert [stream.feed("text", b"one\n"), stream.feed("text", b""), stream.feed("text", b"two\n")] == [None] * 3


def test_a_frame_with_several_messages_is_taken_apart() -> None:
    assert MessageStream(line_end).feed("text", b"one\ntwo\n") == [Part("text", b"one\n"), Part("text", b"two\n")]


def test_a_message_that_goes_on_is_joined_by_the_frame_that_ends_it() -> None:
    stream = MessageStream(line_end)
    assert stream.feed("text", b"one\ntw") == [Part("text", b"one\n"), Part("text", b"tw", is_partial=True)]
    assert stream.feed("text", b"o and") == [Part("text", b"o and", is_partial=True, before=b"tw")]
    assert stream.feed("text", b" a half\nthree\n") == [
        Part("text", b"two and a half\n", earlier_bytes=7),
        Part("text", b"three\n"),
    ]
    assert stream.feed("text", b"four\n") is None


def test_a_message_that_began_as_binary_is_binary() -> None:
    stream = MessageStream(line_end)
    stream.feed("binary", b"\xff")
    assert stream.feed("text", b"a\n") == [Part("binary", b"\xffa\n", earlier_bytes=1)]


def test_what_came_before_a_piece_is_bounded() -> None:
    stream = MessageStream(line_end)
    stream.feed("text", b"a" * 2 * BEFORE_BYTES)
    (piece,) = stream.feed("text", b"b") or ()
    assert piece == Part("text", b"b", is_partial=True, before=b"a" * BEFORE_BYTES)


def test_a_message_that_is_too_long_is_not_held_and_what_follows_is_read() -> None:
    stream = MessageStream(line_end)
    piece = b"a" * (MAX_HELD_BYTES // 2)
    for _ in range(3):
        (part,) = stream.feed("text", piece) or ()
        assert (part.is_partial, len(part.payload)) == (True, len(piece))
    assert stream.feed("text", b"end\nnext\n") == [Part("text", b"end\n"), Part("text", b"next\n")]


def test_of_a_message_that_says_that_it_is_too_long_nothing_is_held() -> None:
    size = MAX_HELD_BYTES + 10
    stream = MessageStream(lambda buffer, start, _seen: start + size if buffer[start] == ord("L") else start + 1)
    assert stream.feed("binary", b"xL") == [Part("binary", b"x"), Part("binary", b"L", is_partial=True)]
    assert stream.feed("binary", b"L" * (size - 2)) == [Part("binary", b"L" * (size - 2), is_partial=True)]
    assert stream.feed("binary", b"Lxy") == [
        Part("binary", b"L", is_partial=True), Part("binary", b"x"), Part("binary", b"y"),
    ]  # fmt: skip


def test_of_too_many_messages_in_a_frame_the_rest_is_one_part() -> None:
    stream = MessageStream(line_end)
    *parts, rest, piece = stream.feed("text", b"\n" * (MAX_PARTS + 3) + b"on") or ()
    assert parts == [Part("text", b"\n")] * MAX_PARTS
    assert rest == Part(
        "text", b"\n\n\n", error="more than 4096 messages in one of the WebSocket; the others are not read"
    )
    assert piece == Part("text", b"on", is_partial=True)
    assert stream.feed("text", b"ward\n") == [Part("text", b"onward\n", earlier_bytes=2)]


def test_the_end_is_never_looked_for_where_nothing_begins() -> None:
    stream = MessageStream(lambda buffer, start, _seen: start + 1 if buffer[start] else -1)
    *_, rest = stream.feed("binary", b"x" * (MAX_PARTS + 2)) or ()
    assert (rest.payload, bool(rest.error)) == (b"xx", True)


def test_the_ends_of_countless_messages_are_not_looked_for() -> None:
    looked = 0

    def find_end(_buffer: bytes | bytearray, start: int, _seen: int) -> int:
        nonlocal looked
        looked += 1
        return start + 1

    *_, rest = MessageStream(find_end).feed("binary", b"x" * 100 * MAX_PARTS) or ()
    assert len(rest.payload) == 99 * MAX_PARTS
    assert looked < 10 * MAX_PARTS


@given(st.lists(st.binary(max_size=20)), st.lists(st.integers(0, 40), min_size=1))
def test_whatever_the_borders_all_messages_are_whole_and_no_byte_is_lost(
    bodies: list[bytes], sizes: Sequence[int]
) -> None:
    messages = [sized(body) for body in bodies]
    stream, whole = MessageStream(sized_end), b"".join(messages)
    read: list[bytes] = []
    recorded = b""
    opcode: Opcode = "binary"
    borders = [0, *(min(sum(sizes[: at + 1]), len(whole)) for at in range(len(sizes))), len(whole)]
    for start, end in itertools.pairwise(borders):
        frame = whole[start:end]
        parts = stream.feed(opcode, frame)
        for part in (Part(opcode, frame),) if parts is None else parts:
            recorded += part.payload[part.earlier_bytes :]
            if not part.is_partial and part.payload:
                read.append(part.payload)
    assert (read, recorded) == (messages, whole)
