"""The user's notes about a recording: bookmarks, saved views of the log, search history."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model.events import Event


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A bookmarked event."""

    event: Event
    """A copy, which stays when retention removes the event."""
    made_ns: int
    """Wall time."""
    text: str = ""
    """The note of the user; empty = none."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A search with a name."""

    name: str
    query: str
    """As typed; empty = all events."""


@dataclass(frozen=True, slots=True)
class NotesPage:
    """All notes of a store."""

    bookmarks: tuple[Bookmark, ...] = ()
    """By the id of the event."""
    views: tuple[SavedView, ...] = ()
    """By name."""
    searches: tuple[str, ...] = ()
    """Newest first."""


EMPTY_NOTES = NotesPage()
