"""WebSocket messages that hold several messages of a protocol: all are counted once, to the byte, wherever counted."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import at_ns, dialled, loss, usable
from tests.support.engines import RecordingSink, spec
from tests.support.fake_ports import FakeClock
from tests.support.stores import recording
from tests.support.stores import spec as stored_spec
from tests.support.thoroughness import times
from wsmon.config.specs import CaptureSpec
from wsmon.decoders.base import is_utf8
from wsmon.engine.frame_scan import DataOpcode
from wsmon.engine.frames import FramePath
from wsmon.engine.messages import capture_of, message_path
from wsmon.engine.protocol_session import CarriedState
from wsmon.engine.reporter import Reporter
from wsmon.engine.ticker import Ticker
from wsmon.model.events import Direction, Event, Opcode, Source
from wsmon.model.redact.masking import Sensitive
from wsmon.model.redact.redactor import Redactor
from wsmon.protocols.base import Decoded, Happening, Part, Protocol
from wsmon.protocols.parts import MessageStream
from wsmon.protocols.registry import PROTOCOLS

SOURCE = Source("feed", "", "t" * 32, "c" * 16)
CANARY = "s3cr3t-canary"
MASK = b"[FILTERED]"


class Lines:
    """The state of a protocol whose messages are lines."""

    def __init__(self) -> None:
        self.streams = {"in": MessageStream(line_end), "out": MessageStream(line_end)}
        self.lines = 0

    def at(self, now_ns: int) -> None:
        """No time counts."""

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        return ()


def line_end(buffer: bytes | bytearray, _start: int, seen: int) -> int:
    return buffer.find(b"\n", seen) + 1 or -1


def split(direction: Direction, opcode: Opcode, payload: bytes, state: Lines) -> Sequence[Part] | None:
    return state.streams[direction].feed(opcode, payload)


def decode(direction: Direction, _opcode: Opcode, payload: bytes, state: Lines) -> Decoded:
    state.lines += 1
    happened = (Happening("heartbeat.received", "heartbeat"),) if payload == b"beat\n" and direction == "in" else ()
    return Decoded("line", ref=str(state.lines), happenings=happened)


def break_down(*_arguments: object) -> Sequence[Part] | None:
    raise ZeroDivisionError("oh no")


def lines_protocol(**fields: Any) -> Protocol[Any]:
    return Protocol("nexus", Lines, decode, **{"split": split, **fields})


async def emitted(
    frames_in: Sequence[bytes],
    protocol: Protocol[Any],
    *,
    capture: CaptureSpec | None = None,
    fragments: int = 1,
    is_auto: bool = False,
) -> list[Event]:
    """The events of a session that receives these, and sends each back."""
    sink, clock = RecordingSink(), FakeClock()
    name = "auto" if is_auto else "nexus"
    of = spec(1, protocol=name, capture=capture or CaptureSpec())
    redactor = Redactor(secrets=(CANARY,))
    reporter = Reporter(SOURCE, redactor, sink, clock)
    messages = message_path(
        of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes,
        {**PROTOCOLS, "nexus": protocol},
    )  # fmt: skip
    assert messages is not None
    frames = FramePath(SOURCE, capture_of(of), redactor, sink, clock, lambda: None, messages)
    messages.begin("ws://127.0.0.1/", "")
    messages.start(frames.now())
    for payload in frames_in:
        frames.on_message("text", payload, len(payload) + 2, fragments)
        frames.on_sent("text", payload, len(payload) + 6)
    messages.end(frames.now())
    return sink.events


def told(payloads: Sequence[bytes], **fields: Any) -> list[tuple[object, ...]]:
    """What is received: payload, size, size on the wire, id, metadata."""
    fields.setdefault("protocol", lines_protocol())
    return [
        (event.payload, event.size, event.wire_size, event.ref, event.meta)
        for event in asyncio.run(emitted(payloads, **fields))
        if event.name == "message.received"
    ]


def test_a_frame_with_one_message_is_recorded_as_ever() -> None:
    assert told([b"one\n", b"two\n"]) == [(b"one\n", 4, 6, "1", None), (b"two\n", 4, 6, "3", None)]


def test_each_message_of_a_frame_has_an_event_and_the_first_has_the_size_on_the_wire() -> None:
    assert told([b"one\ntwo\nthree\n"], fragments=2) == [
        (b"one\n", 4, 16, "1", {"fragments": 2, "part": 1, "parts": 3}),
        (b"two\n", 4, 0, "2", {"part": 2, "parts": 3}),
        (b"three\n", 6, 0, "3", {"part": 3, "parts": 3}),
    ]


def test_a_message_that_goes_on_is_recorded_in_its_piece_and_then_whole() -> None:
    assert told([b"one\ntw", b"o and", b" a half\n"]) == [
        (b"one\n", 4, 8, "1", {"part": 1, "parts": 2}),
        (b"tw", 2, 0, "", {"part": 2, "parts": 2, "partial": True}),
        (b"o and", 5, 7, "", {"partial": True}),
        (b"two and a half\n", 8, 10, "3", {"joined_size": 15}),
    ]


def test_what_a_part_says_follows_it_and_not_the_frame() -> None:
    events = asyncio.run(emitted([b"one\nbeat\ntwo\n"], lines_protocol()))
    assert [(event.name, event.payload) for event in events if event.direction == "in"] == [
        ("message.received", b"one\n"),
        ("message.received", b"beat\n"),
        ("heartbeat.received", None),
        ("message.received", b"two\n"),
    ]


def test_a_text_that_is_cut_within_a_character_is_binary() -> None:
    at = {"end": 1}
    stream = MessageStream(lambda buffer, start, _seen: min(start + at["end"], len(buffer)))
    protocol = lines_protocol(split=lambda _direction, opcode, payload, _state: stream.feed(opcode, payload))
    events = asyncio.run(emitted(["é".encode()], protocol))
    assert [event.opcode for event in events if event.name == "message.received"] == ["binary", "binary"]


def test_the_frame_that_shows_the_protocol_is_taken_apart() -> None:
    protocol = lines_protocol(recognise=lambda _sample: "it is made of lines")
    events = asyncio.run(emitted([b"one\ntwo"], protocol, is_auto=True))
    assert [(event.name, event.payload) for event in events if event.direction == "in"] == [
        ("message.received", b"one\n"),
        ("connection.protocol", None),
        ("message.received", b"two"),
    ]


def test_a_piece_alone_that_shows_the_protocol_has_the_event_that_says_so() -> None:
    protocol = lines_protocol(recognise=lambda _sample: "it is made of lines")
    events = asyncio.run(emitted([b"tw"], protocol, is_auto=True))
    assert [event.name for event in events if event.direction == "in"] == ["message.received", "connection.protocol"]


def test_a_protocol_that_raises_is_told_once_and_the_frames_stay() -> None:
    events = asyncio.run(emitted([b"one\ntwo\n", b"three\n"], lines_protocol(split=break_down)))
    received = [event for event in events if event.direction == "in"]
    assert [(event.name, event.payload, event.error_type) for event in received] == [
        ("message.received", b"one\ntwo\n", ""),
        ("error.occurred", None, "classifier"),
        ("message.received", b"three\n", ""),
    ]


def secret_mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Masks what follows ``PASS``."""
    before, found, _ = payload.partition(b"PASS ")
    return (before + found + MASK + b"\n", True) if found else (payload, False)


