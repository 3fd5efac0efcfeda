"""The statistics pane: a period of one connection, or of two side by side, and a table of all."""

from __future__ import annotations

from asyncio import Event
from collections.abc import Sequence

from textual.message import Message

from wsmon.tui.actions import bindings
from wsmon.tui.panes.messages import Refuses
from wsmon.tui.panes.statistics_lines import Answer, columns, lines
from wsmon.tui.panes.statistics_period import Choice
from wsmon.tui.panes.statistics_trend import buckets
from wsmon.tui.widgets.text_view import ScrollPane

MARGIN = 2


class StatisticsPane(ScrollPane):
    """Draws what ``show`` gives it, for the choice that ``choice`` names."""

    BINDINGS = bindings("move", "statistics")

    class Changed(Message):
        """Another period, or another connection beside: it needs other statistics."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name)
        super().__init__(id=id)
        self.has_answer = Event()
        """Set once it shows something."""
        self.choice = Choice()
        self.answer: Answer | None = None
        # what it shows
        self._current = ""

    @property
    def buckets(self) -> int:
        """How many values its plots can show."""
        return buckets(columns(self.width - MARGIN, 2 if self.choice.beside else 1))

    def show(self, answer: Answer, current: str, now_ns: int, messages_per_s: Sequence[int]) -> None:
        """Draw the statistics of ``current`` and of the one beside it."""
        self.answer, self._current = answer, current
        self.has_answer.set()
        found = lines(answer, now_ns, messages_per_s, self.width - MARGIN)
        self.draw(tuple(((" " * MARGIN, "text"), *line) for line in found))

    def on_resize(self) -> None:
        """Plots of another width need other trends."""
        if self.answer is not None:
            self.post_message(self.Changed())

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

    def _choose(self, choice: Choice, else_say: str = "") -> None:
        if choice == self.choice:
            self.post_message(Refuses(else_say))
            return
        self.choice = choice
        self.post_message(self.Changed())
