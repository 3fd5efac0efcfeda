"""The spans of a session or of its trace, one under the other in time."""

from __future__ import annotations

from collections.abc import Callable

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model import units as fmt
from wsmon.model.spans import Span
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.waterfall_lines import waterfall_lines
from wsmon.tui.widgets.text_view import ScrollPane

Ask = Callable[[bool, Callable[[tuple[Span, ...]], None]], None]
# for the spans of the trace, or of the session; the answer comes back


class WaterfallDialog(Dialog[None]):
    """Scrolls; shows the whole trace on demand."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("escape,q,enter", "cancel", "close"),
        Binding("t,W", "trace", "whole trace"),
    ]
    HINT = (("j k", "key-name"), (" scroll  ", "dim"), ("t", "key-name"), (" session, trace  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(self, session: str, spans: tuple[Span, ...], limit: int, ask: Ask) -> None:
        """``limit`` is how many spans were asked for: as many mean that there may be more, which is said."""
        super().__init__()
        self._session = session
        self._spans = spans
        self._limit = limit
        self._ask = ask
        self._is_of_trace = False
        self._list = ScrollPane(id="waterfall")
        self.title = self._heading()

    def content(self) -> tuple[Widget, ...]:
        """The list."""
        return (self._list,)

    def on_resize(self) -> None:
        """Bars have another scale."""
        self.call_after_refresh(self._draw)

    def action_trace(self) -> None:
        """All sessions of the trace, or the one session."""
        is_of_trace = not self._is_of_trace

        def take(spans: tuple[Span, ...]) -> None:
            self._is_of_trace, self._spans = is_of_trace, spans
            self._title_line.draw(((self._heading(), "strong"),))
            self._draw()
            self._list.scroll_to(y=0, animate=False, force=True)

        self._ask(is_of_trace, take)

    def _heading(self) -> str:
        number = len(self._spans)
        which = "newest" if self._is_of_trace else "first"
        more = f", the {which} {fmt.count(self._limit)} are shown" if number >= self._limit else ""
        what = f"Trace of {self._session[:1].lower()}{self._session[1:]}" if self._is_of_trace else self._session
        return f"{what}: {fmt.count(number)} {'span' if number == 1 else 'spans'}{more}"

    def _draw(self) -> None:
        self._list.draw(waterfall_lines(self._spans, self._list.width))
