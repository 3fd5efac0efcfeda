"""STOMP on the wire: where frames end, headers and escapes by version, masks of credentials."""

from __future__ import annotations

from itertools import pairwise

import pytest

from wsmon.protocols.parts import MessageStream
from wsmon.protocols.stomp_frames import StompFrame, find_end, mask, read_frame, write_frame

SEND = b"SEND\ndestination:/q\ncontent-length:5\n\na\0b\0c\0\n"
MESSAGE = b"MESSAGE\r\nsubscription:1\r\n\r\nhello\0\r\n\n"
BEAT = b"\n"


def frames(*messages: bytes) -> list[bytes]:
    """The frames that messages complete."""
    stream = MessageStream(find_end)
    whole: list[bytes] = []
    for message in messages:
        parts = stream.feed("text", message)
        whole += [message] if parts is None else [part.payload for part in parts if not part.is_partial]
    return whole


def test_several_frames_in_a_message_are_taken_apart_with_the_line_ends_behind_them() -> None:
    assert frames(SEND + MESSAGE + SEND) == [SEND, MESSAGE, SEND]
    assert frames(BEAT, b"\r\n\n" + SEND) == [BEAT, b"\r\n\n" + SEND]


@pytest.mark.parametrize("size", range(1, 40))
def test_a_frame_is_whole_wherever_messages_end(size: int) -> None:
    stream = SEND.rstrip(b"\n") + MESSAGE.rstrip(b"\r\n") + SEND
    ends = [*range(0, len(stream), size), len(stream)]
    found = frames(*(stream[start:end] for start, end in pairwise(ends) if end > start))
    # Line ends that come in a message of their own are heart-beats
    assert [frame.strip(b"\r\n") for frame in found if frame.strip(b"\r\n")] == [
        SEND.rstrip(b"\n"),
        MESSAGE.rstrip(b"\r\n"),
        SEND.rstrip(b"\n"),
    ]


@pytest.mark.parametrize(
    "frame",
    [
        b"MESSAGE\ncontent-length:3\n\n\xc3\xa4\xc3\xb6\0",  # characters were counted
        b"ERROR\nmessage:no empty line\0\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b'{"a":1}',
        b"SENDER\n\n\0",
        b"\xff\xfe",
        b"CONNECTED\0",
    ],
)
def test_a_wrong_length_a_missing_empty_line_and_what_is_no_frame_end_with_the_message(frame: bytes) -> None:
    assert find_end(frame, 0, 0) == len(frame)


@pytest.mark.parametrize("piece", [b"SE", b"SEND", b"SEND\r", b"SEND\na:b\n", b"SEND\n\nbody", b"\nCONN"])
def test_a_piece_of_a_frame_goes_on(piece: bytes) -> None:
    assert find_end(piece, 0, 0) == -1


def test_a_length_says_where_a_frame_will_end() -> None:
    piece = b"SEND\ncontent-length:100\n\nhello"
    assert find_end(piece, 0, 0) == piece.index(b"hello") + 101


@pytest.mark.parametrize(
    ("version", "name"), [("1.0", "a\\cb\\r\\\\"), ("1.1", "a:b\\r\\"), ("1.2", "a:b\r\\"), ("9", "a\\cb\\r\\\\")]
)
def test_escapes_are_those_of_the_version(version: str, name: str) -> None:
    frame = read_frame(b"SEND\ndestination:a\\cb\\r\\\\\n\n\0", version)
    assert frame is not None
    assert frame.header("destination") == name


def test_a_connect_has_no_escapes_and_of_repeated_headers_the_first_counts() -> None:
    frame = read_frame(b"CONNECT\npasscode:a\\cb\npasscode:c\nhost:/\n\n\0\n", "1.2")
    assert frame == StompFrame("CONNECT", {"passcode": "a\\cb", "host": "/"})
    assert read_frame(b"\nSEND\na: b \n\nx\0\n", "1.0") == StompFrame("SEND", {"a": "b"}, b"x")
    assert read_frame(b"SENDER\n\n\0", "1.2") is None


