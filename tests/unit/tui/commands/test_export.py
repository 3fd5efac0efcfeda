"""Copying by key: to the clipboard, or to a file."""

from __future__ import annotations

import base64
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.builders import event, message
from tests.support.screen_harness import Stage, stage, text, until
from wsmon.export.run import ExportCount, ExportRequest
from wsmon.ports import StoreView
from wsmon.tui.commands import export
from wsmon.tui.commands.export import written
from wsmon.tui.options import AppOptions
from wsmon.tui.terminal import driver, osc
from wsmon.tui.widgets.text_view import TextLine

OPTIONS = AppOptions("orders.toml", Path("/state/store.db"), "wsmon orders.toml")
LONG = "x" * 60_000


def said(on: Stage) -> str:
    """The last line of the screen."""
    return "".join(part for part, _ in on.screen.footer.line).strip()


def files(folder: Path) -> list[tuple[str, str, int]]:
    """Names, texts and modes of what lies in a folder."""
    return [(path.name, path.read_text(), stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()]


async def test_what_the_terminal_takes_goes_to_the_clipboard(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def write(_: object, sequence: str) -> bool:
        sent.append(sequence)
        return True

    monkeypatch.setattr(driver, "write", write)
    on = stage(options=OPTIONS)
    on.store.add(message("hello"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("y")
        assert sent == [osc.clipboard_sequence("hello", "")]
        assert said(on) == "copied payload of event #221 (5 B)"


async def test_what_is_too_long_goes_to_a_file_of_its_own_that_nobody_else_reads(tmp_path: Path) -> None:
    on = stage(options=replace(OPTIONS, export_folder=tmp_path))
    on.store.add(message(LONG))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("y")
        why = "payload of event #221 (59 KiB) exceeds the clipboard limit (55 KiB)"
        await until(pilot, lambda: said(on).startswith(f"{why}: wrote it to"))
        ((name, text, mode),) = files(tmp_path)
        assert (said(on).endswith(name), text, mode) == (True, LONG, 0o600)


async def test_a_file_can_be_asked_for(tmp_path: Path) -> None:
    on = stage(options=replace(OPTIONS, export_folder=tmp_path))
    on.store.add(message("hello"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("colon", *"copy to", "enter")
        await until(pilot, lambda: said(on).startswith("wrote payload of event #221 (5 B) to"))
    assert [text for _, text, _ in files(tmp_path)] == ["hello"]


async def test_a_folder_that_takes_no_file_is_said(tmp_path: Path) -> None:
    on = stage(options=replace(OPTIONS, export_folder=tmp_path / "gone"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("colon", *"copy to", "enter")
        await until(pilot, lambda: "copy failed" in said(on))
        assert said(on).startswith("copy failed (No such file or directory):")
        assert said(on).endswith("gone")


async def test_without_a_terminal_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "write", lambda _, __: False)
    on = stage(options=OPTIONS)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("y")
        assert said(on) == "no terminal to copy to; `:copy to file` writes a file"


def test_copies_of_one_second_have_names_of_their_own(tmp_path: Path) -> None:
    paths = [written(tmp_path, "orders-copy", text) for text in ("a", "b\r\n")]
    assert [path.name for path in paths] == ["orders-copy.txt", "orders-copy-1.txt"]
    assert paths[1].read_bytes() == b"b\r\n"


@pytest.mark.parametrize("key", ["y", "Y"])
async def test_d13_what_is_copied_has_nothing_that_a_terminal_obeys(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    sent: list[str] = []
    monkeypatch.setattr(driver, "write", lambda _, sequence: not sent.append(sequence))  # type: ignore[func-returns-value]
    on = stage(options=OPTIONS)
    on.store.add(event("error.occurred", error="\x1b[31m\x9b\u202e", error_type="x"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press(key)
    (sequence,) = sent
    text = base64.b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\a")).decode()
    assert "31m" in text
    assert text.isprintable()


async def test_what_an_export_would_write_is_counted_no_further_once_its_dialog_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pause = threading.Event()

    def count(_request: ExportRequest, _view: StoreView) -> Iterator[ExportCount]:
        while not pause.wait(0.001):
            yield ExportCount(1, is_whole=False)

    monkeypatch.setattr(export, "count_events", count)
    on = stage(options=OPTIONS)
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        await pilot.press("x")
        await until(pilot, lambda: text(on.app.screen.query_one("#export-amount", TextLine)).startswith("1+, counting"))
        await pilot.press("escape")
        await until(pilot, lambda: on.screen.services.search_worker.is_idle)
