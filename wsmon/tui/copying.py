"""Copying out of the screen: to the clipboard through the terminal, or to a file where that does not work.

Which of the two happened is always said: a terminal never answers whether it took something.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from wsmon.model import units as fmt
from wsmon.tui import clipboard, output
from wsmon.tui.palette import Span
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.terminal.capabilities import Multiplexer, multiplexer

FILE_MODE = 0o600
# what is copied may be anybody's data
MOST_NAMES = 100
# copies of one second
HINTS: dict[Multiplexer, str] = {"tmux": " (tmux needs: set -g set-clipboard on)", "screen": "", "": ""}


def copied(screen: MonitorScreen, text: str, what: str) -> Span:
    """Send a text to the terminal's clipboard, or to a file where it is too long; what became of it, in a sentence."""
    inside = multiplexer(os.environ)
    sequence = clipboard.sequence(text, inside)
    if sequence is None:
        why = f"{what}, {_size(text)}, is too long for a clipboard ({fmt.size(clipboard.LIMIT_BYTES)})"
        _to_file(screen, text, f"{why}: wrote it to")
        return f"{why}: writing a file", "caution"
    if not output.write(screen.app, sequence):
        return "there is no terminal to copy to: `:copy to file` writes a file", "caution"
    return f"sent {what} to the clipboard, {_size(text)}{HINTS[inside]}; `:copy to file` writes a file", "text"


def copied_to_file(screen: MonitorScreen, text: str, what: str) -> None:
    """Write a text to a new file among the exports; says its path, or why that cannot be."""
    _to_file(screen, text, f"wrote {what}, {_size(text)}, to")


def _to_file(screen: MonitorScreen, text: str, done: str) -> None:
    from wsmon.tui.dialogs.export import stem  # built when it is needed: start-up time

    name = f"{stem(screen.backing.options.name, screen.now_ns())}-copy"
    folder = screen.backing.options.export_folder

    async def write() -> None:
        try:
            path = await asyncio.to_thread(written, folder, name, text)
        except OSError as error:
            screen.say(f"no copy could be written ({error.strerror}) to", "problem", folder)
        else:
            screen.say(done, path=path)

    screen.run_worker(write(), name="copy", group="copies")


def written(folder: Path, name: str, text: str) -> Path:
    """The new file that holds ``text``, for its owner alone; raises ``OSError``."""
    for number in range(MOST_NAMES):
        path = folder / (f"{name}-{number}.txt" if number else f"{name}.txt")
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        except FileExistsError:
            continue
        with os.fdopen(opened, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        return path
    raise FileExistsError(17, "there are many copies of this second already")


def _size(text: str) -> str:
    return fmt.size(len(text.encode("utf-8", "surrogateescape")))
