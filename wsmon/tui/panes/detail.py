"""The detail: everything about one event; lines are made when they come into sight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice

from textual.message import Message

from wsmon.model.events import Event
from wsmon.tui.actions import bindings
from wsmon.tui.glyphs import UNICODE, Glyphs
from wsmon.tui.panes.detail_lines import Line, Page, detail_lines
from wsmon.tui.panes.spans import ScrollPane
from wsmon.tui.wrap import wrap

AHEAD = 200
# lines made before they are in sight: a page down never waits
MOST_LINES = 10_000
# a person reads no more of one message; G makes them in less than 0.1 s
EMPTY = "Following. Enter: the event under the cursor · e: the newest problem"


class DetailPane(ScrollPane):
    """Shows the event that it is given, until it is given another one."""

    BINDINGS = bindings("move", "choose")

    @dataclass
    class Chosen(Message):
        """Enter: somebody wants to see what proves it."""

        event: Event

    def __init__(
        self,
        *,
        zone: tzinfo | None = None,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 (Textual's name)
    ) -> None:
        """``zone`` is the local one by default."""
        super().__init__(id=id)
        self._zone, self._glyphs = zone, glyphs
        self._event: Event | None = None
        self._made: list[Line] = []
        self._more: Iterator[Line] = iter(())

    @property
    def event(self) -> Event | None:
        """What it shows."""
        return self._event

    def show(self, event: Event | None) -> None:
        """Show an event from its top; ``None`` = the log follows. The same event again stays where it is."""
        if event is not None and self._event is not None and event.id == self._event.id and event == self._event:
            return
        self._event = event
        self.scroll_to(y=0, animate=False, force=True)
        self._restart()

    def action_choose(self) -> None:
        """Enter."""
        if self._event is not None:
            self.post_message(self.Chosen(self._event))

    def on_mount(self) -> None:
        """Say how to choose an event."""
        self._restart()

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self._restart()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Make the lines that come into sight soon."""
        super().watch_scroll_y(old_value, new_value)
        self._make(round(new_value) + self.size.height + AHEAD)

    def action_move_bottom(self) -> None:
        """To the last line, of which there may be many."""
        self._make(MOST_LINES)
        super().action_move_bottom()

    def _restart(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        self._made = []
        if self._event is None:
            self._more = iter(((line, "dim"),) for line in wrap(EMPTY, width))
        else:
            self._more = detail_lines(self._event, Page(width, self._zone, self._glyphs))
        self._make(self.scroll_offset.y + self.size.height + AHEAD)

    def _make(self, count: int) -> None:
        """Have at least so many lines, if there are as many."""
        missing = min(count, MOST_LINES) - len(self._made)
        new = list(islice(self._more, missing)) if missing > 0 else []
        if not new and self.lines:
            return
        self._made += new
        if len(self._made) >= MOST_LINES and next(self._more, None) is not None:
            self._more = iter(())
            self._made.append(((f"{MOST_LINES:,} lines are shown: x exports the whole", "caution"),))
        self.draw(tuple(self._made))
