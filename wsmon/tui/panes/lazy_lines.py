"""A cursor over lines that are made when they come into sight: what is never looked at costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from wsmon.tui.panes.detail_page import Row
from wsmon.tui.widgets.text_view import SpanPane

AHEAD = 200
# lines made before they are in sight: a page down never waits
MOST_LINES = 10_000
# a person reads no more of one message; G makes them in less than 0.1 s


class LazyLines(SpanPane):
    """Shows ``rows`` one page after the other; what they are about is up to the class that derives."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self._made: list[Row] = []
        self._more: Iterator[Row] = iter(())
        self._at = 0
        # the line under the cursor

    @property
    def has_cursor(self) -> bool:
        """Whether a line is under the cursor."""
        return True

    def begin(self, rows: Iterator[Row]) -> None:
        """Show other rows; the cursor stays on its line, as far as there are as many."""
        self._made, self._more = [], rows
        self._make(max(self._at, self.scroll_offset.y) + self.size.height + AHEAD)
        self._at = min(self._at, max(0, len(self._made) - 1))
        self._draw()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that come into sight soon; the cursor stays in sight."""
        super().watch_scroll_y(old_value, new_value)
        top = round(new_value)
        self._make(top + self.size.height + AHEAD)
        if not top <= self._at < top + max(1, self.size.height):
            self._at = min(max(self._at, top), top + max(1, self.size.height) - 1, max(0, len(self._made) - 1))
            self._draw()

    def action_move_down(self) -> None:
        self._step(1)

    def action_move_up(self) -> None:
        self._step(-1)

    def action_move_page_down(self) -> None:
        self._step(max(1, self.size.height))

    def action_move_page_up(self) -> None:
        self._step(-max(1, self.size.height))

    def action_move_half_down(self) -> None:
        self._step(max(1, self.size.height // 2))

    def action_move_half_up(self) -> None:
        self._step(-max(1, self.size.height // 2))

    def action_move_top(self) -> None:
        self._step(-self._at)

    def action_move_bottom(self) -> None:
        """To the last line, of which there may be many."""
        self._make(MOST_LINES)
        self._step(len(self._made))

    def _step(self, lines: int) -> None:
        """Move the cursor, and scroll as little as that needs."""
        self._at = max(0, self._at + lines)
        self._make(self._at + self.size.height + AHEAD)
        self._at = min(self._at, max(0, len(self._made) - 1))
        self._draw()
        self.show_cursor()

    def _make(self, count: int) -> None:
        """Have at least so many lines, if there are as many."""
        missing = min(count, MOST_LINES) - len(self._made)
        new = list(islice(self._more, missing)) if missing > 0 else []
        if not new:
            return
        self._made += new
        if len(self._made) >= MOST_LINES and next(self._more, None) is not None:
            self._more = iter(())
            self._made.append(Row(((f"{MOST_LINES:,} lines are shown: x exports the whole", "caution"),)))
        self._draw()

    def _draw(self) -> None:
        self.draw(tuple(row.line for row in self._made), self._at if self.has_cursor else None)
