"""A driver whose terminal is in memory: what is written is kept, and shown by an emulated one that answers."""

from __future__ import annotations

from typing import Any

from textual.driver import Driver
from textual.events import CursorPosition, Resize
from textual.geometry import Size

from tests.support.screen_harness import Stage
from tests.support.terminal_emulator import TerminalEmulator
from wsmon.tui.terminal import driver
from wsmon.tui.terminal.driver import QUESTION


class MemoryDriver(Driver):
    """For ``run_test(headless=False, size=...)``: Textual writes nothing at all to a headless one."""

    def __init__(self, app: Any, *, size: tuple[int, int], **options: Any) -> None:
        super().__init__(app, size=size, **options)
        self.shown = TerminalEmulator(*size)
        self.written = ""

    def write(self, data: str) -> None:
        self.written += data
        self.shown.feed(data.encode())
        for _ in range(data.count(QUESTION)):
            self.send_message(CursorPosition(0, 0))

    def start_application_mode(self) -> None:
        width, height = self.shown.columns, self.shown.rows
        self.send_message(Resize(Size(width, height), Size(width, height)))

    def disable_input(self) -> None:
        """Nothing is typed here."""

    def stop_application_mode(self) -> None:
        """There is nothing to put back."""


def wired(on: Stage) -> Stage:
    """The same, with a terminal in memory."""
    on.app.driver_class = driver.buffered(MemoryDriver)
    return on


def terminal(on: Stage) -> MemoryDriver:
    """The terminal of an app that runs."""
    driver = on.app._driver
    assert isinstance(driver, MemoryDriver)
    return driver


def taken(on: Stage) -> str:
    """What was written since the last look, without the question behind it."""
    driver = terminal(on)
    written, driver.written = driver.written, ""
    return written.replace(QUESTION, "")
