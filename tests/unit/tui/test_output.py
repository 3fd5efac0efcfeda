"""What is written to the terminal, and who has it when a process is stopped."""

from __future__ import annotations

from typing import Any, cast

from textual.app import App
from textual.driver import Driver
from textual.message import Message

from wsmon.tui import output


class Base(Driver):
    """Writes down what it is told, and begins as Textual's does: by writing."""

    def __init__(self, app: App[Any]) -> None:
        super().__init__(app)
        self.done: list[str] = []

    def write(self, data: str) -> None:
        self.done.append(data)

    def start_application_mode(self) -> None:
        self.done.append("start")
        self.write("\x1b[?1049h")

    def disable_input(self) -> None:
        self.done.append("disable")

    def stop_application_mode(self) -> None:
        self.done.append("stop")
        self.write("\x1b[?1049l")

    def send_message(self, message: Message) -> None:
        self.done.append(type(message).__name__)


def started() -> Base:
    """A driver that has the terminal."""
    driver = cast("Base", output.frugal(Base)(App()))
    driver.start_application_mode()
    driver.done.clear()
    return driver


BEGUN, ENDED = ["start", "\x1b[?1049h"], ["stop", "\x1b[?1049l"]


async def test_a_terminal_that_was_given_back_is_simply_taken_again() -> None:
    driver = started()
    driver.suspend_application_mode()
    driver.resume_application_mode()
    assert driver.done == ENDED + BEGUN


async def test_after_a_stop_that_nobody_could_see_the_terminal_is_given_back_first_and_painted_anew() -> None:
    driver = started()
    driver.resume_application_mode()
    assert driver.done == [*ENDED, *BEGUN, "SignalResume"]


async def test_only_what_differs_is_written_until_all_is_forgotten() -> None:
    driver = started()
    frame = "\x1b[1;1Habc\x1b[1;1H"
    for _ in range(2):
        driver.write(frame)
    cast("Any", driver).canvas.forget()
    driver.write(frame)
    assert driver.done == ["\x1b[1;1Habc\x1b[1;1H", "\x1b[1;1Habc\x1b[1;1H"]
