"""Base of the dialogs: a titled box over the screen; questions, prompt for a line, finder, chooser of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from wsmon.tui.cell_text import cell_text
from wsmon.tui.text import Line, Role, StyledText, clip, left
from wsmon.tui.widgets.text_view import TextLine, TextPane, WrappedText

Result = TypeVar("Result")

# Lines of the terminal: with fewer, the frame, or blank lines, would leave no room for the content
LEAST_WITH_FRAME, LEAST_WITH_AIR = 10, 18
# Cells of a list that is not laid out yet
LIST_WIDTH = 72
# Cells of the label of a chooser
LABEL = 9


class Dialog(ModalScreen[Result | None], inherit_bindings=False):
    """A modal screen with a title, a content and a line of key hints; Escape dismisses it with None.

    It is dismissed once: a key that was typed ahead and comes when it is gone does nothing.
    """

    AUTO_FOCUS = "*"
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 (Textual's declaration)
        (0, "-low"), (LEAST_WITH_FRAME, "-tight"), (LEAST_WITH_AIR, "-high"),
    ]  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("tab", "app.focus_next", "next"),
        Binding("shift+tab", "app.focus_previous", "previous"),
    ]
    TITLE = ""
    HINT: ClassVar[Line] = (("Esc", "key-name"), (" close", "dim"))
    HIDES_SCREEN: ClassVar[bool] = True
    """Whether the screen below stands still meanwhile: a question must not be read beside moving lines."""

    def __init__(self) -> None:
        super().__init__()
        self._title_line = WrappedText(classes="dialog-title", id="dialog-title")
        self._hint_line = WrappedText(classes="dialog-hint", id="dialog-hint")
        self._late_result: tuple[Result | None] | None = None
        """The result of a dialog that is to close but is covered by another one."""

    def compose(self) -> ComposeResult:
        """Compose title, content and hint."""
        self._title_line.draw(((self.title or "", "strong"),))
        self.hint(*self.HINT)
        with Vertical(classes="dialog"):
            yield self._title_line
            yield from self.content()
            yield self._hint_line

    def content(self) -> tuple[Widget, ...]:
        """Return the widgets between title and hint."""
        return ()

    def hint(self, *texts: StyledText) -> None:
        """Show which keys help."""
        self._hint_line.draw(texts)

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close the dialog with a result: now, or once the dialog that is over it is closed; a second time nothing.

        Textual's own closes the uppermost screen, whichever that is, and raises where only one is left.
        """
        if self.app.screen is self:
            return super().dismiss(result)
        if self in self.app.screen_stack:
            self._late_result = (result,)
        return AwaitComplete()

    def on_screen_resume(self) -> None:
        """Close the dialog, if that was to be done while another one was over it."""
        if self._late_result is not None:
            self.dismiss(*self._late_result)

    def action_cancel(self) -> None:
        """Dismiss the dialog without a result."""
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class ConfirmOption:
    """An answer to a question, with its key."""

    key: str
    value: str
    """The result of the dialog."""
    label: str
    help: str
    is_default: bool = False
    """Whether Enter chooses it too."""
    more_keys: tuple[str, ...] = ()
    """Other keys, Textual's names, that are not shown."""


class ConfirmDialog(Dialog[str]):
    """A question with a few options, each on a key; the result is the value of the option.

    Enter chooses an option only where one ``is_default``: it may have been meant for the screen below.
    """

    HINT = (("Esc", "key-name"), (" cancel", "dim"))

    def __init__(self, title: str, text: str, options: tuple[ConfirmOption, ...]) -> None:
        super().__init__()
        self.title = title
        self._text = text
        self._options = options
        for number, option in enumerate(options):
            for key in (option.key, *option.more_keys, *(("enter",) if option.is_default else ())):
                self._bindings.bind(key, f"take({number})", option.label)

    def content(self) -> tuple[Widget, ...]:
        """Return the question and its options."""
        lines: list[Line] = [((self._text, "text"),), ()]
        lines += [
            ((f"  {option.key}  ", "key-name"), (option.label, "strong"), (f" – {option.help}", "dim"))
            for option in self._options
        ]
        return (WrappedText(lines),)

    def on_mount(self) -> None:
        """Name the option that Enter chooses, where there is one."""
        for option in self._options:
            if option.is_default:
                self.hint(("Enter", "key-name"), (f" {option.label}  ", "dim"), *self.HINT)

    def action_take(self, number: int) -> None:
        """Dismiss the dialog with an option."""
        self.dismiss(self._options[number].value)


RUNS_ON = "The recorder runs in the background."


