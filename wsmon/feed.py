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

    def bounds(self) -> StoreBounds:
        """Return which events there are."""
        ...

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Return at most ``limit`` events with ``id > after_id``, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The next events of a feed."""

    events: tuple[Event, ...]
    truncated: int | None = None
    """The oldest id kept, where events before it were pruned before the feed read them; else None."""


class Feed:
    """Read a store from a cursor on. Belongs to one thread, as the view of the store does."""

    def __init__(self, store: CommittedEvents, after_id: int = 0) -> None:
        """Place the cursor so that the first event read is the one after ``after_id``.

        A negative id means the beginning. An id that no event has yet (the cursor of another store) means the end:
        waiting for that id would hide everything that happens until then.
        """
        self._store = store
        self._cursor = max(0, min(after_id, store.bounds().last_id))

    @property
    def cursor(self) -> int:
        """The id up to which everything was read, or pruned before it was read."""
        return self._cursor

    def poll(self, limit: int) -> FeedPage:
        """Return the next events, at most ``limit``; none where nothing was committed since the last call."""
        events = self._store.events_after(self._cursor, limit)
        expected_id = self._cursor + 1
        if events:
            self._cursor = events[-1].id
            # Ids have no holes: where the first one is too high, the events before it were pruned
            return FeedPage(events, events[0].id if events[0].id > expected_id else None)
        oldest_id = self._store.bounds().oldest_id
        if oldest_id <= expected_id:
            return FeedPage(())
        self._cursor = oldest_id - 1
        return FeedPage((), oldest_id)
