"""Two events compared: what differs between their fields and payloads, one under the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from itertools import islice

from textual.binding import Binding
from textual.widget import Widget

from wsmon.tui.comparison import As, Comparison
from wsmon.tui.comparison_lines import comparison_lines
from wsmon.tui.dialogs.dialog import Dialog
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.palette import Line, Span
from wsmon.tui.widgets.text_view import ScrollPane

MOST_LINES = 5_000
# a person reads no more
COPY_WIDTH = 1_000
# cells of a line that is copied: values stay on their lines


class CompareDialog(Dialog[None]):
    """Scrolls; goes from difference to difference; hands the whole over as text."""

    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("escape,q,enter", "cancel", "close"),
        Binding("f", "way", "form"),
        Binding("y,Y", "copy", "copy"),
        Binding("n", "go(1)", "next difference"),
        Binding("N", "go(-1)", "difference before"),
    ]
    HINT = (("n N", "key-name"), (" next  ", "dim"),
            ("f", "key-name"), (" form  ", "dim"), ("y", "key-name"), (" copy  ", "dim"),
            ("Esc", "key-name"), (" close", "dim"))  # fmt: skip

    def __init__(
        self,
        found: Comparison,
        again: Callable[[As, Callable[[Comparison], None]], None],
        copy: Callable[[str], Span],
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
    ) -> None:
        """``again`` compares in another way and gives back the answer; ``copy`` says what became of a text."""
        super().__init__()
        self.title = f"Compare #{found.before.id:,} with #{found.after.id:,}"
        self._found = found
        self._again = again
        self._copy = copy
        self._zone, self._glyphs = zone, glyphs
        self._lines: tuple[Line, ...] = ()
        self._list = ScrollPane(id="comparison")

    def content(self) -> tuple[Widget, ...]:
        """The list."""
        return (self._list,)

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self.call_after_refresh(self._draw)

    def action_way(self) -> None:
        """Compare the payloads as JSON, text or bytes."""
        ways = self._found.ways
        self._again(ways[(ways.index(self._found.way) + 1) % len(ways)], self._take)

    def action_copy(self) -> None:
        """Hand everything over, unbroken."""
        lines = islice(comparison_lines(self._found, COPY_WIDTH, self._zone, self._glyphs), MOST_LINES)
        text = "\n".join("".join(part for part, _ in line).rstrip() for line in lines)
        self.hint(self._copy(text))

    def action_go(self, by: int) -> None:
        """To the next line that begins a difference, or the one before."""
        self.hint(*self.HINT)
        top = self._list.scroll_offset.y
        found = [number for number, line in enumerate(self._lines) if line and line[0][0][:2] in ("~ ", "+ ", "- ")]
        ahead = [number for number in found if (number > top if by > 0 else number < top)]
        if ahead:
            self._list.scroll_to(y=ahead[0] if by > 0 else ahead[-1], animate=False, force=True)

    def _take(self, found: Comparison) -> None:
        self._found = found
        self._draw()
        self._list.scroll_to(y=0, animate=False, force=True)

    def _draw(self) -> None:
        lines = comparison_lines(self._found, self._list.width, self._zone, self._glyphs)
        self._lines = tuple(islice(lines, MOST_LINES))
        if next(lines, None) is not None:
            self._lines = (*self._lines, ((f"{MOST_LINES:,} lines are shown", "caution"),))
        self._list.draw(self._lines)
