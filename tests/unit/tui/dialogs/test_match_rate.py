from __future__ import annotations

from tests.support.screen_harness import cells, stage, until
from wsmon.tui.dialogs.match_rate import HistogramDialog, RateChoiceDialog

ROOMY = (120, 40)


async def test_two_keys_show_the_rate_of_a_symbol_and_enter_goes_to_the_time() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot, has_detail=False)
        await pilot.press("4", "k", "i")
        await until(pilot, lambda: isinstance(on.app.screen, RateChoiceDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(on.app.screen, HistogramDialog))
        await until(pilot, lambda: any("/min" in line for line in cells(on.app)))
        await pilot.press("e", "left", "home", "enter")
        await until(pilot, lambda: on.app.screen is on.screen)
        await until(pilot, lambda: on.screen.panes.log.current_id < 50)


async def test_escape_leaves_the_log_where_it_is() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot, has_detail=False)
        before = on.screen.panes.log.current_id
        await pilot.press("i", "enter", "escape")
        await until(pilot, lambda: on.app.screen is on.screen)
        assert on.screen.panes.log.current_id == before
