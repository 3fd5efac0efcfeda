"""Dialog that shows a change of the configuration as TOML, and writes it into the file, or copies it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from wsmon.config.config_file import ConfigFile, ConfigText
from wsmon.config.edits import Edit
from wsmon.errors import ConfigError, WsmonError
from wsmon.tui.cell_text import cell_text
from wsmon.tui.dialogs.base import LABEL, Dialog, typed_line
from wsmon.tui.text import Line, Role, StyledText, left
from wsmon.tui.widgets.text_view import TextLine, WrappedText

# Characters of a line of TOML that are shown
LINE_LIMIT = 500
NO_FILE = (
    "This recording was started without a configuration file (demo, URLs, standard input or import). Press Enter to "
    "copy these lines, then add them to your wsmon.toml."
)


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What a dialog may change in a configuration."""

    title: str
    facts: tuple[tuple[str, str], ...]
    """Labels and texts that say what will happen."""
    propose: Callable[[str, str], Edit]
    """Returns the edit of a text, with the name that was typed; raises ``WsmonError`` where there is none."""
    template: str = ""
    """The text that the edit is made of where there is no file."""
    name: str | None = None
    """The name to begin with; None = the change needs none."""
    describe: Callable[[ConfigText], tuple[tuple[str, str], ...]] = lambda _: ()
    """Returns more labels and texts, once the file was read."""


@dataclass(frozen=True, slots=True)
class ConfigWritten:
    """What became of a change."""

    edit: Edit
    is_in_file: bool
    """Whether it was written; without a file the user wants to copy it."""


class ConfigEditDialog(Dialog[ConfigWritten]):
    """Shows what would be added, and where; Enter writes it. The file is read when the dialog opens."""

    BINDINGS = [("enter", "write", "write")]  # noqa: RUF012 (Textual's declaration)

    def __init__(self, change: ConfigChange, file: ConfigFile | None) -> None:
        super().__init__()
        self.title = change.title
        self._change = change
        self._file = file
        self._read: ConfigText | None = ConfigText(change.template, ()) if file is None else None
        """None while the file is read."""
        self._is_awaited = False
        """Whether Enter was pressed before the file was read."""
        self._is_writing = False
        self._input = typed_line(change.name or "")
        self._facts = WrappedText(id="config-facts")
        self._toml = WrappedText(id="config-toml")
        self._note = WrappedText(id="config-note")

    def content(self) -> tuple[Widget, ...]:
        """Return the facts, the name where one is needed, the TOML, and a line for what is wrong."""
        if self._change.name is None:
            return self._facts, self._toml, self._note
        label = TextLine(classes="field-label")
        label.draw(((left("Name", LABEL), "dim"),))
        return self._facts, label, self._input, self._toml, self._note

    def on_mount(self) -> None:
        """Read the file."""
        act = " copy  " if self._file is None else " write and reload  "
        self.hint(("Enter", "key-name"), (act, "dim"), ("Esc", "key-name"), (" cancel", "dim"))
        self._draw()
        if self._file is not None:
            self.run_worker(self._load(self._file), name="config", group="config")

    def action_write(self) -> None:
        """Write the change, or have it copied; once the file was read."""
        if self._is_writing:
            return
        if self._read is None:
            self._is_awaited = True
            return
        if (edit := self._edit(self._read)) is None:
            return
        if self._file is None:
            self.dismiss(ConfigWritten(edit, is_in_file=False))
        else:
            self._is_writing = True
            self.run_worker(self._write(self._file, edit), name="config", group="config")

    @on(Input.Submitted, "#typed-line")
    def _submitted(self) -> None:
        self.action_write()

    @on(Input.Changed, "#typed-line")
    def _typed(self) -> None:
        self._draw()

    async def _load(self, file: ConfigFile) -> None:
        try:
            self._read = await asyncio.to_thread(file.read)
        except ConfigError as error:
            self._say(str(error), "problem")
            return
        self._draw()
        if self._is_awaited:
            self.action_write()

    async def _write(self, file: ConfigFile, edit: Edit) -> None:
        try:
            await asyncio.to_thread(file.replace, edit)
        except WsmonError as error:
            self._is_writing = False
            # Another try begins with the file as it is now
            await self._load(file)
            self._say(str(error), "problem")
        else:
            self.dismiss(ConfigWritten(edit, is_in_file=True))

    def _draw(self) -> None:
        read = self._read
        facts = self._change.facts + (self._change.describe(read) if read is not None and self._file else ())
        self._facts.draw_lines(_fact(label, text) for label, text in facts)
        if read is not None and (edit := self._edit(read)) is not None:
            self._toml.draw_lines(self._preview(edit))
            self._say("" if self._file is not None else NO_FILE, "dim")

    def _edit(self, read: ConfigText) -> Edit | None:
        """Return the edit with the name that is typed now; None, and a sentence in the dialog, where there is none."""
        try:
            return self._change.propose(read.text, self._input.value.strip())
        except WsmonError as error:
            self._toml.draw_lines(())
            self._say(str(error), "problem")
            return None

    def _preview(self, edit: Edit) -> tuple[Line, ...]:
        where = f"Written into {self._file.name}, line {edit.line}:" if self._file is not None else "Add to wsmon.toml:"
        lines = (line for line in edit.lines if line.strip())
        return (((where, "dim"),), *((("  ", "text"), (cell_text(line, LINE_LIMIT), "strong")) for line in lines))

    def _say(self, text: str, role: Role) -> None:
        self._note.draw_lines(((line, role),) for line in cell_text(text, 2_000, multiline=True).splitlines())


def _fact(label: str, text: str) -> Line:
    parts: list[StyledText] = [(left(label, LABEL), "dim"), (cell_text(text, LINE_LIMIT), "text")]
    return tuple(parts)