@pytest.mark.parametrize("cut_at", range(1, 22))
def test_no_piece_repeats_a_credential_of_the_message_it_belongs_to(cut_at: int) -> None:
    login = b"one\nPASS hunter2hunter2\ntwo\n"
    protocol = lines_protocol(new_masks=lambda _state: {"in": secret_mask, "out": secret_mask})
    events = asyncio.run(emitted([login[:cut_at], login[cut_at:]], protocol))
    payloads = b"|".join(event.payload or b"" for event in events if event.name == "message.received")
    begun = max(0, cut_at - 9)
    assert b"PASS [FILTERED]\n" in payloads
    assert b"hunter2hunter2"[:begun] not in payloads or not begun
    assert payloads.endswith(b"two\n")


def test_the_piece_after_one_with_a_credential_is_masked_whole() -> None:
    payloads = [row[0] for row in told([b'{"token":"abcdefgh', b"ijkl", b'mnop"}\nplain', b" text\n"])]
    assert payloads == [MASK, MASK, b'{"token":"[FILTERED]"}\n', b"plain", b"plain text\n"]


def test_of_a_frame_that_is_not_kept_the_parts_are_not_either() -> None:
    rows = told([b"one\ntwo\nthr", b"ee\n"], capture=CaptureSpec(payloads=False))
    assert [(row[0], row[1]) for row in rows] == [(None, 4), (None, 4), (None, 3), (None, 3)]


BODIES = st.lists(st.sampled_from(["", "a", "beat", "é", '{"token":"abc"}', "x" * 40, CANARY]), max_size=30)


