"""The buffer between an application and its sender: bounded, numbered, counted."""

from __future__ import annotations

import threading

from wsmon.trace.buffer import OVERHEAD_BYTES, LineBuffer

LINE = b"x" * 100
SIZE = len(LINE) + OVERHEAD_BYTES


def test_what_has_no_room_is_counted() -> None:
    buffer = LineBuffer(2 * SIZE)
    assert [buffer.add(LINE) for _ in range(3)] == [True, True, False]
    assert (buffer.waiting, buffer.lost, buffer.problem) == (2, 1, "the buffer of 400 bytes is full")
    assert (buffer.unreported(), buffer.unreported()) == (1, 0)


def test_lines_are_numbered_when_they_are_sent_and_go_again_until_they_are_acknowledged() -> None:
    buffer = LineBuffer(1_000)
    for line in (b"a", b"b", b"c"):
        buffer.add(line)
    assert buffer.next_lines(0, 2) == [(1, b"a"), (2, b"b")]
    # Another link, which has none of them
    assert buffer.next_lines(0, 2) == [(1, b"a"), (2, b"b")]
    assert buffer.next_lines(1, 2) == [(2, b"b")]
    assert buffer.next_lines(2, 2) == [(3, b"c")]
    buffer.acknowledge(2)
    assert (buffer.waiting, buffer.stored, buffer.has_work) == (1, 2, True)
    buffer.acknowledge(3)
    assert (buffer.waiting, buffer.stored, buffer.has_work) == (0, 3, False)
    assert buffer.wait_until_empty(0)


def test_what_is_in_the_spool_is_work_until_it_is_acknowledged() -> None:
    buffer = LineBuffer(1_000)
    for line in (b"a", b"b", b"c"):
        buffer.add(line)
    assert buffer.all_lines() == ((1, b"a"), (2, b"b"), (3, b"c"))
    buffer.move_to_spool(2)
    assert (buffer.waiting, buffer.spooled) == (1, 2)
    buffer.acknowledge_spool()
    assert (buffer.stored, buffer.spooled, buffer.has_work) == (2, 0, True)


def test_a_wait_ends_with_a_line_and_with_a_call() -> None:
    buffer = LineBuffer(1_000)
    for end in (lambda: buffer.add(b"a"), buffer.wake):
        waiting = threading.Thread(target=buffer.wait, args=(20.0,))
        waiting.start()
        while waiting.is_alive():
            end()
            waiting.join(0.01)
    # There is work
    buffer.wait(None)


def test_a_full_buffer_says_so_in_time() -> None:
    buffer = LineBuffer(2 * SIZE)
    is_half_full = []
    for _ in range(2):
        buffer.add(LINE)
        is_half_full.append(buffer.is_half_full)
    assert is_half_full == [False, True]
    assert not buffer.wait_until_empty(0)


def test_what_is_left_at_the_end_is_lost() -> None:
    buffer = LineBuffer(1_000)
    for _ in range(3):
        buffer.add(LINE)
    buffer.next_lines(0, 1)
    buffer.lose_all()
    assert (buffer.lost, buffer.waiting, buffer.unreported(), buffer.wait_until_empty(0)) == (3, 0, 3, True)
    assert buffer.next_number() == 2
    buffer.spooled = 5
    buffer.lose_spooled(2)
    assert (buffer.spooled, buffer.lost) == (3, 5)
