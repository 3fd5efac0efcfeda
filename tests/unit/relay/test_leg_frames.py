"""Frames of the legs as events, and as counts while there is no room for events."""

from __future__ import annotations

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.config.specs import CaptureSpec
from wsmon.engine.frames import FramePath
from wsmon.engine.reporter import Reporter
from wsmon.model.events import Source
from wsmon.model.redact.redactor import Redactor
from wsmon.relay.frame_reader import ReadClose
from wsmon.relay.leg_frames import LegFrames, RecordingGap
from wsmon.relay.listener import Leg

SOURCE = Source("shop", connection_id="s")


class EndNotes:
    """Notes close frames and faults."""

    def __init__(self) -> None:
        self.heard: list[tuple[Leg, object]] = []

    def on_close(self, leg: Leg, close: ReadClose) -> None:
        self.heard.append((leg, close))

    def on_fault(self, leg: Leg, fault: Exception) -> None:
        self.heard.append((leg, fault))


class Rig:
    """Both legs over one sink."""

    def __init__(self) -> None:
        self.sink, self.ends, clock = RecordingSink(), EndNotes(), FakeClock()
        reporter = Reporter(SOURCE, Redactor(), self.sink, clock)
        self.frames = FramePath(SOURCE, CaptureSpec(), Redactor(), self.sink, clock, lambda: None)
        self.gap = RecordingGap(reporter)
        self.server = LegFrames("server", self.frames, self.gap, self.sink, reporter, self.ends)
        self.application = LegFrames("application", self.frames, self.gap, self.sink, reporter, self.ends)


def test_each_leg_has_its_direction_and_its_names() -> None:
    rig = Rig()
    for leg in (rig.server, rig.application):
        leg.on_message("text", b"one", 5, 1)
        leg.on_messages("binary", [b"two", b"3"], [5, 3])
        leg.on_unread("text", 9, 11, 2, "too large")
        leg.on_ping(b"p", 3)
    assert [(event.name, event.direction, event.size) for event in rig.sink.events] == [
        ("message.received", "in", 3),
        ("message.received", "in", 3),
        ("message.received", "in", 1),
        ("message.received", "in", 9),
        ("heartbeat.received", "in", 1),
        ("message.sent", "out", 3),
        ("message.sent", "out", 3),
        ("message.sent", "out", 1),
        ("message.sent", "out", 9),
        ("heartbeat.sent", "out", 1),
    ]
    assert rig.sink.events[3].meta == {"unread": "too large", "fragments": 2}
    assert [leg.pings.is_awaited(b"p") for leg in (rig.server, rig.application)] == [True, True]


def test_ends_come_with_their_leg() -> None:
    rig = Rig()
    close, fault = ReadClose(1000, "", True), ValueError()
    rig.server.on_close(close)
    rig.application.on_fault(fault)
    assert rig.ends.heard == [("server", close), ("application", fault)]


def test_in_a_gap_everything_is_counted_by_name_and_then_emitted_once() -> None:
    rig = Rig()
    rig.gap.is_open = True
    for leg in (rig.server, rig.application):
        leg.on_message("text", b"one", 5, 1)
        leg.on_messages("text", [b"two", b"3"], [5, 3])
        leg.on_unread("text", 9, 11, 2, "too large")
        leg.on_ping(b"p", 3)
        leg.on_pong(b"", 2)
    assert rig.sink.events == []
    rig.gap.close()
    rig.gap.close()
    assert [(event.name, event.meta) for event in rig.sink.events] == [
        ("self.shed", {"name": "message.received", "events": 4, "size_bytes": 16}),
        ("self.shed", {"name": "heartbeat.received", "events": 1, "size_bytes": 1}),
        ("self.shed", {"name": "heartbeat.responded", "events": 2, "size_bytes": 0}),
        ("self.shed", {"name": "message.sent", "events": 4, "size_bytes": 16}),
        ("self.shed", {"name": "heartbeat.sent", "events": 1, "size_bytes": 1}),
    ]
