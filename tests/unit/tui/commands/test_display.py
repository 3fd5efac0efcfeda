"""Panes, zoom and back, by keys on the whole screen."""

from __future__ import annotations

import os
import time
from datetime import datetime

import pytest

from tests.support.builders import SECOND_NS, T0_NS
from tests.support.memory_driver import taken, terminal, wired
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, ROOMY, cells, stage, text, until
from wsmon.query.times import parse_time
from wsmon.tui.dialogs.export import ExportDialog
from wsmon.tui.dialogs.help import HelpDialog


async def test_digits_swap_the_lower_pane_of_a_small_terminal() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        seen: list[str] = []
        for key in "235142":
            await pilot.press(key)
            seen.append(f"{' '.join(on.screen.pane_layout.in_sight)}: {on.screen.pane_layout.current}")
        assert seen == [
            "connections timeline: timeline",
            "connections statistics: statistics",
            "connections detail: detail",
            "connections detail: connections",
            "connections log: log",
            "connections timeline: timeline",
        ]


async def test_zoom_gives_a_pane_everything_and_back() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "z")
        assert " ".join(on.screen.pane_layout.in_sight) == "connections"
        assert on.screen.panes.connections.size.height == ROOMY[1] - 3  # header, title, footer
        await pilot.press("z")
        assert " ".join(on.screen.pane_layout.in_sight) == "connections timeline log detail"
        assert on.screen.pane_layout.current == "connections"


async def test_tab_goes_round_the_panes_in_sight() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        seen = [on.screen.pane_layout.current]
        for key in ("tab", "tab", "tab", "tab", "shift+tab"):
            await pilot.press(key)
            seen.append(on.screen.pane_layout.current)
        assert seen == ["log", "detail", "connections", "timeline", "log", "timeline"]


@pytest.mark.parametrize("action", ["app.help", "app.palette", "app.quit", "export.open", "log.search", "pane.detail"])
@pytest.mark.parametrize("is_late", [False, True], ids=["before", "after"])
async def test_a_key_pressed_while_the_screen_is_left_breaks_nothing(action: str, is_late: bool) -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        if is_late:
            on.app.exit("detached")
        on.screen.action_act(action)
        if not is_late:
            on.app.exit("detached")
    assert (on.app.return_value, on.app.return_code) == ("detached", 0)


async def test_escape_undoes_zoom_then_the_detail_then_the_filter() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.set_query(parse("conn:deribit"))
        await pilot.press("5", "z")
        seen: list[tuple[bool, str, bool]] = []
        for _ in range(4):
            layout = on.screen.pane_layout
            seen.append((layout.is_zoomed, layout.current, bool(on.screen.panes.log.search_query)))
            await pilot.press("escape")
    assert seen == [(True, "detail", True), (False, "detail", True), (False, "log", True), (False, "log", False)]


async def test_redraw_sends_everything_again() -> None:
    on = wired(stage())
    async with on.app.run_test(headless=False, size=COMPACT) as pilot:
        await on.ready(pilot)
        await on.settled(pilot)
        taken(on)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "Connections" in terminal(on).written and "Log" in terminal(on).written)


async def test_utc_changes_every_time_of_the_screen_and_what_is_typed_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        on = stage()
        async with on.app.run_test(size=ROOMY) as pilot:
            await on.ready(pilot)
            for hour, zone in ((23, "JST"), (14, "UTC"), (23, "JST")):
                await until(pilot, lambda hour=hour: f"{hour}:02:2" in cells(on.app)[-3])  # type: ignore[misc]
                assert zone in text(on.screen.header)
                assert parse_time("14:02", T0_NS) == datetime.fromisoformat("2026-01-10T14:02").timestamp() * SECOND_NS
                await pilot.press("colon", *"utc", "enter")
                await on.settled(pilot)
        assert os.environ["TZ"] == "Asia/Tokyo"
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_a_click_on_a_key_of_the_footer_does_what_the_key_does() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        line = text(on.screen.footer)
        await pilot.click(on.screen.footer, offset=(line.index("help") + 2, 0))
        await until(pilot, lambda: isinstance(on.app.screen, HelpDialog))
        await pilot.press("escape")
        await pilot.click(on.screen.footer, offset=(line.index("export") + 2, 0))
        await until(pilot, lambda: isinstance(on.app.screen, ExportDialog))


async def test_the_footer_follows_the_focus() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        seen = []
        for key in "1234":
            await pilot.press(key)
            seen.append(text(on.screen.footer).split("  ")[1])
        assert seen == ["R reconnect", "e next problem", "+ shorter", "Enter open"]
