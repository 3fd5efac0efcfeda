"""The export dialog: every format, every scope, how far it is, and a way to stop it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.support.builders import SESSION, TRACE, message
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, stage, text, until, with_incidents
from wsmon.export.formats import FORMATS
from wsmon.export.run import ExportRequest
from wsmon.model.units import SECOND_NS
from wsmon.tui.dialogs.export import ExportDialog, stem
from wsmon.tui.widgets.text_view import TextLine

SIZE = (100, 30)
STEM = "orders-20260110-140224"


def note(dialog: ExportDialog) -> str:
    """What the dialog says of the export."""
    return "".join(part for part, _ in dialog.query_one("#export-note", TextLine).line).strip()


async def test_every_format_is_offered_with_its_ending() -> None:
    on = stage()
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "tab")
        offered = []
        for _ in FORMATS:
            offered.append(on.app.screen.query_one("#export-target", Input).value)
            await pilot.press("right")
    assert offered == [f"{STEM}{FORMATS[name].suffix}" for name in FORMATS]


async def test_the_same_again_has_the_ending_of_its_format() -> None:
    on = stage()
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "tab", "left", "left", "enter")
        await until(pilot, lambda: not isinstance(on.app.screen, ExportDialog))
        on.clock.advance(60)
        await pilot.press("X")
        await until(pilot, lambda: len(on.exporter.requests) == 2)
    assert [each.target for each in on.exporter.requests] == [
        Path(f"/exports/{STEM}.html"),
        Path("/exports/orders-20260110-140324.html"),
    ]


async def test_it_says_how_far_it_is_and_escape_stops_it() -> None:
    on = stage()
    on.exporter.is_endless = True
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "enter")
        dialog = on.app.screen
        assert isinstance(dialog, ExportDialog)
        await until(pilot, lambda: note(dialog).endswith(" 50%  10 events, 1000 B"))
        assert note(dialog).startswith("━" * 24)
        await pilot.press("escape")
        await until(pilot, lambda: note(dialog) == "stopped; nothing was written")
        assert on.exporter.has_stopped.is_set()
        await pilot.press("escape")
        await until(pilot, lambda: on.app.screen is on.screen)


async def test_leaving_the_program_stops_it() -> None:
    on = stage()
    on.exporter.is_endless = True
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "enter")
        dialog = on.app.screen
        assert isinstance(dialog, ExportDialog)
        await until(pilot, lambda: "50%" in note(dialog))
    assert on.exporter.has_stopped.wait(5.0)


async def test_session_and_trace_of_the_event_under_the_cursor_are_offered() -> None:
    on = stage()
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "right", "enter")
        await until(pilot, lambda: len(on.exporter.requests) == 1)
        await until(pilot, lambda: not isinstance(on.app.screen, ExportDialog))
        await pilot.press("x", "right", "right", "enter")
        await until(pilot, lambda: len(on.exporter.requests) == 2)
    assert [each.query.text for each in on.exporter.requests] == [f"session:{SESSION}", f"trace:{TRACE}"]


async def test_an_incident_is_offered_with_what_was_around_it() -> None:
    on = with_incidents(stage())
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        event = on.screen.panes.log.current_event
        assert event is not None
        assert event.name == "incident.opened"
        await pilot.press("x", "enter")
        await until(pilot, lambda: len(on.exporter.requests) == 1)
    (request,) = on.exporter.requests
    assert (request.incident, request.margin_s) == (event.id, 30)


async def test_the_footer_says_what_an_export_wrote_and_a_key_repeats_it() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "enter")
        await until(pilot, lambda: "wrote 20 events" in text(on.screen.footer))
        await pilot.press("X")
        await until(pilot, lambda: len(on.exporter.requests) == 2)
    first, second = (Path(f"/exports/orders-20260110-140224{end}.jsonl") for end in ("", "-1"))
    of_connection = on.exporter.requests[0].query
    assert of_connection.text == "conn:binance-spot"
    assert on.exporter.requests == [ExportRequest("jsonl", target, of_connection) for target in (first, second)]


async def test_the_suffix_follows_the_format_and_the_filter_is_offered_first() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        on.screen.panes.log.set_query(parse("conn:deribit"))
        await pilot.press("x", "tab", "right", "right", "enter")
        await until(pilot, lambda: len(on.exporter.requests) == 1)
    assert on.exporter.requests == [
        ExportRequest("csv", Path("/exports/orders-20260110-140224.csv"), parse("conn:deribit"))
    ]


async def test_a_target_that_is_there_is_overwritten_only_when_confirmed() -> None:
    on = stage()
    on.exporter.failure = FileExistsError(17, "File exists")
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("x", "enter")
        await until(pilot, lambda: "press Enter again to" in text(on.app.screen.query_one("#export-note", TextLine)))
        assert isinstance(on.app.screen, ExportDialog)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(on.app.screen, ExportDialog))
    assert [order.overwrite for order in on.exporter.requests] == [False, True]


async def test_it_says_how_many_events_in_which_format_and_folder_before_anything_is_written() -> None:
    on = stage()
    on.store.add(message("x", type="odd"))
    async with on.app.run_test(size=SIZE) as pilot:
        await on.ready(pilot)
        await pilot.press("slash", *"type:odd", "enter", "x")
        dialog = on.app.screen
        assert isinstance(dialog, ExportDialog)
        labels = [each.label for each in dialog._subjects]
        await pilot.press(*["right"] * labels.index("matches for type:odd"))
        await until(pilot, lambda: text(dialog.query_one("#export-amount", TextLine)) == "1 event")
        await pilot.press("right", *["left"] * len(labels))
        everything = f"{on.store.bounds().events} events"
        await pilot.press(*["right"] * (labels.index("all events") - dialog._what.index))
        await until(pilot, lambda: text(dialog.query_one("#export-amount", TextLine)) == everything)
        assert text(dialog.query_one("#export-about", TextLine)) == FORMATS["jsonl"].description
        assert note(dialog) == "in /exports"
        await pilot.press("tab", "right", "tab", "home", *"/other/")
        assert text(dialog.query_one("#export-about", TextLine)) == list(FORMATS.values())[1].description
        assert note(dialog) == "in /other"
    assert on.exporter.requests == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("orders.toml", "orders"),
        ("a + incident", "a-incident"),
        ("stall of orders, and 2 more", "stall-of-orders-and-2-more"),
        ("ws://127.0.0.1:9701/", "ws-127.0.0.1-9701"),
        ("börse.v2.toml", "börse.v2"),
        ("", "wsmon"),
    ],
)
def test_the_name_of_a_file_is_one_word_for_a_shell(name: str, expected: str) -> None:
    assert stem(name, 1_768_053_744 * SECOND_NS, UTC) == f"{expected}-20260110-140224"
