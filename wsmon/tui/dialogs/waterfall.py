"""The spans of a session, one under the other in time."""

from __future__ import annotations

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model import format as fmt
from wsmon.model.spans import Span
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.panes.spans import ScrollPane
from wsmon.tui.waterfall_lines import waterfall_lines


class WaterfallDialog(Dialog[None]):
    """Scrolls; the key that opened it closes it too."""

    BINDINGS = [Binding("escape,q,enter", "cancel", "close")]  # noqa: RUF012 (Textual's way)
    HINT = (("j k", "key-name"), (" scroll  ", "dim"), ("Esc", "key-name"), (" close", "dim"))

    def __init__(self, title: str, spans: tuple[Span, ...], limit: int) -> None:
        """``limit`` is how many spans were asked for: as many mean that there may be more, which is said."""
        super().__init__()
        more = f", the first {fmt.count(limit)} are shown" if len(spans) >= limit else ""
        self.title = f"{title}: {fmt.count(len(spans))} {'span' if len(spans) == 1 else 'spans'}{more}"
        self._spans = spans
        self._list = ScrollPane(id="waterfall")

    def content(self) -> tuple[Widget, ...]:
        """The list."""
        return (self._list,)

    def on_resize(self) -> None:
        """Bars have another scale."""
        self.call_after_refresh(lambda: self._list.draw(waterfall_lines(self._spans, self._list.width)))
