"""Selection of an export: the matching events of a range of ids, read page by page, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.ast import Query, Term

# Wall times, the second not included; None = open
Period = tuple[int | None, int | None]

# Between two reports of progress; a search of so many takes about 10 ms
WINDOW_IDS = 10_000
# In memory at a time, with a payload of up to 64 KiB each
PAGE_EVENTS = 200


class Selection:
    """The matching events of a closed range of ids; counts the ids that were looked at, and the matches."""

    def __init__(
        self,
        view: StoreView,
        query: Query,
        first_id: int,
        last_id: int,
        limit: int | None = None,
        period: Period = (None, None),
        subject: str = "",
    ) -> None:
        """``limit`` selects only so many of the newest matches; ``period`` limits statistics about the events.

        ``subject`` is what the events are about, for a title; empty = the connections that the query allows.
        """
        self.subject = subject
        self.view = view
        self.period = period
        self.query = query
        self.first_id = first_id
        self.last_id = last_id
        if limit is not None:
            self.first_id = self._first_of_newest(limit)
        # Ids looked at, of ``total``; a format that reads the ids more than once raises the total
        self.seen = 0
        self.total = self.ids
        # Matching events
        self.written = 0

    @property
    def ids(self) -> int:
        """The number of ids in the range."""
        return max(0, self.last_id - self.first_id + 1)

    def pages(self, more: tuple[Term, ...] = (), ids: tuple[int, int] | None = None) -> Iterator[tuple[Event, ...]]:
        """Iterate over the events in pages, oldest first; narrowed by ``more`` terms, and to ``ids`` of the range.

        Empty pages are for progress.
        """
        for page in self.context(self.query.also(Query(more)), ids):
            self.written += len(page)
            yield page

    def context(self, query: Query, ids: tuple[int, int] | None = None) -> Iterator[tuple[Event, ...]]:
        """Iterate over events that another query finds in the range, or in ``ids`` of it; not counted as written."""
        low, high = (self.first_id, self.last_id) if ids is None else ids
        high = min(high, self.last_id)
        first_id = max(low, self.first_id)
        while first_id <= high:
            last_id = min(high, max(first_id, self._next_kept(first_id, high)) + WINDOW_IDS - 1)
            window = query.within(first_id, last_id)
            after_id = first_id - 1
            while page := self.view.events_after(after_id, PAGE_EVENTS, window):
                yield page
                after_id = page[-1].id
                if len(page) < PAGE_EVENTS:
                    break
            self.seen += last_id - first_id + 1
            first_id = last_id + 1
            yield ()

    def _next_kept(self, first_id: int, last_id: int) -> int:
        """The id of the next event, however many are missing before it."""
        found = self.view.events_after(first_id - 1, 1)
        return found[0].id if found else last_id

    def _first_of_newest(self, limit: int) -> int:
        """The id of the first of the ``limit`` newest matches."""
        if not limit:
            return self.last_id + 1
        with closing(self.view.search(self.query, self.first_id, self.last_id, newest_first=True)) as search:
            for searched in search:
                if len(searched.ids) >= limit:
                    return searched.ids[-limit]
                limit -= len(searched.ids)
        return self.first_id
