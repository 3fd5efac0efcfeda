"""Which events an export holds, read page by page: memory stays flat however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.ast import Query, Term

# Looked at between two reports of progress; a search of these takes about 10 ms
WINDOW_IDS = 10_000
# In memory at once, with a payload of up to 64 KiB each
PAGE_EVENTS = 200


class Selection:
    """The matching events of a closed range of ids; counts what was looked at on the way."""

    def __init__(self, view: StoreView, query: Query, first_id: int, last_id: int, limit: int | None = None) -> None:
        """``limit``: only the newest so many."""
        self.view = view
        self.query = query
        self.first_id = first_id
        self.last_id = last_id
        if limit is not None:
            self.first_id = self._first_of_newest(limit)
        self.seen = 0
        # ids looked at
        self.total = self.ids
        # ids to look at; a format that looks more than once adds what it will
        # Events that matched
        self.written = 0

    @property
    def ids(self) -> int:
        """How many ids there are to look at, once."""
        return max(0, self.last_id - self.first_id + 1)

    def pages(self, more: tuple[Term, ...] = (), ids: tuple[int, int] | None = None) -> Iterator[tuple[Event, ...]]:
        """The events, oldest first; of a narrower query or a part of the ids where those are given.

        Empty pages say that time passes.
        """
        for page in self.context(self.query.also(Query(more)), ids):
            self.written += len(page)
            yield page

    def context(self, query: Query, ids: tuple[int, int] | None = None) -> Iterator[tuple[Event, ...]]:
        """Events that another query finds among the same ids; they are not counted as written."""
        low, high = (self.first_id, self.last_id) if ids is None else ids
        high = min(high, self.last_id)
        for first_id in range(max(low, self.first_id), high + 1, WINDOW_IDS):
            last_id = min(high, first_id + WINDOW_IDS - 1)
            window = query.within(first_id, last_id)
            after_id = first_id - 1
            while page := self.view.events_after(after_id, PAGE_EVENTS, window):
                yield page
                after_id = page[-1].id
                if len(page) < PAGE_EVENTS:
                    break
            self.seen += last_id - first_id + 1
            yield ()

    def _first_of_newest(self, limit: int) -> int:
        """The id from which on ``limit`` events match."""
        if not limit:
            return self.last_id + 1
        with closing(self.view.search(self.query, self.first_id, self.last_id, newest_first=True)) as search:
            for searched in search:
                if len(searched.ids) >= limit:
                    return searched.ids[-limit]
                limit -= len(searched.ids)
        return self.first_id
