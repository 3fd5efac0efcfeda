"""A text found inside the detail, by keys on the whole screen; the log's own search stays what it was."""

from __future__ import annotations

from tests.support.screen_harness import Stage, stage, until
from wsmon.tui.dialogs.base import PromptDialog
from wsmon.tui.dialogs.search import SearchDialog
from wsmon.tui.panes.detail import DetailPane

ROOMY = (120, 60)


def detail(on: Stage) -> DetailPane:
    pane = on.screen.panes.slots["detail"].pane
    assert isinstance(pane, DetailPane)
    return pane


def title(on: Stage) -> str:
    """The line over the detail."""
    return "".join(part for part, _ in on.screen.panes.slots["detail"]._title.line)


async def test_a_slash_in_the_detail_finds_a_text_there() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "enter", "slash")
        assert isinstance(on.app.screen, PromptDialog)
        await pilot.press(*"btc", "enter")
        await until(pilot, lambda: "'btc' 1 of 1" in title(on))
        value = detail(on).value
        assert value is not None
        assert value.path == "$.s"
        log_id = on.screen.panes.log.current_id
        await pilot.press("n", "N")
        await until(pilot, lambda: ", wrapped" in title(on))
        assert on.screen.panes.log.current_id == log_id
        await pilot.press("escape")
        assert (detail(on).needle, on.screen.pane_layout.current) == ("", "detail")
        await pilot.press("escape")
        assert on.screen.pane_layout.current == "log"


async def test_without_a_search_of_its_own_n_goes_on_in_the_log() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("slash")
        assert isinstance(on.app.screen, SearchDialog)
        await pilot.press(*"is:problem", "enter", "enter")
        await until(pilot, lambda: on.screen.pane_layout.current == "detail")
        before = on.screen.panes.log.current_id
        await pilot.press("N")
        await until(pilot, lambda: on.screen.panes.log.current_id < before)


async def test_what_nothing_asks_for_is_said() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "enter", "g", "equals_sign")
        await until(pilot, lambda: "can't search by this field" in "".join(part for part, _ in on.screen.footer.line))
        assert not on.screen.panes.log.search_query


async def test_a_text_too_long_to_look_for_is_refused() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "enter", "slash")
        dialog = on.app.screen
        assert isinstance(dialog, PromptDialog)
        dialog.query_one("#typed-line").value = "x" * 201  # type: ignore[attr-defined]  # an Input
        await pilot.press("enter")
        assert on.app.screen is dialog
        await pilot.press("escape")
        assert detail(on).needle == ""
