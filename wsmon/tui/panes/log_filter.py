"""Which events the log shows: all, or those that match; kept true while events come and go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count

from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.predicate import matches
from wsmon.tui.panes.log_rows import AllRows, MatchRows, Rows
from wsmon.tui.panes.log_search import FIRST_WINDOW, Aim, Found, Search, without_heartbeats

CATCH_UP = 2 * FIRST_WINDOW
# new ids searched at a time, at most: 10 times a second this keeps up with 100,000 events/s


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


class LogFilter:
    """The query of the log, and the rows that it leaves.

    The newest window is searched here, in the thread of the screen; for all before it ``restart`` returns a ``Search``
    whose answers come back through ``take``.
    """

    def __init__(self, view: StoreView) -> None:
        self._view = view
        self._serials = count(1)
        self._search: Search | None = None
        # what is still under way
        self._matches: MatchRows | None = None
        # None = every event is shown
        self.bounds = StoreBounds()
        self.scope = Scope()

    @property
    def rows(self) -> Rows:
        """The rows there are now."""
        return self._matches if self._matches is not None else AllRows(self.bounds.oldest_id, self.bounds.last_id)

    @property
    def searched(self) -> int:
        """How many of the events kept were looked at."""
        return self.bounds.events if self._matches is None else self._matches.searched

    @property
    def is_searching(self) -> bool:
        """Whether older events are still being looked at."""
        return self._search is not None

    def is_ahead(self, event_id: int) -> bool:
        """Whether the search under way has still to come to an event."""
        return self._search is not None and self._matches is not None and event_id < self._matches.searched_from

    @property
    def hidden_heartbeats(self) -> int | None:
        """How many there are among the events searched; ``None`` where a query hides other events too."""
        return None if self.scope.query and not self.scope.is_in_context else self.searched - len(self.rows)

    def restart(self, scope: Scope) -> Search | None:
        """Show something else; returns what is left to search, or ``None``."""
        self.scope = scope
        self._search = None
        if not scope.effective:
            self._matches = None
            return None
        oldest_id, last_id = self.bounds.oldest_id, self.bounds.last_id
        self._matches = MatchRows(last_id)
        if not oldest_id:
            return None
        first_id = max(oldest_id, last_id - FIRST_WINDOW + 1)
        self._matches.prepend(self._view.matching_ids(self.scope.effective, first_id, last_id), first_id, last_id)
        if first_id > oldest_id:
            self._search = Search(next(self._serials), "filter", self.scope.effective, oldest_id, first_id - 1)
        return self._search

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Look at what came, forget what went."""
        had_events, self.bounds = self.bounds.oldest_id > 0, bounds
        if self._matches is None or not bounds.oldest_id:
            return
        if not had_events:
            self._matches = MatchRows(bounds.oldest_id - 1)
        self._matches.prune(bounds.oldest_id)
        first_id = self._matches.searched_to + 1
        last_id = min(bounds.last_id, first_id + CATCH_UP - 1)
        if first_id <= last_id:
            self._matches.append(self._view.matching_ids(self.scope.effective, first_id, last_id), first_id, last_id)
        if self._search is not None and self._matches.searched_from <= bounds.oldest_id:
            self._search = None

    def take(self, found: Found) -> None:
        """Add what a search found; what is stale, known already or pruned meanwhile is left out."""
        if self._matches is None or self._search is None or found.search.serial != self._search.serial:
            return
        if found.searched_to == self._matches.searched_from - 1:
            self._matches.prepend(found.ids, found.searched_from, found.searched_to)
            self._matches.prune(self.bounds.oldest_id)
        if found.is_last:
            self._search = None

    def nearest(self, aim: Aim, current_id: int, *, newer: bool) -> int | Search | None:
        """The id of the nearest event aimed at, of those shown after (or before) another; a search where it is far."""
        oldest_id, last_id = self.bounds.oldest_id, self.bounds.last_id
        first_id, last_id = (current_id + 1, last_id) if newer else (oldest_id, current_id - 1)
        if not oldest_id or first_id > last_id:
            return None
        query = self.scope.effective.also(aim.query)
        near_first = first_id if newer else max(first_id, last_id - FIRST_WINDOW + 1)
        near_last = min(last_id, first_id + FIRST_WINDOW - 1) if newer else last_id
        ids = self._view.matching_ids(query, near_first, near_last)
        if ids:
            return ids[0] if newer else ids[-1]
        rest_first, rest_last = (near_last + 1, last_id) if newer else (first_id, near_first - 1)
        if rest_first > rest_last:
            return None
        return Search(next(self._serials), "jump", query, rest_first, rest_last, newest_first=not newer)
