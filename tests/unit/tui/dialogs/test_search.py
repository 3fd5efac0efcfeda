"""The search dialog on the whole screen: queries while they are typed, errors, earlier searches."""

from __future__ import annotations

import pytest
from textual.events import Key

from tests.support.builders import message
from tests.support.fake_ports import FakeNotes
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, ROOMY, stage, text, until
from wsmon.model.notes import NotesPage
from wsmon.tui.dialogs.search import HINT, SearchDialog
from wsmon.tui.terminal import driver, osc
from wsmon.tui.text import width_of
from wsmon.tui.widgets.text_view import TextLine


async def test_the_search_line_filters_while_one_types_and_escape_clears() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", *"deribit")
        await until(pilot, lambda: len(on.screen.panes.log.rows) == 10)
        assert isinstance(on.app.screen, SearchDialog)
        await pilot.press("escape")
        assert on.screen.panes.log.search_query == parse("")


async def test_a_letter_ends_the_search_before_it_before_its_own_begins() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        halted: list[str] = []
        typed = SearchDialog("", lambda query: halted.append(query.text), lambda: 0, (), lambda: halted.append("halt"))
        on.app.push_screen(typed)
        await pilot.press("a")
        await until(pilot, lambda: "a" in halted)
        await pilot.press("b")
        await until(pilot, lambda: "ab" in halted)
        assert halted == ["halt", "a", "halt", "ab"]
        await pilot.press("colon")  # no query yet: what is searched for goes on
        assert halted == ["halt", "a", "halt", "ab"]


def test_the_hint_of_the_search_line_fits_a_terminal_of_80_columns() -> None:
    assert width_of(HINT) <= COMPACT[0]


async def test_letters_typed_faster_than_the_search_line_opens_belong_to_it() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        for key, character in (("slash", "/"), ("d", "d"), ("e", "e"), ("r", "r"), ("i", "i")):
            on.app.post_message(Key(key, character))
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "deri")


async def test_typing_replaces_the_query_there_was_and_an_arrow_key_keeps_it() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        seen: list[str] = []
        for keys in ("der", "kraken", ("end", "minus")):
            await pilot.press("slash", *keys, "enter")
            seen.append(on.screen.panes.log.search_query.text)
        assert seen == ["der", "kraken", "kraken-"]


async def test_a_query_that_is_not_understood_says_why_and_keeps_the_last_valid_one_however_fast_it_was_typed() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", *"deribit nmae", "colon", "x", "enter")
        assert isinstance(on.app.screen, SearchDialog)
        note = text(on.app.screen.query_one("#search-note", TextLine))
        assert note.startswith("column 9: unknown field 'nmae' · did you mean 'name'?")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "deribit nmae")


async def test_searches_of_before_come_back_with_the_arrow_keys() -> None:
    on = stage(notes=FakeNotes(NotesPage(searches=("code:1008", "trade"))))
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", "x")
        dialog = on.app.screen
        assert isinstance(dialog, SearchDialog)
        seen = []
        for key in ("up", "up", "up", "down", "down"):
            await pilot.press(key)
            seen.append(dialog.query_one("#search-input").value)  # type: ignore[attr-defined]  # an Input
        assert seen == ["code:1008", "trade", "trade", "code:1008", "x"]
        await pilot.press("up", "up", "enter")
        await until(pilot, lambda: on.screen.panes.log.search_query.text == "trade")
    assert on.notes.searches[0] == "trade"


async def test_c_a_key_in_the_search_line_applies_it_and_copies_the_newest_match(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(driver, "write", lambda _, sequence: not sent.append(sequence))  # type: ignore[func-returns-value]
    on = stage()
    on.store.add(message("A-1036 old"), message("A-1036 new"), message("other"))
    async with on.app.run_test(size=(120, 40)) as pilot:
        await on.ready(pilot)
        newest = on.store.bounds().last_id - 1
        await pilot.press("1", "slash", *"A-1036", "ctrl+y")
        await until(pilot, lambda: text(on.screen.footer).startswith(f"copied payload of event #{newest}, the newest"))
        assert (sent, on.screen.panes.log.search_query.text) == ([osc.clipboard_sequence("A-1036 new", "")], "A-1036")
        await pilot.press("slash", "ctrl+u", *"nowhere", "ctrl+y")
        await until(pilot, lambda: text(on.screen.footer) == "no match to copy for nowhere")
        await pilot.press("slash", "ctrl+u", *"foo:", "ctrl+y")
        assert isinstance(on.app.screen, SearchDialog)
