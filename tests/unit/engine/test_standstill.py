"""Standstills of the event loop: which are noticed, what they do to its clock, and what is known to be read."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from tests.support.builders import SECOND_NS
from tests.support.engines import RecordingSink
from tests.support.fake_ports import FakeClock
from wsmon.engine.loop import EngineLoop
from wsmon.engine.standstill import (
    LATE_NS,
    SUSPENDED_NS,
    TURN_NS,
    LoopWatch,
    NewestStandstill,
    ReadingPause,
    Standstill,
    StandstillSelector,
    suspended_event,
)


class Clocks:
    """Monotonic and boot time that pass when the test says so."""

    def __init__(self) -> None:
        self.mono = self.boot = 1_000 * SECOND_NS

    def mono_ns(self) -> int:
        return self.mono

    def boot_ns(self) -> int:
        return self.boot

    def pass_by(self, stopped_ns: int = 0, asleep_ns: int = 0) -> None:
        self.mono += stopped_ns
        self.boot += stopped_ns + asleep_ns


class Waiting:
    """A selector on a pipe, whose clocks move while it waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clocks = Clocks()
        self.found: list[Standstill] = []
        self.asked: list[float | None] = []
        self.while_waiting: Callable[[], None] = lambda: None
        self.selector = StandstillSelector(self.found.append, self.clocks)
        library_select = type(self.selector).__bases__[0].select  # type: ignore[attr-defined]  # of the library

        def select(selector: StandstillSelector, timeout: float | None = None) -> object:
            self.asked.append(timeout)
            if timeout != 0:
                self.while_waiting()
                # As epoll_wait after a stop signal: nothing was looked at
                return []
            return library_select(selector, 0)

        monkeypatch.setattr(type(self.selector).__bases__[0], "select", select)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    return Waiting(monkeypatch)


def test_a_wait_that_ends_much_too_late_was_a_standstill_and_the_excess_is_taken_off_the_clock(
    waiting: Waiting,
) -> None:
    waiting.while_waiting = lambda: waiting.clocks.pass_by(6 * SECOND_NS)
    assert waiting.selector.select(0.25) == []
    assert waiting.found == [Standstill(stopped_ns=6 * SECOND_NS, asleep_ns=0)]
    assert waiting.selector.lost_s == 5.75


def test_a_wait_that_is_a_little_late_or_has_no_limit_is_none(waiting: Waiting) -> None:
    waiting.while_waiting = lambda: waiting.clocks.pass_by(250_000_000 + LATE_NS)
    waiting.selector.select(0.25)
    waiting.while_waiting = lambda: waiting.clocks.pass_by(3_600 * SECOND_NS)
    waiting.selector.select(None)
    assert (waiting.found, waiting.selector.lost_s) == ([], 0.0)


def test_the_sleep_of_the_machine_is_seen_on_the_clock_that_goes_on_meanwhile(waiting: Waiting) -> None:
    waiting.while_waiting = lambda: waiting.clocks.pass_by(10_000_000, asleep_ns=7_200 * SECOND_NS)
    waiting.selector.select(None)
    assert waiting.found == [Standstill(0, 7_200 * SECOND_NS)]
    # The clock of the loop stood still by itself
    assert waiting.selector.lost_s == 0.0


def test_callbacks_that_take_too_long_are_a_standstill_of_which_a_second_stays_on_the_clock(waiting: Waiting) -> None:
    waiting.selector.select(0)
    waiting.clocks.pass_by(TURN_NS)
    waiting.selector.select(0)
    assert waiting.found == []
    waiting.clocks.pass_by(4 * SECOND_NS)
    waiting.selector.select(0.25)
    assert waiting.found == [Standstill(4 * SECOND_NS, 0)]
    assert waiting.selector.lost_s == 3.0
    # It does not wait before the report is handled
    assert waiting.asked[-1] == 0


def test_an_empty_answer_is_asked_for_again_so_that_sockets_come_before_timers(waiting: Waiting) -> None:
    reading, writing = os.pipe()
    try:
        waiting.selector.register(reading, 1)
        os.write(writing, b"x")
        ((key, _),) = waiting.selector.select(0.25)
        assert key.fd == reading
        assert waiting.asked == [0.25, 0]
    finally:
        waiting.selector.close()
        os.close(reading)
        os.close(writing)


