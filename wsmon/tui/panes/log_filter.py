"""Which events the log shows: all, or those that match; kept true while events come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.predicate import matches
from wsmon.tui.panes.log_matches import Matches
from wsmon.tui.panes.log_rows import AllRows, Rows
from wsmon.tui.panes.log_search import FIRST_WINDOW, Aim, Found, Search, without_heartbeats


@dataclass(frozen=True, slots=True)
class Scope:
    """What the log is asked to show."""

    query: Query = EVERYTHING
    hides_heartbeats: bool = False
    is_in_context: bool = False
    # matches of the query are highlighted among all other events, instead of shown alone

    @property
    def effective(self) -> Query:
        """What an event must match to be shown."""
        shown = EVERYTHING if self.is_in_context else self.query
        return without_heartbeats(shown) if self.hides_heartbeats else shown

    @property
    def highlighted(self) -> Query:
        """What is highlighted among the events shown."""
        return self.query if self.is_in_context else EVERYTHING

    def showing(self, event: Event) -> Scope:
        """The same, or what is nearest to it and shows an event."""
        wider = (self, replace(self, query=EVERYTHING), replace(self, hides_heartbeats=False), Scope())
        return next(scope for scope in wider if matches(scope.effective, event))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many matches there are of what is searched for."""

    matches: int
    place: int
    # of the event asked about, from 1 for the oldest; 0 = it is no match, or its place is not known yet
    is_complete: bool
    # every event was looked at


class LogFilter:
    """The query of the log, and the rows that it leaves.

    The newest events are glanced at here, in the thread of the screen; for all before them ``restart`` returns
    searches, whose answers come back through ``take``.
    """

    def __init__(self, view: StoreView) -> None:
        self._view = view
        self._serials = count(1)
        self._shown: Matches | None = None
        # None = every event is shown
        self._highlighted: Matches | None = None
        # None = nothing is highlighted
        self.bounds = StoreBounds()
        self.scope = Scope()

    @property
    def rows(self) -> Rows:
        """The rows there are now."""
        return self._shown.rows if self._shown is not None else AllRows(self.bounds.oldest_id, self.bounds.last_id)

    @property
    def searched(self) -> int:
        """How many of the events kept were looked at."""
        return self.bounds.events if self._shown is None else self._shown.rows.searched

    @property
    def is_searching(self) -> bool:
        """Whether older events are still being looked at."""
        return self._shown is not None and not self._shown.is_complete

    @property
    def reached_ns(self) -> int:
        """Wall time of the event that the search under way has come to; 0 = none is, or it has just begun."""
        return next((each.reached_ns for each in self._matches if not each.is_complete), 0)

    def is_ahead(self, event_id: int) -> bool:
        """Whether the search under way has still to come to an event."""
        return self._shown is not None and self._shown.is_ahead(event_id)

    def tally(self, event_id: int) -> Tally | None:
        """How many matches there are, and which of them an event is; ``None`` where nothing is searched for."""
        found = self._highlighted if self.scope.is_in_context else self._shown
        if found is None or not self.scope.query:
            return None
        row = found.rows.row_of(event_id)
        is_match = found.is_complete and row < len(found.rows) and found.rows.id_at(row) == event_id
        return Tally(len(found.rows), row + 1 if is_match else 0, found.is_complete)

    @property
    def hidden_heartbeats(self) -> int | None:
        """How many there are among the events searched; ``None`` where a query hides other events too."""
        return None if self.scope.query and not self.scope.is_in_context else self.searched - len(self.rows)

    def restart(self, scope: Scope) -> tuple[Search, ...]:
        """Show something else; returns what is left to search."""
        self.scope = scope
        shown, highlighted = scope.effective, scope.highlighted
        self._shown = self._highlighted = None
        if shown:
            self._shown = Matches(self._view, shown, "filter", next(self._serials), self.bounds)
        if highlighted:
            query = shown.also(highlighted)
            self._highlighted = Matches(self._view, query, "matches", next(self._serials), self.bounds)
        return tuple(each.search for each in self._matches if each.search is not None)

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Look at what came, forget what went."""
        self.bounds = bounds
        for each in self._matches:
            each.set_bounds(bounds)

    def take(self, found: Found) -> None:
        """Add what a search found; what is stale, known already or pruned meanwhile is left out."""
        for each in self._matches:
            each.take(found)

    def nearest(self, aim: Aim, current_id: int, *, newer: bool) -> int | Search | None:
        """The id of the nearest event aimed at, of those shown after (or before) another; a search where it is far."""
        oldest_id, last_id = self.bounds.oldest_id, self.bounds.last_id
        first_id, last_id = (current_id + 1, last_id) if newer else (oldest_id, current_id - 1)
        if not oldest_id or first_id > last_id:
            return None
        if self._highlighted is not None and aim.query == self.scope.highlighted:
            known = self._highlighted.nearest(current_id, newer=newer)
            if known is not None:
                return known or None
        query = self.scope.effective.also(aim.query)
        near_first = first_id if newer else max(first_id, last_id - FIRST_WINDOW + 1)
        near_last = min(last_id, first_id + FIRST_WINDOW - 1) if newer else last_id
        near = self._view.glance(query, near_first, near_last, newest_first=not newer)
        if near.ids:
            return near.ids[0] if newer else near.ids[-1]
        rest_first, rest_last = (near.last_id + 1, last_id) if newer else (first_id, near.first_id - 1)
        if rest_first > rest_last:
            return None
        return Search(next(self._serials), "jump", query, rest_first, rest_last, newest_first=not newer)

    @property
    def _matches(self) -> tuple[Matches, ...]:
        return tuple(each for each in (self._shown, self._highlighted) if each is not None)
