"""Help dialog and command palette."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.screen_harness import COMPACT, OPTIONS, ROOMY, stage, text, until
from wsmon.tui.actions import ACTIONS, key_label
from wsmon.tui.dialogs.help import (
    GROUPS,
    KEYS_WIDTH,
    LABEL_WIDTH,
    HelpDialog,
    PaletteDialog,
    find_actions,
    find_help,
    help_lines,
    help_sections,
)
from wsmon.tui.dialogs.search import SearchDialog
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.text import width_of
from wsmon.tui.widgets.text_view import ScrollPane, TextLine

TERMINAL = 80
# Border, padding and scroll bar
AROUND_HELP = 5


async def test_the_palette_runs_an_action_by_its_name() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("colon", *"heartb")
        assert isinstance(on.app.screen, PaletteDialog)
        await pilot.press("enter")
        assert on.screen.panes.log.state.wanted_scope.hides_heartbeats


async def test_the_palette_runs_an_action_of_the_pane_that_had_the_keys() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "colon", *"last line", "enter")
        await until(pilot, lambda: on.screen.panes.connections.current == on.store.connections[4].state)


async def test_help_says_that_more_is_below_until_its_end_is_in_sight() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("question_mark")
        hint = on.app.screen.query_one("#dialog-hint", TextLine)
        shown = on.app.screen.query_one("#help", ScrollPane)
        await until(pilot, lambda: "more lines" in text(hint))
        below = len(shown.lines) - shown.size.height
        assert f"↓ {below} more lines" in text(hint)
        await pilot.press("down")
        await until(pilot, lambda: f"↓ {below - 1} more lines" in text(hint))
        await pilot.press("ctrl+end")
        await until(pilot, lambda: text(hint) == "↑ ↓ PgDn scroll  Esc close")


async def test_typing_filters_the_help_and_escape_clears_the_filter_first() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("question_mark", *"diff")
        shown = on.app.screen.query_one("#help", ScrollPane)
        await until(pilot, lambda: any("Compare with the last marked event" in line for line in texts(shown)))
        assert not any("Export events" in line for line in texts(shown))
        await pilot.press(*"xyz")
        await until(pilot, lambda: "nothing found" in texts(shown)[0])
        await pilot.press("escape")
        await until(pilot, lambda: any("Export events" in line for line in texts(shown)))
        await pilot.press("escape")
        assert isinstance(on.app.screen, MonitorScreen)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("search fields", "is:"),
        ("timeline symbols", "stalled"),
        ("search flags", "is:stall"),
        ("handshake", "Headers, timing and TLS"),
    ],
)
def test_help_is_found_by_titles_and_by_words(typed: str, found: str) -> None:
    lines = help_lines(find_help(help_sections({}), typed))
    assert any(found in "".join(part for part, _ in line) for line in lines)


def texts(pane: ScrollPane) -> list[str]:
    """The lines of a pane."""
    return ["".join(part for part, _ in line) for line in pane.lines]


async def test_help_shows_the_keys_in_force() -> None:
    on = stage(options=replace(OPTIONS, keys={"app.help": ("I",), "log.search": ("ctrl+o",)}))
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        opened: list[type] = []
        for key in ("I", "escape", "slash", "ctrl+o"):
            await pilot.press(key)
            opened.append(type(on.app.screen))
        assert opened == [HelpDialog, MonitorScreen, MonitorScreen, SearchDialog]


def test_help_fits_a_terminal_of_80_columns() -> None:
    sections = help_sections({action.id: action.keys for action in ACTIONS})
    lines = help_lines([section for section in sections if section.title in GROUPS])
    assert [line for line in lines if width_of(line) > TERMINAL - AROUND_HELP] == []
    assert all(len(action.label) < LABEL_WIDTH for action in ACTIONS)
    assert all(len("  ".join(map(key_label, action.keys))) < KEYS_WIDTH for action in ACTIONS)
    assert {action.group for action in ACTIONS} == set(GROUPS)


def test_actions_are_found_by_all_their_words_those_whose_name_begins_with_them_first() -> None:
    assert [action.id for action in find_actions("problem")][:2] == ["log.problem_next", "log.problem_previous"]
    assert [action.id for action in find_actions("maximize pane")] == ["pane.zoom"]
    assert find_actions("") == tuple(ACTIONS)
    assert find_actions("no such action") == ()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("exit", "app.quit"),
        ("headers", "session.handshake"),
        ("diff", "log.compare"),
        ("bookmark", "log.mark"),
        ("sort", "connections.sort"),
        ("tail", "log.follow"),
        ("pause", "log.pause"),
        ("grep", "log.search"),
        ("filter", "log.search"),
        ("save", "export.open"),
        ("settings", "app.theme"),
        ("timezone", "app.utc"),
        ("retry", "connection.reconnect"),
        ("mute heartbeats", ""),
    ],
)
def test_actions_are_found_by_the_words_that_people_try(typed: str, expected: str) -> None:
    found = [action.id for action in find_actions(typed)]
    assert (expected in found[:6]) if expected else not found
