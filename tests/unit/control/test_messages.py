"""Messages of the control socket: one line each, and readable across versions."""

from __future__ import annotations

import json

import pytest

from wsmon.control.messages import Command, Hello, Message, Reply, Sample, Wake, decode, encode
from wsmon.errors import WsmonError

MESSAGES: list[Message] = [
    Hello(protocol=1, version="0.1", schema=7, run=3, pid=4711, last_id=12, digest="abc"),
    Wake(last_id=12),
    Sample(1, 2, 3.5, 4, is_paused=True, warning="disk full", digest="abc", rings=True, notifies=True),
    Command(ref=1, action="reconnect", connection="orders"),
    Reply(ref=1, ok=False, text='no connection named "x"\n'),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_line_and_comes_back_equal(message: Message) -> None:
    line = encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == message


@pytest.mark.parametrize(
    ("message", "kind"), zip(MESSAGES, ["hello", "wake", "health", "command", "reply"], strict=True)
)
def test_the_type_tells_messages_apart(message: Message, kind: str) -> None:
    assert json.loads(encode(message))["type"] == kind


def test_a_sample_of_an_older_recorder_has_neither_bell_nor_notifications() -> None:
    line = (
        b'{"type":"health","waiting_events":1,"waiting_bytes":2,"commit_lag_ms":3.5,"events_shed":4,'
        b'"is_paused":false,"warning":"","digest":"abc"}\n'
    )
    assert decode(line) == Sample(1, 2, 3.5, 4, is_paused=False, warning="", digest="abc")


def test_fields_that_a_newer_version_adds_are_ignored() -> None:
    assert decode(b'{"type":"wake","last_id":7,"why":"commit"}\n') == Wake(7)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"{}\n",
        b'{"type":"shutdown"}\n',
        b'{"type":"wake","last_id":"7"}\n',
        b'{"type":"command","ref":1,"action":"explode"}\n',
    ],
)
def test_any_other_line_is_refused(line: bytes) -> None:
    with pytest.raises(WsmonError, match="invalid control message"):
        decode(line)
