"""A question with one line to type the answer into."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.events import Key
from textual.widget import Widget
from textual.widgets import Input

from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.palette import Span
from wsmon.tui.panes.spans import SpanLine


class PromptDialog(Dialog[str]):
    """Answers what was typed, once ``fault`` finds nothing wrong with it."""

    HINT = (("Enter", "key-name"), (" take it  ", "dim"), ("Esc", "key-name"), (" leave it", "dim"))

    def __init__(self, title: str, text: str, help_line: tuple[Span, ...], fault: Callable[[str], str]) -> None:
        """``fault`` says what is wrong with an answer; empty = nothing."""
        super().__init__()
        self.title = title
        self._line = Input(text, compact=True, id="prompt-input", select_on_focus=False)
        self._note = SpanLine(id="prompt-note")
        self._help_line = help_line
        self._fault = fault

    def content(self) -> tuple[Widget, ...]:
        """The line, and what may be typed or is wrong with it."""
        self._line.cursor_blink = False
        self._note.draw(self._help_line)
        return self._line, self._note

    async def take_key(self, event: Key) -> None:
        """What was typed before the line was there belongs into it."""
        if event.key == "enter":
            event.stop()
            await self._line.action_submit()
        elif event.is_printable and event.character:
            event.stop()
            self._line.insert_text_at_cursor(event.character)

    @on(Input.Submitted, "#prompt-input")
    def _submitted(self, event: Input.Submitted) -> None:
        fault = self._fault(event.value.strip())
        if fault:
            self._note.draw(((f" {sanitize(fault)}", "problem"),))
        else:
            self.dismiss(event.value.strip())
