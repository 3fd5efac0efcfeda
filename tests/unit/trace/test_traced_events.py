"""Events of the engine's paths as an application reports them: all fields arrive, and come back as the same event."""

from __future__ import annotations

import msgspec

from tests.support.fake_ports import FakeClock
from tests.support.tracing import KeptSink
from wsmon.model.block import Block
from wsmon.model.events import Event, Source
from wsmon.recorder.intake import Intake, Reporting, decode_line
from wsmon.trace.context import CURRENT_SPAN, SpanContext
from wsmon.trace.events import json_line
from wsmon.trace.handling import Handling
from wsmon.trace.traced_events import TracedEvents, reported

CLOCK = FakeClock()
SOURCE = Source("feed", "web", "c0ffee", "5e551011c0ffee11")
MESSAGE = Event(
    source=SOURCE,
    name="message.received",
    ts_ns=CLOCK.wall_ns(),
    mono_ns=CLOCK.mono_ns(),
    direction="in",
    opcode="text",
    size=9,
    wire_size=11,
    payload="café".encode(),
    truncated=True,
    redacted=True,
    type="trade",
    topic="btc",
    ref="7",
    duration_ns=1_500_000,
)


def test_an_event_comes_out_of_the_recorder_as_the_engine_made_it() -> None:
    end = Event(
        source=SOURCE,
        name="connection.disconnected",
        ts_ns=CLOCK.wall_ns(),
        mono_ns=CLOCK.mono_ns(),
        duration_ns=12_000_000,
        from_status="websocket_connected",
        to_status="disconnected",
        close_code=1012,
        close_by="peer",
        reason="restart",
        error_type="eof",
        error="it ended",
        meta={"open": True},
    )
    binary = msgspec.structs.replace(MESSAGE, opcode="binary", payload=b"\xff", status="orphan")
    decoded = msgspec.structs.replace(MESSAGE, opcode="binary", meta={"encoding": "gzip"})
    assert [reported(each, "", "").payload for each in (MESSAGE, binary, decoded)] == ["café", b"\xff", "café"]
    for event in (MESSAGE, end, binary, decoded):
        line = decode_line(json_line(reported(event, event.span_id, event.parent_id)))
        assert Intake(CLOCK, "boot").event(line, Reporting()) == event


def test_messages_of_a_block_and_sent_ones_have_their_spans() -> None:
    sink = KeptSink()
    events = TracedEvents(sink, Handling(sink, SOURCE, CLOCK))
    events.emit_block(Block(SOURCE, 1, 2, [1, 1], [3, 3], ["a", "b"], None, None))
    CURRENT_SPAN.set(SpanContext("c0ffee", "0123456789abcdef"))
    events.emit_message(msgspec.structs.replace(MESSAGE, name="message.sent", direction="out"))
    CURRENT_SPAN.set(None)
    one, other, sent = sink.events
    assert [one.payload, other.payload, sent.parent_id] == ["a", "b", "0123456789abcdef"]
    assert len({one.span_id, other.span_id}) == 2
