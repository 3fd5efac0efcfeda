"""Events about the recorder itself: of no connection, with the time at which they are emitted."""

from __future__ import annotations

import pytest

from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.model.events import RECORDER, Event, Meta
from wsmon.recorder.run import emit_start, self_events


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


CUT_OFF = "the last recorder did not record its end"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (None, ""),
        ((), CUT_OFF),
        (("app", "app-2"), f"{CUT_OFF}; open then, unknown since: app, app-2"),
        (
            tuple("abcdefghij"),
            f"{CUT_OFF}; open then, unknown since: a, b, c, d, e, f, g, h and 2 more",
        ),
    ],
)
def test_the_start_after_a_recorder_that_was_cut_off_says_what_was_open(
    names: tuple[str, ...] | None, said: str
) -> None:
    sink = RecordingSink()
    emit_start(self_events(sink, FakeClock()), "1.0", 7, names)
    (started,) = sink.events
    meta: Meta = {"version": "1.0", "pid": 7}
    wanted = meta if names is None else {**meta, "open_at_cut_off": len(names)}
    assert (started.name, started.reason, started.meta) == ("self.run.started", said, wanted)
