"""What all dialogs share: a box over the screen, and a way out."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from wsmon.tui.palette import Span
from wsmon.tui.panes.span_text import SpanText

Answer = TypeVar("Answer")

LEAST_WITH_FRAME, LEAST_WITH_AIR = 10, 18
# lines of the terminal: in fewer, the frame, or blank lines, would leave no room for what is asked


class Dialog(ModalScreen[Answer | None], inherit_bindings=False):
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
    HINT: ClassVar[tuple[Span, ...]] = (("Esc", "key-name"), (" close", "dim"))

    def __init__(self) -> None:
        super().__init__()
        self._title_line = SpanText(classes="dialog-title", id="dialog-title")
        self._hint_line = SpanText(classes="dialog-hint", id="dialog-hint")

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
