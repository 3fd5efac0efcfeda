"""Reconnect, disable, reload and the ways to leave, by keys on the whole screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.support.screen_harness import COMPACT, OPTIONS, ROOMY, stage, text, until
from wsmon.config.config_file import ConfigFile
from wsmon.errors import WsmonError
from wsmon.model.snapshot import RelayedRoute, StoredSpec
from wsmon.tui.dialogs.base import ConfirmDialog
from wsmon.tui.screen import MonitorScreen


async def test_q_asks_and_detaches() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("q")
        assert isinstance(on.app.screen, ConfirmDialog)
        await pilot.press("enter")
        assert isinstance(on.app.screen, ConfirmDialog)
        await pilot.press("escape", "q", "d")
    assert (on.app.return_value, on.app.return_code, on.control.commands) == ("detached", 0, [])


async def test_q_can_stop_the_recorder() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("q", "s")
        await until(pilot, lambda: on.app.return_value is not None)
    assert (on.app.return_value, on.control.commands) == ("stopped", ["stop"])


async def test_a_recorder_that_refuses_to_stop_is_quoted_and_the_screen_stays() -> None:
    on = stage()
    on.control.refusal = WsmonError("the store is being migrated")
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("q", "s")
        await until(pilot, lambda: text(on.screen.footer) == "the store is being migrated")
        assert on.app.return_value is None


@pytest.mark.parametrize("key", ["d", "enter", "ctrl+c"])
async def test_d_says_that_the_recorder_goes_on_and_leaves_with_the_second_key(key: str) -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("d")
        assert isinstance(on.app.screen, ConfirmDialog)
        await pilot.press(key)
    assert on.app.return_value == "detached"
    assert on.control.commands == []


async def test_a_second_interrupt_detaches() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("ctrl+c", "ctrl+c")
    assert (on.app.return_value, on.control.commands) == ("detached", [])


@pytest.mark.parametrize("key", ["q", "d", "ctrl+c"])
async def test_without_a_recorder_there_is_nothing_to_ask(key: str) -> None:
    on = stage(health=None)
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        on.clock.advance(5)
        on.screen.tick()
        await pilot.press(key)
    assert on.app.return_value == "detached"


async def test_reconnecting_an_open_connection_asks_first() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "R")
        await until(pilot, lambda: on.control.commands == ["reconnect deribit"])
        await pilot.press("j", "R")
        assert isinstance(on.app.screen, ConfirmDialog)
        await pilot.press("y")
        await until(pilot, lambda: on.control.commands[1:] == ["reconnect kraken-book"])


async def test_disable_asks_and_enable_does_not() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "D", "escape", "D", "y")
        await until(pilot, lambda: on.control.commands == ["disable deribit"])
        await pilot.press("G", "D")
        await until(pilot, lambda: on.control.commands[1:] == ["enable legacy"])


async def test_reload_shows_the_answer_of_the_recorder() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("L")
        await until(pilot, lambda: text(on.screen.footer) == "nothing changed")
        assert on.control.commands == ["reload"]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("R", "recorder not running: can't reconnect"),
        ("D", "recorder not running: can't disable"),
        ("L", "recorder not running: can't reload"),
        ("a", "recorder not running: can't send"),
    ],
)
async def test_without_a_recorder_commands_to_it_are_refused(key: str, sentence: str) -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.screen.services = replace(on.screen.services, control=None)
        await pilot.press(key)
        assert text(on.screen.footer) == sentence


async def test_a_connection_that_is_off_cannot_be_reconnected() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "G", "R")
        assert text(on.screen.footer) == "legacy is disabled in the configuration (enabled = false)"
        assert on.control.commands == []


@pytest.mark.parametrize("key", ["R", "D", "a"])
@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (StoredSpec(url="wss://h", relay=(RelayedRoute("ws://127.0.0.1:9000/", "wss://h"),)), "relayed"),
        (StoredSpec(), "reported by an application"),
    ],
)
async def test_a_connection_that_wsmon_does_not_dial_takes_no_command(spec: StoredSpec, why: str, key: str) -> None:
    on = stage()
    on.store.connections = tuple(replace(row, state=replace(row.state, spec=spec)) for row in on.store.connections)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", key)
        said = f" is {why}: wsmon cannot open it, close it or send on it"
        await until(pilot, lambda: text(on.screen.footer).endswith(said))
        assert isinstance(on.app.screen, MonitorScreen)
        assert on.control.commands == []


async def test_n_a_text_is_sent_by_hand_as_it_is_and_comes_back_with_the_arrow() -> None:
    on = stage()
    kraken, *others = sorted(on.store.connections, key=lambda row: row.state.name != "kraken-book")
    state = replace(kraken.state, spec=msgspec.structs.replace(kraken.state.spec, allow_send=True))
    on.store.connections = (replace(kraken, state=state), *others)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "j", "a", *"hi", "enter")
        await until(pilot, lambda: on.control.commands == ["send kraken-book hi"])
        assert text(on.screen.footer) == "sent to kraken-book"
        await pilot.press("a", "enter")
        assert len(on.control.commands) == 1
        await pilot.press("up", "enter")
        await until(pilot, lambda: len(on.control.commands) == 2)
        await pilot.press("k", "a")
        refusal = "manual sending is disabled for deribit; restart with `wsmon URL --send`"
        assert text(on.screen.footer) == refusal


async def test_n_where_sending_is_off_the_key_of_the_configuration_is_named(tmp_path: Path) -> None:
    on = stage(options=replace(OPTIONS, config=ConfigFile(tmp_path / "wsmon.toml", {})))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "a")
        how = "set allow_send = true in the configuration (^e to edit)"
        assert text(on.screen.footer).endswith(how)
