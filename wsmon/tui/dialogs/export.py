"""Export dialog: events, format and target file; then the progress, and a key that stops it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from pathlib import Path
from threading import Event as Flag

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from wsmon.errors import WsmonError
from wsmon.export.formats import FORMATS
from wsmon.export.run import ExportReport, ExportRequest, Progress
from wsmon.model import units as fmt
from wsmon.model.units import SECOND_NS
from wsmon.tui.dialogs.base import LABEL, Chooser, Dialog
from wsmon.tui.options import Exporter
from wsmon.tui.subject import ExportSubject
from wsmon.tui.text import Line, Role, left
from wsmon.tui.widgets.text_view import TextLine, WrappedText

BAR_WIDTH = 24
_NAMES = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class FinishedExport:
    """A finished export: its request, which a repetition starts with, and its report."""

    request: ExportRequest
    written: ExportReport


class ExportDialog(Dialog[FinishedExport]):
    """Asks which events to write, and writes them; the result is None where nothing was written."""

    TITLE = "Export"
    HINT = (("Enter", "key-name"), (" write  ", "dim"), ("Tab", "key-name"), (" next field  ", "dim"),
            ("← →", "key-name"), (" change  ", "dim"), ("Esc", "key-name"), (" cancel", "dim"))  # fmt: skip
    BINDINGS = [("enter", "write", "write")]  # noqa: RUF012 (Textual's declaration)

    def __init__(
        self,
        exporter: Exporter,
        subjects: tuple[ExportSubject, ...],
        folder: Path,
        stem: str,
        request: ExportRequest | None = None,
    ) -> None:
        """``stem`` is the name of the target without folder and suffix; a ``request`` is run at once."""
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
        self._what = Chooser("What", tuple(subject.label for subject in subjects), id="export-what")
        self._format = Chooser("Format", _NAMES, id="export-format")
        self._note = WrappedText(id="export-note")

    def content(self) -> tuple[Widget, ...]:
        """Return three fields, and a line for progress and faults."""
        self._target.cursor_blink = False
        label = TextLine(id="export-target-label")
        label.draw(((left("File", LABEL), "dim"),))
        return (
            self._what,
            self._format,
            label,
            self._target,
            self._note,
        )

    def on_mount(self) -> None:
        """Run the request, if there is one."""
        if self._request is not None:
            self._start(self._request)

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
        self._start(
            ExportRequest(
                chosen,
                target,
                subject.query,
                incident=subject.incident,
                margin_s=subject.margin_s,
                overwrite=overwrite,
            )
        )

    @on(Input.Submitted, "#export-target")
    def _submitted(self) -> None:
        self.action_write()

    @on(Chooser.OptionChanged)
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
            self._stopped(f"{request.target} is there already: Enter again overwrites it", "caution")
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


def stem(name: str, now_ns: int, zone: tzinfo | None = None) -> str:
    """Return a name for the target that sorts by time, like ``orders-20260110-140224``."""
    at = datetime.fromtimestamp(now_ns // SECOND_NS, zone)
    return f"{Path(name).stem or 'wsmon'}-{at:%Y%m%d-%H%M%S}"
