"""The whole screen, driven by keys over a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.support.builders import event, message, row
from tests.support.queries import query as parse
from tests.support.screen_harness import COMPACT, OPTIONS, ROOMY, Stage, cells, stage, text, until
from wsmon.errors import WsmonError
from wsmon.model.snapshot import Health
from wsmon.tui.app import WsmonApp
from wsmon.tui.dialogs.connection_detail import ConnectionDialog
from wsmon.tui.dialogs.search import SearchDialog
from wsmon.tui.options import Outcome
from wsmon.tui.panes.timeline import TimelinePane
from wsmon.tui.widgets.text_view import TextLine


def list_names(on: Stage) -> list[str]:
    """The connections list, top to bottom."""
    lines = on.screen.panes.connections.lines[1:]
    return [line[1][0].strip() for line in lines if line and line[0][0].strip()]


async def open_log(on: Stage, pilot: Pilot[Outcome]) -> None:
    """Open the connection under the cursor, and from there its log."""
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(on.app.screen, ConnectionDialog))
    await pilot.press("enter")
    await until(pilot, lambda: on.app.screen is on.screen)


async def test_all_panes_are_in_sight_where_there_is_room() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        assert on.screen.pane_layout.in_sight == ("connections", "timeline", "log", "detail")
        assert list_names(on) == ["deribit", "kraken-book", "binance-spot", "coinbase", "legacy"]


async def test_hidden_panes_are_not_built() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        built = [name for name, slot in on.screen.panes.slots.items() if slot.pane is not None]
        assert built == ["connections", "log"]


async def test_a_terminal_of_40_by_12_shows_the_worst_and_the_log() -> None:
    on = stage()
    async with on.app.run_test(size=(40, 12)) as pilot:
        await on.ready(pilot)
        heights = [on.screen.panes.slots[name].size.height for name in ("connections", "log")]
        assert heights == [4, 6]


async def test_enter_on_a_connection_filters_the_log_goes_to_its_trouble_and_back() -> None:
    on = stage()
    newest = max(event.id for event in on.store.events_after(0, 999) if event.name == "connection.disconnected")
    deribit = on.store.connections[2]
    on.store.connections = (
        *on.store.connections[:2],
        replace(deribit, state=replace(deribit.state, last_problem_id=newest)),
        *on.store.connections[3:],
    )
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1")
        await open_log(on, pilot)
        assert on.screen.panes.log.search_query == parse("conn:deribit")
        assert (len(on.screen.panes.log.rows), on.screen.panes.log.current_id) == (10, newest)
        shown = on.detail_event
        assert shown is not None
        assert shown.id == newest
        await open_log(on, pilot)
        assert not on.screen.panes.log.search_query


async def test_enter_on_a_connection_that_is_well_lets_the_log_follow() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "j", "j")
        await open_log(on, pilot)
        assert on.screen.panes.log.search_query == parse("conn:binance-spot")
        assert (on.screen.panes.log.is_following, on.detail_event) == (True, None)


async def test_the_detail_shows_what_has_the_cursor_and_nothing_while_the_log_follows() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        seen = []
        for key in ("p", "k", "F", "enter", "F"):
            await pilot.press(key)
            shown = on.detail_event
            seen.append(shown.id if shown is not None else None)
            if on.screen.pane_layout.current != "log":
                await pilot.press("4")
        assert seen == [220, 219, None, 220, None]


async def test_the_title_of_the_list_says_why_and_since_when() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        title = on.screen.panes.slots["connections"].query_one(TextLine)
        assert "deribit: down 2m · “rate limit: 5 connections”, 1008, closed by peer" in text(title)
        await pilot.press("1", "j")
        await until(
            pilot, lambda: "kraken-book: stalled 41 s · no data since 14:01:43 (expected every 5 s)" in text(title)
        )


async def test_the_timeline_has_the_order_of_the_list_at_once() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.store.connections = (row("binance-spot", "error"), *on.store.connections[1:])
        on.clock.advance(4)
        on.store.add(message())
        on.app.wake()
        await until(pilot, lambda: list_names(on)[0] == "binance-spot")
        timeline = on.screen.panes.slots["timeline"].pane
        assert isinstance(timeline, TimelinePane)
        names = ["".join(part for part, _ in line).split()[0] for line in timeline.lines[1:6]]
        assert names == list_names(on)


async def test_statistics_of_a_young_recording_name_its_own_period() -> None:
    on = stage()
    on.store.statistics_answer = None
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("3")
        title = on.screen.panes.slots["statistics"].query_one(TextLine)
        await until(pilot, lambda: "deribit · last hour (1m recorded)" in text(title))


async def test_nothing_moves_behind_a_dialog_and_all_is_there_when_it_goes() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("q")
        header = on.screen.header.line
        on.clock.advance(60)
        on.store.messages_per_s = (9,)
        on.store.add(message())
        on.screen.show(on.store.snapshot(on.clock.wall_ns()))
        on.screen.tick()
        assert (len(on.screen.panes.log.rows), on.screen.header.line) == (220, header)
        await pilot.press("escape")
        await until(pilot, lambda: len(on.screen.panes.log.rows) == 221 and "9.0 msg/s" in text(on.screen.header))


@contextmanager
def full_line(on: Stage) -> Iterator[None]:
    """Paints are held back as on a line that takes nothing."""
    on.app.pacer.hold()
    yield
    on.app.pacer.release()


@contextmanager
def batch(on: Stage) -> Iterator[None]:
    """Paints are held back as while keys wait."""
    with on.app.batch_update():
        yield


@pytest.mark.parametrize("holding", [full_line, batch])
async def test_what_changes_behind_a_dialog_while_paints_are_held_back_is_painted_then(
    holding: Callable[[Stage], AbstractContextManager[None]],
) -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("slash")
        await until(pilot, lambda: on.app.keys_are_done)
        assert isinstance(on.app.screen, SearchDialog)
        with holding(on):
            on.screen.panes.log.set_query(parse("nowhere"))
            await on.settled(pilot)
            # Until what became dirty is known to the screens, which let their turn to paint pass
            await pilot.pause()
            assert "nowhere" not in "".join(cells(on.app))
        await until(pilot, lambda: "no matches for nowhere" in "".join(cells(on.app)))


async def test_a_recorder_that_goes_behind_a_dialog_is_said_at_once() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("question_mark")
        on.clock.advance(5)
        on.control.health_now = None
        on.screen.tick()
        assert text(on.screen.banner).startswith("⚠ Recording stopped")


async def test_the_age_of_the_recording_is_known_with_the_first_picture() -> None:
    on = stage()
    on.store.add(event("self.run.started", 0.0, ""))
    async with on.app.run_test(size=ROOMY) as pilot:
        await until(pilot, lambda: "recording 0.0 s" in text(on.screen.header))


async def test_the_cursor_stays_on_its_connection_when_another_one_fails() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        await pilot.press("1", "G", "k", "4")
        assert on.screen.panes.connections.current == on.store.connections[1].state
        on.store.connections = (row("binance-spot", "error"), *on.store.connections[1:])
        on.clock.advance(4)
        on.store.add(message())
        on.app.wake()
        await until(pilot, lambda: list_names(on)[0] == "binance-spot")
        assert on.screen.panes.connections.current == on.store.connections[1].state


async def test_lines_of_the_list_keep_their_places_while_the_order_is_fresh() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        on.store.connections = (row("binance-spot", "error"), *on.store.connections[1:])
        on.clock.advance(1)
        on.store.add(message())
        on.app.wake()
        await until(pilot, lambda: "1 gave up" in text(on.screen.header))
        assert list_names(on)[0] == "deribit"


async def test_e_goes_to_the_next_problem_and_enter_shows_its_detail() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("E", "enter")
        assert on.screen.pane_layout.current == "detail"
        chosen = on.screen.panes.log.current_event
        assert chosen is not None
        assert chosen.name == "connection.disconnected"
        await pilot.press("escape")
        assert on.screen.pane_layout.in_sight == ("connections", "log")


async def test_e_while_following_goes_to_the_newest_problem_and_then_to_none_newer() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
        await pilot.press("E")
        newest = on.screen.panes.log.current_id
        await pilot.press("F", "e")
        assert on.screen.panes.log.current_id == newest
        await pilot.press("e")
        assert on.screen.panes.log.status == "no newer problem · paused at 14:02:24"


async def test_a_recorder_that_is_gone_is_said_with_the_last_event_and_the_command() -> None:
    on = stage()
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        assert not on.screen.banner.display
        on.clock.advance(5)
        on.control.health_now = None
        on.screen.tick()
        assert text(on.screen.banner) == (
            "⚠ Recording stopped 14:02:29 (last event #220). Restart with `wsmon orders.toml`."
        )
        assert "○ not recording" in text(on.screen.header)


async def test_losses_are_in_the_header_of_any_width() -> None:
    on = stage(health=Health(events_shed=1204, commit_lag_ms=900.0))
    async with on.app.run_test(size=(40, 12)) as pilot:
        await on.ready(pilot)
        assert "lost 1,204" in text(on.screen.header)


async def test_warnings_and_mistaken_keys_are_shown_at_the_start_and_go() -> None:
    on = stage(
        options=replace(OPTIONS, keys={"log.serach": ("f",)}, warnings=("orders.toml:3: kpi has no effect yet",))
    )
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)
        first = text(on.screen.banner)
        on.clock.advance(7)
        on.screen.tick()
        second = text(on.screen.banner)
        on.clock.advance(7)
        on.screen.tick()
        assert (first, second, on.screen.banner.display) == (
            '⚠ keymap: keys."log.serach": unknown action. did you mean "log.search"?',
            "⚠ orders.toml:3: kpi has no effect yet",
            False,
        )


async def test_threads_end_and_views_are_closed_with_the_app() -> None:
    on = stage()
    async with on.app.run_test(size=COMPACT) as pilot:
        await on.ready(pilot)
    assert on.store.is_closed


async def test_a_failure_of_the_store_is_said_and_gone_when_it_is_over() -> None:
    on = stage()
    snapshot = on.store.snapshot
    async with on.app.run_test(size=ROOMY) as pilot:
        await on.ready(pilot)

        def fail(_at_ns: int) -> object:
            raise WsmonError("disk I/O error")

        on.store.snapshot = fail  # type: ignore[method-assign, assignment]  # the fault under test
        on.store.add(message())
        on.app.wake()
        await until(pilot, lambda: on.screen.recorder.trouble == "disk I/O error")
        on.screen.tick()
        assert text(on.screen.banner) == "⚠ cannot read the recording: disk I/O error"
        on.store.snapshot = snapshot  # type: ignore[method-assign]  # the fault is over
        await until(pilot, lambda: on.screen.recorder.trouble == "")


def test_no_color_takes_the_terminals_own_colours() -> None:
    on = stage(options=replace(OPTIONS, has_no_color=True))
    assert isinstance(on.app, WsmonApp)
    assert (on.app.theme, on.app.native_ansi_color) == ("wsmon-ansi", True)
