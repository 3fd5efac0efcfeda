"""What must be seen whole also where there is little room, or nothing to show yet."""

from __future__ import annotations

import pytest

from tests.support import scene_stores
from tests.support.screen_harness import Stage, cells, stage
from wsmon.tui.panes.connections_table import LAST, RATE, STATUS, table_layout

NARROW, COMPACT = (40, 12), (80, 24)


def seen(on: Stage) -> str:
    """The screen in one line, without the frames of dialogs."""
    return " ".join(" ".join(cells(on.app)).replace("│", " ").split())


async def test_the_warning_line_is_as_high_as_its_sentence() -> None:
    on = stage()
    async with on.app.run_test(size=NARROW) as pilot:
        await on.ready(pilot)
        scene_stores.unrecorded(on)
        on.screen.tick()
        await pilot.pause()
        assert "Recording stopped 14:02:29 (last event #220). Restart with `wsmon orders.toml`." in seen(on)


@pytest.mark.parametrize(
    ("keys", "sentences"),
    [
        (
            ("1", "j", "D"),
            ["Disable kraken-book? Nothing will be recorded of it until you enable it again.", "D opens it again"],
        ),
        (("x",), ["Enter save", "Tab next field", "← → change", "Esc cancel"]),
        (("question_mark",), ["Search; in the detail pane, find text."]),
        (("t", *"soon", "enter"), ["Esc cancel"]),
        (("slash", *"nmae:x"), ["unknown field 'nmae' · did you mean 'name'?"]),
        (("colon", *"theme", "enter"), ["Esc cancel"]),
    ],
)
async def test_dialogs_say_everything(keys: tuple[str, ...], sentences: list[str]) -> None:
    on = stage()
    async with on.app.run_test(size=NARROW) as pilot:
        await on.ready(pilot)
        await pilot.press(*keys)
        await on.settled(pilot)
        assert [each for each in sentences if each not in seen(on)] == []


async def test_the_detail_keeps_its_value_under_the_cursor_when_lines_break_elsewhere() -> None:
    on = stage()
    scene_stores.booked(on)
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "5", "slash", *"97120.5", "enter")
        await on.settled(pilot)
        before = on.detail_value
        await pilot.resize_terminal(*NARROW)
        await on.settled(pilot)
        assert on.detail_value == before
        assert "97120.5" in seen(on)


async def test_panes_of_a_store_without_events_are_drawn() -> None:
    on = stage()
    scene_stores.empty(on)
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("3")
        await on.settled(pilot)
        assert "no statistics yet" in seen(on)


def test_a_long_name_gives_way_to_the_numbers() -> None:
    assert table_layout(79, ["feed-with-quite-a-long-name-of-market-data"]).columns == (STATUS, RATE, LAST)
    assert table_layout(79, ["deribit", "binance-spot"]).name == 14
