"""How the whole screen looks: themes that are chosen, edited and broken while it runs, and ASCII alone."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.support.builders import message
from tests.support.screen_harness import ROOMY, Stage, cells, stage, until, with_incidents
from wsmon.tui.options import AppOptions
from wsmon.tui.widgets.text_view import TextLine

OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml", Path("/exports"))
DARK = (Path(__file__).parents[3] / "themes" / "wsmon-dark.toml").read_text()
TIMES = count(1_000_000_000)
SIGHTS = (
    ("1",), ("2",), ("3", "z"), ("4", "z"), ("5", "z"), ("question_mark",), ("q",), ("x",), ("colon",), ("slash",),
    ("v",), ("t",), ("E", "5", "z"), ("G", "p", "5"), ("K",), ("colon", *"theme", "enter"),
)  # fmt: skip
PAYLOAD = "grün 日本 ☃"


def write(path: Path, text: str) -> None:
    """Write a file as if at another second than ever before."""
    path.write_text(text)
    os.utime(path, (0, next(TIMES)))


def banner(on: Stage) -> str:
    """What must not be overlooked."""
    line: TextLine = on.screen.banner
    return "".join(text for text, _ in line.line)


async def test_no_theme_is_offered_where_no_colour_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    on = stage(options=replace(OPTIONS, has_no_color=True))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("colon", *"theme", "enter")
        await pilot.pause()
        assert "NO_COLOR is set" in cells(on.app)[-1]


async def test_a_theme_that_is_edited_shows_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write(path, DARK.replace("wsmon-dark", "mine"))
    on = stage(options=replace(OPTIONS, theme="mine", user_themes=tmp_path))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        write(path, DARK.replace("wsmon-dark", "mine").replace("#0f1419", "#000010"))
        await until(pilot, lambda: on.screen.background_colors[1].hex == "#000010")
        write(path, DARK.replace("wsmon-dark", "mine").replace("#0f1419", "#00"))
        await until(pilot, lambda: bool(on.screen.recorder.look_faults))
        on.screen.tick()
        assert f"{path}:13: colors.background: not a colour" in banner(on)
        assert "the last good mine stays" in banner(on)
        assert on.screen.background_colors[1].hex == "#000010"
        write(path, DARK.replace("wsmon-dark", "mine").replace("#0f1419", "#000020"))
        await until(pilot, lambda: on.screen.background_colors[1].hex == "#000020")
        on.screen.tick()
        assert banner(on) == ""


async def test_what_is_wrong_with_a_theme_is_said_also_below_a_worse_banner(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write(path, DARK.replace("wsmon-dark", "mine"))
    on = stage(options=replace(OPTIONS, theme="mine", user_themes=tmp_path))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.control.health_now = None
        on.clock.advance(5)
        on.screen.tick()
        assert "Recording stopped" in banner(on)
        write(path, DARK.replace("wsmon-dark", "mine").replace("#0f1419", "#00"))
        await until(pilot, lambda: f"{path}:13: colors.background: not a colour"[:100] in cells(on.app)[-1])


async def test_a_theme_that_is_not_there_is_said_and_the_default_used() -> None:
    on = stage(options=replace(OPTIONS, theme="dusk"))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.tick()
        assert on.app.theme == "wsmon-dark"
        assert "unknown theme dusk: using wsmon-dark. Available: wsmon-ansi, wsmon-contrast" in banner(on)


async def test_the_terminals_own_colours_stay_its_own() -> None:
    on = stage(options=replace(OPTIONS, theme="wsmon-ansi"))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        assert on.app.native_ansi_color
        on.app.appearance.set_theme("wsmon-dark")
        assert not on.app.native_ansi_color


async def test_every_pane_and_dialog_has_an_ascii_form_in_a_small_terminal() -> None:
    size = 40, 12
    on = with_incidents(stage(options=replace(OPTIONS, is_ascii=True)))
    on.store.add(message(PAYLOAD))
    wrong: dict[str, list[str]] = {}
    async with on.app.run_test(size=size) as pilot:
        await on.ready(pilot)
        for keys in SIGHTS:
            await pilot.press(*keys)
            await on.ready(pilot)
            lines = cells(on.app)
            odd = [line for line in lines if not line.isascii() or len(line) != size[0]]
            if odd or len(lines) != size[1]:
                wrong["".join(keys)] = odd
            await pilot.press("escape", "escape")
    assert wrong == {}


async def press(pilot: Pilot[Any], on: Stage) -> None:
    """Switch between ASCII and Unicode."""
    await pilot.press("colon", *"ascii", "enter")
    await on.ready(pilot)


async def test_ascii_comes_and_goes_while_the_screen_runs() -> None:
    on = with_incidents(stage(options=OPTIONS))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        before = cells(on.app)[:-1]
        await press(pilot, on)
        assert all(line.isascii() for line in cells(on.app))
        assert "ASCII characters" in cells(on.app)[-1]
        await press(pilot, on)
        assert cells(on.app)[:-1] == before
