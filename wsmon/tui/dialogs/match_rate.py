"""Dialogs of rates over time: of which events, and the chart, from which one goes to a time in the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from textual.binding import Binding
from textual.widget import Widget

from wsmon.model.ranges import MatchHistogram
from wsmon.tui.dialogs.base import Dialog, FinderDialog
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.match_rate import SCALE, RateChoice, chart_lines
from wsmon.tui.text import Line, clip
from wsmon.tui.widgets.text_view import ScrollPane

# Lines below the bars: marker, axis, a blank line, two sentences
BELOW = 5
MOST_LINES, LEAST_LINES = 16, 3
# Cells of the frame, its padding and the scroll bar
FRAME = 6

HistogramRequest = Callable[[int, Callable[[MatchHistogram], None]], None]
"""Requests counts in at most so many steps, and passes each answer to a function."""


class RateChoiceDialog(FinderDialog[RateChoice]):
    """The events whose rate can be shown."""

    HINT = (("Enter", "key-name"), (" show  ", "dim"), ("Esc", "key-name"), (" cancel", "dim"))
    NOTHING = "no matching choice"

    def __init__(self, choices: tuple[RateChoice, ...]) -> None:
        super().__init__("type to filter")
        self.title = "Event rate over time: choose events"
        self._choices = choices

    def find(self, text: str) -> tuple[RateChoice, ...]:
        """Return the choices whose label or search has the text."""
        wanted = text.casefold().strip()
        return tuple(each for each in self._choices if wanted in f"{each.label} {each.text}".casefold())

    def line(self, result: RateChoice, width: int) -> Line:
        """Return a choice as a line of the list."""
        return ((clip(f"  {result.label}", width), "text"),)


class HistogramDialog(Dialog[int]):
    """A chart of how many events there are over time; the result is the wall time under its cursor."""

    BINDINGS = [  # noqa: RUF012 (Textual's declaration)
        Binding("left,h", "move(-1)", "earlier"),
        Binding("right,l", "move(1)", "later"),
        Binding("home,g", "move(-1000000)", "first"),
        Binding("end,G", "move(1000000)", "last"),
        Binding("e", "peak", "peak"),
        Binding("enter", "choose", "go to"),
        Binding("q", "cancel", "close"),
    ]
    HINT = (("← →", "key-name"), (" cursor  ", "dim"), ("e", "key-name"), (" peak  ", "dim"),
            ("Enter", "key-name"), (" go to this time  ", "dim"), ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(
        self, what: str, ask: HistogramRequest, *, zone: tzinfo | None = None, glyphs: Glyphs = UNICODE
    ) -> None:
        """``what`` names the events."""
        super().__init__()
        self.title = f"Event rate: {what}"
        self._ask = ask
        self._zone, self._glyphs = zone, glyphs
        self._found: MatchHistogram | None = None
        self._at_ns: int | None = None
        """Time under the cursor; None = the last step, until the user moves it."""
        self._list = ScrollPane(id="histogram")
        # Keys are the dialog's
        self._list.can_focus = False

    def content(self) -> tuple[Widget, ...]:
        """Return the chart."""
        return (self._list,)

    def on_mount(self) -> None:
        """Have the events counted."""
        self._list.draw(((("counting…", "dim"),),))
        self._ask(max(1, self.app.size.width - FRAME - SCALE), self._take)

    def on_resize(self) -> None:
        """Draw at the new size."""
        self.call_after_refresh(self._draw)

    def action_move(self, steps: int) -> None:
        """Move the cursor, as far as there are steps."""
        if self._found is not None:
            self._go_to(self._cell + steps)

    def action_peak(self) -> None:
        """Move the cursor to the step with most events."""
        if self._found is not None:
            self._go_to(self._found.counts.index(max(self._found.counts)))

    def action_choose(self) -> None:
        """Dismiss the dialog with the time under the cursor."""
        if self._found is not None:
            self.dismiss(self._found.start_ns + self._cell * self._found.step_ns)

    @property
    def _cell(self) -> int:
        """The step under the cursor."""
        found = self._found
        last = len(found.counts) - 1 if found is not None else 0
        if found is None or self._at_ns is None:
            return last
        return min(max(0, (self._at_ns - found.start_ns) // found.step_ns), last)

    def _go_to(self, cell: int) -> None:
        if self._found is not None:
            cell = min(max(0, cell), len(self._found.counts) - 1)
            self._at_ns = self._found.start_ns + cell * self._found.step_ns
            self._draw()

    def _take(self, found: MatchHistogram) -> None:
        self._found = found
        self._draw()

    def _draw(self) -> None:
        if self._found is None or not self._list.width:
            return
        height = min(max(LEAST_LINES, self._list.size.height - BELOW), MOST_LINES)
        self._list.draw(chart_lines(self._found, self._cell, self._list.width, height, self._glyphs, self._zone))
