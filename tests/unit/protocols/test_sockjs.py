"""SockJS: its own frames, and the messages that are taken out of them."""

from __future__ import annotations

import json

import pytest

from tests.support.builders import message
from wsmon.model.events import Direction
from wsmon.protocols.base import Decoded, HandshakeUrl, Happening, MessageSample, Part, ProtocolClose
from wsmon.protocols.detect import ProtocolDetector
from wsmon.protocols.parts import MAX_PARTS
from wsmon.protocols.registry import dissect
from wsmon.protocols.sockjs import PROTOCOL, SockJsState, decode, split


def read(payload: bytes) -> Decoded:
    return decode("in", "text", payload, SockJsState())


def test_its_own_frames_are_read() -> None:
    heartbeat = Decoded("heartbeat", happenings=(Happening("heartbeat.received", "heartbeat"),))
    assert [read(b"o"), read(b"h"), read(b"a[]")] == [Decoded("open"), heartbeat, Decoded("messages")]


def test_frames_that_an_application_serves_are_read() -> None:
    state = SockJsState()
    (beat,) = decode("out", "text", b"h", state).happenings
    assert beat.name == "heartbeat.sent"
    assert decode("out", "text", b'c[3000,"Go away!"]', state).type == "close"
    assert state.closed is None


def test_a_close_is_remembered() -> None:
    state = SockJsState()
    assert decode("in", "text", b'c[4321,"kicked by app"]', state) == Decoded("close", ref="4321")
    assert PROTOCOL.envelope is not None
    assert PROTOCOL.envelope.closed(state) == ProtocolClose(4321, "kicked by app")


@pytest.mark.parametrize(
    ("direction", "payload", "messages"),
    [
        ("in", b'a["one","{\\"a\\":1}"]', [b"one", b'{"a":1}']),
        ("in", b'm"one"', [b"one"]),
        ("out", b'["one"]', [b"one"]),
        ("out", b'"one"', [b"one"]),
        ("out", b'a["served"]', [b"served"]),
        ("in", b'["served"]', [b"served"]),
        ("in", b'a["\\ud800!"]', ["\ufffd!".encode()]),
    ],
)
def test_messages_are_taken_out_of_their_frame(direction: Direction, payload: bytes, messages: list[bytes]) -> None:
    parts = split(direction, "text", payload, SockJsState())
    assert parts == [Part("text", each) for each in messages]


@pytest.mark.parametrize("payload", [b"o", b"h", b"", b'c[3000,"Go away!"]', b"a[", b"a[1]", b"a[]", b"[]"])
def test_other_frames_stay_whole(payload: bytes) -> None:
    assert not split("in", "text", payload, SockJsState())
    assert not split("in", "binary", b'a["one"]', SockJsState())


@pytest.mark.parametrize(
    ("payload", "error_type"),
    [
        (b"x", "sockjs"),
        (b"a[", "json"),
        (b"a[1]", "sockjs"),
        (b'c["a"]', "sockjs"),
        (b'c[70000,""]', "sockjs"),
        (b"", "sockjs"),
        (b"ah", "json"),
    ],
)
def test_what_is_no_frame_of_it_is_an_error(payload: bytes, error_type: str) -> None:
    assert read(payload).error_type == error_type


def test_too_many_messages_are_not_read() -> None:
    frame = b"a" + json.dumps(["x"] * (MAX_PARTS + 1)).encode()
    assert not split("in", "text", frame, SockJsState())
    assert read(frame) == Decoded(
        "messages", error_type="too_large", error="4097 messages in a frame, more than 4096: they are not read"
    )


@pytest.mark.parametrize(
    ("path", "is_it"),
    [
        ("/echo/000/abcdefzz/websocket", True),
        ("/sockjs/srv/abc/websocket/", True),
        ("/SockJS-node/7/abc/websocket", True),
        ("/123/abc/websocket", True),
        ("/sockjs/websocket", False),
        ("/socket/websocket", False),
        ("/echo/0000/abc/websocket", False),
        ("/echo/000/abc/xhr_streaming", False),
    ],
)
def test_urls_of_its_transport_are_recognised(path: str, is_it: bool) -> None:
    url = HandshakeUrl.parse(f"ws://127.0.0.1{path}")
    assert url is not None
    assert bool(PROTOCOL.recognise_url(url)) is is_it


def test_a_frame_with_messages_or_a_close_shows_it_and_nothing_else_does() -> None:
    assert PROTOCOL.recognise(MessageSample("in", "text", b'a["x"]')) == (
        "a message is an array of texts behind the letter a"
    )
    assert PROTOCOL.recognise(MessageSample("in", "text", b'c[3000,"Go away!"]')) == (
        "a message is a code and a reason behind the letter c"
    )
    others = (b"o", b"h", b'["o"]', b"a[1]", b"a[]", b"a[", b"c[1]", b"c", b"")
    assert not any(PROTOCOL.recognise(MessageSample("in", "text", payload)) for payload in others)
    assert not PROTOCOL.recognise(MessageSample("in", "binary", b'a["x"]'))
    assert ProtocolDetector().of_frame("in", "text", b'a["x"]') == "sockjs"


def test_what_goes_out_is_an_array_of_one_text() -> None:
    envelope = PROTOCOL.envelope
    assert envelope is not None
    assert [envelope.wrap('say "hi"'), envelope.wrap("é".encode())] == ['["say \\"hi\\""]', '["é"]']


def test_stored_frames_are_taken_apart() -> None:
    close = dissect(message('c[4321,"kicked"]', type="close", opcode="text"))
    assert close is not None
    assert (close.name, close.parts) == ("SockJS close", (("Code", "4321"), ("Reason", "kicked")))
    heartbeat = dissect(message("h", type="heartbeat", opcode="text"))
    assert heartbeat is not None
    assert heartbeat.name == "SockJS heartbeat"
    assert dissect(message("hello", type="close", opcode="text")) is None
