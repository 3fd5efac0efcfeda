"""Commands that lead to the shell: matches into a command, the equivalent command lines, rows as plain text."""

from __future__ import annotations

import re

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.tui import command_line
from wsmon.tui.command_line import CommandLine
from wsmon.tui.commands.export import copied, harmless
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.panes.log_line import line
from wsmon.tui.panes.statistics import StatisticsPane
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.screen import Command, MonitorScreen
from wsmon.tui.terminal.handover import show_plain
from wsmon.tui.text import Line
from wsmon.tui.widgets.text_view import TextPane

PIPE_HELP: Line = (
    ("One JSON object a line, as ", "dim"), ("search --json", "key-name"), (" prints it: ", "dim"),
    ("jq .type | sort | uniq -c", "key-name"),
)  # fmt: skip
# Rows of the log that are printed: those in sight, and those above them
PLAIN_ROWS = 500
# Cells of a row that is printed; the gap before what is aligned to the right is closed
PLAIN_WIDTH = 1_000
_GAP = re.compile(r" {40,}")
ANY_KEY = "-- any key: back to wsmon --"


def pipe(screen: MonitorScreen) -> None:
    """Pipe the events that the log shows into a shell command."""
    # Dialogs are imported when they are opened: that saves time at the start.
    from wsmon.tui.dialogs.base import PromptDialog
    from wsmon.tui.dialogs.pipe import PipeDialog

    scope = screen.panes.log.state.wanted_scope
    subject = command_line.log_query(scope) or "all events"

    def close(command: str | None) -> None:
        if command is not None:
            screen.piped.add(command)
            screen.app.push_screen(PipeDialog(screen.services.exporter, scope.effective, subject, command))

    dialog = PromptDialog(f"Pipe {subject} to", "", PIPE_HELP, _command_fault, history=screen.piped.texts)
    screen.app.push_screen(dialog, close)


def _command_fault(text: str) -> str:
    return "" if text else "type a shell command"


def cli(screen: MonitorScreen) -> None:
    """Show the command lines that print what the screen shows, that of the focused pane first."""
    from wsmon.tui.dialogs.command_lines import CommandLinesDialog

    def close(chosen: CommandLine | None) -> None:
        if chosen is not None:
            screen.say(*copied(screen, chosen.text, f"the command of {chosen.label.lower()}"))

    screen.app.push_screen(CommandLinesDialog(command_lines(screen)), close)


def command_lines(screen: MonitorScreen) -> tuple[CommandLine, ...]:
    """Return the commands of the panes in sight, that of the focused pane first, and of the last export.

    Of several recordings those that read one alone are left out.
    """
    options, subject, log = screen.services.options, subject_of(screen), screen.panes.log
    store = options.store
    stores = [f"{name}={path}" for name, path in options.recordings.items()] or [str(store)]
    found = {"log": command_line.of_log(stores, log.state.wanted_scope, log.ranking)}
    if (timeline := screen.pane_in_sight(TimelinePane)) is not None:
        found["timeline"] = command_line.of_timeline(stores, *timeline.shown_period)
    last = screen.last_export
    exported = [command_line.of_export(stores, last)] if last is not None else []
    if options.recordings:
        return (*found.values(), *(exported if last is not None and not last.incident else ()))
    if (event := log.current_event if subject.event is None else subject.event) is not None:
        found["detail"] = command_line.of_event(store, event.id)
    statistics = screen.panes.find(StatisticsPane)
    if statistics is not None:
        current = screen.panes.connections.current
        name = current.name if current is not None else ""
        found["statistics"] = command_line.of_statistics(store, name, statistics.selection)
    first = [found.pop(screen.pane_layout.current)] if screen.pane_layout.current in found else []
    return (*first, *found.values(), *exported)


def text(screen: MonitorScreen) -> None:
    """Print the rows of the focused pane as plain text, outside of the screen, until a key is pressed."""
    pane = screen.focused
    if isinstance(pane, TextPane):
        _print(screen, ["".join(part for part, _ in each).rstrip() for each in pane.lines])
        return
    log = screen.panes.log
    last = min(len(log.rows), int(log.scroll_offset.y) + log.page.height)
    rows = range(max(0, last - PLAIN_ROWS), last)
    ids = tuple(dict.fromkeys(log.rows.id_at(row) for row in rows))

    def show(events: tuple[Event, ...]) -> None:
        # The user is at a dialog that was opened meanwhile
        if not screen.is_uppermost:
            return
        style = log.lines.style
        _print(screen, ["".join(part for part, _ in line(each, PLAIN_WIDTH, style)).rstrip() for each in events])

    screen.services.worker.submit("text", lambda view: view.events_by_id(ids), show)


def _print(screen: MonitorScreen, lines: list[str]) -> None:
    # Terminals copy lines as they are shown
    shown = harmless("\n".join(_GAP.sub("  ", each) for each in lines))

    async def show() -> None:
        try:
            await show_plain(screen.app, screen.services.pacer, f"{shown}\n{ANY_KEY}")
        except WsmonError as error:
            screen.say(str(error), "caution")

    screen.run_worker(show(), name="plain text", group="editor")


COMMANDS: dict[str, Command] = {
    "log.pipe": pipe,
    "app.cli": cli,
    "app.text": text,
}
