"""The notes of several recordings (``ports.Notes``): each bookmark in the file of its recording."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from wsmon.model.notes import Bookmark, NotesPage, SavedView
from wsmon.ports import Notes
from wsmon.store.merged.view import MergedView


class MergedNotes:
    """Bookmarks go to the notes of their recordings; saved views and searches to those of the first one.

    Every call raises ``StoreError`` where a file cannot be used.
    """

    def __init__(self, notes: Sequence[Notes], views: Callable[[], MergedView]) -> None:
        """``notes`` are in the order of the recordings; ``views`` opens a view of them for the thread that calls."""
        self._notes = tuple(notes)
        self._views = views

    def read(self) -> NotesPage:
        """Read the bookmarks of all, and views and searches of the first."""
        pages = [each.read() for each in self._notes]
        bookmarks: list[Bookmark] = []
        if any(page.bookmarks for page in pages):
            view = self._views()
            try:
                for of, page in zip(view.recordings, pages, strict=True):
                    bookmarks += (replace(each, event=of.bookmarked(each.event)) for each in page.bookmarks)
            finally:
                view.close()
        bookmarks.sort(key=lambda each: each.event.id)
        return NotesPage(tuple(bookmarks), pages[0].views, pages[0].searches)

    def keep_bookmark(self, bookmark: Bookmark) -> None:
        """Insert a bookmark, or update its text."""
        view = self._views()
        try:
            number, event = view.place(bookmark.event.id).recording, view.own_event(bookmark.event)
        finally:
            view.close()
        # As the recording has it
        event = msgspec.structs.replace(event, source=msgspec.structs.replace(event.source, recording=""))
        self._notes[number].keep_bookmark(replace(bookmark, event=event))

    def drop_bookmark(self, event_id: int) -> None:
        """Delete a bookmark."""
        view = self._views()
        try:
            place = view.place(event_id)
        finally:
            view.close()
        self._notes[place.recording].drop_bookmark(place.id)

    def keep_view(self, view: SavedView) -> None:
        """Insert a view, or replace the one of the same name."""
        self._notes[0].keep_view(view)

    def drop_view(self, name: str) -> None:
        """Delete a view."""
        self._notes[0].drop_view(name)

    def keep_search(self, query: str) -> None:
        """Insert a search as the newest."""
        self._notes[0].keep_search(query)
