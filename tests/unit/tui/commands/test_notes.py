"""Bookmarks, notes, saved views, searches and comparisons, by keys on the whole screen."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, loss, numbered
from tests.support.fake_ports import FakeNotes
from tests.support.screen_harness import ROOMY, Stage, compared, stage, until
from wsmon.errors import StoreError
from wsmon.model.notes import Bookmark, NotesPage
from wsmon.tui.dialogs.compare import CompareDialog
from wsmon.tui.panes.detail import DetailPane
from wsmon.tui.terminal import driver, osc
from wsmon.tui.widgets.text_view import ScrollPane, TextLine


def said(on: Stage) -> str:
    """The last line of the screen."""
    return "".join(part for part, _ in on.screen.footer.line).strip()


async def test_marks_are_gone_to_in_both_directions_and_kept() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "m", "k", "k", "k", "m", "k")
        seen = []
        for key in ("u", "u", "u", "U"):
            await pilot.press(key)
            seen.append(on.screen.panes.log.current_id)
        assert seen == [217, 220, 220, 217]
        await pilot.press("m")
        assert said(on) == "event #217 unmarked"
    assert list(on.notes.bookmarks) == [220]


async def test_a_note_marks_its_event_and_is_said_when_one_comes_back() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "k", "M", *"it broke", "enter", "k", "u")
        await until(pilot, lambda: said(on) == "note: it broke")
        assert on.screen.panes.log.current_id == 219
    assert on.notes.bookmarks[219].text == "it broke"


async def test_a_marked_event_that_was_pruned_is_shown_as_its_copy() -> None:
    (copy,) = numbered([loss(-500)])
    on = stage(notes=FakeNotes(NotesPage((Bookmark(copy, T0_NS),))))
    on.store.prune(50)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "U")
        pane = on.screen.panes.slots["detail"].pane
        assert isinstance(pane, DetailPane)
        assert pane.event == copy
        assert said(on) == "event #1 was pruned; showing the copy saved with its mark"
        await pilot.press("U")
        assert said(on) == "no older mark"


async def test_heartbeats_that_are_hidden_come_back_with_their_view() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("h", "v", *"heart", "enter")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "kind:heartbeat")
        assert (on.screen.panes.log.state.wanted_scope.hides_heartbeats, len(on.screen.panes.log.rows)) == (False, 10)


async def test_a_search_for_marks_follows_what_is_marked() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "m", "k", "k", "M", *"why #vendor", "enter")
        await until(pilot, lambda: len(on.screen.services.notebook.marked) == 2)
        await pilot.press("slash", *"mark:*", "enter")
        await until(pilot, lambda: [on.screen.panes.log.rows.id_at(row) for row in range(2)] == [218, 220])
        await pilot.press("G", "m")
        await until(pilot, lambda: len(on.screen.panes.log.rows) == 1)
        await pilot.press("slash", *"tag:vendor", "enter")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "tag:vendor")
        assert [on.screen.panes.log.rows.id_at(row) for row in range(len(on.screen.panes.log.rows))] == [218]


async def test_a_search_for_marks_says_that_notes_cannot_be_read() -> None:
    notes = FakeNotes()
    notes.refusal = StoreError("the notes are damaged")
    on = stage(notes=notes)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", *"mark:*", "enter")
        await until(pilot, lambda: "the notes are damaged; showing everything" in on.screen.panes.log.status)
        assert len(on.screen.panes.log.rows) == 220


async def test_notes_that_cannot_be_read_are_said_and_the_screen_works() -> None:
    notes = FakeNotes()
    notes.refusal = StoreError("the notes are damaged")
    on = stage(notes=notes)
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        banner = on.screen.query_one("#banner", TextLine)
        await until(pilot, lambda: "the notes are damaged" in "".join(part for part, _ in banner.line))
        await pilot.press("p", "m")
        assert on.screen.services.notebook.marked == {220}


async def test_a_value_of_the_detail_filters_the_log_and_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    on = stage()
    copied: list[str] = []

    def write(_: object, sequence: str) -> bool:
        copied.append(sequence)
        return True

    monkeypatch.setattr(driver, "write", write)
    async with on.app.run_test(size=(120, 60)) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "enter")
        pane = on.screen.panes.slots["detail"].pane
        assert isinstance(pane, DetailPane)
        while pane.value is None or pane.value.path != "$.s":
            await pilot.press("j")
        await pilot.press("y", "Y", "equals_sign")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == '$.s="BTCUSDT"')
        assert len(on.screen.panes.log.rows) == 200
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == '$.s="BTCUSDT" -$.s="BTCUSDT"')
    assert copied == [osc.clipboard_sequence(text, "") for text in ("BTCUSDT", "$.s")]
    assert on.notes.searches[0] == '$.s="BTCUSDT" -$.s="BTCUSDT"'


# Two events compared by keys on the whole screen.


def text_of(dialog: CompareDialog) -> list[str]:
    return ["".join(part for part, _ in line) for line in dialog.query_one("#comparison", ScrollPane).lines]


async def test_the_event_under_the_cursor_is_compared_with_the_last_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []

    def write(_: object, sequence: str) -> bool:
        copied.append(sequence)
        return True

    monkeypatch.setattr(driver, "write", write)
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        dialog = await compared(on, pilot)
        assert dialog.title == "Compare #221 with #223 of binance-spot"
        differences = ["~ $.seq  1 → 2", "~ $.bids[1][1]  2.0 → 0.5", '~ $.note  "a" → "b"']
        assert text_of(dialog)[-3:] == differences
        await pilot.press("y")
        assert copied == [osc.clipboard_sequence("\n".join(line.rstrip() for line in text_of(dialog)), "")]
        await pilot.press("f")
        await until(pilot, lambda: any("as text" in line for line in text_of(dialog)))
        await pilot.press("f", "f")
        await until(pilot, lambda: text_of(dialog)[-3:] == differences)
        await pilot.press("escape")
        assert on.app.screen is on.screen


async def test_with_nothing_marked_it_is_said_what_to_press() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("p", "C")
        said = "".join(part for part, _ in on.screen.footer.line)
        assert "nothing marked: press m on the first event" in said
        await pilot.press("m", "C")
        said = "".join(part for part, _ in on.screen.footer.line)
        assert "only this event is marked: move to another one, then press C" in said


async def test_differences_are_gone_to_one_by_one() -> None:
    on = stage()
    async with on.app.run_test(size=(60, 12)) as pilot:
        await on.ready(pilot)
        dialog = await compared(on, pilot)
        pane = dialog.query_one("#comparison", ScrollPane)
        seen = []
        for key in ("n", "n", "N", "N"):
            await pilot.press(key)
            seen.append(pane.scroll_offset.y)
        assert seen[0] < seen[1]
        assert seen[2:] == [seen[0], 0]
