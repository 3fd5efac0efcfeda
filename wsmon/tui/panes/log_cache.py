"""Lines of the log that were drawn lately, by event id: what is missing is read in one query a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.patterns import PatternTooSlowError
from wsmon.query.predicate import matches
from wsmon.tui.panes.log_line import LineStyle, line
from wsmon.tui.panes.log_status import InSight
from wsmon.tui.text import RoleStyles, StyledText
from wsmon.tui.widgets.text_view import draw_line

# Ten screens of 60 lines
KEPT_LINES = 600
# The background depends on the cursor, and is laid under the line when it is shown
NO_GROUND = Style()
GONE: tuple[StyledText, ...] = (("no longer kept", "dim"),)


class LogLines:
    """Strips by event id; they follow the event when rows shift."""

    def __init__(self, view: StoreView) -> None:
        self._view = view
        self._strips: LRUCache[int, Strip] = LRUCache(KEPT_LINES)
        self._lacking: LRUCache[int, tuple[bool, bool]] = LRUCache(KEPT_LINES)
        # by event id: its payload was cut, or masked
        self._width = 0
        self._highlighted = EVERYTHING
        self._marked: frozenset[int] = frozenset()
        self.style = LineStyle()

    def restyle(self, style: LineStyle) -> None:
        """Draw everything anew, in this style."""
        self.style = style
        self._strips.clear()

    def clear(self) -> None:
        """Forget all lines."""
        self._strips.clear()

    def highlight(self, query: Query) -> None:
        """Draw everything anew: what matches with a sign, the rest without colour. ``EVERYTHING``: no difference."""
        self._highlighted = query
        self._strips.clear()

    def mark(self, marked: frozenset[int]) -> None:
        """These events have a bookmark; lines that differ are drawn anew."""
        for event_id in self._marked ^ marked:
            self._strips.discard(event_id)
        self._marked = marked

    def forget(self, event_id: int) -> None:
        """Forget a line: the one above it changed."""
        self._strips.discard(event_id)

    def resize(self, width: int) -> None:
        """Draw everything anew where the width differs."""
        if width != self._width:
            self._width = width
            self._strips.clear()

    def in_sight(self, ids: Iterable[int]) -> InSight:
        """What these lines do not show the whole of, as far as they were loaded."""
        lacking = [self._lacking.get(event_id) or (False, False) for event_id in ids]
        return InSight(sum(truncated for truncated, _ in lacking), sum(redacted for _, redacted in lacking))

    def get(self, event_id: int) -> Strip | None:
        """The line of an event, if it was loaded."""
        return self._strips.get(event_id)

    def load(self, ids: Sequence[int], above: int, palette: RoleStyles) -> None:
        """Have the lines of these rows, without a background; ``above`` is the id on the row before, 0 = none.

        Raises ``PatternTooSlowError``, after which nothing is highlighted any more.
        """
        missing = [number for number, event_id in enumerate(ids) if event_id not in self._strips]
        if not missing:
            return
        wanted = list(ids[missing[0] : missing[-1] + 1])
        previous_id = ids[missing[0] - 1] if missing[0] else above
        if self.style.time_mode == "delta" and previous_id:
            wanted.insert(0, previous_id)
        events = {event.id: event for event in self._read(wanted)}
        previous = events.get(previous_id)
        opened = self._opened(events.values()) if self.style.time_mode == "open" else {}
        for event_id in ids[missing[0] : missing[-1] + 1]:
            event = events.get(event_id)
            spans = GONE if event is None else line(event, self._width, self._style_of(event, opened), previous)
            self._lacking[event_id] = event is not None and event.truncated, event is not None and event.redacted
            self._strips[event_id] = draw_line(spans, self._width, NO_GROUND, palette)
            previous = event

    def _opened(self, events: Iterable[Event]) -> dict[str, int]:
        """When the sessions of these events became usable, by their id: monotonic."""
        ids = dict.fromkeys(event.source.connection_id for event in events if event.source.connection_id)
        lives = self._view.sessions(tuple(ids)) if ids else ()
        return {life.connection_id: life.open_mono_ns for life in lives if life.open_id}

    def _style_of(self, event: Event, opened: Mapping[str, int]) -> LineStyle:
        style = replace(self.style, is_marked=event.id in self._marked)
        style = replace(style, open_mono_ns=opened.get(event.source.connection_id)) if opened else style
        if not self._highlighted:
            return style
        try:
            is_match = matches(self._highlighted, event)
        except PatternTooSlowError:
            self.highlight(EVERYTHING)
            raise
        return replace(style, emphasis="match" if is_match else "context")

    def _read(self, ids: Sequence[int]) -> tuple[Event, ...]:
        if ids[-1] - ids[0] == len(ids) - 1:
            return self._view.events_after(ids[0] - 1, len(ids))
        return self._view.events_by_id(tuple(ids))
