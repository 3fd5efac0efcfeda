"""Statistics pane: one connection in a period, or two side by side, and a table of all connections."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.message import Message

from wsmon.model import units as fmt
from wsmon.model.statistics import ConnectionStatistics
from wsmon.model.units import SECOND_NS
from wsmon.tui.actions import bindings
from wsmon.tui.panes.statistics_plots import plot_buckets
from wsmon.tui.panes.statistics_render import StatisticsAnswer, maxima, plot_width, statistics_lines
from wsmon.tui.widgets.text_view import ActionRefused, ScrollPane

# Periods up to now; 0 = everything that is kept
LENGTHS_S = (60, 300, 900, 3_600, 21_600, 86_400, 604_800, 0)
AN_HOUR = LENGTHS_S.index(3_600)
# Cells left of the lines
MARGIN = 2


class StatisticsPane(ScrollPane):
    """Statistics of the period and the connections in ``selection``."""

    BINDINGS = bindings("move", "choose", "statistics")

    @dataclass
    class MaximumWanted(Message):
        """The user wants to go to the event with a maximum."""

        statistics: ConnectionStatistics
        since_ns: int
        until_ns: int

    class SelectionChanged(Message):
        """Another period, another second connection, or another width was chosen: it needs other statistics."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.has_answer = Event()
        """Set once an answer of the store is shown."""
        self.selection = StatisticsSelection()
        self.answer: StatisticsAnswer | None = None
        """The statistics that are shown."""
        self._current = ""

    @property
    def buckets(self) -> int:
        """Number of values that a plot can show."""
        return plot_buckets(plot_width(self.width - MARGIN, 2 if self.selection.beside else 1))

    def show(self, answer: StatisticsAnswer, current: str, now_ns: int, messages_per_s: Sequence[int]) -> None:
        """Draw the statistics of ``current`` and of the connection beside it, as of ``now_ns``."""
        self.answer, self._current = answer, current
        self.has_answer.set()
        found = statistics_lines(answer, now_ns, messages_per_s, self.width - MARGIN)
        self.draw(tuple(((" " * MARGIN, "text"), *line) for line in found))

    def on_resize(self) -> None:
        """Request other trends: plots have another width."""
        if self.answer is not None:
            self.post_message(self.SelectionChanged())

    def action_choose(self) -> None:
        """Report that the user wants to go to the event with a maximum."""
        known = self.answer.statistics if self.answer is not None else None
        one = next((each for each in known.connections if each.name == self._current), None) if known else None
        if known is None or one is None or not any(maxima(one)):
            self.post_message(ActionRefused("nothing was measured in this period"))
        else:
            self.post_message(self.MaximumWanted(one, known.since_ns, known.until_ns))

    def action_statistics_longer(self) -> None:
        """Take the next longer period."""
        self._choose(self.selection.longer(), "already at the longest period: the entire recording")

    def action_statistics_shorter(self) -> None:
        """Take the next shorter period."""
        self._choose(self.selection.shorter(), "already at the shortest period")

    def action_statistics_everything(self) -> None:
        """Take all that is kept, or an hour again."""
        self._choose(self.selection.everything())

    def action_statistics_beside(self) -> None:
        """Take the next connection beside this one."""
        known = self.answer.statistics.connections if self.answer is not None else ()
        selection = self.selection.next_beside(self._current, [each.name for each in known])
        self._choose(selection, "no other connection to compare with")

    def _choose(self, selection: StatisticsSelection, refusal: str = "") -> None:
        if selection == self.selection:
            self.post_message(ActionRefused(refusal))
            return
        self.selection = selection
        self.post_message(self.SelectionChanged())


@dataclass(frozen=True, slots=True)
class StatisticsSelection:
    """Period and second connection of the statistics; a change returns another selection."""

    at: int = AN_HOUR
    """Index into LENGTHS_S."""
    beside: str = ""
    """Name of the second connection; empty = none."""

    def since_ns(self, now_ns: int, first_ns: int) -> int | None:
        """Return where the period begins, not before ``first_ns``; None = with everything that is kept."""
        length_ns = LENGTHS_S[self.at] * SECOND_NS
        return max(now_ns - length_ns, first_ns) if length_ns else None

    def words(self, length_ns: int) -> str:
        """Return the period in words, and how much of it was recorded where that is less."""
        asked_ns, found = LENGTHS_S[self.at] * SECOND_NS, fmt.duration(length_ns)
        if not asked_ns:
            return f"entire recording, {found}"
        asked = fmt.last_period(asked_ns)
        return asked if found == fmt.duration(asked_ns) else f"{asked} ({found} recorded)"

    def longer(self) -> StatisticsSelection:
        """Return the selection with the next longer period."""
        return replace(self, at=min(self.at + 1, len(LENGTHS_S) - 1))

    def shorter(self) -> StatisticsSelection:
        """Return the selection with the next shorter period."""
        return replace(self, at=max(self.at - 1, 0))

    def everything(self) -> StatisticsSelection:
        """Return the selection of all that is kept, or from there of an hour."""
        return replace(self, at=AN_HOUR if not LENGTHS_S[self.at] else len(LENGTHS_S) - 1)

    def next_beside(self, current: str, names: Sequence[str]) -> StatisticsSelection:
        """Return the selection with the next connection beside ``current``; after the last one comes none."""
        others = ["", *(name for name in names if name != current)]
        at = others.index(self.beside) if self.beside in others else 0
        return replace(self, beside=others[(at + 1) % len(others)])
