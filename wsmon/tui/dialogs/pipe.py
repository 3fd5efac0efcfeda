"""Dialog that pipes events as JSON Lines into a shell command, and shows what it prints, scrollable."""

from __future__ import annotations

import time
from typing import BinaryIO, ClassVar, cast

from textual.widget import Widget

from wsmon.errors import WsmonError
from wsmon.export.run import ExportReport, ExportRequest
from wsmon.model import units as fmt
from wsmon.query.ast import Query
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.options import Exporter
from wsmon.tui.terminal.pipe import CommandInput, PipedCommand
from wsmon.tui.text import Line, Role
from wsmon.tui.widgets.text_view import ScrollPane, WrappedText

# How often the output is drawn
DRAW_S = 0.2
# Lines and characters of a line that are shown; the command may cut them otherwise
LINES_LIMIT, LINE_LIMIT = 20_000, 2_000


class PipeDialog(Dialog[str]):
    """Runs the command as soon as it opens; Esc ends it, and then closes. The result is None."""

    RUNNING: ClassVar[Line] = (("Esc", "key-name"), (" end the command", "dim"))
    HINT = (("j k", "key-name"), (" scroll  ", "dim"), ("Esc", "key-name"), (" close", "dim"))

    def __init__(self, exporter: Exporter, query: Query, subject: str, command: str) -> None:
        super().__init__()
        self.title = f"{subject} | {cell_text(command, LINE_LIMIT)}"
        self._exporter = exporter
        self._query = query
        self._command = PipedCommand(command, self._feed)
        self._pane = ScrollPane(id="pipe-output")
        self._note = WrappedText(id="pipe-note")
        self._fed = ExportReport(0, 0, 0, 0)
        """How much was written into the command; replaced by its thread."""
        self._failure = ""
        self._drawn = -1
        """Bytes of the output that is shown."""
        self._is_running = True
        self._is_ending = False
        self._began_s = time.monotonic()

    def content(self) -> tuple[Widget, ...]:
        """Return the output, and a line with counts."""
        return self._pane, self._note

    def on_mount(self) -> None:
        """Run the command."""
        self.hint(*self.RUNNING)
        self._draw()
        self.set_interval(DRAW_S, self._draw)
        self.run_worker(self._run(), name="pipe", group="pipe")

    def action_cancel(self) -> None:
        """End the command that runs; without one, close."""
        if not self._is_running:
            super().action_cancel()
        elif not self._is_ending:
            self._is_ending = True
            self.run_worker(self._command.end(), name="pipe end", group="pipe end")

    async def _run(self) -> None:
        try:
            await self._command.run()
        except* (WsmonError, OSError) as errors:
            self._failure = str(errors.exceptions[0])
        finally:
            self._is_running = False
        self._draw()
        self.hint(*self.HINT)

    def _feed(self, given: CommandInput) -> None:
        """Write the events; called on a thread."""
        self._exporter(ExportRequest("jsonl", cast("BinaryIO", given), self._query), self._progress)

    def _progress(self, report: ExportReport) -> bool:
        self._fed = report
        return True

    def _draw(self) -> None:
        command = self._command
        if len(command.output) != self._drawn:
            self._drawn = len(command.output)
            self._pane.draw(output_lines(bytes(command.output)))
        took = fmt.duration(round((time.monotonic() - self._began_s) * 1e9)) if self._is_running else ""
        self._note.draw(_note(self._fed, command, self._failure, f"running {took}" if self._is_running else ""))


def output_lines(output: bytes) -> tuple[Line, ...]:
    """Return what a command printed as lines, without what a terminal obeys."""
    lines = output.decode(errors="replace").split("\n", LINES_LIMIT)
    if len(lines) > LINES_LIMIT:
        lines[LINES_LIMIT:] = [f"… only the first {LINES_LIMIT:,} lines are shown"]
    elif not lines[-1]:
        lines.pop()
    return tuple(((cell_text(line.expandtabs(), LINE_LIMIT), "text"),) for line in lines)


def _note(fed: ExportReport, command: PipedCommand, failure: str, running: str) -> Line:
    status = command.status
    state: str
    role: Role
    if failure:
        state, role = failure, "problem"
    elif status is None:
        state, role = running or "ended", "text"
    elif status < 0:
        state, role = f"ended by signal {-status}", "caution"
    else:
        state, role = f"exit status {status}", "problem" if status else "text"
    dropped = command.dropped_bytes
    counts = f" · {fmt.count(fed.written)} events, {fmt.size(fed.size_bytes)} in · {fmt.size(len(command.output))} out"
    rest = f" · {fmt.size(dropped)} more not kept" if dropped else ""
    return (state, role), (f"{counts}{rest}", "dim")
