"""Commands that copy to the clipboard or to a file, and the export."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile
from pathlib import Path

from wsmon.export.formats import FORMATS
from wsmon.export.jsonl import event_json
from wsmon.export.run import ExportCount, ExportRequest, count_events
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.sanitize import decode, sanitize
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.screen import Command, MonitorScreen
from wsmon.tui.subject import Subject, export_subjects
from wsmon.tui.terminal import driver, osc
from wsmon.tui.terminal.capabilities import Multiplexer, multiplexer
from wsmon.tui.text import StyledText

# What is copied may be confidential
FILE_MODE = 0o600
# Copies in one second
MAX_NAMES = 100
NOTHING_TO_COPY = "nothing to copy here"
# Kind of the query that counts what an export would write
COUNT = "export size"
# What a multiplexer has to be configured with for the clipboard
HINTS: dict[Multiplexer, str] = {"tmux": "; in tmux: set -g set-clipboard on", "screen": "", "": ""}


def copied(screen: MonitorScreen, text: str, what: str) -> StyledText:
    """Send a text to the terminal's clipboard, or to a file where it is too long; returns a sentence about that.

    The sentence always names which of the two happened: a terminal never answers whether it took something.
    """
    text = harmless(text)
    inside = multiplexer(os.environ)
    sequence = osc.clipboard_sequence(text, inside)
    if sequence is None:
        why = f"{what} ({_size(text)}) exceeds the clipboard limit ({fmt.size(osc.LIMIT_BYTES)})"
        _to_file(screen, text, f"{why}: wrote it to")
        return f"{why}: writing a file", "caution"
    if not driver.write(screen.app, sequence):
        return "no terminal to copy to; `:copy to file` writes a file", "caution"
    return f"copied {what} ({_size(text)}){HINTS[inside]}", "text"


def copied_to_file(screen: MonitorScreen, text: str, what: str) -> None:
    """Write a text to a new file among the exports, and show its path, or why it cannot be written."""
    text = harmless(text)
    _to_file(screen, text, f"wrote {what} ({_size(text)}) to")


def harmless(text: str) -> str:
    """Return a text to copy without what a terminal obeys: it may be pasted into one, or printed there."""
    return sanitize(text, len(text), multiline=True)


def _to_file(screen: MonitorScreen, text: str, done: str) -> None:
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.export import stem

    name = f"{stem(screen.services.options.name, screen.now_ns())}-copy"
    folder = screen.services.options.export_folder

    async def write() -> None:
        try:
            path = await asyncio.to_thread(written, folder, name, text)
        except OSError as error:
            screen.say(f"copy failed ({error.strerror}):", "problem", folder)
        else:
            screen.say(done, path=path)

    screen.run_worker(write(), name="copy", group="copies")


def written(folder: Path, name: str, text: str) -> Path:
    """Write ``text`` to a new file that only its owner can read; returns its path. Raises ``OSError``."""
    for number in range(MAX_NAMES):
        path = folder / (f"{name}-{number}.txt" if number else f"{name}.txt")
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        except FileExistsError:
            continue
        with os.fdopen(opened, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)
        return path
    raise FileExistsError(17, "too many copies with the same timestamp; try again in a second")


def _size(text: str) -> str:
    return fmt.size(len(text.encode("utf-8", "surrogateescape")))


def copy_value(screen: MonitorScreen) -> None:
    """Copy the value of the subject, else the payload or text of its event, else the URL of its connection."""
    if (found := _value(screen)) is not None:
        screen.say(*copied(screen, *found))


def copy_to_file(screen: MonitorScreen) -> None:
    """Write what ``copy_value`` copies to a file: for terminals without a clipboard."""
    if (found := _value(screen)) is not None:
        copied_to_file(screen, *found)


def copy_event(screen: MonitorScreen) -> None:
    """Copy the path of the value of the subject, else its event as JSON, else the name of its connection."""
    subject = subject_of(screen)
    if subject.value is not None:
        screen.say(*copied(screen, subject.value.path, f"path {subject.value.path}"))
    elif (event := subject.event) is not None:
        screen.say(*copied(screen, event_json(event).decode(), f"event #{fmt.count(event.id)} as JSON"))
    elif subject.connection:
        screen.say(*copied(screen, subject.connection, f"name of {subject.connection}"))
    else:
        _refuse(screen, subject)


def _value(screen: MonitorScreen) -> tuple[str, str] | None:
    """Return what is under the cursor, and a name for it; None, and a sentence in the footer, where nothing is."""
    subject = subject_of(screen)
    if subject.value is not None:
        is_whole = subject.value.path == "$"
        return subject.value.text, "whole payload" if is_whole else subject.value.path
    if subject.event is not None:
        return _event_value(subject.event)
    if subject.row is not None:
        return subject.row.state.spec.url, f"URL of {subject.connection}"
    _refuse(screen, subject)
    return None


def _event_value(event: Event) -> tuple[str, str]:
    """Return the payload of an event, else its text; and a name for it."""
    where = f"of event #{fmt.count(event.id)}"
    if event.payload is not None:
        return decode(event.payload, len(event.payload), multiline=True), f"payload {where}"
    return " ".join(filter(None, (event.name, event.reason, event.error))), f"text {where}"


def copy_newest(screen: MonitorScreen, query: Query) -> None:
    """Copy the payload of the newest match of a query, once it is found."""
    last_id = screen.snapshot.bounds.last_id

    def copy(found: tuple[Event, ...]) -> None:
        if found:
            text, what = _event_value(found[0])
            screen.say(*copied(screen, text, f"{what}, the newest match"))
        else:
            screen.say(f"no match to copy for {query.text}", "caution")

    screen.services.search_worker.submit("copy", lambda view: view.events_before(last_id + 1, 1, query), copy)


def _refuse(screen: MonitorScreen, subject: Subject) -> None:
    if not subject.is_trouble:
        screen.say(NOTHING_TO_COPY, "caution")


def export(screen: MonitorScreen) -> None:
    """Ask what to export, in which format, and where to."""
    _open_export(screen, None)


def _open_export(screen: MonitorScreen, request: ExportRequest | None) -> None:
    """Open the dialog; with a request it begins at once."""
    from wsmon.tui.dialogs.export import ExportDialog, FinishedExport, stem

    options = screen.services.options

    def close(done: FinishedExport | None) -> None:
        screen.services.search_worker.end(COUNT)
        if done is not None:
            screen.last_export = done.request
            size = fmt.size(done.written.size_bytes)
            target = done.request.target
            sentence = f"wrote {FORMATS[done.request.format].written(done.written.written)}, {size}, to"
            screen.say(sentence, path=target if isinstance(target, Path) else None)

    name = stem(options.name, screen.now_ns())
    subjects = tuple(export_subjects(screen.panes.log.search_query, subject_of(screen)))
    count = partial(_count_events, screen)
    dialog = ExportDialog(screen.services.exporter, subjects, options.export_folder, name, request, count)
    screen.app.push_screen(dialog, close)


def _count_events(screen: MonitorScreen, request: ExportRequest, deliver: Callable[[ExportCount], None]) -> None:
    """Count on the thread of searches: it may take as long as one."""

    def read(view: StoreView, is_stale: Callable[[], bool]) -> Iterator[ExportCount]:
        return takewhile(lambda _: not is_stale(), count_events(request, view))

    screen.services.search_worker.stream(COUNT, read, deliver)


def export_again(screen: MonitorScreen) -> None:
    """Repeat the last export into a new file; asks where there was none."""
    from wsmon.tui.dialogs.export import stem

    last = screen.last_export
    if last is not None:
        new_stem = _new_stem(stem(screen.services.options.name, screen.now_ns()), last.target)
        name = f"{new_stem}{FORMATS[last.format].suffix}"
        last = replace(last, target=screen.services.options.export_folder / name)
    _open_export(screen, last)


def _new_stem(name: str, last: object) -> str:
    """Return a name that the last export does not have: with a number, where both are of the same second."""
    before = last.stem if isinstance(last, Path) else ""
    if before == name:
        return f"{name}-1"
    number = before.removeprefix(f"{name}-")
    return f"{name}-{int(number) + 1}" if number != before and number.isdecimal() else name


COMMANDS: dict[str, Command] = {
    "copy.value": copy_value,
    "copy.event": copy_event,
    "copy.file": copy_to_file,
    "export.open": export,
    "export.repeat": export_again,
}
