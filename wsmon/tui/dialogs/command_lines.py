"""Dialog with the command lines that show elsewhere what the screen shows; a number copies one."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding
from textual.widget import Widget

from wsmon.tui.command_line import CommandLine
from wsmon.tui.dialogs.base import Dialog
from wsmon.tui.text import Line
from wsmon.tui.widgets.text_view import WrappedText

# One key each
MOST_COMMANDS = 9


class CommandLinesDialog(Dialog[CommandLine]):
    """Lists commands; the result is the one to copy: the first one for ``y``."""

    TITLE = "Equivalent wsmon commands"
    HINT = (("y", "key-name"), (" copy the first  ", "dim"), ("1", "key-name"), ("…", "dim"), ("9", "key-name"),
            (" copy another  ", "dim"), ("Esc", "key-name"), (" close", "dim"))  # fmt: skip
    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("y", "take(0)", "copy"),
        *(Binding(str(number + 1), f"take({number})", "copy") for number in range(MOST_COMMANDS)),
    ]

    def __init__(self, commands: Sequence[CommandLine]) -> None:
        super().__init__()
        self._commands = commands[:MOST_COMMANDS]

    def content(self) -> tuple[Widget, ...]:
        """Return the commands, each below what it shows."""
        lines: list[Line] = []
        for number, command in enumerate(self._commands):
            lines += [((f"{number + 1} ", "key-name"), (command.label, "dim")), ((command.text, "text"),), ()]
        return (WrappedText(lines[:-1]),)

    def action_take(self, number: int) -> None:
        """Dismiss the dialog with a command."""
        if number < len(self._commands):
            self.dismiss(self._commands[number])
