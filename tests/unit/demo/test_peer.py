"""Frames and HTTP answers byte by byte (RFC 6455, section 5.2), and what a server counts."""

from __future__ import annotations

import asyncio

import pytest
from websockets.frames import Frame, Opcode

from wsmon.demo.peer import (
    HandshakeSeen,
    PayloadTally,
    Record,
    SessionTally,
    encode_close,
    encode_frame,
    encode_message,
    encode_refusal,
)
from wsmon.demo.steps import Refuse


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_of_every_length_form_are_the_librarys(size: int) -> None:
    assert encode_frame(Opcode.BINARY, b"x" * size) == Frame(Opcode.BINARY, b"x" * size).serialize(mask=False)


def test_a_message_is_cut_into_frames_of_which_the_last_is_final() -> None:
    assert encode_message(Opcode.TEXT, b"abcde", 3) == b"\x01\x02ab" + b"\x00\x02cd" + b"\x80\x01e"


def test_more_fragments_than_bytes_end_with_empty_ones() -> None:
    assert encode_message(Opcode.TEXT, b"ab", 4) == b"\x01\x01a" + b"\x00\x01b" + b"\x00\x00" + b"\x80\x00"


def test_a_reserved_opcode_is_sent_as_asked() -> None:
    assert encode_frame(3, b"\x00") == b"\x83\x01\x00"


@pytest.mark.parametrize(
    ("code", "reason", "frame"),
    [
        (1000, b"bye", b"\x88\x05\x03\xe8bye"),
        (None, b"", b"\x88\x00"),
        (999, b"\xff", b"\x88\x03\x03\xe7\xff"),
    ],
)
def test_close_frames_need_not_be_valid(code: int | None, reason: bytes, frame: bytes) -> None:
    assert encode_close(code, reason) == frame


def test_a_refusal_has_the_standard_phrase_and_the_scenarios_headers() -> None:
    assert (
        encode_refusal(Refuse(403, headers={"content-type": "a/b", "X-A": "ü"}, body="no"))
        == (
            "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\ncontent-type: a/b\r\nX-A: ü\r\n\r\nno"
        ).encode()
    )


def test_a_tally_counts_messages_and_bytes() -> None:
    tally = PayloadTally()
    tally.add(b"abc")
    tally.add(b"")
    assert PayloadTally.sum([tally, PayloadTally(1, 7)]) == PayloadTally(3, 10)


def test_the_first_header_of_a_name_is_found_in_any_case() -> None:
    seen = HandshakeSeen("/", (("X-A", "1"), ("x-a", "2")), 101)
    assert (seen.header("x-A"), seen.header("X-B")) == ("1", None)


async def test_a_record_wakes_who_waits_for_its_condition() -> None:
    record = Record()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(record.until(lambda: len(record.tallies) == 2, 5.0), name="wait")
        for subprotocol in ("a", None):
            await asyncio.sleep(0)
            record.accept(subprotocol)
    assert record.tallies == [SessionTally(1, "a"), SessionTally(2, None)]


async def test_a_condition_that_never_holds_runs_out_of_time() -> None:
    with pytest.raises(TimeoutError):
        await Record().until(lambda: False, 0.01)
