"""Cache of the log: events that were read and lines that were drawn lately, by event id.

What is missing of the rows in sight is read in one query, off the UI thread, by the worker behind ``submit``. One read
at a time: while following, a newer page does not interrupt the one under way, for on a slow disk none would end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from wsmon.errors import WsmonError
from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.patterns import PatternTooSlowError
from wsmon.query.predicate import matches
from wsmon.tui.panes.log_line import LineStyle, line
from wsmon.tui.panes.log_status import InSight
from wsmon.tui.store_threads import Submit
from wsmon.tui.text import RoleStyles, StyledText
from wsmon.tui.widgets.text_view import draw_line

# Ten screens of 60 lines
KEPT_LINES = 600
# Payloads of the events that are kept beside those read last; a recording may have some of many MiB
KEPT_BYTES = 8 * 1024 * 1024
# The background depends on the cursor, and is laid under the line when it is shown
NO_GROUND = Style()
GONE: tuple[StyledText, ...] = (("pruned", "dim"),)


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """What was read for some rows."""

    events: tuple[Event, ...]
    """Those of the rows that are still kept."""
    opened: Mapping[str, int]
    """Monotonic time at which a session became usable, by its id; empty where it was not asked for."""


def read_rows(view: StoreView, ids: Sequence[int], *, has_sessions: bool) -> LoadedRows | WsmonError:
    """Read the events with these ids (ascending, at least one), and on demand when their sessions became usable.

    Return the error where the store cannot be read: the caller waits for an answer.
    """
    try:
        is_range = ids[-1] - ids[0] == len(ids) - 1
        events = view.events_after(ids[0] - 1, len(ids)) if is_range else view.events_by_id(tuple(ids))
        opened: dict[str, int] = {}
        sessions = tuple(dict.fromkeys(each.source.connection_id for each in events if each.source.connection_id))
        if has_sessions and sessions:
            found = view.sessions(sessions)
            opened = {session.connection_id: session.open_mono_ns for session in found if session.open_id}
    except WsmonError as error:
        return error
    return LoadedRows(events, opened)


class LogCache:
    """Events and strips by event id; they follow the event when rows shift."""

    def __init__(self, submit: Submit, loaded: Callable[[WsmonError | None], None]) -> None:
        """``loaded`` is called in the UI thread after each read, with the error where it failed."""
        self._submit = submit
        self._loaded = loaded
        self._events: dict[int, Event | None] = {}
        """In the order in which they were read; None = no longer kept by the store."""
        self._opened: dict[str, int] = {}
        self._size_bytes = 0
        self._strips: LRUCache[int, Strip] = LRUCache(KEPT_LINES)
        self._flags: LRUCache[int, tuple[bool, bool]] = LRUCache(KEPT_LINES)
        """By event id: its payload was cut, or masked."""
        self._width = 0
        self._highlighted = EVERYTHING
        self._marked: frozenset[int] = frozenset()
        self._generation = 0
        """Counts the times that all events were forgotten: a read that was begun before is dropped."""
        self.style = LineStyle()
        self.is_loading = False
        """Whether a read is under way."""

    def restyle(self, style: LineStyle) -> None:
        """Discard all lines: they will be drawn in this style."""
        self.style = style
        self.clear_lines()

    def clear_lines(self) -> None:
        """Discard all lines, and in time mode "open" the events as well."""
        self._strips.clear()
        if self.style.time_mode == "open":
            # A session may have become usable since its events were read: both are read again.
            self._events.clear()
            self._opened.clear()
            self._size_bytes = 0
            self._generation += 1

    def highlight(self, query: Query) -> None:
        """Discard all lines if the query differs: matches will have a sign, the rest no colour.

        ``EVERYTHING``: no difference.
        """
        if query != self._highlighted:
            self._highlighted = query
            self.clear_lines()

    def mark(self, marked: frozenset[int]) -> None:
        """Give these events a bookmark, and no others; lines that this changes are discarded."""
        for event_id in self._marked ^ marked:
            self._strips.discard(event_id)
        self._marked = marked

    def forget_line(self, event_id: int) -> None:
        """Discard a line: the one above it changed."""
        self._strips.discard(event_id)

    def resize(self, width: int) -> None:
        """Set the width of lines, in cells; lines of another width are discarded."""
        if width != self._width:
            self._width = width
            self.clear_lines()

    def in_sight(self, ids: Iterable[int]) -> InSight:
        """Return how many of these lines do not show the whole payload, as far as they were drawn."""
        flags = [self._flags.get(event_id) or (False, False) for event_id in ids]
        return InSight(sum(truncated for truncated, _ in flags), sum(redacted for _, redacted in flags))

    def event(self, event_id: int) -> Event | None:
        """Return an event; ``None`` where it was not read, or is no longer kept by the store."""
        return self._events.get(event_id)

    def line_of(self, event_id: int) -> Strip | None:
        """Return the line of an event, if it was drawn."""
        return self._strips.get(event_id)

    def load(self, ids: Sequence[int], above_id: int, current_id: int) -> None:
        """Read what these rows and the event under the cursor lack; ``loaded`` is called once it is there.

        ``above_id`` is the id on the row above the first one, 0 = there is none. Nothing happens where nothing lacks,
        nor while a read is under way: call again when it has ended.
        """
        if self.is_loading:
            return
        missing = self._missing(ids, above_id, current_id)
        if missing:
            self.is_loading = True
            read = partial(read_rows, ids=missing, has_sessions=self.style.time_mode == "open")
            self._submit("log.rows", read, partial(self._take, missing, self._generation))

    def draw(self, ids: Sequence[int], above_id: int, styles: RoleStyles) -> bool:
        """Draw the lines of these rows that are not drawn yet, without a background; return whether all of them are.

        Raises ``PatternTooSlowError``, after which nothing is highlighted any more.
        """
        is_whole = True
        for previous_id, event_id in pairwise((above_id, *ids)):
            if event_id in self._strips:
                continue
            if event_id not in self._events or self._lacks_above(previous_id):
                is_whole = False
                continue
            event, previous = self._events[event_id], self._events.get(previous_id)
            content = GONE if event is None else line(event, self._width, self._style_of(event), previous)
            self._flags[event_id] = event is not None and event.truncated, event is not None and event.redacted
            self._strips[event_id] = draw_line(content, self._width, NO_GROUND, styles)
        return is_whole

    def _missing(self, ids: Sequence[int], above_id: int, current_id: int) -> tuple[int, ...]:
        """Return the ids whose events have to be read, ascending."""
        missing = {current_id} if current_id and current_id not in self._events else set[int]()
        for previous_id, event_id in pairwise((above_id, *ids)):
            if event_id not in self._strips:
                if event_id not in self._events:
                    missing.add(event_id)
                if self._lacks_above(previous_id):
                    missing.add(previous_id)
        return tuple(sorted(missing))

    def _lacks_above(self, previous_id: int) -> bool:
        """Return whether a line cannot be drawn without the event of the one above, which was not read."""
        return self.style.needs_above and previous_id != 0 and previous_id not in self._events

    def _take(self, ids: Sequence[int], generation: int, rows: LoadedRows | WsmonError) -> None:
        self.is_loading = False
        if isinstance(rows, WsmonError):
            self._loaded(rows)
            return
        if generation == self._generation:
            self._keep(ids, rows)
        self._loaded(None)

    def _keep(self, ids: Sequence[int], rows: LoadedRows) -> None:
        self._opened |= rows.opened
        found = {event.id: event for event in rows.events}
        for event_id in ids:
            self._size_bytes += _size_bytes(found.get(event_id)) - _size_bytes(self._events.pop(event_id, None))
            self._events[event_id] = found.get(event_id)
        for event_id in tuple(self._events)[: -len(ids)]:
            if len(self._events) <= KEPT_LINES and self._size_bytes <= KEPT_BYTES:
                break
            self._size_bytes -= _size_bytes(self._events.pop(event_id))

    def _style_of(self, event: Event) -> LineStyle:
        opened_ns = self._opened.get(event.source.connection_id)
        style = replace(self.style, is_marked=event.id in self._marked, open_mono_ns=opened_ns)
        if not self._highlighted:
            return style
        try:
            is_match = matches(self._highlighted, event)
        except PatternTooSlowError:
            self.highlight(EVERYTHING)
            raise
        return replace(style, emphasis="match" if is_match else "context")


def _size_bytes(event: Event | None) -> int:
    return len(event.payload) if event is not None and event.payload is not None else 0
