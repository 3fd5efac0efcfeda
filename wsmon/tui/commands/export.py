"""Actions that hand something over: to the clipboard, to a file."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from wsmon.export.formats import FORMATS
from wsmon.export.jsonl import event_json
from wsmon.export.run import ExportRequest
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.sanitize import decode
from wsmon.tui.related import export_subjects
from wsmon.tui.screen import MonitorScreen
from wsmon.tui.terminal import driver, osc
from wsmon.tui.terminal.capabilities import Multiplexer, multiplexer
from wsmon.tui.text import StyledText

# Copying out of the screen: to the clipboard through the terminal, or to a file where that does not work.
#
# Which of the two happened is always said: a terminal never answers whether it took something.

# What is copied may be anybody's data
FILE_MODE = 0o600
# Copies of one second
MOST_NAMES = 100
HINTS: dict[Multiplexer, str] = {"tmux": " (tmux needs: set -g set-clipboard on)", "screen": "", "": ""}


def copied(screen: MonitorScreen, text: str, what: str) -> StyledText:
    """Send a text to the terminal's clipboard, or to a file where it is too long; what became of it, in a sentence."""
    inside = multiplexer(os.environ)
    sequence = osc.clipboard_sequence(text, inside)
    if sequence is None:
        why = f"{what}, {_size(text)}, is too long for a clipboard ({fmt.size(osc.LIMIT_BYTES)})"
        _to_file(screen, text, f"{why}: wrote it to")
        return f"{why}: writing a file", "caution"
    if not driver.write(screen.app, sequence):
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


def copy_value(screen: MonitorScreen) -> None:
    """The URL of a connection, else the payload of the event under the cursor, else what it says."""
    if (found := _value(screen)) is not None:
        screen.say(*copied(screen, *found))


def copy_to_file(screen: MonitorScreen) -> None:
    """The same into a file: for terminals without a clipboard."""
    if (found := _value(screen)) is not None:
        copied_to_file(screen, *found)


def copy_event(screen: MonitorScreen) -> None:
    """The path of the value under the cursor of the detail, else the whole event."""
    if (value := screen.detail_value) is not None:
        screen.say(*copied(screen, value.path, f"the path {value.path}"))
    elif (event := _event(screen)) is not None:
        screen.say(*copied(screen, event_json(event).decode(), f"event #{fmt.count(event.id)} as JSON"))


def _value(screen: MonitorScreen) -> tuple[str, str] | None:
    """What is under the cursor, and what to call it."""
    state = screen.connections.current
    if screen.current == "connections" and state is not None:
        return state.spec.url, f"the URL of {state.name}"
    if (value := screen.detail_value) is not None:
        return value.text, value.path
    if (event := _event(screen)) is None:
        return None
    if event.payload is not None:
        return decode(event.payload, len(event.payload), multiline=True), "the payload"
    return " ".join(filter(None, (event.name, event.reason, event.error))), "the event's text"


def _event(screen: MonitorScreen) -> Event | None:
    event = screen.log_pane.current_event
    if event is None:
        screen.say("there is no event to copy", "caution")
    return event


def export(screen: MonitorScreen) -> None:
    """Ask what to write where."""
    _open_export(screen, None)


def _open_export(screen: MonitorScreen, request: ExportRequest | None) -> None:
    """The dialog; with a request it begins at once."""
    from wsmon.tui.dialogs.export import ExportDialog, FinishedExport, stem

    options = screen.backing.options

    def close(done: FinishedExport | None) -> None:
        if done is not None:
            screen.last_export = done.request
            size = fmt.size(done.written.size_bytes)
            target = done.request.target
            sentence = f"wrote {fmt.count(done.written.written)} events, {size}, to"
            screen.say(sentence, path=target if isinstance(target, Path) else None)

    name = stem(options.name, screen.now_ns())
    state, log = screen.connections.current, screen.log_pane
    subjects = tuple(export_subjects(log.search, state.name if state is not None else "", log.current_event))
    dialog = ExportDialog(screen.backing.exporter, subjects, options.export_folder, name, request)
    screen.app.push_screen(dialog, close)


def export_again(screen: MonitorScreen) -> None:
    """The last export once more, into a new file; asks where there was none."""
    from wsmon.tui.dialogs.export import stem

    last = screen.last_export
    if last is not None:
        new_stem = _new_stem(stem(screen.backing.options.name, screen.now_ns()), last.target)
        name = f"{new_stem}{FORMATS[last.format].suffix}"
        last = replace(last, target=screen.backing.options.export_folder / name)
    _open_export(screen, last)


def _new_stem(name: str, last: object) -> str:
    """The name of a moment; of a second export in the same second the name with a number."""
    before = last.stem if isinstance(last, Path) else ""
    if before == name:
        return f"{name}-1"
    number = before.removeprefix(f"{name}-")
    return f"{name}-{int(number) + 1}" if number != before and number.isdecimal() else name
