"""Dialogs with a line to type into, and those that look for something while one types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from wsmon.model.sanitize import sanitize
from wsmon.tui.text import Role, StyledText, clip, left
from wsmon.tui.widgets.text_view import TextLine, TextPane, WrappedText

# What all dialogs share: a box over the screen, and a way out.

Result = TypeVar("Result")

# Lines of the terminal: in fewer, the frame, or blank lines, would leave no room for what is asked
LEAST_WITH_FRAME, LEAST_WITH_AIR = 10, 18


class Dialog(ModalScreen[Result | None], inherit_bindings=False):
    """A titled box; Escape answers ``None``."""

    AUTO_FOCUS = "*"
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual's declaration
        (0, "-low"), (LEAST_WITH_FRAME, "-tight"), (LEAST_WITH_AIR, "-high"),
    ]  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("tab", "app.focus_next", "next"),
        Binding("shift+tab", "app.focus_previous", "previous"),
    ]
    TITLE = ""
    HINT: ClassVar[tuple[StyledText, ...]] = (("Esc", "key-name"), (" close", "dim"))

    def __init__(self) -> None:
        super().__init__()
        self._title_line = WrappedText(classes="dialog-title", id="dialog-title")
        self._hint_line = WrappedText(classes="dialog-hint", id="dialog-hint")

    def compose(self) -> ComposeResult:
        """Title, content, hint."""
        self._title_line.draw(((self.title or "", "strong"),))
        self.hint(*self.HINT)
        with Vertical(classes="dialog"):
            yield self._title_line
            yield from self.content()
            yield self._hint_line

    def content(self) -> tuple[Widget, ...]:
        """What is between title and hint."""
        return ()

    def hint(self, *spans: StyledText) -> None:
        """Say which keys help."""
        self._hint_line.draw(spans)

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


# Questions with a few answers, each on a key: leaving, and what cannot be taken back.


@dataclass(frozen=True, slots=True)
class ConfirmOption:
    """An answer."""

    key: str
    value: str
    label: str
    help: str


class ConfirmDialog(Dialog[str]):
    """Answers the value of the choice whose key was pressed; Enter takes none, for one may be meant for the screen."""

    HINT = (("Esc", "key-name"), (" cancel", "dim"))

    def __init__(self, title: str, text: str, choices: tuple[ConfirmOption, ...]) -> None:
        super().__init__()
        self.title = title
        self._text = text
        self._choices = choices
        for number, choice in enumerate(choices):
            self._bindings.bind(choice.key, f"take({number})", choice.label)

    def content(self) -> tuple[Widget, ...]:
        """The question and its answers."""
        lines: list[tuple[StyledText, ...]] = [((self._text, "text"),), ()]
        lines += [
            ((f"  {choice.key}  ", "key-name"), (choice.label, "strong"), (f" – {choice.help}", "dim"))
            for choice in self._choices
        ]
        return (WrappedText(lines),)

    def action_take(self, number: int) -> None:
        """Answer with a choice."""
        self.dismiss(self._choices[number].value)


def quit_dialog(*, can_stop: bool) -> ConfirmDialog:
    """Detach, stop, or stay."""
    detach = ConfirmOption("d", "detach", "detach", "the recorder goes on")
    stop = ConfirmOption("s", "stop", "stop recording", "everything received is committed first")
    if can_stop:
        return ConfirmDialog("Leave wsmon", "The recorder is a process of its own.", (detach, stop))
    leave = ConfirmOption("d", "detach", "leave", "nothing is being recorded here")
    return ConfirmDialog("Leave wsmon", "No recorder answers.", (leave,))


def reconnect_dialog(connection: str) -> ConfirmDialog:
    """Dial a connection anew that is open."""
    yes = ConfirmOption("y", "yes", "reconnect", "close it and dial anew")
    return ConfirmDialog("Reconnect", f"{connection} is open; messages between are missed.", (yes,))


def disable_dialog(connection: str) -> ConfirmDialog:
    """Close a connection until somebody opens it again."""
    yes = ConfirmOption("y", "yes", "disable", "close it; D opens it again")
    return ConfirmDialog("Disable", f"{connection} will not be recorded while it is closed.", (yes,))


# Of a list that is not laid out yet
WIDTH = 72


class TypedDialog(Dialog[Result]):
    """A dialog whose keys belong to one line."""

    def __init__(self, text: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._line = Input(text, placeholder, compact=True, id="typed-line", select_on_focus=False)
        self._line.cursor_blink = False


class FinderDialog(TypedDialog[Result]):
    """What is typed finds answers, a line each; the arrows choose one of them."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,ctrl+n", "move(1)", "down"),
        Binding("up,ctrl+p", "move(-1)", "up"),
    ]
    NOTHING = ""
    """Said where nothing is found."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder)
        self._list = TextPane(id="finder-list")
        self._list.can_focus = False
        self._found: tuple[Result, ...] = ()
        self._at = 0

    def find(self, text: str) -> tuple[Result, ...]:
        """The answers that a text finds, best first."""
        raise NotImplementedError

    def line(self, answer: Result, width: int) -> tuple[StyledText, ...]:
        """How an answer is listed."""
        raise NotImplementedError

    def first(self, found: tuple[Result, ...]) -> int:
        """Which of all answers to begin at."""
        return 0

    def content(self) -> tuple[Widget, ...]:
        """What is typed, and what it finds."""
        return self._line, self._list

    def on_mount(self) -> None:
        """Begin with all of them."""
        self._found = self.find("")
        self._at = self.first(self._found)
        self._draw()

    def on_resize(self) -> None:
        """Lines may be cut elsewhere."""
        self.call_after_refresh(self._draw)

    @property
    def chosen(self) -> Result | None:
        """The answer under the cursor."""
        return self._found[self._at] if self._found else None

    @on(Input.Changed, "#typed-line")
    def _typed(self, event: Input.Changed) -> None:
        self._found, self._at = self.find(event.value), 0
        self._draw()

    @on(Input.Submitted, "#typed-line")
    def _submitted(self) -> None:
        if self.chosen is not None:
            self.dismiss(self.chosen)

    def action_move(self, lines: int) -> None:
        """To another one."""
        if self._found:
            self._at = (self._at + lines) % len(self._found)
            self._draw()

    def _draw(self) -> None:
        lines = tuple(self.line(answer, self._list.size.width or WIDTH) for answer in self._found)
        self._list.draw(lines or (((f"  {self.NOTHING}", "dim"),),), self._at if lines else None)
        self._list.show_cursor()


# A question with one line to type the answer into.


class PromptDialog(TypedDialog[str]):
    """Answers what was typed, once ``fault`` finds nothing wrong with it."""

    HINT = (("Enter", "key-name"), (" take it  ", "dim"), ("Esc", "key-name"), (" leave it", "dim"))

    def __init__(self, title: str, text: str, help_line: tuple[StyledText, ...], fault: Callable[[str], str]) -> None:
        """``fault`` says what is wrong with an answer; empty = nothing."""
        super().__init__(text)
        self.title = title
        self._note = WrappedText(id="prompt-note")
        self._help_line = help_line
        self._fault = fault

    def content(self) -> tuple[Widget, ...]:
        """The line, and what may be typed or is wrong with it."""
        self._note.draw(self._help_line)
        return self._line, self._note

    @on(Input.Submitted, "#typed-line")
    def _submitted(self, event: Input.Submitted) -> None:
        fault = self._fault(event.value.strip())
        if fault:
            self._note.draw(((f" {sanitize(fault)}", "problem"),))
        else:
            self.dismiss(event.value.strip())


# One line with one of several values; left and right go through them.

LABEL = 9


class Chooser(TextLine, can_focus=True):
    """``What   ‹ all events ›``."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("right,l,space", "turn(1)", "next"),
        Binding("left,h", "turn(-1)", "previous"),
    ]

    class OptionChanged(Message):
        """Another value."""

    def __init__(self, label: str, values: tuple[str, ...], *, id: str) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._label = label
        self._values = values
        self._at = 0

    @property
    def index(self) -> int:
        """Which value."""
        return self._at

    def on_mount(self) -> None:
        """Draw the first value."""
        self._draw()

    def on_resize(self) -> None:
        """A value may be cut."""
        self._draw()

    def on_focus(self) -> None:
        """Show that keys act here."""
        self._draw()

    def on_blur(self) -> None:
        """Show that they no longer do."""
        self._draw()

    def choose(self, index: int) -> None:
        """Take a value by its number."""
        self._at = index % len(self._values)
        self._draw()
        self.post_message(self.OptionChanged())

    def action_turn(self, steps: int) -> None:
        """The next value, or one before."""
        self.choose(self._at + steps)

    def _draw(self) -> None:
        value = clip(sanitize(self._values[self._at]), max(4, self.size.width - LABEL - 5))
        arrows: Role = "key-name" if self.has_focus else "rule"
        spans: list[StyledText] = [(left(self._label, LABEL), "dim"), ("‹ ", arrows)]
        self.draw((*spans, (value, "strong" if self.has_focus else "text"), (" ›", arrows)))
