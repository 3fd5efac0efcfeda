"""Problems, evidence and groups on the timeline, and where the log goes, by keys on the whole screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.builders import SECOND_NS, at_ns
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, ROOMY, stage, text, timeline, until, with_problems
from wsmon.tui.panes.timeline_state import NO_GROUPS


async def test_behind_the_present_e_goes_to_the_newest_problem() -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await timeline(on, pilot)
        await pilot.press("e")
        await until(pilot, lambda: pane.problem is not None and pane.problem.at_ns == at_ns(-10))


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_e_and_shift_e_go_from_problem_to_problem_over_all_lanes(size: tuple[int, int]) -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=size) as pilot:
        pane = await timeline(on, pilot)
        seen = []
        for key in ("E", "E", "E", "E", "E", "e", "e", "e", "e"):
            before = pane.problem
            await pilot.press(key)
            is_last = before is not None and (key, before.at_ns) in (("E", at_ns(-90)), ("e", at_ns(-10)))
            if is_last:
                await until(pilot, lambda: "er problem" in text(on.screen.footer))
            else:
                await until(pilot, lambda before=before: pane.problem not in (None, before))  # type: ignore[misc]
            assert pane.problem is not None
            seen.append((pane.problem.connection, (pane.problem.at_ns - at_ns(0)) // SECOND_NS))

        back = [("deribit", -10), ("binance-spot", -20), ("coinbase", -50), ("deribit", -90)]
        assert seen == [*back, back[3], *reversed(back[:3]), back[0]]
        assert on.screen.pane_layout.current == "timeline"


async def test_the_log_goes_along_where_it_is_in_sight() -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await timeline(on, pilot)
        await pilot.press("E", "E")
        await until(pilot, lambda: pane.problem is not None and on.screen.panes.log.current_id == pane.problem.event_id)
        assert on.screen.pane_layout.current == "timeline"


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_enter_takes_the_log_to_the_problem_of_the_cell_also_where_a_filter_hides_it(
    size: tuple[int, int],
) -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=size) as pilot:
        pane = await timeline(on, pilot)
        on.screen.panes.log.set_query(parse("conn:kraken-book"))
        await pilot.press("E")
        await until(pilot, lambda: pane.problem is not None)
        problem = pane.problem
        assert problem is not None
        await pilot.press("enter")
        await until(pilot, lambda: on.screen.panes.log.current_id == problem.event_id)
        assert on.screen.pane_layout.current == "log"


async def test_enter_on_a_quiet_cell_takes_the_log_to_what_the_connection_did_then() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await timeline(on, pilot)
        await pilot.press("j", *["left"] * 20)
        await pilot.press("enter")
        first = next(
            each
            for each in on.store.events_after(0, 1_000)
            if each.ts_ns >= at_ns(-21) and each.source.connection == "kraken-book"
        )
        await until(pilot, lambda: on.screen.panes.log.current_id == first.id)


@pytest.mark.parametrize("size", [ROOMY, COMPACT])
async def test_the_evidence_of_an_incident_is_one_key_away(size: tuple[int, int]) -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=size) as pilot:
        pane = await timeline(on, pilot)
        await pilot.press("E")
        await until(pilot, lambda: pane.problem is not None)
        first = pane.problem
        await pilot.press("E")
        await until(pilot, lambda: pane.problem != first)
        assert pane.readout == "binance-spot · gap for 20 s (since 14:02:04.000) · 3 missing · press w for evidence"
        await pilot.press("w")
        await until(pilot, lambda: on.screen.panes.log.current_id == 3)


async def test_lanes_by_group_and_back_and_a_word_where_there_are_none() -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=ROOMY) as pilot:
        pane = await timeline(on, pilot)
        await pilot.press("l")
        names = ["".join(part for part, _ in line).split("  ")[0] for line in pane.lines[1:6]]
        assert "deri (1)" in names
        assert "by group" in pane.status[0]
        await pilot.press("l")
        assert "by group" not in pane.status[0]
        on.store.lanes_answer = tuple(replace(lane, group="") for lane in on.store.lanes_answer)
        on.screen.ask_store()
        await on.ready(pilot)
        await pilot.press("0", "l")
        await until(pilot, lambda: text(on.screen.footer) == NO_GROUPS)