@settings(max_examples=times(15))
@given(BODIES, st.data())
def test_all_counts_are_those_of_the_frames(bodies: list[str], data: st.DataObject) -> None:
    stream = "".join(f"{body}\n" for body in bodies)
    borders = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    frames = [stream[start:end].encode() for start, end in zip([0, *borders], [*borders, len(stream)], strict=True)]
    events = asyncio.run(emitted(frames, lines_protocol()))
    messages = [event for event in events if event.name == "message.received"]
    assert [sum(event.size or 0 for event in messages), sum(event.wire_size or 0 for event in messages)] == [
        len(stream.encode()),
        len(stream.encode()) + 2 * len(frames),
    ]
    whole = [event for event in messages if event.type == "line" and event.size]
    assert len(whole) == len(bodies)
    pieces = sum((event.meta or {}).get("partial") is True for event in messages)
    empty = sum(event.size == 0 for event in messages)
    assert len(messages) == len(whole) + pieces + empty
    assert not any(CANARY.encode() in (event.payload or b"") for event in messages)
    # What a store counts and sums up of them is what was received
    source = dialled(0, "feed").source
    received = [
        msgspec.structs.replace(event, source=source, ts_ns=at_ns(0.1)) for event in events if event.direction == "in"
    ]
    with tempfile.TemporaryDirectory() as folder, recording(Path(folder) / "store.db") as one:
        one.fold.configure([stored_spec("feed")], at_ns(0))
        one.commit(dialled(0, "feed"), usable(0, "feed"), now_s=0.1)
        one.commit(*received, now_s=0.2)
        one.commit(loss(3, "feed"), now_s=3.5)
        counted = one.rows("SELECT sum(messages_in), sum(bytes_in), sum(wire_in) FROM rollup WHERE level = 1")
    assert counted == [(len(messages), len(stream.encode()), len(stream.encode()) + 2 * len(frames))]


def test_what_was_decoded_has_the_size_that_it_came_in() -> None:
    parts = [Part("binary", b"[1]\n", encoding="msgpack", size=2), Part("binary", b"x\n", earlier_bytes=1)]
    rows = told([b"frame"], protocol=lines_protocol(split=lambda *_arguments: parts))
    assert [row[:2] + row[4:] for row in rows] == [
        (b"[1]\n", 2, {"part": 1, "parts": 2, "encoding": "msgpack"}),
        (b"x\n", 1, {"part": 2, "parts": 2, "joined_size": 2}),
    ]


def test_what_a_protocol_hides_is_masked_whole() -> None:
    parts = [
        Part("text", b"many\nmore\n", error="too many", is_hidden=True),
        Part("text", b"pie", is_partial=True, is_hidden=True),
    ]
    rows = told([b"frame"], protocol=lines_protocol(split=lambda *_arguments: parts))
    assert [row[0] for row in rows] == [MASK, MASK]


WITHIN = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *(
                    b"o",
                    b"h",
                    b'a["CONNECT\\nlogin:u\\npasscode:p\\n\\n\\u0000","\\n"]',
                    b'a["SEND\\n\\nx"]',
                    b'a["x\\u0000"]',
                ),
                *(
                    b'["42[\\"a\\"]"]',
                    b'c[3000,"Go away!"]',
                    b'a["{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"method\\":\\"m\\"}"]',
                ),
                *(
                    b'{"protocol":"messagepack","version":1}\x1e',
                    b"{}\x1e\x02\x91\x06",
                    b"\x02\x91",
                    b"\x06",
                    b"{",
                    b'"a":1}\x1e',
                ),
                *(
                    b'a["INFO {\\"server_id\\":\\"a\\"}\\r\\nPING\\r\\n","MSG a 1 3\\r\\nab","c\\r\\n"]',
                    b"a[",
                    b"",
                ),
            ]
        ),
        st.binary(max_size=12),
    ),
    max_size=25,
)


@settings(max_examples=times(60))
@given(WITHIN, st.sampled_from(["auto", "sockjs", "signalr", "stomp", "nats"]), st.booleans())
def test_any_frames_are_recorded_without_a_failure_whatever_is_within_them(
    payloads: list[bytes], protocol: str, is_sockjs: bool
) -> None:
    async def session() -> list[Event]:
        sink, clock = RecordingSink(), FakeClock()
        url = "ws://127.0.0.1/x/123/abc/websocket" if is_sockjs else "ws://127.0.0.1/"
        of = spec(1, protocol=protocol, url=url, answer=True, subscribe=(Sensitive("topic"),))
        reporter = Reporter(SOURCE, Redactor(), sink, clock)
        messages = message_path(
            of, reporter, sink, clock, Ticker(asyncio.get_running_loop()), CarriedState(), Random(7).randbytes
        )
        assert messages is not None
        frames = FramePath(SOURCE, capture_of(of), reporter.redactor, sink, clock, lambda: None, messages)
        messages.begin(url, "")
        messages.start(frames.now())

        def send(message: str | bytes) -> None:
            payload = message.encode() if isinstance(message, str) else message
            frames.on_sent("text" if isinstance(message, str) else "binary", payload, len(payload) + 6)
            messages.holds_secrets("text", payload)

        messages.start_sending(send, lambda: None)
        for number, payload in enumerate(payloads):
            opcode: DataOpcode = "text" if is_utf8(payload) and number % 3 else "binary"
            frames.on_message(opcode, payload, len(payload) + 2, 1)
            frames.on_sent(opcode, payload, len(payload) + 6)
        messages.close_meta(1000)
        messages.end(frames.now())
        return sink.events

    events = asyncio.run(session())
    assert [event.error for event in events if event.error_type == "classifier"] == []
    received = [event for event in events if event.name == "message.received"]
    assert sum(event.wire_size or 0 for event in received) == sum(len(payload) + 2 for payload in payloads)
