"""Bookmarks of several recordings: each stays in the notes of its recording."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.support.builders import message
from tests.support.recordings import FixedClock, recorded
from wsmon.model.notes import Bookmark, SavedView
from wsmon.store.merged.notes import MergedNotes
from wsmon.store.merged.order import MergedOrder
from wsmon.store.merged.view import MergedView
from wsmon.store.notes import NotesFile
from wsmon.store.reader import Reader


class TwoRecordings:
    def __init__(self, folder: Path) -> None:
        self.stores = [
            recorded(folder / "a.db", [message(f"a{number}", number, "orders") for number in range(3)], "orders"),
            recorded(folder / "b.db", [message(f"b{number}", number + 0.5, "orders") for number in range(3)], "orders"),
        ]
        self.files = [NotesFile(folder / f"{name}.notes", name * 16) for name in "ab"]
        self.order = MergedOrder(("a", "b"))
        self.notes = MergedNotes(self.files, self.view)

    def view(self) -> MergedView:
        readers = [Reader(store, FixedClock(60)) for store in self.stores]
        return MergedView(self.order, list(zip(("a", "b"), readers, strict=True)))


@pytest.fixture
def two(tmp_path: Path) -> TwoRecordings:
    return TwoRecordings(tmp_path)


def test_a_bookmark_is_in_the_notes_of_its_recording_as_that_has_it(two: TwoRecordings) -> None:
    view = two.view()
    (event,) = view.events_by_id((4,))
    view.close()
    assert (event.payload, event.source.connection) == (b"b1", "b/orders")
    two.notes.keep_bookmark(Bookmark(event, 7, "note"))
    assert two.files[0].read().bookmarks == ()
    reader = Reader(two.stores[1], FixedClock(60))
    own = reader.events_by_id((2,))
    reader.close()
    assert two.files[1].read().bookmarks == (Bookmark(own[0], 7, "note"),)
    assert two.notes.read().bookmarks == (Bookmark(event, 7, "note"),)
    two.notes.drop_bookmark(4)
    assert two.files[1].read().bookmarks == ()


def test_the_bookmark_of_an_event_that_is_not_kept_stays_and_can_be_dropped(two: TwoRecordings) -> None:
    gone = msgspec.structs.replace(message("gone", 0, "orders"), id=900)
    two.files[1].keep_bookmark(Bookmark(gone, 7, "kept"))
    (found,) = two.notes.read().bookmarks
    assert found.event.id < 0
    assert (found.event.payload, found.event.source.connection, found.text) == (b"gone", "b/orders", "kept")
    two.notes.drop_bookmark(found.event.id)
    assert two.files[1].read().bookmarks == ()


def test_views_and_searches_are_those_of_the_first_recording(two: TwoRecordings) -> None:
    two.notes.keep_view(SavedView("mine", "is:gap"))
    two.notes.keep_view(SavedView("other", "is:dup"))
    two.notes.drop_view("other")
    two.notes.keep_search("conn:a")
    assert two.notes.read() == two.files[0].read()
    assert (two.notes.read().views, two.notes.read().searches) == ((SavedView("mine", "is:gap"),), ("conn:a",))
    assert two.files[1].read().views == ()
