"""Actions that hand something over: to the clipboard, to a file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from wsmon.export.jsonl import event_json
from wsmon.export.run import ExportRequest
from wsmon.model import format as fmt
from wsmon.model.sanitize import decode
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Query
from wsmon.tui import clipboard, output
from wsmon.tui.multiplexer import multiplexer
from wsmon.tui.palette import Span
from wsmon.tui.watching import MonitorScreen


def copy_value(screen: MonitorScreen) -> None:
    """The URL of a connection, else the payload of the event under the cursor, else what it says."""
    state = screen.connections.current
    if screen.current == "connections" and state is not None:
        _copy(screen, state.url, f"the URL of {state.name}")
        return
    if (value := screen.detail_value) is not None:
        _copy(screen, value.text, value.path)
        return
    event = screen.log_pane.current_event
    if event is None:
        screen.say("there is no event to copy", "caution")
    elif event.payload is not None:
        _copy(screen, decode(event.payload, len(event.payload), multiline=True), "the payload")
    else:
        _copy(screen, " ".join(filter(None, (event.name, event.reason, event.error))), "the event's text")


def copy_event(screen: MonitorScreen) -> None:
    """The path of the value under the cursor of the detail, else the whole event."""
    if (value := screen.detail_value) is not None:
        _copy(screen, value.path, f"the path {value.path}")
        return
    event = screen.log_pane.current_event
    if event is None:
        screen.say("there is no event to copy", "caution")
    else:
        _copy(screen, event_json(event).decode(), f"event #{fmt.count(event.id)} as JSON")


def export(screen: MonitorScreen) -> None:
    """Ask what to write where."""
    _open_export(screen, None)


def _open_export(screen: MonitorScreen, request: ExportRequest | None) -> None:
    """The dialog; with a request it begins at once."""
    from wsmon.tui.dialogs.export import ExportDialog, Exported, Subject, stem

    options, log = screen.backing.options, screen.log_pane
    subjects = [Subject("all events", EVERYTHING)]
    if log.search:
        subjects.insert(0, Subject(f"matches of {log.search.text}", log.search))
    state = screen.connections.current
    if state is not None:
        named = Query((FieldTerm("connection", (Exact(state.name),)),), f"conn:{state.name}")
        subjects.append(Subject(f"connection {state.name}", named))
    if log.current_id:
        only = EVERYTHING.within(log.current_id, log.current_id)
        subjects.append(Subject(f"event #{fmt.count(log.current_id)}", only))

    def close(done: Exported | None) -> None:
        if done is not None:
            screen.last_export = done.request
            size = fmt.size(done.written.size_bytes)
            target = done.request.target
            sentence = f"wrote {fmt.count(done.written.written)} events, {size}, to"
            screen.say(sentence, path=target if isinstance(target, Path) else None)

    name = stem(options.name, screen.now_ns())
    dialog = ExportDialog(screen.backing.exporter, tuple(subjects), options.export_folder, name, request)
    screen.app.push_screen(dialog, close)


def export_again(screen: MonitorScreen) -> None:
    """The last export once more, into a new file; asks where there was none."""
    from wsmon.tui.dialogs.export import stem

    last = screen.last_export
    if last is not None:
        name = f"{stem(screen.backing.options.name, screen.now_ns())}.{last.format}"
        last = replace(last, target=screen.backing.options.export_folder / name)
    _open_export(screen, last)


def copied(screen: MonitorScreen, text: str, what: str) -> Span:
    """Send a text to the terminal's clipboard; what became of it, in a sentence."""
    inside = multiplexer(os.environ)
    sequence = clipboard.sequence(text, inside)
    size = fmt.size(len(text.encode("utf-8", "surrogateescape")))
    if sequence is None:
        return f"{what} ({size}) is too long for the terminal's clipboard: x writes it to a file", "caution"
    if not output.write(screen.app, sequence):
        return "there is no terminal to copy to", "caution"
    hint = {"tmux": " (tmux needs: set -g set-clipboard on)", "screen": "", "": ""}[inside]
    return f"sent {what} to the clipboard, {size}{hint}; x writes a file", "text"


def _copy(screen: MonitorScreen, text: str, what: str) -> None:
    screen.say(*copied(screen, text, what))
