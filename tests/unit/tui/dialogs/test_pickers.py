"""Dialogs of columns, themes and views."""

from __future__ import annotations

from tests.support.screen_harness import OPTIONS, ROOMY, cells, stage, until
from wsmon.model.notes import SavedView
from wsmon.tui.dialogs.pickers import OWN_VIEWS, ViewChoice, find_views


def test_a_view_is_found_by_a_part_of_its_name_or_made() -> None:
    mine = SavedView("my problems", "code:1006")

    assert find_views("prob", (mine,), "x y") == (
        ViewChoice("show", OWN_VIEWS[1]),
        ViewChoice("show", mine),
        ViewChoice("save", SavedView("prob", "x y")),
    )
    assert find_views("problems", (), "x") == (ViewChoice("show", OWN_VIEWS[1]),)
    assert find_views("nothing", (), "") == ()


async def test_a_view_is_shown_saved_and_forgotten() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("v", "down", "enter")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "is:problem")
        await pilot.press("v", *"mine", "enter")
        await until(pilot, lambda: on.screen.services.notebook.views == (SavedView("mine", "is:problem"),))
        await pilot.press("v", *"all", "enter")
        await until(pilot, lambda: not on.screen.panes.log.search_query)
        await pilot.press("v", *"min", "enter")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "is:problem")
        await pilot.press("v", *"min", "ctrl+x")
        await until(pilot, lambda: on.screen.services.notebook.views == ())
    assert on.notes.views == {}


async def test_a_theme_is_tried_on_and_kept() -> None:
    on = stage(options=OPTIONS)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("colon", *"theme", "enter")
        await pilot.press("down")
        assert on.app.theme == "wsmon-light"
        await pilot.press("escape")
        assert on.app.theme == "wsmon-dark"
        await pilot.press("colon", *"theme", "enter", "up", "enter")
        assert on.app.theme == "wsmon-contrast"
        assert "theme wsmon-contrast" in cells(on.app)[-1]
