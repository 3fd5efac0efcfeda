"""What is written to the terminal, and who has it when a process is stopped."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from threading import Thread
from typing import Any, cast

import pytest
from textual.app import App
from textual.driver import Driver
from textual.message import Message

from wsmon.tui.terminal.driver import QUESTION, buffered


class Base(Driver):
    """Writes down what it is told, and begins as Textual's does: by writing. Its terminal answers questions."""

    def __init__(self, app: App[Any]) -> None:
        super().__init__(app)
        self.done: list[str] = []
        self.terminal, self.fileno = os.openpty()
        self.reader = Thread(target=os.read, args=(self.fileno, 1), daemon=True)

    def write(self, data: str) -> None:
        self.done.append(data)
        if data == QUESTION:
            os.write(self.terminal, b"\x1b[1;1R")

    def start_application_mode(self) -> None:
        self.done.append("start")
        self.write("\x1b[?1049h")

    def disable_input(self) -> None:
        self.done.append("disable")

    def stop_application_mode(self) -> None:
        self.done.append("stop")
        self.write("\x1b[?1049l")

    def _sigcont_application(self) -> None:
        self.done.append("continued")

    def send_message(self, message: Message) -> None:
        self.done.append(type(message).__name__)


@pytest.fixture
async def driver() -> AsyncIterator[Base]:
    """A driver that has the terminal."""
    found = cast("Base", buffered(Base)(App()))
    found.start_application_mode()
    found.done.clear()
    yield found
    os.close(found.terminal)
    os.close(found.fileno)


BEGUN, ENDED = ["start", "\x1b[?1049h"], ["stop", "\x1b[?1049l"]


async def test_a_terminal_that_was_given_back_is_simply_taken_again(driver: Base) -> None:
    driver.suspend_application_mode()
    driver.resume_application_mode()
    assert driver.done == ENDED + BEGUN


async def test_after_a_stop_that_nobody_could_see_the_terminal_is_given_back_and_painted_anew(
    driver: Base,
) -> None:
    driver.resume_application_mode()
    assert driver.done == [QUESTION, *ENDED, *BEGUN, "SignalResume"]


async def test_a_thread_that_waits_for_keys_which_the_shell_has_read_comes_back(driver: Base) -> None:
    driver.reader.start()  # the terminal gives it whole lines only, as after a shell
    driver.resume_application_mode()
    driver.reader.join(10.0)
    assert not driver.reader.is_alive()


async def test_a_process_that_goes_on_finishes_what_it_was_writing_first(driver: Base) -> None:
    cast("Any", driver)._sigcont_application()
    assert driver.done == []
    await asyncio.sleep(0)
    assert driver.done == ["continued"]


async def test_only_what_differs_is_written_until_all_is_forgotten(driver: Base) -> None:
    frame = "\x1b[1;1Habc\x1b[1;1H"
    for _ in range(2):
        driver.write(frame)
    cast("Any", driver).canvas.forget()
    driver.write(frame)
    assert driver.done == ["\x1b[1;1Habc\x1b[1;1H", "\x1b[1;1Habc\x1b[1;1H"]
