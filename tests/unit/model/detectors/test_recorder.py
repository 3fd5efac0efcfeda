"""Trouble in the recorder and its machine: slow stores, events not kept, clocks that step."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, at_ns, event
from tests.support.detectors import NAME, DetectorHarness, fact, mono_ns
from wsmon.model.detectors.recorder import BackpressureDetector, ClockDetector, ShedDetector
from wsmon.model.events import RECORDER, Event


def paused(after_s: float, paused_ms: float) -> Event:
    return event("self.backpressure", after_s, NAME, meta={"paused_ms": paused_ms})


def shed(after_s: float, events: int) -> Event:
    return event("self.shed", after_s, NAME, reason=f"{events} not kept", meta={"events": events})


def test_three_pauses_in_a_minute_are_backpressure() -> None:
    harness = DetectorHarness(BackpressureDetector())
    harness.see(paused(0, 100), paused(61, 100), paused(100, 100))
    assert harness.check(100) == ()
    harness.see(paused(110, 150))
    assert harness.check_until(110, 170) == [
        ("opened", "wsmon was too slow 3 times in a minute: reading paused for 0.3 s")
    ]
    assert harness.check_until(170, 171) == [("closed", "no pause for a minute")]


def test_one_pause_is_none_however_long_and_two_long_ones_are() -> None:
    harness = DetectorHarness(BackpressureDetector())
    harness.see(paused(10, 30_000))
    assert harness.check(10) == ()
    harness.see(paused(20, 2_000))
    assert len(harness.check(20)) == 1


def test_the_beginning_of_a_pause_is_none_yet() -> None:
    harness = DetectorHarness(BackpressureDetector())
    harness.see(*(event("self.backpressure", after_s, NAME) for after_s in range(5)))
    assert harness.check(5) == ()


def test_what_was_not_kept_is_told_at_once_and_counted_at_the_end() -> None:
    harness = DetectorHarness(ShedDetector())
    harness.see(shed(0, 10))
    assert harness.check_until(0, 5) == [("opened", "10 not kept")]
    harness.see(shed(30, 32))
    assert harness.check_until(30, 90) == []
    assert harness.check_until(90, 91) == [("closed", "42 events not kept; none lost for a minute")]
    assert fact(harness.found[-1], "events") == 42


def look(detector: ClockDetector, after_s: float, step_s: float) -> tuple[Event, ...]:
    return detector.check(at_ns(after_s + step_s), mono_ns(after_s))


def test_a_step_is_told_once_the_next_look_agrees() -> None:
    detector = ClockDetector()
    assert look(detector, 0, 0) == ()
    assert look(detector, 1, -7) == ()
    assert look(detector, 2, -7) == (
        Event(
            RECORDER,
            "self.clock.stepped",
            at_ns(-5),
            mono_ns(2),
            reason="the wall clock went back by 7 s: it was set, or the machine slept",
            meta={"step_ns": -7 * SECOND_NS},
        ),
    )
    assert look(detector, 3, -7) == ()


def test_a_look_that_was_interrupted_between_two_clocks_is_no_step() -> None:
    detector = ClockDetector()
    assert [look(detector, after_s, 5 * (after_s % 2)) for after_s in range(20)] == [()] * 20


def test_a_clock_that_is_slewed_does_not_step() -> None:
    detector = ClockDetector()
    assert [look(detector, after_s, after_s * 0.0005) for after_s in range(0, 20_000, 10)] == [()] * 2_000
