"""Frames byte by byte, against RFC 6455, section 5.2, and the library's own."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from wsmon.demo.peer import encode_close, encode_frame, encode_message


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
