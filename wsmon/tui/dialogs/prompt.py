"""A question with one line to type the answer into."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.widget import Widget
from textual.widgets import Input

from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.base import TypedDialog
from wsmon.tui.palette import Span
from wsmon.tui.panes.span_text import SpanText


class PromptDialog(TypedDialog[str]):
    """Answers what was typed, once ``fault`` finds nothing wrong with it."""

    HINT = (("Enter", "key-name"), (" take it  ", "dim"), ("Esc", "key-name"), (" leave it", "dim"))

    def __init__(self, title: str, text: str, help_line: tuple[Span, ...], fault: Callable[[str], str]) -> None:
        """``fault`` says what is wrong with an answer; empty = nothing."""
        super().__init__(text)
        self.title = title
        self._note = SpanText(id="prompt-note")
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
