"""The statistics pane: numbers of a period, for the connection under the cursor and for all."""

from __future__ import annotations

from collections.abc import Sequence

from wsmon.model.stats import Statistics
from wsmon.tui.actions import bindings
from wsmon.tui.panes import statistics_table as table
from wsmon.tui.panes.spans import SpanPane


class StatisticsPane(SpanPane):
    """Scrolls as a whole; it has no cursor."""

    BINDINGS = bindings("move")

    def show(self, statistics: Statistics, current: str, now_ns: int, messages_per_s: Sequence[int]) -> None:
        """Draw the statistics, ``current`` first."""
        width = self.size.width - 2
        lines = table.lines(statistics, current, now_ns, messages_per_s, width)
        self.draw(tuple((("  ", "text"), *line) for line in lines))

    def action_move_down(self) -> None:
        """One line down."""
        self._scroll(1)

    def action_move_up(self) -> None:
        """One line up."""
        self._scroll(-1)

    def action_move_page_down(self) -> None:
        """One page down."""
        self._scroll(self.size.height)

    def action_move_page_up(self) -> None:
        """One page up."""
        self._scroll(-self.size.height)

    def action_move_half_down(self) -> None:
        """Half a page down."""
        self._scroll(self.size.height // 2)

    def action_move_half_up(self) -> None:
        """Half a page up."""
        self._scroll(-(self.size.height // 2))

    def action_move_top(self) -> None:
        """To the first line."""
        self._scroll(-len(self.lines))

    def action_move_bottom(self) -> None:
        """To the last line."""
        self._scroll(len(self.lines))

    def _scroll(self, lines: int) -> None:
        self.scroll_to(y=max(0, self.scroll_offset.y + lines), animate=False, force=True)
