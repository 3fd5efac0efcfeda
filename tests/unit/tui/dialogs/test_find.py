from __future__ import annotations

from tests.support.screen_harness import stage, text, until
from wsmon.tui.dialogs.find import FindDialog
from wsmon.tui.widgets.text_view import TextLine

ROOMY = (120, 40)


async def test_the_text_is_found_in_the_detail_by_enter() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "g", "5", "slash", *"gap", "enter")
        await until(pilot, lambda: on.screen.panes.detail.needle == "gap")
        assert on.screen.panes.log.search_query.text == ""


async def test_with_another_key_it_searches_the_log_and_copies_the_newest_match() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "g", "5", "slash", *"BTCUSDT", "ctrl+y")
        await until(pilot, lambda: "the newest match" in text(on.screen.footer))
        assert on.screen.panes.log.search_query.text == "BTCUSDT"
        assert on.screen.panes.detail.needle == ""


async def test_what_is_no_search_of_the_log_is_refused_there_alone() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "g", "5", "slash", *"nosuch:1", "ctrl+y")
        assert isinstance(on.app.screen, FindDialog)
        note = text(on.app.screen.query_one("#prompt-note", TextLine))
        assert note.startswith("not a search of the log: column 1: ")
        await pilot.press("enter")
        await until(pilot, lambda: on.screen.panes.detail.needle == "nosuch:1")
