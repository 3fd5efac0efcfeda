"""When pings go out, which pong counts, and when the heartbeat gives up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from wsmon.config.specs import PingSpec
from wsmon.engine.keepalive import MAX_AWAITED, Keepalive, SentPings


@dataclass
class Call:
    """A scheduled call."""

    at_s: float
    callback: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def when(self) -> float:
        return self.at_s


@dataclass
class FakeTime:
    """Clock and scheduler in one; time passes when the test says so."""

    now_s: float = 100.0
    calls: list[Call] = field(default_factory=list)

    def time(self) -> float:
        return self.now_s

    def wall_ns(self) -> int:
        return self.mono_ns()

    def mono_ns(self) -> int:
        return round(self.now_s * 1e9)

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Call:
        self.calls.append(Call(self.now_s + delay, callback))
        return self.calls[-1]

    def pass_s(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [call for call in self.calls if not call.is_cancelled and call.at_s <= end_s]:
            call = min(due, key=Call.when)
            self.calls.remove(call)
            self.now_s = call.at_s
            call.callback()
        self.now_s = end_s


class Rig:
    """A keepalive and what it did."""

    def __init__(self, interval_s: float = 20.0, timeout_s: float = 10.0) -> None:
        self.time = FakeTime()
        self.pings: list[float] = []
        self.timeouts: list[float] = []
        self.keepalive = Keepalive(
            PingSpec(interval_s, timeout_s),
            self.time,
            self.time,
            self._ping,
            lambda: self.timeouts.append(self.time.now_s),
        )
        self.keepalive.start()

    def _ping(self) -> bytes:
        self.pings.append(self.time.now_s)
        return b"%d" % len(self.pings)

    def answer(self) -> int | None:
        return self.keepalive.answer(self.time.mono_ns())


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_answered_pings_go_out_every_interval(rig: Rig) -> None:
    for _ in range(3):
        rig.time.pass_s(20.0)
        rig.time.pass_s(0.5)
        rig.answer()
    assert rig.pings == [120.0, 140.0, 160.0]
    assert rig.timeouts == []


def test_round_trip_is_measured_from_the_ping(rig: Rig) -> None:
    rig.time.pass_s(20.25)
    assert rig.answer() == 250_000_000


def test_only_the_pong_with_our_payload_is_awaited(rig: Rig) -> None:
    rig.time.pass_s(20.0)
    awaited = [rig.keepalive.is_awaited(payload) for payload in (b"", b"0", b"1", b"1 ")]
    rig.answer()
    assert (awaited, rig.keepalive.is_awaited(b"1")) == ([False, False, True, False], False)


def test_a_missing_pong_gives_up_once(rig: Rig) -> None:
    rig.time.pass_s(500.0)
    assert (rig.pings, rig.timeouts) == ([120.0], [130.0])


def test_interval_zero_is_off() -> None:
    rig = Rig(interval_s=0.0)
    rig.time.pass_s(10_000.0)
    assert (rig.pings, rig.timeouts) == ([], [])


def test_a_slow_pong_is_followed_by_the_next_ping_at_once() -> None:
    rig = Rig(interval_s=5.0, timeout_s=10.0)
    rig.time.pass_s(13.0)
    assert rig.answer() == 8_000_000_000
    rig.time.pass_s(0.0)
    assert rig.pings == [105.0, 113.0]


def test_clock_of_an_awaited_pong_stands_still_while_paused(rig: Rig) -> None:
    rig.time.pass_s(24.0)
    rig.keepalive.pause()
    rig.time.pass_s(1_000.0)
    rig.keepalive.resume()
    rig.time.pass_s(5.5)
    before = list(rig.timeouts)
    rig.time.pass_s(1.0)
    assert (before, rig.timeouts) == ([], [1130.0])


def test_round_trip_with_our_own_pause_in_it_is_not_told(rig: Rig) -> None:
    rig.time.pass_s(20.0)
    rig.keepalive.pause()
    rig.time.pass_s(3.0)
    rig.keepalive.resume()
    first = rig.answer()
    rig.time.pass_s(17.25)
    assert (first, rig.answer()) == (None, 250_000_000)


def test_no_ping_goes_out_while_paused(rig: Rig) -> None:
    rig.time.pass_s(15.0)
    rig.keepalive.pause()
    rig.time.pass_s(60.0)
    rig.keepalive.resume()
    rig.time.pass_s(5.0)
    assert rig.pings == [180.0]


def test_pong_that_comes_while_paused_still_counts(rig: Rig) -> None:
    rig.time.pass_s(21.0)
    rig.keepalive.pause()
    rig.answer()
    rig.time.pass_s(600.0)
    rig.keepalive.resume()
    rig.time.pass_s(19.0)
    assert (rig.pings, rig.timeouts) == ([120.0, 740.0], [])


def test_stop_ends_pings_and_waiting(rig: Rig) -> None:
    rig.time.pass_s(21.0)
    rig.keepalive.stop()
    rig.time.pass_s(1_000.0)
    assert (rig.pings, rig.timeouts) == ([120.0], [])


def test_a_pong_that_comes_while_the_session_is_ending_answers_and_no_ping_follows() -> None:
    rig = Rig(interval_s=20.0)
    rig.time.pass_s(20)
    rig.keepalive.stop()
    rig.time.pass_s(0.25)
    assert rig.keepalive.is_awaited(b"1")
    assert rig.answer() == 250_000_000
    assert not rig.keepalive.is_awaited(b"1")
    rig.time.pass_s(100)
    assert (rig.pings, rig.timeouts) == ([120.0], [])


def test_a_pong_answers_its_ping_and_those_before_it() -> None:
    pings = SentPings()
    for number, payload in enumerate((b"one", b"two", b"three")):
        pings.sent(payload, number)
    assert not pings.is_awaited(b"four")
    assert pings.is_awaited(b"two")
    assert pings.answer(10) == 9
    assert [pings.is_awaited(payload) for payload in (b"one", b"two", b"three")] == [False, False, True]


def test_only_the_newest_pings_of_a_side_that_is_never_answered_are_remembered() -> None:
    pings = SentPings()
    for number in range(3 * MAX_AWAITED):
        pings.sent(str(number).encode(), number)
    awaited = [number for number in range(3 * MAX_AWAITED) if pings.is_awaited(str(number).encode())]
    assert awaited == [*range(2 * MAX_AWAITED, 3 * MAX_AWAITED)]
