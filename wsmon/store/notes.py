"""The notes file (notes.db): bookmarks, saved views and past searches, which viewers write.

It is a file beside the store, so that recorder and readers never wait for it. It is opened and closed for each call:
calls are rare, may come from any thread, and several viewers share one file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from wsmon.control.ownership import make_private_folder
from wsmon.errors import StoreError
from wsmon.model.events import Event, Source
from wsmon.model.notes import EMPTY_NOTES, Bookmark, NotesPage, SavedView

NOTES_NAME = "notes.db"
# "wsmo": that of the store, and one
NOTES_APPLICATION_ID = 0x77736D6F
NOTES_VERSION = 1
# Longer than another viewer writes, which is some milliseconds
BUSY_TIMEOUT_S = 2.0
# Many times what a user goes back through by hand
KEPT_SEARCHES = 200
FILE_MODE = 0o600

_BOOKMARKS = "SELECT event, made_ns, text FROM bookmark WHERE store = ? ORDER BY event_id LIMIT 10000"
_VIEWS = "SELECT name, query FROM view ORDER BY name LIMIT 1000"
_SEARCHES = "SELECT query FROM search ORDER BY id DESC LIMIT ?"
_KEEP_BOOKMARK = (
    "INSERT INTO bookmark (store, event_id, made_ns, text, event) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (store, event_id) DO UPDATE SET text = excluded.text"
)
_DROP_BOOKMARK = "DELETE FROM bookmark WHERE store = ? AND event_id = ?"
_KEEP_VIEW = "INSERT INTO view (name, query) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET query = excluded.query"
_DROP_VIEW = "DELETE FROM view WHERE name = ?"
_FORGET_SEARCH = "DELETE FROM search WHERE query = ?"
_KEEP_SEARCH = "INSERT INTO search (query) VALUES (?)"
_CUT_SEARCHES = "DELETE FROM search WHERE id NOT IN (SELECT id FROM search ORDER BY id DESC LIMIT ?)"


def notes_path(store: Path, state: Path, store_id: str, *, is_bundle: bool = False) -> Path:
    """The path of the notes of a store: beside it, or below ``state`` by its id where its folder cannot be written.

    Beside a bundle nothing is written: it may lie anywhere, and many of them in one folder.
    """
    beside = store.with_name(NOTES_NAME)
    if not is_bundle and os.access(beside if beside.exists() else store.parent, os.W_OK):
        return beside
    return state / "notes" / f"{store_id}.db"


class NotesFile:
    """A ``ports.Notes``; every call raises ``StoreError`` where the file cannot be used."""

    def __init__(self, path: Path, store_id: str) -> None:
        """The file is made by the first call that writes."""
        self._path = path
        self._store_id = store_id

    def read(self) -> NotesPage:
        """Read bookmarks, views and searches."""
        if not self._path.exists():
            return EMPTY_NOTES
        with self._opened() as notes:
            bookmarks = notes.execute(_BOOKMARKS, (self._store_id,)).fetchall()
            views = notes.execute(_VIEWS).fetchall()
            searches = notes.execute(_SEARCHES, (KEPT_SEARCHES,)).fetchall()
        return NotesPage(
            tuple(Bookmark(_event_of(copy), made_ns, text) for copy, made_ns, text in bookmarks),
            tuple(SavedView(name, query) for name, query in views),
            tuple(query for (query,) in searches),
        )

    def keep_bookmark(self, bookmark: Bookmark) -> None:
        """Insert a bookmark, or update its text."""
        copy = msgspec.msgpack.encode(bookmark.event)
        with self._opened() as notes:
            notes.execute(_KEEP_BOOKMARK, (self._store_id, bookmark.event.id, bookmark.made_ns, bookmark.text, copy))

    def drop_bookmark(self, event_id: int) -> None:
        """Delete a bookmark."""
        with self._opened() as notes:
            notes.execute(_DROP_BOOKMARK, (self._store_id, event_id))

    def keep_view(self, view: SavedView) -> None:
        """Insert a view, or replace the one of the same name."""
        with self._opened() as notes:
            notes.execute(_KEEP_VIEW, (view.name, view.query))

    def drop_view(self, name: str) -> None:
        """Delete a view."""
        with self._opened() as notes:
            notes.execute(_DROP_VIEW, (name,))

    def keep_search(self, query: str) -> None:
        """Insert a search as the newest; the oldest beyond ``KEPT_SEARCHES`` are deleted."""
        with self._opened() as notes:
            notes.execute(_FORGET_SEARCH, (query,))
            notes.execute(_KEEP_SEARCH, (query,))
            notes.execute(_CUT_SEARCHES, (KEPT_SEARCHES,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        try:
            self._make()
            with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as notes:
                notes.execute("PRAGMA trusted_schema = OFF")
                _prepare(notes, self._path)
                notes.execute("BEGIN IMMEDIATE")
                yield notes
                notes.execute("COMMIT")
        except (sqlite3.Error, OSError, msgspec.DecodeError) as error:
            raise StoreError(f"the notes in {self._path} cannot be used: {error}", "it was not modified") from error

    def _make(self) -> None:
        if not self._path.exists():
            make_private_folder(self._path.parent)
            os.close(os.open(self._path, os.O_CREAT | os.O_WRONLY, FILE_MODE))


def _prepare(notes: sqlite3.Connection, path: Path) -> None:
    """Create the tables of an empty file; raise ``StoreError`` for other files and newer versions."""
    (version,) = notes.execute("PRAGMA user_version").fetchone()
    (application,) = notes.execute("PRAGMA application_id").fetchone()
    (tables,) = notes.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables:
        from wsmon.store.migrations import NOTES_MIGRATIONS, migrate

        notes.execute(f"PRAGMA application_id = {NOTES_APPLICATION_ID}")
        migrate(notes, NOTES_MIGRATIONS)
    elif application != NOTES_APPLICATION_ID:
        raise StoreError(f"{path} is not a wsmon notes file", "it was not modified")
    elif version > NOTES_VERSION:
        raise StoreError(
            f"the notes in {path} were written by a newer wsmon (version {version})", "it was not modified"
        )


def _event_of(copy: bytes) -> Event:
    """Decode the event of a bookmark; unknown fields, of a newer wsmon, are left out."""
    fields: dict[str, Any] = msgspec.msgpack.decode(copy)
    source = {name: fields["source"][name] for name in Source.__struct_fields__ if name in fields["source"]}
    known = {name: fields[name] for name in Event.__struct_fields__ if name in fields}
    return Event(**(known | {"source": Source(**source)}))
