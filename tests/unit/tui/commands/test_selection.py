"""What commands act on, by the pane that has the focus."""

from __future__ import annotations

import pytest

from tests.support.builders import message
from tests.support.screen_harness import COMPACT, ROOMY, stage, text, timeline, until, with_problems
from wsmon.tui.commands.selection import subject_of
from wsmon.tui.dialogs.export import ExportDialog
from wsmon.tui.subject import Subject


async def test_the_subject_follows_the_focus() -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        panes = on.screen.panes
        await pilot.press("1", "j")
        kraken = next(each for each in on.store.connections if each.state.name == "kraken-book")
        assert subject_of(on.screen) == Subject("connections", "kraken-book", kraken)
        await pilot.press("3")
        assert subject_of(on.screen) == Subject("statistics", "kraken-book", kraken)
        await pilot.press("4", "k", "k")
        await until(pilot, lambda: panes.log.current_event is not None)
        event = panes.log.current_event
        assert event is not None
        subject = subject_of(on.screen)
        assert (subject.pane, subject.event, subject.connection) == ("log", event, event.source.connection)
        await pilot.press("enter")
        await until(pilot, lambda: on.detail_event == event)
        subject = subject_of(on.screen)
        assert (subject.pane, subject.event, subject.value) == ("detail", event, on.detail_value)


async def test_of_the_timeline_it_is_the_lane_the_time_and_the_event_of_the_cell() -> None:
    on = with_problems(stage())
    async with on.app.run_test(size=COMPACT) as pilot:
        pane = await timeline(on, pilot)
        assert subject_of(on.screen).connection == "deribit"
        await pilot.press("e")
        await until(pilot, lambda: pane.problem is not None)
        subject = subject_of(on.screen)
        assert (subject.connection, subject.event) == ("deribit", pane.event)
        assert subject.event is not None
        assert pane.place is not None
        assert subject.at_ns == pane.place.at_ns


@pytest.mark.parametrize(("key", "named"), [("R", "kraken-book"), ("D", "kraken-book")])
async def test_a_question_names_the_connection_of_the_focused_row(key: str, named: str) -> None:
    on = stage()
    found_id = on.store.add(message("x", 1, "coinbase")).last_id
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "j", key)
        assert named in on.app.screen._text  # type: ignore[attr-defined]
        await pilot.press("escape", "4")
        on.screen.panes.log.go_to(found_id)
        await until(pilot, lambda: on.screen.panes.log.current_event is not None)
        await pilot.press(key)
        assert "coinbase" in on.app.screen._text  # type: ignore[attr-defined]


async def test_y_copies_what_the_focused_row_is() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        seen = []
        for keys in (["1"], ["3"], ["4"]):
            await pilot.press(*keys, "y")
            seen.append(text(on.screen.footer))
        assert ["URL of deribit" in each for each in seen] == [True, True, False] or seen == [
            "no terminal to copy to; `:copy to file` writes a file"
        ] * 3


async def test_the_spans_of_a_connection_are_those_of_its_newest_session() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "j", "W")
        await until(pilot, lambda: text(on.screen.footer) == "no spans recorded for this session")
        assert subject_of(on.screen).row is not None
        assert f"spans {subject_of(on.screen).session}" in on.store.calls


async def test_x_offers_the_focused_row_first() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "j", "x")
        dialog = on.app.screen
        assert isinstance(dialog, ExportDialog)
        assert dialog._subjects[0].label == "connection kraken-book"
