"""One line with one of several values; left and right go through them."""

from __future__ import annotations

from textual.binding import Binding
from textual.message import Message

from wsmon.model.sanitize import sanitize
from wsmon.tui.palette import Meaning, Span
from wsmon.tui.text import clip, left
from wsmon.tui.widgets.text_view import SpanLine

LABEL = 9


class Chooser(SpanLine, can_focus=True):
    """``What   ‹ all events ›``."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("right,l,space", "turn(1)", "next"),
        Binding("left,h", "turn(-1)", "previous"),
    ]

    class Changed(Message):
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
        self.post_message(self.Changed())

    def action_turn(self, steps: int) -> None:
        """The next value, or one before."""
        self.choose(self._at + steps)

    def _draw(self) -> None:
        value = clip(sanitize(self._values[self._at]), max(4, self.size.width - LABEL - 5))
        arrows: Meaning = "key-name" if self.has_focus else "rule"
        spans: list[Span] = [(left(self._label, LABEL), "dim"), ("‹ ", arrows)]
        self.draw((*spans, (value, "strong" if self.has_focus else "text"), (" ›", arrows)))
