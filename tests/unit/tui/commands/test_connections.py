"""Commands about the connection of the subject."""

from __future__ import annotations

from tests.support.builders import message
from tests.support.screen_harness import COMPACT, ROOMY, stage, text, until
from wsmon.tui.dialogs.connection_detail import ConnectionDialog
from wsmon.tui.screen import MonitorScreen


async def test_from_the_log_the_connection_of_the_event_is_meant() -> None:
    on = stage()
    on.store.add(message(connection="coinbase"))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("4", "k", "j", "colon", *"connection info", "enter")
        await until(pilot, lambda: isinstance(on.app.screen, ConnectionDialog))
        assert (on.app.screen.title or "").startswith("Connection coinbase, as of ")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(on.app.screen, MonitorScreen))
        assert not on.screen.panes.log.search_query


async def test_without_a_connection_it_says_so() -> None:
    on = stage()
    on.store.connections = ()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "colon", *"subscriptions", "enter")
        await until(pilot, lambda: "no connection under the cursor" in text(on.screen.footer))
