"""ScreenBuffer and driver: fewer bytes than Textual writes, and the same screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App
from textual.driver import Driver
from textual.message import Message

from tests.support.terminal_emulator import TerminalEmulator
from tests.support.thoroughness import times
from wsmon.tui.terminal.driver import QUESTION, ScreenBuffer, TerminalFile, buffered

# Wider than all that is written in a row: Textual writes nothing past the edge
COLUMNS, ROWS = 300, 4
RED, BOLD, ON_BLUE, RESET = "\x1b[38;2;255;0;0m", "\x1b[1m", "\x1b[48;5;4m", "\x1b[0m"


def at(row: int, column: int, text: str, style: str = "") -> str:
    """A text at a place, as Textual writes it."""
    return f"\x1b[{row};{column}H{style}{text}{RESET if style else ''}"


texts = st.text(st.sampled_from("abc xyz─●日é\u0301🎉"), min_size=1, max_size=5)
styles = st.sampled_from(["", RED, BOLD, ON_BLUE, f"{RED}{ON_BLUE}", "\x1b[7;31m", "\x1b[90;104m"])
pieces = st.builds(at, st.integers(1, ROWS), st.integers(1, 6), texts, styles)
odd = st.sampled_from(
    ["\x1b[2J", "\x1b[?2026h", "\x1b[6n", "\x1b]0;title\x07", "\r\n", "\n", "\x1b[?25l", "plain", "\x07"]
)
frames = st.lists(st.one_of(pieces, pieces, pieces, odd), max_size=8).map("".join)


@settings(max_examples=times(300))
@given(st.lists(frames, max_size=6))
def test_the_terminal_shows_what_textual_meant(written: list[str]) -> None:
    meant, shown, canvas = TerminalEmulator(COLUMNS, ROWS), TerminalEmulator(COLUMNS, ROWS), ScreenBuffer()
    for frame in written:
        meant.feed(frame.encode())
        shown.feed(canvas.painted(frame).encode())
        assert shown.cells == meant.cells


def test_what_is_there_already_is_not_sent_again() -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "orders   open", RED) + at(2, 1, "trades", BOLD)
    assert canvas.painted(frame) == f"\x1b[1;1H{RED}orders   open\x1b[2;1H\x1b[0;1mtrades{RESET}"
    assert canvas.painted(frame) == ""


def test_of_a_line_only_the_middle_that_differs_is_sent() -> None:
    canvas = ScreenBuffer()
    canvas.painted(at(3, 5, "14:02:24.118 trade", RED))
    assert canvas.painted(at(3, 5, "14:02:24.955 trade", RED)) == f"\x1b[3;14H{RED}955\x1b[3;23H{RESET}"


def test_another_style_is_another_cell() -> None:
    canvas = ScreenBuffer()
    canvas.painted(at(1, 1, "loss"))
    assert canvas.painted(at(1, 1, "loss", RED)) == f"\x1b[1;1H{RED}loss{RESET}"


def test_where_the_terminal_may_count_cells_in_another_way_everything_is_sent() -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "日本") + "more" + at(2, 1, "plain")
    first = canvas.painted(frame)
    assert canvas.painted(frame) == first.removesuffix("\x1b[2;1Hplain") + "\x1b[2;6H"


@pytest.mark.parametrize("unknown", ["\x1b[2J", "\x1b[?1049h", "\x1bc", "\t"])
def test_after_something_unknown_everything_is_sent_again(unknown: str) -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "abc")
    canvas.painted(frame)
    canvas.painted(unknown)
    assert canvas.painted(frame) == frame


def test_what_was_forgotten_is_sent_again() -> None:
    canvas = ScreenBuffer()
    frame = at(1, 1, "abc")
    canvas.painted(frame)
    canvas.forget()
    assert canvas.painted(frame) == frame


@pytest.mark.parametrize(
    "passed",
    [
        "\x1b[6n",
        "\x1b[?2026h",
        "\x1b]52;c;YQ==\a",
        "\x1bPtmux;\x1b\x1b]52;c;YQ==\a\x1b\\",
        "\x1bP\x1b]52;c;\x1b\\",
        "\a",
    ],
)
def test_what_shows_nothing_passes_and_nothing_is_forgotten(passed: str) -> None:
    canvas = ScreenBuffer()
    canvas.painted(at(1, 1, "abc"))
    assert canvas.painted(passed) == passed
    assert canvas.painted(at(1, 1, "abc")) == ""


def test_attributes_are_taken_back_by_a_reset_and_colours_one_by_one() -> None:
    canvas = ScreenBuffer()
    both = canvas.painted(f"\x1b[1;1H{RED}{ON_BLUE}a{RESET}{ON_BLUE}b{RESET}{BOLD}c{RESET}d")
    assert both == "\x1b[1;1H\x1b[38;2;255;0;0;48;5;4ma\x1b[39mb\x1b[0;1mc\x1b[0md"


# What is written to the terminal, and who has it when a process is stopped.


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


async def test_an_app_that_has_ended_does_not_take_the_terminal_again(driver: Base) -> None:
    driver.stop_application_mode()
    driver.resume_application_mode()
    assert driver.done == ENDED


def test_a_signal_to_continue_after_the_loop_has_closed_is_ignored() -> None:
    async def made() -> Base:
        return cast("Base", buffered(Base)(App()))

    driver = asyncio.run(made())
    cast("Any", driver)._sigcont_application()
    assert driver.done == []
    os.close(driver.terminal)
    os.close(driver.fileno)


async def test_only_what_differs_is_written_until_all_is_forgotten(driver: Base) -> None:
    frame = "\x1b[1;1Habc\x1b[1;1H"
    for _ in range(2):
        driver.write(frame)
    cast("Any", driver).screen_buffer.forget()
    driver.write(frame)
    assert driver.done == ["\x1b[1;1Habc\x1b[1;1H", "\x1b[1;1Habc\x1b[1;1H"]


def test_what_is_written_to_a_terminal_that_was_hung_up_is_dropped() -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as file:
        terminal = TerminalFile(file)
        assert terminal.fileno() == theirs
        terminal.write("seen")
        terminal.flush()
        assert os.read(ours, 100) == b"seen"
        os.close(ours)
        terminal.write("dropped")
        terminal.flush()
        # What Python still holds of it would fail again when the file is closed
        os.dup2(null := os.open(os.devnull, os.O_RDWR), theirs)
        os.close(null)


def test_other_failures_of_a_terminal_are_errors() -> None:
    with Path("/dev/full").open("w") as file:
        terminal = TerminalFile(file)
        terminal.write("x")
        with pytest.raises(OSError, match="No space left"):
            terminal.flush()
        os.dup2(null := os.open(os.devnull, os.O_RDWR), file.fileno())
        os.close(null)