@pytest.mark.parametrize(
    ("value", "both_ns"),
    [("10000,0", (10**10, 0)), ("1, 2", (10**6, 2 * 10**6)), ("", (0, 0)), ("a,-1", (0, 0)), ("1,2,3", (0, 0))],
)
def test_heart_beats_are_milliseconds(value: str, both_ns: tuple[int, int]) -> None:
    frame = StompFrame("CONNECT", {"heart-beat": value})
    assert (frame.interval_ns(0), frame.interval_ns(1)) == both_ns


def test_a_frame_that_is_written_is_read_as_the_same() -> None:
    headers = {"id": "a:b\n\\", "destination": "/q"}
    assert read_frame(write_frame("SUBSCRIBE", headers).encode(), "1.2") == StompFrame("SUBSCRIBE", headers)
    assert write_frame("SUBSCRIBE", {"destination": "a\0b"}) == "SUBSCRIBE\ndestination:ab\n\n\0"
    assert write_frame("CONNECT", {"login": "a:b\nc"}) == "CONNECT\nlogin:a:bc\n\n\0"


@pytest.mark.parametrize("command", [b"CONNECT", b"STOMP"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_password_of_a_connect_is_masked_and_nothing_else(command: bytes, end: bytes) -> None:
    lines = [command, b"login:guest", b"passcode:hunter2: \\c5", b"host:/", b"", b"\0"]
    masked = [b"passcode:[FILTERED]" if line.startswith(b"passcode") else line for line in lines]
    assert mask("text", end.join(lines)) == (end.join(masked), True)


@pytest.mark.parametrize(
    ("payload", "masked"),
    [
        (b"CONNECT\npasscode:first\npasscode:second\n\n\0", b"CONNECT\npasscode:[FILTERED]\npasscode:[FILTERED]\n\n\0"),
        (b"\n\nCONNECT\nPasscode: x", b"\n\nCONNECT\nPasscode:[FILTERED]"),
        (b"CONNECT\npasscode:a\rb\n\n", b"CONNECT\npasscode:[FILTERED]\n\n"),
        (b"CONNECT\nAuthorization:Bearer x\n\n\0", b"CONNECT\nAuthorization:[FILTERED]\n\n\0"),
        (b"CONNECT\nX-Auth-Token:x\n\n\0", b"CONNECT\nX-Auth-Token:[FILTERED]\n\n\0"),
        (
            b"\0CONNECT\npasscode:a\n\n\0\nCONNECT\npasscode:b\n\n\0",
            b"\0CONNECT\npasscode:[FILTERED]\n\n\0\nCONNECT\npasscode:[FILTERED]\n\n\0",
        ),
    ],
)
def test_repeated_cut_and_odd_passwords_are_masked(payload: bytes, masked: bytes) -> None:
    assert mask("text", payload) == (masked, True)


def test_after_many_headers_the_rest_of_a_connect_is_masked_unread() -> None:
    headers = b"".join(b"\nh%d:v" % number for number in range(200))
    masked, is_masked = mask("text", b"CONNECT" + headers + b"\nx:y\npasscode:a\n\n\0")
    assert (masked, is_masked) == (b"CONNECT" + headers + b"\n[FILTERED]\n\n\0", True)


@pytest.mark.parametrize(
    "payload",
    [
        b"SEND\ndestination:/a\n\npasscode:in a body\0",
        b"SEND\npasscode:of no CONNECT\n\n\0",
        b"CONNECT\nlogin:guest\n\npasscode:in a body\0",
        b"CONNECT\npasscode:\n\n\0",
        b"CONNECTED\npasscode:x\n\n\0",
        b"",
    ],
)
def test_what_is_no_password_of_a_connect_stays(payload: bytes) -> None:
    assert mask("text", payload) == (payload, False)
