"""Notebook: notes in memory, and their writing thread."""

from __future__ import annotations

from tests.support.builders import T0_NS, loss, message, numbered
from tests.support.fake_ports import FakeNotes
from wsmon.errors import StoreError
from wsmon.model.notes import Bookmark, NotesPage, SavedView
from wsmon.tui.bookmarks import Notebook

FIRST, SECOND, THIRD = numbered([loss(1), message("a", 2), loss(3)])


def test_marks_are_there_at_once_and_written_when_it_is_closed() -> None:
    notes = FakeNotes()
    notebook = Notebook(notes)
    notebook.begin(lambda _: None)
    assert notebook.toggle(FIRST, T0_NS)
    notebook.annotate(SECOND, "here", T0_NS)
    notebook.annotate(FIRST, "there", T0_NS + 5)
    assert not notebook.toggle(SECOND, T0_NS)
    assert notebook.marked == {1}
    notebook.close()

    assert notes.bookmarks == {1: Bookmark(FIRST, T0_NS, "there")}


def test_the_nearest_mark_is_found_in_both_directions() -> None:
    notebook = Notebook(FakeNotes(NotesPage((Bookmark(FIRST, T0_NS), Bookmark(THIRD, T0_NS)))))
    near = [
        notebook.next_bookmark(event_id, newer=newer)
        for event_id, newer in ((1, True), (2, False), (2, True), (3, True), (1, False))
    ]

    assert [found.event.id if found else None for found in near] == [3, 1, 3, None, None]


def test_searches_are_remembered_once_newest_first() -> None:
    notes = FakeNotes(NotesPage(searches=("b", "a")))
    notebook = Notebook(notes)
    notebook.begin(lambda _: None)
    for query in ("b", "a", "", "c"):
        notebook.remember(query)
    notebook.close()

    assert notebook.searches == ("c", "a", "b")
    assert notes.searches[:2] == ["c", "a"]


def test_views_are_kept_by_name_and_dropped() -> None:
    notes = FakeNotes()
    notebook = Notebook(notes)
    notebook.begin(lambda _: None)
    for view in (SavedView("b", "x"), SavedView("a", "y"), SavedView("b", "z")):
        notebook.keep_view(view)
    notebook.drop_view("a")
    notebook.drop_view("never there")
    notebook.close()

    assert (notebook.views, notes.views) == ((SavedView("b", "z"),), {"b": SavedView("b", "z")})


def test_what_cannot_be_written_is_told() -> None:
    notes = FakeNotes()
    notebook = Notebook(notes)
    heard: list[Exception] = []
    notebook.begin(heard.append)
    notes.refusal = StoreError("the disk is full")
    notebook.toggle(FIRST, T0_NS)
    notebook.close()

    assert [str(error) for error in heard] == ["the disk is full"]


def test_notes_that_cannot_be_read_are_never_written_over() -> None:
    notes = FakeNotes()
    notes.refusal = StoreError("the notes are damaged")
    notebook = Notebook(notes)
    notes.refusal = None
    notebook.begin(lambda _: None)
    notebook.toggle(FIRST, T0_NS)
    notebook.close()

    assert (notebook.trouble, notebook.marked, notes.bookmarks) == ("the notes are damaged", frozenset({1}), {})
