"""The dialog that shows a change of the configuration, and writes it or has it copied."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.screen_harness import OPTIONS, Stage, stage, text, until
from wsmon.config.config_file import ConfigFile
from wsmon.tui.dialogs.config_edit import NO_FILE, ConfigEditDialog

CONFIG = """\
# feeds
[wsmon]
alerts.desktop = true

[[connection]]
name = "orders"
url = "ws://127.0.0.1:1/"
"""


@pytest.fixture
def file(tmp_path: Path) -> ConfigFile:
    """The configuration of the recording."""
    path = tmp_path / "orders.toml"
    path.write_text(CONFIG)
    return ConfigFile(path, {"EDITOR": ""})


def configured(file: ConfigFile) -> Stage:
    """The screen of a recording with a configuration file."""
    return stage(options=replace(OPTIONS, config=file))


def said(on: Stage) -> str:
    return text(on.screen.footer)


def shown(on: Stage) -> str:
    """The texts of the dialog."""
    dialog = on.app.screen
    assert isinstance(dialog, ConfigEditDialog)
    return "\n".join(text(dialog.query_one(f"#config-{part}")) for part in ("facts", "toml", "note"))  # type: ignore[arg-type]


async def test_the_dialog_shows_query_channels_and_the_line_and_takes_another_name(file: ConfigFile) -> None:
    on = configured(file)
    on.store.add(message('{"a":1}', type="order"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("A")
        await until(pilot, lambda: "alerts.rules" in shown(on))
        assert "conn:binance-spot type:order" in shown(on)
        assert "terminal bell, desktop" in shown(on)
        assert "Written into orders.toml, line 4:" in shown(on)
        await pilot.press("ctrl+u", *"a b", "enter")
        await until(pilot, lambda: "invalid name. only letters" in shown(on))
        await pilot.press("ctrl+u", *"big", "enter")
        await until(pilot, lambda: said(on).startswith("alert added"))
    assert "alerts.rules.big = " in file.path.read_text()


async def test_without_a_file_the_toml_is_offered_to_copy() -> None:
    on = stage()
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("A")
        assert NO_FILE in shown(on)
        await pilot.press("enter")
        assert "the TOML" in said(on)


async def test_enter_before_the_file_was_read_counts_once_it_is(file: ConfigFile) -> None:
    on = configured(file)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("A")
        dialog = on.app.screen
        assert isinstance(dialog, ConfigEditDialog)
        dialog._read = None
        dialog.action_write()
        dialog.action_write()
        await dialog._load(file)
        await until(pilot, lambda: said(on).startswith("alert added"))
    assert file.path.read_text().count("alerts.rules") == 1


async def test_a_file_that_changed_while_the_dialog_is_open_is_read_again(file: ConfigFile) -> None:
    on = configured(file)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("A")
        await until(pilot, lambda: "alerts.rules" in shown(on))
        file.path.write_text(f"# new\n{CONFIG}")
        await pilot.press("enter")
        await until(pilot, lambda: "was changed by another program meanwhile" in shown(on))
        await pilot.press("enter")
        await until(pilot, lambda: said(on).startswith("alert added (orders.toml:5)"))
    assert file.path.read_text().startswith("# new\n# feeds\n[wsmon]\nalerts.desktop = true\nalerts.rules.")


async def test_a_file_that_is_gone_is_said_and_escape_leaves(file: ConfigFile) -> None:
    on = configured(file)
    file.path.unlink()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        await pilot.press("A", "enter")
        await until(pilot, lambda: "orders.toml: cannot be read" in shown(on))
        await pilot.press("escape")
        assert not isinstance(on.app.screen, ConfigEditDialog)
