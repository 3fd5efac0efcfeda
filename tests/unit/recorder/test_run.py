"""Events about the recorder itself: of no connection, with the time at which they are emitted."""

from __future__ import annotations

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.model.events import RECORDER, Event
from wsmon.recorder.run import self_events


def test_an_event_is_about_the_recorder_and_has_the_present_time() -> None:
    sink, clock = RecordingSink(), FakeClock()
    emit = self_events(sink, clock)
    clock.advance(3)
    emit("self.config.reloaded", status="ok", reason="added orders", meta={"connections": 2})
    assert sink.events == [
        Event(
            RECORDER,
            "self.config.reloaded",
            clock.wall_ns(),
            clock.mono_ns(),
            status="ok",
            reason="added orders",
            meta={"connections": 2},
        )
    ]


def test_fields_that_are_not_given_are_empty() -> None:
    sink, clock = RecordingSink(), FakeClock()
    self_events(sink, clock)("self.run.ended")
    assert sink.events == [Event(RECORDER, "self.run.ended", clock.wall_ns(), clock.mono_ns())]
