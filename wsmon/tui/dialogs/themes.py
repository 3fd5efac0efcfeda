"""The themes there are; the one under the cursor is worn already, so that one sees it."""

from __future__ import annotations

from collections.abc import Callable

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model.sanitize import sanitize
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.palette import Span
from wsmon.tui.panes.span_text import wrap_spans
from wsmon.tui.text import clip
from wsmon.tui.widgets.text_view import SpanPane

NAME_LIMIT = 60
WIDTH = 72
# of a list that is not laid out yet
SAMPLE: tuple[Span, ...] = (
    ("open ", "status-open"), ("connecting ", "status-connecting"), ("stalled ", "status-stalled"),
    ("loss ", "status-loss"), ("closed ", "status-closed"), ("dim", "dim"),
)  # fmt: skip


class ThemesDialog(Dialog[str]):
    """Answers the name of a theme; leaving it puts the one before on again."""

    TITLE = "Theme"
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,j,ctrl+n", "move(1)", "down"),
        Binding("up,k,ctrl+p", "move(-1)", "up"),
        Binding("enter", "take", "take"),
    ]
    HINT = (("↑ ↓", "key-name"), (" choose  ", "dim"), ("Enter", "key-name"), (" keep  ", "dim"),
            ("Esc", "key-name"), (" as before", "dim"))  # fmt: skip

    def __init__(self, names: tuple[str, ...], worn: str, wear: Callable[[str], None]) -> None:
        """``wear`` puts a theme on."""
        super().__init__()
        self._names = names
        self._before = worn
        self._at = names.index(worn)
        self._wear = wear
        self._list = SpanPane(id="themes-list")

    def content(self) -> tuple[Widget, ...]:
        """The names, and what colours mean."""
        self._list.can_focus = False
        return (self._list,)

    def on_mount(self) -> None:
        """Begin at the one that is worn."""
        self._list.styles.height = len(self._names) + 3
        self._draw()

    def on_resize(self) -> None:
        """What colours mean may need two lines."""
        self.call_after_refresh(self._draw)

    def action_move(self, lines: int) -> None:
        """Try another one."""
        self._at = (self._at + lines) % len(self._names)
        self._wear(self._names[self._at])
        self._draw()

    def action_take(self) -> None:
        """Keep it."""
        self.dismiss(self._names[self._at])

    def action_cancel(self) -> None:
        """As it was."""
        self._wear(self._before)
        super().action_cancel()

    def _draw(self) -> None:
        lines: list[tuple[Span, ...]] = [
            ((f" {clip(sanitize(name, NAME_LIMIT), NAME_LIMIT)}", "text"),) for name in self._names
        ]
        sample = wrap_spans(((" ", "text"), *SAMPLE), self._list.size.width or WIDTH, indent=1)
        self._list.draw((*lines, (), *sample), self._at)
        self._list.show_cursor()
