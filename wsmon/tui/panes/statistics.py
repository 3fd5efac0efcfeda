"""The statistics pane: a period of one connection, or of two side by side, and a table of all."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.message import Message

from wsmon.model import units as fmt
from wsmon.model.units import SECOND_NS
from wsmon.tui.actions import bindings
from wsmon.tui.panes.statistics_render import StatisticsAnswer, plot_buckets, plot_width, statistics_lines
from wsmon.tui.widgets.text_view import ActionRefused, ScrollPane

# Which time the statistics are about, and which connection stands beside the chosen one.

# Up to now; 0 = everything that is kept
LENGTHS_S = (60, 300, 900, 3_600, 21_600, 86_400, 604_800, 0)
AN_HOUR = LENGTHS_S.index(3_600)


@dataclass(frozen=True, slots=True)
class StatisticsSelection:
    """Immutable; every change makes another one."""

    at: int = AN_HOUR
    """Which of LENGTHS_S."""
    beside: str = ""
    """Name of the second connection; empty: there is none."""

    def since_ns(self, now_ns: int, first_ns: int) -> int | None:
        """Where the period begins, not before ``first_ns``; ``None``: with everything that is kept."""
        length_ns = LENGTHS_S[self.at] * SECOND_NS
        return max(now_ns - length_ns, first_ns) if length_ns else None

    def words(self, length_ns: int) -> str:
        """The period that was asked for, and how much of it the statistics are about where that is less."""
        asked_ns, found = LENGTHS_S[self.at] * SECOND_NS, fmt.duration(length_ns)
        if not asked_ns:
            return f"all that is kept, {found}"
        asked = fmt.duration(asked_ns)
        return f"last {asked}" if found == asked else f"last {asked}, {found} of it recorded"

    def longer(self) -> StatisticsSelection:
        """The next longer period."""
        return replace(self, at=min(self.at + 1, len(LENGTHS_S) - 1))

    def shorter(self) -> StatisticsSelection:
        """The next shorter period."""
        return replace(self, at=max(self.at - 1, 0))

    def everything(self) -> StatisticsSelection:
        """All that is kept; from there back to an hour."""
        return replace(self, at=AN_HOUR if not LENGTHS_S[self.at] else len(LENGTHS_S) - 1)

    def next_beside(self, current: str, names: Sequence[str]) -> StatisticsSelection:
        """Another connection beside ``current``: the next of the list, after the last one none."""
        others = ["", *(name for name in names if name != current)]
        at = others.index(self.beside) if self.beside in others else 0
        return replace(self, beside=others[(at + 1) % len(others)])


MARGIN = 2


class StatisticsPane(ScrollPane):
    """Draws what ``show`` gives it, for the choice that ``choice`` names."""

    BINDINGS = bindings("move", "statistics")

    class SelectionChanged(Message):
        """Another period, or another connection beside: it needs other statistics."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.has_answer = Event()
        """Set once it shows something."""
        self.choice = StatisticsSelection()
        self.answer: StatisticsAnswer | None = None
        # what it shows
        self._current = ""

    @property
    def buckets(self) -> int:
        """How many values its plots can show."""
        return plot_buckets(plot_width(self.width - MARGIN, 2 if self.choice.beside else 1))

    def show(self, answer: StatisticsAnswer, current: str, now_ns: int, messages_per_s: Sequence[int]) -> None:
        """Draw the statistics of ``current`` and of the one beside it."""
        self.answer, self._current = answer, current
        self.has_answer.set()
        found = statistics_lines(answer, now_ns, messages_per_s, self.width - MARGIN)
        self.draw(tuple(((" " * MARGIN, "text"), *line) for line in found))

    def on_resize(self) -> None:
        """Plots of another width need other trends."""
        if self.answer is not None:
            self.post_message(self.SelectionChanged())

    def action_statistics_longer(self) -> None:
        """The next longer period."""
        self._choose(self.choice.longer(), "this is the longest period: all that is kept")

    def action_statistics_shorter(self) -> None:
        """The next shorter period."""
        self._choose(self.choice.shorter(), "this is the shortest period")

    def action_statistics_everything(self) -> None:
        """All that is kept, or an hour again."""
        self._choose(self.choice.everything())

    def action_statistics_beside(self) -> None:
        """Another connection beside this one."""
        known = self.answer.statistics.connections if self.answer is not None else ()
        choice = self.choice.next_beside(self._current, [each.name for each in known])
        self._choose(choice, "there is no other connection")

    def _choose(self, choice: StatisticsSelection, else_say: str = "") -> None:
        if choice == self.choice:
            self.post_message(ActionRefused(else_say))
            return
        self.choice = choice
        self.post_message(self.SelectionChanged())
