"""Questions with a few answers, each on a key: leaving, and what cannot be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from textual.widget import Widget

from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.palette import Span
from wsmon.tui.panes.span_text import SpanText


@dataclass(frozen=True, slots=True)
class Choice:
    """An answer."""

    key: str
    value: str
    label: str
    help: str


class ConfirmDialog(Dialog[str]):
    """Answers the value of the choice whose key was pressed; Enter takes none, for one may be meant for the screen."""

    HINT = (("Esc", "key-name"), (" cancel", "dim"))

    def __init__(self, title: str, text: str, choices: tuple[Choice, ...]) -> None:
        super().__init__()
        self.title = title
        self._text = text
        self._choices = choices
        for number, choice in enumerate(choices):
            self._bindings.bind(choice.key, f"take({number})", choice.label)

    def content(self) -> tuple[Widget, ...]:
        """The question and its answers."""
        lines: list[tuple[Span, ...]] = [((self._text, "text"),), ()]
        lines += [
            ((f"  {choice.key}  ", "key-name"), (choice.label, "strong"), (f" – {choice.help}", "dim"))
            for choice in self._choices
        ]
        return (SpanText(lines),)

    def action_take(self, number: int) -> None:
        """Answer with a choice."""
        self.dismiss(self._choices[number].value)


def quit_dialog(*, can_stop: bool) -> ConfirmDialog:
    """Detach, stop, or stay."""
    detach = Choice("d", "detach", "detach", "the recorder goes on")
    stop = Choice("s", "stop", "stop recording", "everything received is committed first")
    if can_stop:
        return ConfirmDialog("Leave wsmon", "The recorder is a process of its own.", (detach, stop))
    leave = Choice("d", "detach", "leave", "nothing is being recorded here")
    return ConfirmDialog("Leave wsmon", "No recorder answers.", (leave,))


def reconnect_dialog(connection: str) -> ConfirmDialog:
    """Dial a connection anew that is open."""
    yes = Choice("y", "yes", "reconnect", "close it and dial anew")
    return ConfirmDialog("Reconnect", f"{connection} is open; messages between are missed.", (yes,))


def disable_dialog(connection: str) -> ConfirmDialog:
    """Close a connection until somebody opens it again."""
    yes = Choice("y", "yes", "disable", "close it; D opens it again")
    return ConfirmDialog("Disable", f"{connection} will not be recorded while it is closed.", (yes,))
