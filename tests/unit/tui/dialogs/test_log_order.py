from __future__ import annotations

from tests.support.screen_harness import stage, until
from wsmon.tui.dialogs.base import ConfirmDialog

ROOMY = (120, 40)


async def test_two_keys_show_the_largest_and_enter_its_place_in_time() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot, has_detail=False)
        log = on.screen.panes.log
        await pilot.press("4", "s")
        await until(pilot, lambda: isinstance(on.app.screen, ConfirmDialog))
        await pilot.press("z")
        await until(pilot, lambda: log.ranking is not None and len(log.rows) > 0)
        largest = log.rows.id_at(0)
        await pilot.press("w")
        await until(pilot, lambda: log.ranking is None)
        assert log.current_id == largest
        await pilot.press("s", "d")
        await until(pilot, lambda: log.ranking is not None and len(log.rows) > 0)
        await pilot.press("escape")
        await until(pilot, lambda: log.ranking is None)
