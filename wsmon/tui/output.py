"""What Textual keeps to itself about the terminal: how much waits to be written, and writing as it is.

Both reach for private attributes (Textual 8.2); where these are missing, nothing seems to wait and nothing is written.
A contract test holds this against the installed version.
"""

from __future__ import annotations

import termios
import tty
from contextlib import suppress
from queue import Queue
from typing import Any

from textual.app import App
from textual.driver import Driver

from wsmon.tui.link import QUESTION
from wsmon.tui.terminal.driver import Canvas


def backlog(app: App[Any]) -> int:
    """How many writes wait for the terminal; from any thread."""
    writer = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(writer, "_queue", None)
    return queue.qsize() if isinstance(queue, Queue) else 0


def frugal(driver: type[Driver]) -> type[Driver]:
    """A driver that sends only what the terminal does not show yet.

    It also survives being stopped by somebody else than ^Z: Textual would begin anew without having ended, with two
    threads that read keys, and leave the terminal raw. And it goes on from the event loop, not from the signal's
    handler, which may stand in the middle of a write.
    """

    class Frugal(driver):  # type: ignore[misc, valid-type]  # Textual finds out at run time which driver it is
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.canvas = Canvas()
            self._has_terminal = False

        def write(self, data: str) -> None:
            self._has_terminal = True
            if sent := self.canvas.painted(data):
                super().write(sent)

        def suspend_application_mode(self) -> None:
            super().suspend_application_mode()
            self._has_terminal = False

        def resume_application_mode(self) -> None:
            was_stopped_unasked = self._has_terminal
            if was_stopped_unasked:
                self._let_reader_end()
                self.suspend_application_mode()
            super().resume_application_mode()
            if was_stopped_unasked:
                self.send_message(self.SignalResume())

        def _let_reader_end(self) -> None:
            """The keys that a thread was about to read when it was stopped are gone to the shell, which also reads
            whole lines: without a terminal that gives each byte, and an answer from it, that thread would wait.
            """
            with suppress(termios.error):
                tty.setcbreak(self.fileno, termios.TCSANOW)
            self.write(QUESTION)

        def _sigcont_application(self, *_: object) -> None:
            self._loop.call_soon_threadsafe(super()._sigcont_application)

    return Frugal


def forget(app: App[Any]) -> None:
    """What the terminal shows is not known any more: send everything once."""
    canvas = getattr(getattr(app, "_driver", None), "canvas", None)
    if isinstance(canvas, Canvas):
        canvas.forget()


def write(app: App[Any], sequence: str) -> bool:
    """Send a control sequence to the terminal; whether there was one to send it to."""
    driver = getattr(app, "_driver", None)
    if driver is None:
        return False
    driver.write(sequence)
    return True
