"""Export dialog: events, format and target file; then the progress, and a key that stops it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from threading import Event as Flag
from typing import TypeAlias

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from wsmon.errors import WsmonError
from wsmon.export.formats import FORMATS
from wsmon.export.run import ExportCount, ExportReport, ExportRequest, Progress
from wsmon.model import units as fmt
from wsmon.model.units import SECOND_NS
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import LABEL, Chooser, Dialog
from wsmon.tui.options import Exporter
from wsmon.tui.subject import ExportSubject
from wsmon.tui.text import Line, Role, left
from wsmon.tui.widgets.text_view import TextLine, WrappedText

BAR_WIDTH = 24
# Characters of a folder that are shown
PATH_LIMIT = 500
# Counts the events of a request; its second argument is called on the UI thread, several times
Counter: TypeAlias = Callable[[ExportRequest, Callable[[ExportCount], None]], None]
_NAMES = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class FinishedExport:
    """A finished export: its request, which a repetition starts with, and its report."""

    request: ExportRequest
    written: ExportReport


class ExportDialog(Dialog[FinishedExport]):
    """Asks which events to write, and writes them; the result is None where nothing was written."""

    TITLE = "Export"
    HINT = (("Enter", "key-name"), (" save  ", "dim"), ("Tab", "key-name"), (" next field  ", "dim"),
            ("← →", "key-name"), (" change  ", "dim"), ("Esc", "key-name"), (" cancel", "dim"))  # fmt: skip
    BINDINGS = [("enter", "write", "write")]  # noqa: RUF012 (Textual's declaration)

    def __init__(
        self,
        exporter: Exporter,
        subjects: tuple[ExportSubject, ...],
        folder: Path,
        stem: str,
        request: ExportRequest | None = None,
        count: Counter = lambda _request, _deliver: None,
    ) -> None:
        """``stem`` is the name of the target without folder and suffix; a ``request`` is run at once.

        ``count`` counts the events of a request, and delivers how many there are, several times.
        """
        super().__init__()
        self._exporter = exporter
        self._subjects = subjects
        self._folder = folder
        self._stem = stem
        self._request = request
        self._cancelled = Flag()
        self._is_running = False
        self._may_overwrite = ""
        """The target that exists already: a second Enter overwrites it."""
        self._target = Input(self._default(0), compact=True, id="export-target", select_on_focus=False)
        self._what = Chooser("Events", tuple(subject.label for subject in subjects), id="export-what")
        self._format = Chooser("Format", _NAMES, id="export-format")
        self._about = WrappedText(id="export-about")
        self._amount = WrappedText(id="export-amount")
        self._note = WrappedText(id="export-note")
        self._count = count

    def content(self) -> tuple[Widget, ...]:
        """Return three fields, and a line for progress and faults."""
        self._target.cursor_blink = False
        label = TextLine(id="export-target-label")
        label.draw(((left("File", LABEL), "dim"),))
        return (
            self._what,
            self._amount,
            self._format,
            self._about,
            label,
            self._target,
            self._note,
        )

    def on_mount(self) -> None:
        """Run the request, if there is one; else count what could be written."""
        if self._request is not None:
            self._start(self._request)
        self._describe()
        self._count_subject()

    def on_unmount(self) -> None:
        """Stop the export: the user leaves wsmon."""
        self._cancelled.set()

    def action_cancel(self) -> None:
        """Stop the export that is running; without one, close the dialog."""
        if self._is_running:
            self._cancelled.set()
        else:
            super().action_cancel()

    def action_write(self) -> None:
        """Start the export, unless it is running."""
        typed = self._target.value.strip()
        if self._is_running or not typed:
            return
        target = self._folder / Path(typed).expanduser()
        subject = self._subjects[self._what.index]
        chosen = _NAMES[self._format.index]
        overwrite = self._may_overwrite == str(target)
        self._start(replace(_request_of(subject, chosen, target), overwrite=overwrite))

    @on(Input.Submitted, "#export-target")
    def _submitted(self) -> None:
        self.action_write()

    @on(Chooser.OptionChanged, "#export-what")
    def _count_subject(self) -> None:
        """Count the events of what is chosen."""
        index = self._what.index
        subject = self._subjects[index]

        def deliver(counted: ExportCount) -> None:
            if self.is_attached and self._what.index == index:
                more = "" if counted.is_whole else "+, counting…"
                events = "event" if counted.events == 1 and counted.is_whole else "events"
                role: Role = "caution" if counted.is_whole and not counted.events else "text"
                self._amount.draw(((left("", LABEL), "dim"), (f"{fmt.count(counted.events)}{more} {events}", role)))

        self._amount.draw(((left("", LABEL), "dim"), ("counting…", "dim")))
        self._count(_request_of(subject, "jsonl", self._folder), deliver)

    @on(Input.Changed, "#export-target")
    def _describe(self) -> None:
        """Say what the format is, and which folder the file goes into."""
        chosen = FORMATS[_NAMES[self._format.index]]
        self._about.draw(((left("", LABEL), "dim"), (chosen.description, "dim")))
        if not self._is_running:
            folder = (self._folder / Path(self._target.value.strip() or ".").expanduser()).parent
            self._note.draw(((f"in {cell_text(str(folder), PATH_LIMIT)}", "dim"),))

    @on(Chooser.OptionChanged, "#export-format")
    def _changed(self) -> None:
        """Change the suffix of the target with the format, unless the user typed another name."""
        target = self._target
        index = self._format.index
        if target.value in {self._default(number) for number in range(len(_NAMES))}:
            target.value = self._default(index)

    def _default(self, format_index: int) -> str:
        return f"{self._stem}{FORMATS[_NAMES[format_index]].suffix}"

    def _start(self, request: ExportRequest) -> None:
        self._is_running = True
        self._cancelled.clear()
        self.hint(("Esc", "key-name"), (" stop", "dim"))
        self.run_worker(self._export(request), name="export", exclusive=True)

    async def _export(self, request: ExportRequest) -> None:
        try:
            written = await asyncio.to_thread(self._exporter, request, self._progress())
        except FileExistsError:
            self._may_overwrite = str(request.target)
            self._stopped(f"{request.target} already exists: press Enter again to overwrite it", "caution")
        except InterruptedError:
            self._stopped("stopped; nothing was written", "caution")
        except (WsmonError, OSError) as error:
            self._stopped(str(error), "problem")
        else:
            self.dismiss(FinishedExport(replace(request, overwrite=False), written))

    def _progress(self) -> Progress:
        """Return the function that the thread of the export calls with its progress."""

        def progress(report: ExportReport) -> bool:
            self.app.call_later(self._show, report)
            return not self._cancelled.is_set()

        return progress

    def _show(self, report: ExportReport) -> None:
        if not self._is_running or not self.is_attached:
            return
        share = min(1.0, report.seen / report.total) if report.total else 1.0
        text = f" {share:4.0%}  {fmt.count(report.written)} events, {fmt.size(report.size_bytes)}"
        width = max(1, min(BAR_WIDTH, self._note.size.width - len(text)))
        done = round(share * width)
        bar: Line = (("━" * done, "key-name"), ("━" * (width - done), "rule"))
        self._note.draw((*bar, (text, "text")))

    def _stopped(self, text: str, role: Role) -> None:
        self._is_running = False
        self._note.draw(((text, role),))
        self.hint(*self.HINT)


def _request_of(subject: ExportSubject, chosen: str, target: Path) -> ExportRequest:
    return ExportRequest(chosen, target, subject.query, incident=subject.incident, margin_s=subject.margin_s)


# What a shell takes as it stands: names of several recordings have " + " between them, and URLs have colons
_NOT_IN_A_NAME = re.compile(r"[^\w.-]+")


def stem(name: str, now_ns: int, zone: tzinfo | None = None) -> str:
    """Return a name for the target that sorts by time, like ``orders-20260110-140224``.

    ``name`` is that of a configuration, of recordings or of a bundle, or the URLs of the command line.
    """
    at = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    short = _NOT_IN_A_NAME.sub("-", name.removesuffix(".toml").removesuffix(".db")).strip("-.")
    return f"{short or 'wsmon'}-{at:%Y%m%d-%H%M%S}"
