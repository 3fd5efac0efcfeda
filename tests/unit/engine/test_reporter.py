"""Lifecycle events: the status they move, and what they must not repeat."""

from __future__ import annotations

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.engine.reporter import Reporter
from wsmon.model.events import Event, Source
from wsmon.model.redact.masking import MASK
from wsmon.model.redact.redactor import Redactor

SOURCE = Source("feed", "g", "trace", "session")


def reporter(sink: RecordingSink) -> Reporter:
    return Reporter(SOURCE, Redactor(secrets=("hunter2hunter2",)), sink, FakeClock())


def test_a_transition_moves_the_status() -> None:
    sink = RecordingSink()
    feed = reporter(sink)
    feed.emit("connection.started", "connecting", {"attempt": 1})
    clock = FakeClock()
    assert sink.events == [
        Event(
            SOURCE,
            "connection.started",
            clock.wall_ns(),
            clock.mono_ns(),
            from_status="initialized",
            to_status="connecting",
            meta={"attempt": 1},
        )
    ]
    assert feed.status == "connecting"


def test_an_illegal_transition_is_told_and_flagged() -> None:
    sink = RecordingSink()
    feed = reporter(sink)
    feed.emit("connection.completed", "websocket_connected")
    assert (sink.events[0].from_status, sink.events[0].to_status, sink.events[0].meta) == (
        "initialized",
        "websocket_connected",
        {"illegal": True},
    )
    assert feed.status == "websocket_connected"


def test_an_event_without_status_moves_nothing() -> None:
    sink = RecordingSink()
    feed = reporter(sink)
    feed.emit("self.backpressure", meta={})
    assert (sink.events[0].to_status, sink.events[0].meta, feed.status) == (None, None, "initialized")


def test_reasons_errors_and_headers_are_redacted() -> None:
    sink = RecordingSink()
    feed = reporter(sink)
    feed.emit("error.occurred", reason="hunter2hunter2!", error="no hunter2hunter2")
    assert (sink.events[0].reason, sink.events[0].error) == (f"{MASK}!", f"no {MASK}")
    assert feed.headers([("Cookie", "sid=1"), ("X", "plain")]) == [["Cookie", MASK], ["X", "plain"]]
