"""What the tap reports together, fragments, the deadline of a close; frames over a socket: test_engine_flow.py."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from tests.support.engines import BINARY, PING, TEXT, frame
from tests.support.taps import heard_from
from wsmon.engine.tap import (
    CLOSING_BYTES,
    HOLD_BYTES,
    MAX_FRAGMENTS,
    STOP_S,
    CloseDeadline,
    Fragments,
    JoinedMessage,
    stop_deadline,
)


def test_a_message_is_there_with_its_last_fragment() -> None:
    fragments = Fragments()
    assert fragments.add(Frame(Opcode.TEXT, b"a", fin=False), 3) is None
    assert fragments.add(Frame(Opcode.CONT, b"", fin=False), 2) is None
    assert fragments.parts == [b"a", b""]
    assert fragments.add(Frame(Opcode.CONT, b"b", fin=True), 3) == JoinedMessage("text", b"ab", 8, 3)
    assert fragments.parts == []


def test_the_next_message_has_its_own_kind_and_size() -> None:
    fragments = Fragments()
    fragments.add(Frame(Opcode.TEXT, b"a", fin=False), 3)
    fragments.add(Frame(Opcode.CONT, b"b", fin=True), 3)
    fragments.add(Frame(Opcode.BINARY, b"\xff", fin=False), 3)
    assert fragments.add(Frame(Opcode.CONT, b"\xfe", fin=True), 3) == JoinedMessage("binary", b"\xff\xfe", 6, 2)


def test_a_message_that_is_compressed_comes_as_one() -> None:
    assert Fragments().add(Frame(Opcode.BINARY, b"x", fin=True), 9) == JoinedMessage("binary", b"x", 9, 1)


def test_empty_fragments_without_end_are_too_many() -> None:
    fragments = Fragments()
    fragments.add(Frame(Opcode.TEXT, b"", fin=False), 2)
    for _ in range(MAX_FRAGMENTS - 2):
        fragments.add(Frame(Opcode.CONT, b"", fin=False), 2)
    assert not fragments.are_too_many
    fragments.add(Frame(Opcode.CONT, b"", fin=False), 2)
    assert fragments.are_too_many


def test_all_that_are_closed_together_share_what_is_read_meanwhile() -> None:
    assert stop_deadline(1) == CloseDeadline(STOP_S, CLOSING_BYTES)
    assert stop_deadline(50) == CloseDeadline(STOP_S, CLOSING_BYTES // 50)


def test_nothing_to_close_is_no_mistake() -> None:
    assert stop_deadline(0) == CloseDeadline(STOP_S, CLOSING_BYTES)


SIZES = (0, 1, 125, 126, 300, 65_535, 65_536)


def texts(*payloads: bytes) -> bytes:
    return b"".join(frame(TEXT, payload) for payload in payloads)


def test_messages_of_one_read_are_reported_together() -> None:
    payloads = [b"x" * size for size in (1, 125, 126, 300, 2)]
    notes, _ = heard_from([texts(*payloads)])
    assert notes.messages == [("text", payload, 1) for payload in payloads]
    assert notes.groups == [5]
    assert notes.wire_bytes == len(texts(*payloads))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_length_are_reported_once(size: int, opcode: int) -> None:
    stream = frame(opcode, b"x" * size)
    kind = "text" if opcode == TEXT else "binary"
    notes, _ = heard_from([stream, stream * 2, texts(b"before") + stream, stream + texts(b"after")])
    message, before, after = (kind, b"x" * size, 1), ("text", b"before", 1), ("text", b"after", 1)
    assert notes.heard == [message, message, message, before, message, message, after]
    assert notes.wire_bytes == 5 * len(stream) + len(texts(b"before", b"after"))


def test_a_message_alone_in_its_read_is_reported_alone() -> None:
    notes, _ = heard_from([texts(b"one"), texts(b"two")])
    assert notes.groups == [1, 1]


def test_an_incomplete_message_waits_and_what_came_before_it_does_not() -> None:
    stream = texts(b"a", b"b", b"c" * 200)
    notes, _ = heard_from([stream[:-1]])
    assert notes.messages == [("text", b"a", 1), ("text", b"b", 1)]


def test_kinds_and_control_frames_keep_their_order() -> None:
    stream = texts(b"1", b"2") + frame(BINARY, b"3") + frame(BINARY, b"4") + frame(PING, b"5") + texts(b"6", b"last")
    notes, _ = heard_from([stream])
    assert notes.heard == [
        ("text", b"1", 1),
        ("text", b"2", 1),
        ("binary", b"3", 1),
        ("binary", b"4", 1),
        ("ping", b"5"),
        ("sent", "pong", b"5"),
        ("text", b"6", 1),
        ("text", b"last", 1),
    ]
    assert notes.groups == [2, 2, 2]


def test_a_message_that_is_too_long_for_the_limit_ends_the_connection_after_those_before_it() -> None:
    notes, tap = heard_from([texts(b"a", b"b", b"x" * 11, b"c")], limit_bytes=10)
    assert [one[0] for one in notes.heard] == ["text", "text", "sent", "fault"]
    assert tap.close_frames[1] is not None
    assert tap.close_frames[1][0] == 1009


@pytest.mark.parametrize(
    ("payloads", "reported"),
    [
        ([b"\xff"], 0),
        ([b"\xff", b"after"], 0),
        ([b"before", b"\xff"], 1),
        ([b"b\xc3\xa9fore", b"\xe2\x82\xac", b"\xed\xa0\x80", b"after"], 2),
        # Half a character, which the next message continues
        ([b"before", b"\xc3", b"\xa9 goes on"], 1),
        ([b"\xe2\x82", b"\xac goes on"], 0),
    ],
)
def test_messages_before_an_invalid_one_are_reported_then_the_fault(payloads: list[bytes], reported: int) -> None:
    notes, tap = heard_from([texts(*payloads), texts(b"later")])
    assert notes.messages == [("text", payload, 1) for payload in payloads[:reported]]
    assert notes.heard[reported][:2] == ("fault", "InvalidUtf8Error")
    assert notes.heard[reported + 1][:2] == ("sent", "close")
    assert len(notes.heard) == reported + 2
    assert tap.close_frames[1] is not None
    assert tap.close_frames[1][0] == 1007


def test_binary_messages_need_not_be_utf8() -> None:
    notes, _ = heard_from([frame(BINARY, b"\xff") * 3])
    assert notes.messages == [("binary", b"\xff", 1)] * 3


def test_a_message_longer_than_what_is_held_goes_on_where_the_read_ended() -> None:
    payload = b"x" * (HOLD_BYTES + 1)
    stream = texts(b"a", b"b", payload, b"c", b"d")
    notes, _ = heard_from([stream[:40_000], stream[40_000:]])
    assert notes.messages == [("text", one, 1) for one in (b"a", b"b", payload, b"c", b"d")]