def quit_dialog() -> ConfirmDialog:
    """Return the question whether to detach or to stop the recorder; the result is ``detach`` or ``stop``.

    A second ^C detaches.
    """
    detach = ConfirmOption(
        "d", "detach", "detach", "keep recording; run `wsmon attach` to return", more_keys=("ctrl+c",)
    )
    stop = ConfirmOption("s", "stop", "stop recording", "everything received is saved first")
    return ConfirmDialog("Quit wsmon", RUNS_ON, (detach, stop))


def detach_dialog(idle_limit_s: float | None) -> ConfirmDialog:
    """Return the question whether to detach, which names the recorder's fate; the result is ``detach``.

    ``idle_limit_s``: how long the recorder goes on without a viewer; None = until it is stopped.
    """
    detach = ConfirmOption(
        "d", "detach", "detach", "run `wsmon attach` to return", is_default=True, more_keys=("ctrl+c",)
    )
    limit = f" for {idle_limit_s / 60:.0f} minutes" if idle_limit_s is not None else ""
    return ConfirmDialog("Detach", f"{RUNS_ON} It keeps recording{limit}.", (detach,))


def reconnect_dialog(connection: str) -> ConfirmDialog:
    """Return the question whether to reconnect a connection that is open; the result is ``yes``."""
    yes = ConfirmOption("y", "yes", "reconnect", "close the connection and open it again")
    text = f"{connection} is open. Reconnect now? Messages sent meanwhile will be missed."
    return ConfirmDialog(f"Reconnect {connection}", text, (yes,))


def disable_dialog(connection: str) -> ConfirmDialog:
    """Return the question whether to close a connection until the user opens it again; the result is ``yes``."""
    yes = ConfirmOption("y", "yes", "disable", "close the connection; D opens it again")
    text = f"Disable {connection}? Nothing will be recorded of it until you enable it again."
    return ConfirmDialog(f"Disable {connection}", text, (yes,))


class PromptDialog(Dialog[str]):
    """A line to type into; the result is the text, once ``fault`` finds nothing wrong with it."""

    HINT: ClassVar[Line] = (("Enter", "key-name"), (" OK  ", "dim"), ("Esc", "key-name"), (" cancel", "dim"))
    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("up", "recall(1)", "older"),
        Binding("down", "recall(-1)", "newer"),
        Binding("ctrl+r", "find_older", "search"),
    ]

    def __init__(
        self,
        title: str,
        text: str,
        help_line: Line,
        fault: Callable[[str], str],
        *,
        history: Sequence[str] = (),
        is_verbatim: bool = False,
    ) -> None:
        """``fault`` returns what is wrong with a text; empty = nothing.

        ``history`` are earlier texts, newest first, for the arrow keys; ``is_verbatim``: blanks around a text are kept.
        """
        super().__init__()
        self.title = title
        self._input = typed_line(text)
        self._recalled = [text, *history]
        """The text typed by the user, then earlier ones."""
        self._at = 0
        self._is_verbatim = is_verbatim
        self._note = WrappedText(id="prompt-note")
        self._help_line = help_line
        self._fault = fault

    def content(self) -> tuple[Widget, ...]:
        """Return the line, and below it the help or what is wrong."""
        self._note.draw(self._help_line)
        return self._input, self._note

    def on_mount(self) -> None:
        """Show the key of the history where there is one."""
        if len(self._recalled) > 1:
            self.hint(*self.HINT, ("  ↑", "key-name"), (" history  ", "dim"), ("^r", "key-name"), (" search it", "dim"))

    def action_find_older(self) -> None:
        """Put the next older text that contains what was typed into the line."""
        wanted = (self._input.value if self._at == 0 else self._recalled[0]).casefold()
        for at in range(self._at + 1, len(self._recalled)):
            if wanted in self._recalled[at].casefold():
                self.action_recall(at - self._at)
                return

    def action_recall(self, older: int) -> None:
        """Put an older or newer text into the line."""
        at = self._at + older
        if 0 <= at < len(self._recalled):
            if self._at == 0:
                self._recalled[0] = self._input.value
            self._at = at
            self._input.value = self._recalled[at]
            self._input.cursor_position = len(self._input.value)

    @property
    def accepted(self) -> str | None:
        """The text as it is now; None, and what is wrong with it on the line below, where it is refused."""
        text = self._input.value if self._is_verbatim else self._input.value.strip()
        fault = self._fault(text)
        if fault:
            self.refuse(fault)
        return None if fault else text

    def refuse(self, fault: str) -> None:
        """Say below the line what is wrong with its text."""
        self._note.draw(((f" {cell_text(fault)}", "problem"),))

    @on(Input.Submitted, "#typed-line")
    def _submitted(self) -> None:
        if (text := self.accepted) is not None:
            self.dismiss(text)