def test_the_clock_of_the_loop_leaves_out_a_standstill_and_the_report_comes_before_what_was_read() -> None:
    order: list[object] = []

    async def stand_still(loop: EngineLoop) -> None:
        loop.on_standstill = lambda standstill: order.append(("stood still", standstill.stopped_ns > SECOND_NS))
        reading, writing = os.pipe()

        def read() -> None:
            order.append("read")
            loop.remove_reader(reading)

        loop.add_reader(reading, read)
        began_s = loop.time()
        loop.call_later(1.3, order.append, "timer")
        os.write(writing, b"x")
        # The process does nothing here; a stop signal would look the same to the loop
        time.sleep(1.5)  # noqa: ASYNC251 - a standstill of the loop is what is tested
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        order.append(f"{loop.time() - began_s:.0f} s")
        os.close(reading)
        os.close(writing)

    with asyncio.Runner(loop_factory=EngineLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, EngineLoop)
        runner.run(stand_still(loop))
    assert order == [("stood still", True), "read", "1 s"]


class Watched:
    """A watch, and what it reported."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.sink = RecordingSink()
        self.read: list[int] = []
        self.found: list[Standstill] = []
        self.is_paused = False
        self.watch = LoopWatch(self.sink, self.clock, self.read.append, lambda: self.is_paused, self.found.append)


async def test_a_time_is_reported_as_read_two_turns_after_it_was_taken() -> None:
    on = Watched()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(on.watch.run())
        await asyncio.sleep(0)
        taken_ns = on.clock.mono_ns()
        on.clock.advance(3)
        turns = 0
        while not on.read:
            await asyncio.sleep(0)
            turns += 1
        watching.cancel()
    assert (on.read, turns) == ([taken_ns], 2)


async def test_nothing_is_reported_as_read_while_sockets_are_not_read() -> None:
    on = Watched()
    on.is_paused = True
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(on.watch.run())
        for _ in range(5):
            await asyncio.sleep(0)
        watching.cancel()
    assert on.read == []


async def test_a_short_standstill_is_no_event_but_sessions_hear_of_it() -> None:
    on = Watched()
    short, long = Standstill(SUSPENDED_NS - 1, 0), Standstill(SUSPENDED_NS, 0)
    on.watch.stood_still(short)
    assert on.sink.events == []
    on.watch.stood_still(long)
    assert [event.name for event in on.sink.events] == ["self.suspended"]
    assert on.found == [short, long]


def test_the_event_says_what_is_known() -> None:
    stopped = suspended_event(Standstill(6 * SECOND_NS, 0), FakeClock())
    assert (stopped.duration_ns, stopped.meta) == (6 * SECOND_NS, None)
    assert stopped.reason == "wsmon was stalled for 6.0 s: stopped, frozen, or given no CPU time"
    asleep = suspended_event(Standstill(0, 7_200 * SECOND_NS), FakeClock())
    assert (asleep.duration_ns, asleep.meta) == (7_200 * SECOND_NS, {"asleep_ms": 7_200_000.0})
    assert asleep.reason == "the machine was suspended for 2h"


def test_the_end_of_a_session_says_the_newest_standstill_unless_the_peer_was_heard_since() -> None:
    newest = NewestStandstill()
    assert newest.meta(0, 10) == {}
    newest.add(Standstill(2_000_000_000, 0), 5_000_000_000)
    # Shortly after: one with the first
    newest.add(Standstill(1_000_000_000, 500_000_000), 5_900_000_000)
    assert newest.meta(6_000_000_000, 8_900_000_000) == {"suspended_ms": 3500.0, "resumed_ms": 3000.0}
    assert newest.meta(7_000_000_000, 8_900_000_000) == {}


class Timers:
    """A timer of a session that also reads messages; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def read_late(self, since_ns: int, until_ns: int) -> None:
        self.told.append((since_ns, until_ns))


async def test_timers_rest_while_nothing_is_read_and_until_what_waited_after_a_standstill_was() -> None:
    clock, timers, paused = FakeClock(), Timers(), set[object]()
    pause = ReadingPause("session", paused, clock, (timers,), timers)
    assert (pause.begin(), pause.begin(), paused) == (True, False, {"session"})
    clock.advance(0.5)
    resumed_ns = clock.mono_ns()
    assert (pause.end(), pause.end(), paused) == ({"paused_ms": 500.0}, None, set())
    late = (resumed_ns, resumed_ns + SECOND_NS)
    assert timers.told == ["pause", late, "resume"]
    timers.told.clear()
    pause.hold()
    pause.begin()
    pause.end()
    pause.close()
    # Still held: the session may go on to pause and read, its timers do not judge
    assert timers.told == ["pause", late, "pause", late]
