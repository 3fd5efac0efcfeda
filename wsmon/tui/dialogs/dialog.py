"""What all dialogs share: a box over the screen, and a way out."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from wsmon.tui.palette import Span
from wsmon.tui.panes.spans import SpanLine

Answer = TypeVar("Answer")

LEAST_WITH_FRAME = 10
# lines of the terminal: in fewer, frame and blank lines would leave no room for what is asked


class Dialog(ModalScreen[Answer | None], inherit_bindings=False):
    """A titled box; Escape answers ``None``."""

    AUTO_FOCUS = "*"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (LEAST_WITH_FRAME, "-high")]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("tab", "app.focus_next", "next"),
        Binding("shift+tab", "app.focus_previous", "previous"),
    ]
    TITLE = ""
    HINT: ClassVar[tuple[Span, ...]] = (("Esc", "key-name"), (" close", "dim"))

    def __init__(self) -> None:
        super().__init__()
        self._title_line = SpanLine(classes="dialog-title", id="dialog-title")
        self._hint_line = SpanLine(classes="dialog-hint", id="dialog-hint")

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

    def hint(self, *spans: Span) -> None:
        """Say which keys help."""
        self._hint_line.draw(spans)

    def action_cancel(self) -> None:
        """Leave without an answer."""
        self.dismiss(None)


class SpanText(SpanLine):
    """Some lines of spans, as high as they are many."""

    def __init__(self, lines: tuple[tuple[Span, ...], ...], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._text = lines

    def on_mount(self) -> None:
        """Be as high as the text."""
        self.styles.height = len(self._text)

    def line_at(self, y: int) -> tuple[Span, ...]:
        """A line of the text."""
        return self._text[y] if y < len(self._text) else ()
