"""The dialog of a piped command: it can be ended, and shows nothing that a terminal obeys."""

from __future__ import annotations

import pytest

from tests.support.screen_harness import ROOMY, stage, text, until
from wsmon.errors import StoreError
from wsmon.tui.dialogs import pipe
from wsmon.tui.dialogs.pipe import output_lines


async def test_a_command_that_never_ends_is_ended_by_escape_and_a_second_one_closes() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("vertical_line", *"sleep 1000", "enter")
        dialog = on.app.screen
        await until(pilot, lambda: "running" in text(dialog.query_one("#pipe-note")))  # type: ignore[arg-type]
        await pilot.press("escape")
        await until(pilot, lambda: "ended by signal 15" in text(dialog.query_one("#pipe-note")))  # type: ignore[arg-type]
        await pilot.press("escape")
        assert on.app.screen is on.screen


async def test_a_store_that_fails_is_said() -> None:
    on = stage()
    on.exporter.failure = StoreError("the store is gone")
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("vertical_line", *"cat", "enter")
        dialog = on.app.screen
        await until(pilot, lambda: "the store is gone" in text(dialog.query_one("#pipe-note")))  # type: ignore[arg-type]


def test_output_is_cut_into_lines_that_do_nothing_but_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(output: bytes) -> list[str]:
        return ["".join(part for part, _ in line) for line in output_lines(output)]

    assert shown(b"a\tb\n\x1b[2Jc\xff\n") == ["a       b", "␛[2Jc�"]
    monkeypatch.setattr(pipe, "LINES_LIMIT", 2)
    assert shown(b"1\n2\n3\n") == ["1", "2", "… only the first 2 lines are shown"]
