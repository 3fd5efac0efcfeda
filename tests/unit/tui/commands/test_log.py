"""The settings of the log, by keys on the whole screen."""

from __future__ import annotations

from tests.support.screen_harness import stage, until
from wsmon.tui.dialogs.pickers import ColumnsDialog


async def test_columns_are_chosen_line_by_line() -> None:
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("c")
        assert isinstance(on.app.screen, ColumnsDialog)
        await pilot.press("j", "space", "j", "j", "space", "enter")
        await until(pilot, lambda: on.screen.panes.log.lines.style.chosen == ("id", "what", "size"))
        await pilot.press("c", "k", "space", "escape")
        assert on.screen.panes.log.lines.style.chosen == ("id", "what", "size")
        await pilot.press("c", "a", "enter")
        await until(pilot, lambda: on.screen.panes.log.lines.style.chosen is None)


async def test_columns_without_room_are_named() -> None:
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("c", "j", "space", "j", *["j", "space"] * 2, "j", "j", "space", "j", "space", "enter")
        await until(pilot, lambda: on.screen.panes.log.lines.style.chosen is not None)
        said = "".join(part for part, _ in on.screen.footer.line).strip()
        assert said == "not enough width for ref, took"
