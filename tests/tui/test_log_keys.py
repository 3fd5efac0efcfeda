"""The settings of the log, by keys on the whole screen."""

from __future__ import annotations

from tests.tui.stages import stage, until
from wsmon.tui.dialogs.columns import ColumnsDialog
from wsmon.tui.log_state import LogState


async def test_columns_are_chosen_line_by_line() -> None:
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("c")
        assert isinstance(on.app.screen, ColumnsDialog)
        await pilot.press("j", "space", "j", "space", "enter")
        await until(pilot, lambda: on.screen.log_pane.state.columns == ("id", "what", "size"))
        await pilot.press("c", "k", "space", "escape")
        assert on.screen.log_pane.state.columns == ("id", "what", "size")
        await pilot.press("c", "a", "enter")
        await until(pilot, lambda: on.screen.log_pane.state.columns is None)


async def test_the_log_comes_back_as_it_was_left() -> None:
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("h", "T", "slash", *"is:problem", "enter", "c", "j", "space", "enter")
        await until(pilot, lambda: on.screen.log_pane.search.text == "is:problem")
        await until(pilot, lambda: on.screen.log_pane.state.columns is not None)
        left = on.screen.log_state
    assert left == LogState("is:problem", True, False, "open", ("id", "connection", "what", "size"))
    again = stage()
    async with again.app.run_test(size=(80, 24)) as pilot:
        await again.ready(pilot)
        again.screen.restore_log(left)
        assert again.screen.log_state == left
        assert len(again.screen.log_pane.rows) == 5


async def test_a_search_of_another_wsmon_is_left_out_and_said() -> None:
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        on.screen.restore_log(LogState("newfield:x", hides_heartbeats=True))
        assert on.screen.log_state == LogState("", hides_heartbeats=True)
        assert "newfield" in "".join(part for part, _ in on.screen.footer.line)
