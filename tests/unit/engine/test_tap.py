"""Fragments of a message, and the deadline of a close; frames over a socket: tests/integration/test_engine_flow.py."""

from __future__ import annotations

from websockets.frames import Frame, Opcode

from wsmon.engine.tap import (
    CLOSING_BYTES,
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
