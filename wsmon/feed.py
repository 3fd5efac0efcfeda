"""A cursor over a store: each committed event exactly once, in the order of commit.

Nothing is queued for a reader and nothing is dropped for it: it reads on from its cursor, and a slow one lags. Events
are passed over only when the reader says so, as a ``Gap`` that it can read later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wsmon.model.events import Event
from wsmon.model.snapshot import StoreBounds
from wsmon.query.ast import EVERYTHING, Query


class CommittedEvents(Protocol):
    """What a feed asks of a store."""

    def bounds(self) -> StoreBounds:
        """Which events there are."""
        ...

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """At most ``limit`` events with ``id > after_id``, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPage:
    """The next events; ``truncated`` is the oldest id kept where events before it were pruned unread."""

    events: tuple[Event, ...]
    truncated: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A closed range of ids that a reader chose to pass over."""

    first_id: int
    last_id: int

    @property
    def dropped(self) -> int:
        """How many events lie in it: ids have no holes."""
        return max(0, self.last_id - self.first_id + 1)


class Feed:
    """Reads a store from a cursor on; belongs to one thread, as the store's view does."""

    def __init__(self, store: CommittedEvents, after_id: int = 0) -> None:
        """The first event read is the one after ``after_id``.

        A negative id is the beginning. One that no event has yet (the cursor of another store) is the end: waiting
        for it would hide everything that happens until then.
        """
        self._store = store
        self._cursor = max(0, min(after_id, store.bounds().last_id))
        self._dropped = 0

    @property
    def cursor(self) -> int:
        """The id up to which everything was read or passed over."""
        return self._cursor

    @property
    def dropped(self) -> int:
        """How many events were passed over by ``skip_to``."""
        return self._dropped

    def lag(self) -> int:
        """How many committed events were not read yet."""
        return max(0, self._store.bounds().last_id - self._cursor)

    def poll(self, limit: int) -> FeedPage:
        """The next events, at most ``limit``; none when nothing was committed since."""
        events = self._store.events_after(self._cursor, limit)
        expected_id = self._cursor + 1
        if events:
            self._cursor = events[-1].id
            # ids have no holes, so a first one that is too high was pruned away, even a moment ago
            return FeedPage(events, events[0].id if events[0].id > expected_id else None)
        oldest_id = self._store.bounds().oldest_id
        if oldest_id <= expected_id:
            return FeedPage(())
        self._cursor = oldest_id - 1
        return FeedPage((), oldest_id)

    def skip_to(self, event_id: int) -> Gap:
        """Read on at ``event_id``; what lies before it is the gap. Never goes back, and not past the newest event."""
        newest_id = self._store.bounds().last_id
        gap = Gap(self._cursor + 1, max(self._cursor, min(event_id - 1, newest_id)))
        self._cursor = gap.last_id
        self._dropped += gap.dropped
        return gap

    def reread(self, gap: Gap, limit: int) -> tuple[FeedPage, Gap | None]:
        """The first events of a gap, at most ``limit``, and what is left of it; the cursor stays where it is."""
        events = self._store.events_after(gap.first_id - 1, min(limit, gap.dropped))
        kept = tuple(event for event in events if event.id <= gap.last_id)
        first_id = kept[0].id if kept else gap.last_id + 1
        page = FeedPage(kept, first_id if first_id > gap.first_id else None)
        rest = Gap(kept[-1].id + 1, gap.last_id) if kept else None
        return page, rest if rest is not None and rest.dropped else None
