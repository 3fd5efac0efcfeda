"""STOMP: frames named, headers read, the password of a CONNECT masked."""

from __future__ import annotations

import pytest

from wsmon.protocols.base import MAX_NAME_CHARS, UNREAD, Decoded
from wsmon.protocols.stomp import StompState, decode, mask


@pytest.mark.parametrize(
    ("frame", "decoded"),
    [
        (b"CONNECTED\nversion:1.2\n\n\0", Decoded("CONNECTED")),
        (b"SEND\ndestination:/queue/a\nreceipt:r-1\n\nhello\0", Decoded("SEND", "/queue/a", "r-1")),
        (b"\r\n\nSUBSCRIBE\r\nid:0\r\ndestination:/topic/b\r\n\r\n\0", Decoded("SUBSCRIBE", "/topic/b", "0")),
        (
            b"MESSAGE\nsubscription:0\nmessage-id:007\ndestination:/topic/b\n\ndestination:/no\0",
            Decoded("MESSAGE", "/topic/b", "007"),
        ),
        (b"RECEIPT\nreceipt-id:r-1\n\n\0", Decoded("RECEIPT", "", "r-1")),
        (b"SEND\ndestination:/q/a\\cb\\\\n\ndestination:/second\n\n\0", Decoded("SEND", "/q/a:b\\n")),
        (b"ERROR\nmessage:malformed frame", Decoded("ERROR")),
        (b"\n", Decoded("heartbeat")),
        (b"\r\n\n", Decoded("heartbeat")),
        (b"", Decoded(error_type="stomp", error="empty message")),
        (b"GET / HTTP/1.1\r\n", Decoded(error_type="stomp", error="not a STOMP frame")),
        (b"\xff\xfe", Decoded(error_type="stomp", error="not a STOMP frame")),
    ],
)
def test_a_frame_is_named_by_its_command_destination_and_id(frame: bytes, decoded: Decoded) -> None:
    assert decode("in", "text", frame, StompState()) == decoded
    assert decode("out", "binary", frame, StompState()) == decoded


def test_control_frames_of_the_websocket_are_not_read() -> None:
    assert decode("in", "ping", b"CONNECT\n\n\0", StompState()) is UNREAD


def test_a_long_destination_is_cut() -> None:
    decoded = decode("in", "text", b"SEND\ndestination:" + b"x" * 999 + b"\n\n\0", StompState())
    assert decoded == Decoded("SEND", "x" * (MAX_NAME_CHARS - 1) + "…")


def test_nothing_is_ever_overdue() -> None:
    state = StompState()
    state.at(1)
    assert state.overdue(10**18) == ()


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
        (
            b"\0CONNECT\npasscode:a\n\n\0\nCONNECT\npasscode:b\n\n\0",
            b"\0CONNECT\npasscode:[FILTERED]\n\n\0\nCONNECT\npasscode:[FILTERED]\n\n\0",
        ),
    ],
)
def test_repeated_cut_and_odd_passwords_are_masked(payload: bytes, masked: bytes) -> None:
    assert mask("text", payload) == (masked, True)


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
