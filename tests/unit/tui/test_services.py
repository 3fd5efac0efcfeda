"""PaneQueries: queried at once for a key, seldom where answers are slow, never twice, not where nothing is new."""

from __future__ import annotations

import threading
from copy import copy
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.support.builders import SECOND_NS, at_ns
from tests.support.fake_ports import FakeView
from tests.support.screen_harness import ROOMY, Stage, stage, until
from wsmon.model.statistics import Statistics
from wsmon.model.timeline import Lane
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane


class SlowView(FakeView):
    """Lanes take as long as the test says."""

    gate = threading.Event()
    took_s = 0.0
    on: Stage | None = None

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        found = super().lanes(since_ns, until_ns, connections, cell_ns)
        self.gate.wait(5)
        if self.on is not None:
            self.on.clock.advance(self.took_s)
        return found

    @property
    def asked(self) -> int:
        return sum(call.startswith("lanes") for call in self.calls)


def slow_stage() -> tuple[Stage, SlowView]:
    """A stage whose store is slow; its gate is open."""
    on = stage()
    on.store.__class__ = SlowView
    view = on.store
    assert isinstance(view, SlowView)
    view.gate, view.on = threading.Event(), on
    view.gate.set()
    return on, view


async def shown(on: Stage, pilot: Pilot[Any]) -> TimelinePane:
    await on.ready(pilot)
    pane = on.screen.panes.slots["timeline"].pane
    assert isinstance(pane, TimelinePane)
    await until(pilot, lambda: not pane.is_waiting)
    return pane


async def ask_in_vain(view: SlowView, pilot: Pilot[Any]) -> int:
    """Ask for another period of a store that does not answer; how often it was asked by then."""
    view.gate.clear()
    before = view.asked
    await pilot.press("less_than_sign")
    await until(pilot, lambda: view.asked > before)
    return view.asked


async def test_what_takes_long_is_said_and_not_asked_again() -> None:
    on, view = slow_stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await shown(on, pilot)
        await pilot.press("2")
        asked = await ask_in_vain(view, pilot)
        on.screen.tick()
        on.screen.tick()
        assert pane.status[0].startswith("loading · ")
        assert view.asked == asked
        view.gate.set()
        await until(pilot, lambda: not pane.status[0].startswith("loading"))


async def test_a_second_that_passes_asks_only_as_often_as_the_answers_allow() -> None:
    on, view = slow_stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await shown(on, pilot)
        view.took_s = 0.5
        await pilot.press("2", "less_than_sign")
        await until(pilot, lambda: view.asked > 1)
        await shown(on, pilot)
        asked = view.asked
        on.clock.advance(1)
        on.screen.tick()
        await pilot.pause()
        assert view.asked == asked
        on.clock.advance(5)
        on.screen.show(copy(on.screen.snapshot))
        on.screen.tick()
        await until(pilot, lambda: view.asked == asked + 1)
        await pilot.press("less_than_sign")
        await until(pilot, lambda: view.asked > asked + 1)
        await until(pilot, lambda: not pane.is_waiting)


async def test_where_nothing_was_recorded_nothing_is_asked_again() -> None:
    on, view = slow_stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await shown(on, pilot)
        await pilot.press("2", "0")
        await until(pilot, lambda: view.asked > 1)
        await until(pilot, lambda: not pane.is_waiting)
        on.screen.tick()
        await pilot.pause()
        asked = view.asked
        on.screen.tick()
        on.screen.tick()
        await pilot.pause()
        assert view.asked == asked
        on.screen.show(copy(on.screen.snapshot))
        on.screen.tick()
        await until(pilot, lambda: view.asked == asked + 1)


async def test_statistics_that_only_the_time_changes_are_asked_for_every_ten_seconds() -> None:
    on = stage()

    def asked() -> int:
        return sum(call.startswith("statistics") for call in on.store.calls)

    async def pass_seconds(seconds: int) -> None:
        for _ in range(seconds):
            on.clock.advance(1)
            on.screen.tick()
            await until(pilot, lambda: on.screen.services.worker.is_idle)
            await pilot.pause()

    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("3")
        await until(pilot, lambda: asked() > 0)
        # The first snapshots differ from each other
        await pass_seconds(3)
        before = asked()
        await pass_seconds(30)
        assert asked() == before + 3


async def test_statistics_that_were_answered_behind_a_dialog_are_shown_when_it_goes() -> None:
    # Of a recording that has ended nothing new will ask for them
    on = stage(health=None)
    gate = threading.Event()
    gate.set()

    class SlowStatistics(FakeView):
        """Statistics take as long as the test says."""

        def statistics(self, *args: Any, **fields: Any) -> Statistics:
            gate.wait(5)
            return super().statistics(*args, **fields)

    on.store.__class__ = SlowStatistics
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("3")
        pane = on.screen.panes.slots["statistics"].pane
        assert isinstance(pane, StatisticsPane)
        await until(pilot, lambda: pane.answer is not None)
        await on.settled(pilot)
        before = pane.answer
        on.store.statistics_answer = Statistics(at_ns(-60), at_ns(0), ())
        gate.clear()
        await pilot.press("minus", "q")
        assert on.screen.is_covered
        gate.set()
        await on.settled(pilot)
        assert pane.answer is before
        await pilot.press("escape")
        await until(pilot, lambda: pane.answer is not None and pane.answer.statistics == on.store.statistics_answer)


async def test_an_answer_that_never_came_is_asked_for_again_after_a_while() -> None:
    on, view = slow_stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await shown(on, pilot)
        await pilot.press("2")
        asked = await ask_in_vain(view, pilot)
        on.clock.advance(11)
        on.screen.tick()
        view.gate.set()
        await until(pilot, lambda: view.asked > asked)
        await until(pilot, lambda: not pane.is_waiting)


@pytest.mark.parametrize("keys", [("j",), ("left",), ("j", "k", "left", "right")])
async def test_a_cursor_that_moves_within_sight_asks_nothing(keys: tuple[str, ...]) -> None:
    on, view = slow_stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await shown(on, pilot)
        view.took_s = 100  # so that nothing is asked because a second passed
        await pilot.press("2", "0")
        await until(pilot, lambda: view.asked > 1)
        await shown(on, pilot)
        asked = view.asked
        await pilot.press(*keys)
        await pilot.pause()
        assert view.asked == asked


async def test_s4_the_timeline_asks_for_what_was_recorded_before_the_clock_was_set_back() -> None:
    on, view = slow_stage()
    ahead = replace(view.events_before(10**9, 1)[0], ts_ns=on.clock.wall_ns() + 3_600 * SECOND_NS)
    view.add(ahead)
    async with on.app.run_test(size=ROOMY) as pilot:
        await shown(on, pilot)
        first_ns, last_ns = view.period()
        asked = [call.split() for call in view.calls if call.startswith("lanes ")]
    assert last_ns == ahead.ts_ns
    assert int(asked[-1][1]) <= first_ns
    assert int(asked[-1][2]) >= last_ns
