"""A key that has nothing to do says so, and what one reads afterwards is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, ROOMY, Stage, stage, text, timeline, until, with_problems
from wsmon.tui.dialogs.export import ExportDialog
from wsmon.tui.panes.detail import EMPTY_LOG_HINT, NO_EVENT, NO_JSON, ONE_FORM, DetailPane

DETAIL_KEYS = ("f", "minus", "plus", "less_than_sign", "greater_than_sign", "equals_sign", "exclamation_mark")


@pytest.mark.parametrize("key", DETAIL_KEYS)
async def test_keys_of_the_detail_say_that_there_is_no_event(key: str) -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("5", key)
        assert text(on.screen.footer).strip() == NO_EVENT


@pytest.mark.parametrize(("key", "sentence"), [("f", ONE_FORM), *((key, NO_JSON) for key in DETAIL_KEYS[1:5])])
async def test_an_event_without_a_payload_has_nothing_to_fold_and_no_other_form(key: str, sentence: str) -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        started = next(each for each in on.store.events_after(0, 1_000) if each.payload is None)
        on.screen.panes.log.go_to(started.id)
        await until(pilot, lambda: on.detail_event is not None)
        await pilot.press("5", key)
        assert text(on.screen.footer).strip() == sentence


async def test_e_on_a_timeline_that_follows_the_present_goes_to_the_newest_problem_as_in_the_log() -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=COMPACT) as pilot:
        pane = await timeline(on, pilot)
        await pilot.press("e")
        await until(pilot, lambda: pane.problem is not None)
        assert pane.problem is not None
        assert pane.problem.connection == "deribit"


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (["0"] * 3, "entire recording shown"),
        (["plus"] * 30, "already at the shortest period"),
        (["minus"] * 30, "already at the longest period"),
        (["greater_than_sign"] * 2, "already at the present"),
    ],
)
async def test_a_timeline_that_cannot_show_more_says_so(keys: list[str], sentence: str) -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await timeline(on, pilot)
        await pilot.press(*keys)
        assert text(on.screen.footer).strip() == sentence


async def test_the_shortest_and_the_longest_period_of_the_statistics_are_said() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("3", *["plus"] * 4)
        assert text(on.screen.footer).strip() == "already at the shortest period"
        await pilot.press("0", "minus")
        assert text(on.screen.footer).strip() == "already at the longest period: the entire recording"


async def test_no_other_problem_in_what_is_searched_for_names_the_search() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.set_query(parse("conn:binance-spot"))
        await pilot.press("e")
        await until(pilot, lambda: "problem" in on.screen.panes.log.status)
        assert on.screen.panes.log.status == "no older problem matching conn:binance-spot (Esc clears the search)"


async def test_a_search_that_was_cleared_is_no_longer_said() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.set_query(parse("conn:deribit"))
        on.screen.say("the log shows conn:deribit: Esc in the log clears")
        await pilot.press("escape")
        assert text(on.screen.footer).strip() == "search cleared"


async def test_the_detail_does_not_say_that_a_log_follows_which_shows_nothing() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "k")
        await until(pilot, lambda: on.detail_event is not None)
        on.screen.panes.log.set_query(parse("conn:nobody"))
        await until(pilot, lambda: on.detail_event is None)
        pane = on.screen.panes.slots["detail"].build()
        assert isinstance(pane, DetailPane)
        assert " ".join("".join(part for part, _ in line).strip() for line in pane.lines) == EMPTY_LOG_HINT


async def test_the_same_export_twice_in_one_second_goes_to_two_files() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "enter")
        await until(pilot, lambda: not isinstance(on.app.screen, ExportDialog))
        for count in (2, 3):
            await pilot.press("X")
            await until(pilot, lambda count=count: len(on.exporter.requests) == count)  # type: ignore[misc]
    assert names(on) == [f"orders-20260110-140224{end}.jsonl" for end in ("", "-1", "-2")]


def names(on: Stage) -> list[str]:
    """Of the files that were exported to."""
    return [Path(str(each.target)).name for each in on.exporter.requests]


async def test_whoever_opened_a_connection_keeps_the_cursor_on_it() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "enter")
        assert on.screen.panes.connections.chosen == on.screen.panes.connections.current.name  # type: ignore[union-attr]


async def test_whoever_leaves_before_the_recorder_was_asked_may_still_stop_it() -> None:
    on = stage(health=None)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("q", "s")
        await until(pilot, lambda: on.control.commands == ["stop"])
