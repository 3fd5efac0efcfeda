"""From the screen to the shell: a pipe, the same command line, rows as plain text."""

from __future__ import annotations

import threading

import pytest

from tests.support.screen_harness import DEADLINE_S, ROOMY, stage, text, until
from wsmon.model.events import Event
from wsmon.tui.commands import shell
from wsmon.tui.dialogs.command_lines import CommandLinesDialog
from wsmon.tui.dialogs.pipe import PipeDialog
from wsmon.tui.widgets.text_view import ScrollPane


async def test_matches_of_the_search_are_piped_and_the_command_comes_back_with_the_arrow() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", *"is:problem", "enter", "vertical_line", *"cat; echo $0", "enter")
        dialog = on.app.screen
        assert isinstance(dialog, PipeDialog)
        await until(pilot, lambda: "exit status 0" in text(dialog.query_one("#pipe-note")))  # type: ignore[arg-type]
        lines = ["".join(part for part, _ in line) for line in dialog.query_one("#pipe-output", ScrollPane).lines]
        assert (dialog.title, lines) == ("is:problem | cat; echo $0", ["/bin/sh"])
        await pilot.press("escape", "vertical_line", "up")
        assert on.app.screen.query_one("#typed-line").value == "cat; echo $0"  # type: ignore[attr-defined]
    assert [(each.format, each.query.text) for each in on.exporter.requests] == [("jsonl", "is:problem")]


async def test_the_command_of_the_focused_pane_comes_first_and_y_copies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def copied(_screen: object, text: str, what: str) -> tuple[str, str]:
        sent.append(text)
        return f"copied {what}", "text"

    monkeypatch.setattr(shell, "copied", copied)
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        labels = [each.label for each in shell.command_lines(on.screen)]
        assert (labels[0], "Timeline" in labels) == ("Log", True)
        await pilot.press("3", "colon", *"cli", "enter")
        assert isinstance(on.app.screen, CommandLinesDialog)
        await pilot.press("y")
        assert text(on.screen.footer) == "copied the command of statistics"
    assert sent == ["wsmon stats --store /state/store.db --connection deribit --since=-3600s"]


async def test_rows_are_printed_as_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []

    async def show(_app: object, _pacer: object, plain: str) -> None:
        printed.append(plain)

    monkeypatch.setattr(shell, "show_plain", show)
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("colon", *"text", "enter")
        await until(pilot, lambda: len(printed) == 1)
        await pilot.press("1", "colon", *"text", "enter")
        await until(pilot, lambda: len(printed) == 2)
    log, connections = (plain.splitlines() for plain in printed)
    assert (log[-1], connections[-1]) == (shell.ANY_KEY, shell.ANY_KEY)
    assert len(log) > 3
    assert any("kraken-book" in row for row in connections)


async def test_plain_text_that_comes_when_a_dialog_was_opened_does_not_take_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed: list[str] = []

    async def show(_app: object, _pacer: object, plain: str) -> None:
        printed.append(plain)

    monkeypatch.setattr(shell, "show_plain", show)
    on, gate = stage(), threading.Event()
    events_by_id = on.store.events_by_id

    def answer_late(ids: tuple[int, ...]) -> tuple[Event, ...]:
        gate.wait(DEADLINE_S)
        return events_by_id(ids)

    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await on.settled(pilot)
        monkeypatch.setattr(on.store, "events_by_id", answer_late)
        shell.text(on.screen)
        await pilot.press("question_mark")
        gate.set()
        await on.settled(pilot)
        await pilot.press("escape")
        assert printed == []
        shell.text(on.screen)
        await until(pilot, lambda: len(printed) == 1)
