"""A place for a pane: a title over it, and the pane itself once it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from wsmon.tui.arrangement import PANES, PaneName
from wsmon.tui.palette import Meaning, Span, width_of
from wsmon.tui.panes.messages import Says
from wsmon.tui.text import clip
from wsmon.tui.widgets.text_view import SpanLine

Pane = TypeVar("Pane", bound=Widget)

MIN_STATUS = 8
# cells; in fewer a sentence says nothing


class Slot(Vertical, Generic[Pane]):
    """Builds its pane when it is shown for the first time: what nobody looks at costs no start-up time."""

    DEFAULT_CSS = "Slot { height: 1fr; }"

    def __init__(self, pane_name: PaneName, build: Callable[[], Pane]) -> None:
        super().__init__(id=f"slot-{pane_name}")
        self.pane_name = pane_name
        self._build = build
        self._pane: Pane | None = None
        self._title = SpanLine()
        self._status: tuple[str, ...] = ()
        self._is_focused = False
        self.display = False

    def compose(self) -> ComposeResult:
        """The title; the pane comes later."""
        yield self._title

    @property
    def pane(self) -> Pane | None:
        """The pane, if it has been shown."""
        return self._pane

    def build(self) -> Pane:
        """The pane, made where it is not there yet; that does not show it."""
        if self._pane is None:
            self._pane = self._build()
            self.mount(self._pane)
        return self._pane

    def open(self) -> None:
        """Show the pane."""
        self.build()
        self.display = True

    def close(self) -> None:
        """Hide the pane."""
        self.display = False

    def say(self, *status: str) -> None:
        """Put a text beside the title, the first of these that fits; it is shown as it is, never as markup."""
        self._status = status
        self._draw()

    @on(Says)
    def _pane_says(self, message: Says) -> None:
        message.stop()
        self.say(*message.texts)

    def on_resize(self) -> None:
        """The rule has another length."""
        self._draw()

    def mark(self, *, is_focused: bool) -> None:
        """Show whether keys act here: at once, the events below come after the next paint."""
        self._is_focused = is_focused
        self._draw()

    def on_descendant_focus(self) -> None:
        """Keys act here now."""
        self.mark(is_focused=True)

    def on_descendant_blur(self) -> None:
        """Keys no longer act here."""
        self.mark(is_focused=False)

    def _draw(self) -> None:
        self._title.draw(title_line(self.pane_name, self._status, self.size.width, is_focused=self._is_focused))


def title_line(pane: PaneName, status: Sequence[str], width: int, *, is_focused: bool) -> tuple[Span, ...]:
    """``━━ 4 Log ── following ────``, in ``width`` cells; the last status is cut where none fits."""
    rule = "━" if is_focused else "─"
    kind: Meaning = "key-name" if is_focused else "rule"
    number = PANES.index(pane) + 1
    spans: list[Span] = [
        (f"{rule} ", kind),
        (f"{number} ", "key-name"),
        (pane.capitalize(), "strong" if is_focused else "text"),
        (" ", "text"),
    ]
    room = width - width_of(spans) - 4
    shown = next((text for text in status if cell_len(text) <= room), status[-1] if status else "")
    if shown and room > MIN_STATUS:
        spans += [(f"{rule * 2} ", kind), (clip(shown, room), "dim"), (" ", "text")]
    return (*spans, (rule * max(0, width - width_of(spans)), kind))
