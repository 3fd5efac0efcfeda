"""Changing the configuration from the screen: an alert, a silenced kind, the user's editor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import event, message
from tests.support.screen_harness import OPTIONS, Stage, stage, text, until, with_incidents
from wsmon.config.config_file import ConfigFile
from wsmon.config.specs import AlertSpec
from wsmon.errors import WsmonError
from wsmon.model.redact.masking import Sensitive
from wsmon.model.snapshot import OpenIncident
from wsmon.tui.commands.configuration import channels, editor_command, query_of, rule_name
from wsmon.tui.subject import Subject

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


async def test_h_a_search_becomes_an_alert_with_two_keys(file: ConfigFile) -> None:
    on = configured(file)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", *"type:trade", "enter")
        await pilot.press("A", "enter")
        await until(pilot, lambda: said(on).startswith("alert added"))
        assert said(on) == "alert added (orders.toml:4); reloaded: nothing changed"
    assert on.control.commands == ["reload"]
    added = 'alerts.desktop = true\nalerts.rules.type-trade = "type:trade"\n'
    assert file.path.read_text() == CONFIG.replace("alerts.desktop = true\n", added)


async def test_a_reload_that_is_refused_is_said(file: ConfigFile) -> None:
    on = configured(file)
    on.control.refusal = WsmonError("orders.toml:9: broken")
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("A", "enter")
        await until(pilot, lambda: "not reloaded" in said(on))
        assert said(on).startswith("alert added (orders.toml:4), but not reloaded: orders.toml:9: broken")


async def test_l_the_kind_of_an_incident_is_silenced_with_two_keys(file: ConfigFile) -> None:
    file.path.write_text(CONFIG.replace("orders", "binance-spot"))
    on = configured(file)
    on.store.add(event("incident.opened", type="gap", reason="2 messages missing"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("S", "enter")
        await until(pilot, lambda: said(on).startswith("gap silenced"))
        assert said(on) == "gap silenced for binance-spot (orders.toml:8); reloaded: nothing changed"
    assert file.path.read_text().endswith('silence = ["gap"]\n')


async def test_from_another_event_of_its_connection_an_open_incident_is_silenced(file: ConfigFile) -> None:
    file.path.write_text(CONFIG.replace("orders", "binance-spot"))
    on = with_incidents(configured(file))
    on.store.add(message("x"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("S", "enter")
        await until(pilot, lambda: "silenced" in said(on))
        assert said(on) == "gap silenced for binance-spot (orders.toml:8); reloaded: nothing changed"


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (message("x"), "no incident under the cursor: e goes to the newest problem"),
        (
            event("incident.opened", type="rule:big"),
            "rule:big is one of your rules: remove alerts.rules.big (^e edits the configuration)",
        ),
    ],
)
async def test_what_cannot_be_silenced_is_said(file: ConfigFile, found: object, sentence: str) -> None:
    on = configured(file)
    on.store.add(found)  # type: ignore[arg-type]
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("S")
        assert said(on) == sentence


async def test_without_a_file_there_is_nothing_to_edit() -> None:
    on = stage()
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("ctrl+e")
        assert said(on) == "no configuration file: this recording was started without one"


@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, ("vi", "+7", "/c.toml")),
        ({"EDITOR": "nano -w", "VISUAL": ""}, ("nano", "-w", "+7", "/c.toml")),
        ({"EDITOR": "vi", "VISUAL": "/usr/bin/code"}, ("/usr/bin/code", "--wait", "--goto", "/c.toml:7")),
        ({"EDITOR": "code -w"}, ("code", "-w", "--goto", "/c.toml:7")),
        ({"EDITOR": "hx"}, ("hx", "+7", "/c.toml")),
        ({"EDITOR": "zed --wait"}, ("zed", "--wait", "/c.toml:7")),
        ({"EDITOR": "my-editor"}, ("my-editor", "/c.toml")),
    ],
)
def test_the_editor_is_the_users_and_opens_at_the_line(environ: dict[str, str], command: tuple[str, ...]) -> None:
    assert editor_command(environ, Path("/c.toml"), 7) == command


def test_an_editor_that_cannot_be_understood_is_said() -> None:
    with pytest.raises(WsmonError, match=r"\$EDITOR cannot be understood"):
        editor_command({"EDITOR": "vi '"}, Path("/c.toml"), 1)


def test_the_query_of_an_event_names_its_connection_and_what_it_is() -> None:
    found = [
        message("x", type="order"),
        message("x", type='a "b"'),
        event("error.occurred", error_type="tls"),
        event("connection.disconnected", close_code=1006),
    ]
    assert [query_of(Subject("log", "binance-spot", event=each)) for each in found] == [
        "conn:binance-spot type:order",
        'conn:binance-spot type="a \\"b\\""',
        "conn:binance-spot error_type:tls",
        "conn:binance-spot name:connection.disconnected code:1006",
    ]
    assert query_of(Subject("connections", "orders")) == "conn:orders is:problem"
    assert query_of(Subject("log")) == ""


def test_names_and_channels_are_short() -> None:
    assert (rule_name('type:order $.qty>100 "a b"'), rule_name("/é/")) == ("type-order-qty-100-a-b", "rule")
    alerts = AlertSpec(
        bell=False,
        command=(Sensitive("/bin/page"), Sensitive("--x")),
        webhook=Sensitive("https://u:p@h.example/T", "https://u:***@h.example/T"),
    )
    assert channels(alerts) == "command /bin/page, webhook h.example"
    assert channels(AlertSpec(bell=False)) == "nothing: alerts.bell, desktop, command and webhook are off"
    assert channels(None) == "not known: the file has errors (^e edits it)"


async def test_on_a_connection_the_newest_open_incident_that_can_be_silenced_is(file: ConfigFile) -> None:
    file.path.write_text(CONFIG.replace("orders", "deribit"))
    on = configured(file)
    kinds = ("stall", "storm", "rule:big")
    on.store.incidents = tuple(OpenIncident(at, kind, "", "deribit") for at, kind in enumerate(kinds, 1))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "S", "enter")
        await until(pilot, lambda: said(on).startswith("storm silenced for deribit"))
