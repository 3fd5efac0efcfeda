"""The statistics pane: numbers of a period, for the connection under the cursor and for all."""

from __future__ import annotations

from collections.abc import Sequence

from wsmon.model.stats import Statistics
from wsmon.tui.panes import statistics_table as table
from wsmon.tui.panes.spans import ScrollPane


class StatisticsPane(ScrollPane):
    """The numbers."""

    def show(self, statistics: Statistics, current: str, now_ns: int, messages_per_s: Sequence[int]) -> None:
        """Draw the statistics, ``current`` first."""
        width = self.width - 2
        lines = table.lines(statistics, current, now_ns, messages_per_s, width)
        self.draw(tuple((("  ", "text"), *line) for line in lines))
