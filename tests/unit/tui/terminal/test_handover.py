"""Handing the terminal over: where there is none that is said; with one, tests/tui/test_in_a_terminal.py does it."""

from __future__ import annotations

import pytest

from tests.support.screen_harness import stage
from wsmon.errors import WsmonError
from wsmon.tui.terminal.handover import NO_TERMINAL, run_program, show_plain


async def test_without_a_terminal_nothing_is_handed_over() -> None:
    on = stage()
    async with on.app.run_test(size=(80, 24)) as pilot:
        await on.ready(pilot)
        with pytest.raises(WsmonError, match=NO_TERMINAL):
            await run_program(on.app, on.screen.services.pacer, ("true",))
        with pytest.raises(WsmonError, match=NO_TERMINAL):
            await show_plain(on.app, on.screen.services.pacer, "text")
