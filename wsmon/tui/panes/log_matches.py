"""The matches of one query among the events kept: newest first as they are found, true while events come and go."""

from __future__ import annotations

from wsmon.model.snapshot import StoreBounds
from wsmon.ports import StoreView
from wsmon.query.ast import Query
from wsmon.tui.panes.log_rows import MatchRows
from wsmon.tui.panes.log_search import FIRST_WINDOW, Found, Purpose, Search

CATCH_UP = 2 * FIRST_WINDOW
# new ids searched at a time, at most: 10 times a second this keeps up with 100,000 events/s


class Matches:
    """Glances at the newest events itself; ``search`` is what is left for somebody else, who gives it to ``take``."""

    def __init__(self, view: StoreView, query: Query, purpose: Purpose, serial: int, bounds: StoreBounds) -> None:
        """Raises ``WsmonError`` where the store cannot be read."""
        self._view = view
        self._query = query
        self.rows = MatchRows(bounds.last_id)
        self.search: Search | None = None
        # what is still under way
        self.reached_ns = 0
        # wall time of the event that it has come to; 0 = not known
        oldest_id, last_id = bounds.oldest_id, bounds.last_id
        self._oldest_id, self._last_id = oldest_id, last_id
        if not oldest_id:
            return
        newest = view.glance(query, max(oldest_id, last_id - FIRST_WINDOW + 1), last_id, newest_first=True)
        self.rows.prepend(newest.ids, newest.first_id, newest.last_id)
        if newest.first_id > oldest_id:
            self.search = Search(serial, purpose, query, oldest_id, newest.first_id - 1)

    @property
    def is_complete(self) -> bool:
        """Whether every event kept was looked at."""
        return self.search is None

    def is_ahead(self, event_id: int) -> bool:
        """Whether the search under way has still to come to an event."""
        return self.search is not None and event_id < self.rows.searched_from

    def set_bounds(self, bounds: StoreBounds) -> None:
        """Look at what came, forget what went."""
        if not bounds.oldest_id:
            return
        if not self._oldest_id:
            self.rows = MatchRows(bounds.oldest_id - 1)
        self._oldest_id, self._last_id = bounds.oldest_id, bounds.last_id
        self.rows.prune(bounds.oldest_id)
        first_id = self.rows.searched_to + 1
        last_id = min(bounds.last_id, first_id + CATCH_UP - 1)
        if first_id <= last_id:
            came = self._view.glance(self._query, first_id, last_id, newest_first=False)
            self.rows.append(came.ids, came.first_id, came.last_id)
        if self.search is not None and self.rows.searched_from <= bounds.oldest_id:
            self.search = None

    def take(self, found: Found) -> None:
        """Add what the search found; what is stale, known already or pruned meanwhile is left out."""
        if self.search is None or found.search.serial != self.search.serial:
            return
        if found.searched_to == self.rows.searched_from - 1:
            self.rows.prepend(found.ids, found.searched_from, found.searched_to)
            self.rows.prune(self._oldest_id)
            self.reached_ns = found.reached_ns
        if found.is_last:
            self.search = None

    def nearest(self, event_id: int, *, newer: bool) -> int | None:
        """The match nearest to an event, after or before it; 0 = there is none, ``None`` = not known yet."""
        if newer:
            row = self.rows.row_of(event_id + 1)
            if event_id + 1 < self.rows.searched_from:
                return None
            if row < len(self.rows):
                return self.rows.id_at(row)
            return 0 if self.rows.searched_to >= self._last_id else None
        row = self.rows.row_of(event_id)
        if row:
            return self.rows.id_at(row - 1)
        return 0 if self.is_complete else None
