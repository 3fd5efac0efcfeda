"""Trouble in the recorder and its machine: slow stores, events not kept, clocks that step."""

from __future__ import annotations

from tests.support.builders import SECOND_NS, at_ns, event
from tests.support.detectors import NAME, DetectorHarness, fact, mono_ns
from wsmon.model.detectors.base import Expectation
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
    assert harness.check_until(110, 170) == [("opened", "wsmon was too slow 3 times in 60 s: reading paused for 0.3 s")]
    assert harness.check_until(170, 171) == [("closed", "no pause for 60 s")]


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
    assert harness.check_until(90, 91) == [("closed", "42 events lost; no further loss for 60 s")]
    assert fact(harness.found[-1], "events") == 42


def suspended(after_s: float, lasted_s: float, asleep_s: float) -> Event:
    lasted_ns = round(lasted_s * SECOND_NS)
    return event("self.suspended", after_s, "", duration_ns=lasted_ns, meta={"asleep_ms": asleep_s * 1_000})


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
            reason="the wall clock jumped back by 7 s: it was set, or the machine slept",
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


def test_what_the_machine_slept_is_no_step() -> None:
    detector = ClockDetector()
    assert look(detector, 0, 0) == ()
    detector.observe(suspended(1, lasted_s=3_600, asleep_s=3_600))
    assert [look(detector, after_s, 3_600) for after_s in (1, 2, 3)] == [()] * 3


def test_a_look_at_a_time_that_was_looked_at_confirms_no_step() -> None:
    detector = ClockDetector()
    assert look(detector, 0, 0) == ()
    # The writer looks again before the event loop has said that the machine slept
    assert [look(detector, 1, 3_600), look(detector, 1, 3_600)] == [(), ()]
    detector.observe(suspended(1, lasted_s=3_600, asleep_s=3_600))
    assert look(detector, 2, 3_600) == ()


def test_the_thresholds_of_backpressure_and_shed_are_configurable() -> None:
    limits = {"backpressure": {"opens": 2.0, "within": 10.0}, "shed": {"calm": 5.0}}
    harness = DetectorHarness(BackpressureDetector(), Expectation(thresholds=limits))
    harness.see(paused(0, 100), paused(9, 100))
    assert harness.check_until(9, 20) == [
        ("opened", "wsmon was too slow 2 times in 10 s: reading paused for 0.2 s"),
        ("closed", "no pause for 10 s"),
    ]
    harness = DetectorHarness(ShedDetector(), Expectation(thresholds=limits))
    harness.see(shed(0, 10))
    assert harness.check_until(0, 6) == [
        ("opened", "10 not kept"),
        ("closed", "10 events lost; no further loss for 5 s"),
    ]
