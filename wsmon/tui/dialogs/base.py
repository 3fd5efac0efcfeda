"""Dialogs with a line to type into, and those that look for something while one types."""

from __future__ import annotations

from textual import on
from textual.binding import Binding
from textual.widget import Widget
from textual.widgets import Input

from wsmon.tui.dialogs.dialog import Answer, Dialog
from wsmon.tui.palette import Span
from wsmon.tui.widgets.text_view import SpanPane

WIDTH = 72
# of a list that is not laid out yet


class TypedDialog(Dialog[Answer]):
    """A dialog whose keys belong to one line."""

    def __init__(self, text: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._line = Input(text, placeholder, compact=True, id="typed-line", select_on_focus=False)
        self._line.cursor_blink = False


class FinderDialog(TypedDialog[Answer]):
    """What is typed finds answers, a line each; the arrows choose one of them."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,ctrl+n", "move(1)", "down"),
        Binding("up,ctrl+p", "move(-1)", "up"),
    ]
    NOTHING = ""
    # said where nothing is found

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder)
        self._list = SpanPane(id="finder-list")
        self._list.can_focus = False
        self._found: tuple[Answer, ...] = ()
        self._at = 0

    def find(self, text: str) -> tuple[Answer, ...]:
        """The answers that a text finds, best first."""
        raise NotImplementedError

    def line(self, answer: Answer, width: int) -> tuple[Span, ...]:
        """How an answer is listed."""
        raise NotImplementedError

    def first(self, found: tuple[Answer, ...]) -> int:
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
    def chosen(self) -> Answer | None:
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
