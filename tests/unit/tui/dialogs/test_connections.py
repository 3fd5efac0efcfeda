"""Dialogs about connections: the filter for names, and the maxima of the statistics."""

from __future__ import annotations

from tests.support.builders import message
from tests.support.screen_harness import ROOMY, stage, text, until
from wsmon.tui.dialogs.connections import MaximumDialog, NameFilterDialog
from wsmon.tui.screen import MonitorScreen


async def test_the_list_follows_while_a_filter_is_typed_and_escape_restores_it() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        pane = on.screen.panes.connections
        await pilot.press("1", "f", *"bin")
        await until(pilot, lambda: isinstance(on.app.screen, NameFilterDialog) and pane.filter == "bin")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(on.app.screen, MonitorScreen) and not pane.filter)
        await pilot.press("f", *"bin", "enter")
        await until(pilot, lambda: isinstance(on.app.screen, MonitorScreen) and pane.filter == "bin")
        assert pane.current is not None
        assert pane.current.name == "binance-spot"
        await pilot.press("escape")
        await until(pilot, lambda: not pane.filter)


async def test_a_maximum_of_the_statistics_leads_to_its_event() -> None:
    on = stage()
    on.store.extremes_answer = {"size": on.store.events_by_id((on.store.add(message()).last_id,))[0]}
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("3")
        await until(pilot, lambda: any(call.startswith("trend") for call in on.store.calls))
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(on.app.screen, MaximumDialog))
        await pilot.press("enter")
        await until(pilot, lambda: on.screen.pane_layout.current == "log")
        assert on.screen.panes.log.current_id == on.store.extremes_answer["size"].id


async def test_a_maximum_whose_event_is_not_kept_says_so() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("3")
        await until(pilot, lambda: any(call.startswith("trend") for call in on.store.calls))
        await pilot.pause()
        await pilot.press("enter", "down", "enter")
        await until(pilot, lambda: "the event of this maximum is not kept" in text(on.screen.footer))
