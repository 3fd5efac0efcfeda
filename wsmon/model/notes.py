"""What a person writes down about a recording: bookmarks, views of the log, searches."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model.events import Event


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An event that somebody wants to find again."""

    event: Event
    """A copy: it stays when the store prunes the event."""
    made_ns: int
    """Wall."""
    text: str = ""
    """The note; empty = none."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A search with a name."""

    name: str
    query: str
    """As typed; empty = everything."""


@dataclass(frozen=True, slots=True)
class NotesPage:
    """Everything that is written down for a store."""

    bookmarks: tuple[Bookmark, ...] = ()
    """By the id of the event."""
    views: tuple[SavedView, ...] = ()
    """By name."""
    searches: tuple[str, ...] = ()
    """Newest first."""


EMPTY_NOTES = NotesPage()
