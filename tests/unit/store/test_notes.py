"""The notes file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import T0_NS, loss, message
from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.model.notes import EMPTY_NOTES, Bookmark, NotesPage, SavedView
from wsmon.store.notes import KEPT_SEARCHES, NotesFile, notes_path


def with_id(event: Event, event_id: int) -> Event:
    return msgspec.structs.replace(event, id=event_id)


LOSS = Bookmark(with_id(loss(1), 7), T0_NS, "look here")
BINARY = Bookmark(with_id(message(b"\xff\x00\xed", 2), 9), T0_NS + 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.db"


def test_what_was_written_is_there_after_a_restart(path: Path) -> None:
    notes = NotesFile(path, "s1")
    notes.keep_bookmark(BINARY)
    notes.keep_bookmark(replace(LOSS, text=""))
    notes.keep_bookmark(LOSS)
    notes.keep_view(SavedView("trades", "type:quote"))
    notes.keep_view(SavedView("trades", "type:trade"))
    for query in ("a", "b", "a"):
        notes.keep_search(query)

    assert NotesFile(path, "s1").read() == NotesPage((LOSS, BINARY), (SavedView("trades", "type:trade"),), ("a", "b"))


def test_what_was_dropped_is_gone(path: Path) -> None:
    notes = NotesFile(path, "s1")
    notes.keep_bookmark(LOSS)
    notes.keep_view(SavedView("trades", "type:trade"))
    notes.drop_bookmark(7)
    notes.drop_view("trades")

    assert notes.read() == EMPTY_NOTES


def test_stores_in_one_folder_share_views_and_not_bookmarks(path: Path) -> None:
    NotesFile(path, "s1").keep_bookmark(LOSS)
    NotesFile(path, "s1").keep_view(SavedView("trades", "type:trade"))

    assert NotesFile(path, "s2").read() == NotesPage((), (SavedView("trades", "type:trade"),), ())


def test_only_the_newest_searches_are_kept(path: Path) -> None:
    notes = NotesFile(path, "s1")
    for number in range(KEPT_SEARCHES + 5):
        notes.keep_search(f"q{number}")
    searches = notes.read().searches

    assert (len(searches), searches[0], searches[-1]) == (KEPT_SEARCHES, f"q{KEPT_SEARCHES + 4}", "q5")


def test_reading_makes_no_file_and_writing_makes_a_private_one(path: Path) -> None:
    notes = NotesFile(path, "s1")
    assert (notes.read(), path.exists()) == (EMPTY_NOTES, False)
    notes.keep_search("a")

    assert path.stat().st_mode & 0o777 == 0o600


def test_another_kind_of_file_is_refused_and_left_as_it_is(path: Path) -> None:
    path.write_text("no database, " * 99)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="cannot be used"):
        NotesFile(path, "s1").read()

    assert path.read_bytes() == before


def test_a_database_of_somebody_else_is_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmark (url TEXT)")
    with pytest.raises(StoreError, match="is not a wsmon notes file"):
        NotesFile(path, "s1").keep_search("a")


def test_notes_of_a_newer_wsmon_are_refused(path: Path) -> None:
    NotesFile(path, "s1").keep_search("a")
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer wsmon"):
        NotesFile(path, "s1").read()


def test_a_copy_keeps_to_the_fields_that_this_wsmon_knows(path: Path) -> None:
    NotesFile(path, "s1").keep_bookmark(LOSS)
    with closing(sqlite3.connect(path)) as notes:
        (copy,) = notes.execute("SELECT event FROM bookmark").fetchone()
        fields = msgspec.msgpack.decode(copy) | {"of_tomorrow": 1}
        notes.execute("UPDATE bookmark SET event = ?", (msgspec.msgpack.encode(fields),))
        notes.commit()

    assert NotesFile(path, "s1").read().bookmarks == (LOSS,)


def test_notes_lie_beside_the_store(tmp_path: Path) -> None:
    assert notes_path(tmp_path / "store.db", tmp_path / "state", "ab12") == tmp_path / "notes.db"
    bundle = notes_path(tmp_path / "b.wsmon", tmp_path / "state", "ab12", is_bundle=True)
    assert bundle == tmp_path / "state" / "notes" / "ab12.db"


def test_notes_lie_in_the_state_folder_where_the_store_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = notes_path(tmp_path / "store.db", tmp_path / "state", "ab12")
    NotesFile(found, "ab12").keep_search("a")

    assert (found, found.exists()) == (tmp_path / "state" / "notes" / "ab12.db", True)
