"""Hand the terminal to another program, or to plain text, and take it back; the screen's own work goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from textual.app import App, SuspendNotSupported

from wsmon.errors import WsmonError
from wsmon.tui.terminal.pacing import OutputPacer

# Keys of the terminal that signal every program in the foreground: they are meant for the one that has it
_KEYBOARD_SIGNALS = (signal.SIGINT, signal.SIGQUIT)
NO_TERMINAL = "there is no terminal to hand over"


async def run_program(app: App[Any], pacer: OutputPacer, arguments: Sequence[str]) -> int:
    """Run an editor in the terminal until it ends; return its exit status, negative for a signal.

    Raises ``WsmonError`` where it cannot be started.
    """
    await _last_answer(pacer)
    failure, status = "", 0
    # No exception may leave the block: Textual would not take the terminal back
    with _suspended(app):
        try:
            status = await (await asyncio.create_subprocess_exec(*arguments)).wait()
        except OSError as error:
            failure = f"{arguments[0]} cannot be started: {error.strerror}"
    if failure:
        raise WsmonError(failure, "set $VISUAL or $EDITOR")
    return status


async def show_plain(app: App[Any], pacer: OutputPacer, text: str) -> None:
    """Print a text into the terminal's own screen until a key is pressed, so that the terminal can select in it."""
    out, keys = sys.__stdout__, sys.__stdin__
    if out is None or keys is None:
        raise WsmonError(NO_TERMINAL)
    await _last_answer(pacer)
    # A terminal that went away ends the app with its SIGHUP
    with _suspended(app), suppress(OSError, termios.error):
        await asyncio.to_thread(_print, out, text)
        await _key(keys.fileno())


def _print(out: TextIO, text: str) -> None:
    out.write(text)
    out.flush()


async def _key(descriptor: int) -> None:
    """Wait for a key; what else comes with it is dropped."""
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)
    loop.add_reader(descriptor, pressed.set)
    try:
        await pressed.wait()
        os.read(descriptor, 4_096)
    finally:
        loop.remove_reader(descriptor)
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


async def _last_answer(pacer: OutputPacer) -> None:
    """Wait for what the terminal still has to answer: the program would take it for keys."""
    answered = asyncio.Event()
    pacer.once_answered(answered.set)
    await answered.wait()


@contextmanager
def _suspended(app: App[Any]) -> Iterator[None]:
    """Give up the terminal, and the signals of its keys, for a while."""
    # A handler, not SIG_IGN: that would be inherited by the program
    handlers = {number: signal.signal(number, lambda *_: None) for number in _KEYBOARD_SIGNALS}
    try:
        with app.suspend():
            yield
    except SuspendNotSupported:
        raise WsmonError(NO_TERMINAL) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
