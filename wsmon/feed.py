"""Feed: a cursor over committed events, for a reader that follows a store while it is recorded.

Each event is returned exactly once, in the order of commit. Nothing is queued for a reader and nothing is dropped for
it: it reads on from its cursor, and a slow reader lags behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wsmon.model.events import Event
from wsmon.model.ranges import StoreBounds
from wsmon.query.ast import EVERYTHING, Query


class CommittedEvents(Protocol):
    """The part of ``StoreView`` that a feed needs."""

    @property
    def store_id(self) -> str:
        """A random id of the store."""
        ...

    def bounds(self) -> StoreBounds:
        """Return which events there are."""
        ...

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Return at most ``limit`` matching events with ``id > after_id``, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The next events of a feed."""

    events: tuple[Event, ...]
    truncated: int | None = None
    """The oldest id kept, where events before it were pruned before the feed read them; else None."""
    is_behind: bool = False
    """Whether the feed has still to read events that were committed before this call."""


class Feed:
    """Read a store from a cursor on. Belongs to one thread, as the view of the store does.

    The store may be renewed meanwhile: one that was tampered with is set aside, and its recorder goes on with the next
    id in a new file. One that was removed begins at 1 again, and so does the feed.
    """

    def __init__(self, store: CommittedEvents, after_id: int = 0, query: Query = EVERYTHING) -> None:
        """Place the cursor so that the first event read is the first match after ``after_id``.

        A negative id means the beginning. An id that no event has yet (the cursor of another store) means the end:
        waiting for that id would hide everything that happens until then.
        """
        self._store = store
        self._query = query
        self._store_id = store.store_id
        self._cursor = max(0, min(after_id, store.bounds().last_id))

    @property
    def cursor(self) -> int:
        """The id up to which everything was read, or pruned before it was read."""
        return self._cursor

    def skip_to(self, event_id: int) -> None:
        """Move the cursor on: events up to this id are not read."""
        self._cursor = max(self._cursor, event_id)

    def poll(self, limit: int, last_id: int | None = None) -> FeedPage:
        """Return the next matches, at most ``limit``; none where nothing was committed since the last call.

        Events after ``last_id`` are left to later calls. Raises what the view raises; the next call reads on then, and
        nothing is lost.
        """
        before = self._store.bounds()
        events = self._store.events_after(self._cursor, limit, self._query)
        after, store_id = self._store.bounds(), self._store.store_id
        if store_id != self._store_id:
            return self._begin_anew(after, store_id)
        if before.last_id < self._cursor:
            # Of a store whose newest commits were undone, as by a backup that was copied back
            self._cursor = before.last_id
            return FeedPage((), is_behind=True)
        oldest_id = after.oldest_id
        truncated = oldest_id if oldest_id > self._cursor + 1 else None
        # Without a full page, all that was committed before was read
        reached_id = events[-1].id if len(events) == limit else max(before.last_id, events[-1].id if events else 0)
        if last_id is not None and reached_id > last_id:
            events = tuple(event for event in events if event.id <= last_id)
            reached_id = last_id
        if truncated is not None:
            events = tuple(event for event in events if event.id >= truncated)
            reached_id = max(reached_id, truncated - 1)
        self._cursor = max(self._cursor, reached_id)
        return FeedPage(events, truncated, is_behind=self._cursor < before.last_id)

    def _begin_anew(self, bounds: StoreBounds, store_id: str) -> FeedPage:
        """Go on in another store under the same name."""
        if not bounds.run:
            # Its recorder is about to say with which id it begins
            return FeedPage((), is_behind=True)
        self._store_id = store_id
        oldest_id = bounds.oldest_id or 1
        if oldest_id == self._cursor + 1:
            return FeedPage((), is_behind=True)
        self._cursor = oldest_id - 1
        return FeedPage((), oldest_id, is_behind=True)
