"""Which columns the log shows: one's own choice, or as many as there is room for."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding
from textual.widget import Widget

from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.line_columns import COLUMN_NAMES, LABELS, ColumnName, automatic
from wsmon.tui.palette import Span
from wsmon.tui.text import clip, left
from wsmon.tui.widgets.text_view import SpanPane

NAME_WIDTH = 12
AUTOMATIC = "automatic: as many as there is room for"


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """What was decided."""

    columns: tuple[ColumnName, ...] | None
    # None = automatic


class ColumnsDialog(Dialog[ColumnChoice]):
    """A line for each column; the space bar shows or hides it."""

    TITLE = "Columns of the log"
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("down,j", "move(1)", "down"),
        Binding("up,k", "move(-1)", "up"),
        Binding("space", "switch", "show or hide"),
        Binding("a", "automatic", "automatic"),
        Binding("enter", "take", "take"),
    ]
    HINT = (("Space", "key-name"), (" show  ", "dim"), ("a", "key-name"), (" auto  ", "dim"),
            ("Enter", "key-name"), (" take it", "dim"))  # fmt: skip

    def __init__(self, chosen: tuple[ColumnName, ...] | None, width: int) -> None:
        """``width`` is that of the log: what it has room for by itself is where a choice begins."""
        super().__init__()
        self._chosen = chosen
        self._automatic = automatic(width)
        self._at = 0
        self._list = SpanPane(id="columns-list")

    def content(self) -> tuple[Widget, ...]:
        """The list."""
        self._list.can_focus = False
        return (self._list,)

    def on_resize(self) -> None:
        """Labels may be cut elsewhere."""
        self.call_after_refresh(self._draw)

    def action_move(self, lines: int) -> None:
        """To another line."""
        self._at = (self._at + lines) % (len(COLUMN_NAMES) + 1)
        self._draw()

    def action_switch(self) -> None:
        """Show or hide the column under the cursor."""
        if not self._at:
            self.action_automatic()
            return
        name = COLUMN_NAMES[self._at - 1]
        shown = {*self._shown} ^ {name}
        self._chosen = tuple(each for each in COLUMN_NAMES if each in shown)
        self._draw()

    def action_automatic(self) -> None:
        """As many as there is room for."""
        self._chosen = None
        self._draw()

    def action_take(self) -> None:
        """That is it."""
        self.dismiss(ColumnChoice(self._chosen))

    @property
    def _shown(self) -> tuple[ColumnName, ...]:
        return self._automatic if self._chosen is None else self._chosen

    def _draw(self) -> None:
        width = self._list.size.width or 72
        lines: list[tuple[Span, ...]] = [(_box(is_on=self._chosen is None), (clip(AUTOMATIC, width - 6), "text"))]
        for name in COLUMN_NAMES:
            is_on = name in self._shown
            label = clip(LABELS[name], width - NAME_WIDTH - 6)
            lines.append((_box(is_on=is_on), (left(name, NAME_WIDTH), "strong" if is_on else "text"), (label, "dim")))
        self._list.draw(tuple(lines), self._at)
        self._list.show_cursor()


def _box(*, is_on: bool) -> Span:
    return " [x] " if is_on else " [ ] ", "key-name" if is_on else "dim"