class FinderDialog(Dialog[Result]):
    """A line to type into and a list of the results that its text finds; the arrows choose one of them."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("down,ctrl+n", "move(1)", "down"),
        Binding("up,ctrl+p", "move(-1)", "up"),
    ]
    NOTHING = ""
    """Shown where nothing is found."""

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._input = typed_line(placeholder=placeholder)
        self._list = TextPane(id="finder-list")
        self._list.can_focus = False
        self._results: tuple[Result, ...] = ()
        self._at = 0

    def find(self, text: str) -> tuple[Result, ...]:
        """Return the results that a text finds, best first."""
        raise NotImplementedError

    def line(self, result: Result, width: int) -> Line:
        """Return a result as a line of the list."""
        raise NotImplementedError

    def keys(self, chosen: Result | None) -> Line:
        """Return which keys help, with this result under the cursor."""
        return self.HINT

    def first(self, results: tuple[Result, ...]) -> int:
        """Return the number of the result that has the cursor at first."""
        return 0

    def content(self) -> tuple[Widget, ...]:
        """Return the line and the list."""
        return self._input, self._list

    def on_mount(self) -> None:
        """List everything."""
        self._results = self.find("")
        self._at = self.first(self._results)
        self._draw()

    def on_resize(self) -> None:
        """Clip lines at the new width."""
        self.call_after_refresh(self._draw)

    @property
    def chosen(self) -> Result | None:
        """The result under the cursor."""
        return self._results[self._at] if self._results else None

    @on(Input.Changed, "#typed-line")
    def _typed(self, event: Input.Changed) -> None:
        self._results, self._at = self.find(event.value), 0
        self._draw()

    @on(Input.Submitted, "#typed-line")
    def _submitted(self) -> None:
        if self.chosen is not None:
            self.dismiss(self.chosen)

    def action_move(self, lines: int) -> None:
        """Move the cursor; after the last result comes the first."""
        if self._results:
            self._at = (self._at + lines) % len(self._results)
            self._draw()

    def _draw(self) -> None:
        lines = tuple(self.line(result, self._list.size.width or LIST_WIDTH) for result in self._results)
        self._list.draw(lines or (((f"  {self.NOTHING}", "dim"),),), self._at if lines else None)
        self.hint(*self.keys(self.chosen))
        self._list.show_cursor()


def typed_line(text: str = "", placeholder: str = "") -> Input:
    """Return an input line whose cursor does not blink, so that an idle dialog paints nothing."""
    line = Input(text, placeholder, compact=True, id="typed-line", select_on_focus=False)
    line.cursor_blink = False
    return line


class Chooser(TextLine, can_focus=True):
    """A field with one of several values, like ``What   ‹ all events ›``; left and right choose another one."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("right,l,space", "turn(1)", "next"),
        Binding("left,h", "turn(-1)", "previous"),
    ]

    class OptionChanged(Message):
        """Another value was chosen."""

        def __init__(self, chooser: Chooser) -> None:
            super().__init__()
            self.chooser = chooser

        @property
        def control(self) -> Chooser:
            """The field, for handlers of one field."""
            return self.chooser

    def __init__(self, label: str, values: tuple[str, ...], *, id: str) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._label = label
        self._values = values
        self._at = 0

    @property
    def index(self) -> int:
        """Number of the value."""
        return self._at

    def on_mount(self) -> None:
        """Draw the first value."""
        self._draw()

    def on_resize(self) -> None:
        """Clip the value at the new width."""
        self._draw()

    def on_focus(self) -> None:
        """Show that keys act here."""
        self._draw()

    def on_blur(self) -> None:
        """Show that keys act elsewhere."""
        self._draw()

    def choose(self, index: int) -> None:
        """Choose a value by its number; after the last one comes the first."""
        self._at = index % len(self._values)
        self._draw()
        self.post_message(self.OptionChanged(self))

    def action_turn(self, steps: int) -> None:
        """Choose the next value, or one before."""
        self.choose(self._at + steps)

    def _draw(self) -> None:
        value = clip(cell_text(self._values[self._at]), max(4, self.size.width - LABEL - 5))
        arrows: Role = "key-name" if self.has_focus else "rule"
        texts: list[StyledText] = [(left(self._label, LABEL), "dim"), ("‹ ", arrows)]
        self.draw((*texts, (value, "strong" if self.has_focus else "text"), (" ›", arrows)))
