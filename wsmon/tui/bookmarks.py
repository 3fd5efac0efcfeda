"""The user's notes: bookmarks, saved views and searches; in memory at once, written in order by a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.model.notes import EMPTY_NOTES, Bookmark, SavedView
from wsmon.ports import Notes

# As many as the file keeps.
HELD_SEARCHES = 200


class Notebook:
    """Bookmarks, saved views and searches of one store; belongs to the UI thread."""

    def __init__(self, notes: Notes) -> None:
        """Read the notes; where that fails nothing is written either, and ``trouble`` is the reason."""
        self._notes = notes
        self.trouble = ""
        page = EMPTY_NOTES
        try:
            page = notes.read()
        except StoreError as error:
            self.trouble = str(error)
        self._bookmarks = {bookmark.event.id: bookmark for bookmark in page.bookmarks}
        self._views = {view.name: view for view in page.views}
        self._searches = list(page.searches)
        self._failed: Callable[[Exception], object] = _raise
        self._thread: ThreadPoolExecutor | None = None

    def begin(self, failed: Callable[[Exception], object]) -> None:
        """Start the writing thread; ``failed`` is called on it with the error of a write that failed."""
        self._failed = failed
        self._thread = ThreadPoolExecutor(1, "wsmon-notes")

    def close(self) -> None:
        """Wait until everything is written, and end the thread."""
        if self._thread is not None:
            self._thread.shutdown()

    @property
    def marked(self) -> frozenset[int]:
        """The ids of the events with a bookmark."""
        return frozenset(self._bookmarks)

    @property
    def bookmarks(self) -> tuple[Bookmark, ...]:
        """All bookmarks, by the ids of their events."""
        return tuple(self._bookmarks[event_id] for event_id in sorted(self._bookmarks))

    @property
    def views(self) -> tuple[SavedView, ...]:
        """The user's own views, by name."""
        return tuple(self._views[name] for name in sorted(self._views))

    @property
    def searches(self) -> tuple[str, ...]:
        """The queries that were searched for, newest first."""
        return tuple(self._searches)

    def bookmark(self, event_id: int) -> Bookmark | None:
        """Return the bookmark of an event, if it has one."""
        return self._bookmarks.get(event_id)

    def next_bookmark(self, event_id: int, *, newer: bool) -> Bookmark | None:
        """Return the nearest bookmark after (or before) an event."""
        ids = (each for each in self._bookmarks if (each > event_id if newer else each < event_id))
        found = min(ids, default=0) if newer else max(ids, default=0)
        return self._bookmarks.get(found)

    def last_bookmark(self, other_than_id: int) -> Bookmark | None:
        """Return the bookmark that was made last, of another event than this one."""
        found = (each for each in self._bookmarks.values() if each.event.id != other_than_id)
        return max(found, key=lambda each: (each.made_ns, each.event.id), default=None)

    def toggle(self, event: Event, now_ns: int) -> bool:
        """Mark an event, or remove its mark; returns whether it is marked now."""
        if self._bookmarks.pop(event.id, None) is not None:
            self._write(lambda: self._notes.drop_bookmark(event.id))
            return False
        self.annotate(event, "", now_ns)
        return True

    def annotate(self, event: Event, text: str, now_ns: int) -> None:
        """Set the note to an event, with a bookmark where it has none."""
        held = self._bookmarks.get(event.id) or Bookmark(event, now_ns)
        bookmark = self._bookmarks[event.id] = replace(held, text=text)
        self._write(lambda: self._notes.keep_bookmark(bookmark))

    def keep_view(self, view: SavedView) -> None:
        """Keep a view; one of the same name is replaced."""
        self._views[view.name] = view
        self._write(lambda: self._notes.keep_view(view))

    def drop_view(self, name: str) -> None:
        """Remove a view."""
        if self._views.pop(name, None) is not None:
            self._write(lambda: self._notes.drop_view(name))

    def remember(self, query: str) -> None:
        """Keep a search as the newest."""
        if not query or self._searches[:1] == [query]:
            return
        self._searches = [query, *(each for each in self._searches if each != query)][:HELD_SEARCHES]
        self._write(lambda: self._notes.keep_search(query))

    def _write(self, change: Callable[[], None]) -> None:
        if self._thread is not None and not self.trouble:
            self._thread.submit(change).add_done_callback(self._written)

    def _written(self, done: Future[None]) -> None:
        error = done.exception()
        if isinstance(error, Exception):
            self._failed(error)


def _raise(error: Exception) -> None:
    raise error
