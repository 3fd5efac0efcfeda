from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from typing import TypeVar

import pytest
from textual.pilot import Pilot

from tests.support.builders import event, loss, message, numbered, pong, refused, retry
from tests.support.fake_ports import FakeClock, FakeView
from tests.support.pane_app import PaneApp
from tests.support.scene_stores import HOSTILE, assorted
from tests.support.screen_harness import until
from wsmon.errors import QueryError, StoreError
from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark
from wsmon.model.ranges import Ranking, SearchProgress, TopMatches
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Query, Regex, Word
from wsmon.tui.panes.log import LogPane
from wsmon.tui.panes.log_filter import PROBLEMS, FoundMatches, Search, run_search
from wsmon.tui.panes.log_ranked import run_ranking
from wsmon.tui.widgets.text_view import StatusChanged

SIZE = (100, 22)
ROWS = 20
Answer = TypeVar("Answer")
NEEDLE = Query((Word("needle"),), "needle")


def trades(count: int, start: int = 0) -> list[Event]:
    return [message(f'{{"e":"trade","q":{number}}}', number / 100) for number in range(start, start + count)]


def a_day() -> tuple[Event, ...]:
    """A bit of everything."""
    return numbered(
        [
            *trades(20),
            loss(0.2),
            retry(0.201),
            message('{"e":"trade","s":"BTCUSDT","p":"97120.5"}', 0.202, type="trade"),
            *assorted(),
            event("self.run.started", 0.9, ""),
            event("heartbeat.timeout", 1.0, size=0, error="no pong in 20 s"),
        ]
    )


class Log:
    """A log pane on its own, and what it needs."""

    def __init__(self, events: list[Event] | tuple[Event, ...], *, is_slow: bool = False) -> None:
        """``is_slow``: the store is read when ``answer`` is called, instead of at once."""
        self.view = FakeView(numbered(events))
        self.is_slow = is_slow
        self.reads: dict[str, Callable[[], None]] = {}
        """What is to be read, by kind: the latest of a kind replaces the one before."""
        self.clock = FakeClock()
        self.pane = LogPane(self._read, self.clock, zone=UTC)
        self.app = PaneApp(self.pane, "log.tcss")

    def run(self) -> AbstractAsyncContextManager[Pilot[None]]:
        return self.app.run_test(size=SIZE, message_hook=self.app.hear)

    async def commit(self, pilot: Pilot[None], *events: Event) -> None:
        self.pane.set_bounds(self.view.add(*events) if events else self.view.bounds())
        await pilot.pause()

    def hide_heartbeats(self, hides: bool) -> None:
        """Leave out pings and pongs that went well, or show them."""
        self.pane.set_scope(replace(self.pane.state.wanted_scope, hides_heartbeats=hides))

    def _read(self, kind: str, read: Callable[[StoreView], Answer], deliver: Callable[[Answer], None]) -> None:
        """Read the store as a worker does, but when the test says so."""

        def answer() -> None:
            deliver(read(self.view))

        # Rows never wait for the days
        if self.is_slow and kind != "log.days":
            self.reads[kind] = answer
        else:
            answer()

    async def answer(self, pilot: Pilot[None], kind: str) -> None:
        """Deliver what was to be read of a kind."""
        self.reads.pop(kind)()
        await pilot.pause()

    @property
    def cursor_row(self) -> int:
        """Where the focused event is on the screen."""
        return self.pane.rows.row_of(self.pane.current_id) - self.pane.scroll_offset.y


async def test_an_empty_log_says_what_it_waits_for_and_since_when() -> None:
    log = Log([])
    async with log.run() as pilot:
        await log.commit(pilot)

        assert log.app.lines()[0] == "Waiting for the first event (since 14:02:24)"
        assert [each.texts[0] for each in log.app.heard_of(StatusChanged)] == [
            "Waiting for the first event (since 14:02:24)"
        ]


async def test_it_follows_the_newest_event_and_reads_one_page() -> None:
    log = Log(trades(1000))
    async with log.run() as pilot:
        await log.commit(pilot)

        assert '"q":999' in log.app.lines()[-1]
        assert '"q":980' in log.app.lines()[0]
        assert log.view.calls == ["events_after"]
        await log.commit(pilot, *trades(5, 1000))
        assert '"q":1004' in log.app.lines()[-1]
        assert log.view.calls == ["events_after"] * 2
        assert (log.pane.is_following, log.pane.current_id, log.pane.status) == (True, 1005, "following · 1,005 events")


async def test_following_never_says_that_an_event_was_highlighted() -> None:
    log = Log(trades(100))
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.commit(pilot, *trades(5, 100))

        assert log.app.heard_of(LogPane.EventHighlighted) == []


async def test_the_focused_event_keeps_its_row_while_thousands_arrive() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press("k", "k", "k")
        before, lines = log.cursor_row, log.app.lines()
        for batch in range(10):
            await log.commit(pilot, *trades(500, 500 + 500 * batch))

        assert (log.pane.current_id, log.cursor_row, log.app.lines()) == (497, before, lines)
        assert log.pane.status == "paused at 14:02:24 · 5,000 new (F to follow) · 5,500 events"
        await pilot.press("G")
        assert (log.pane.is_following, log.pane.current_id) == (True, 5500)


async def test_the_focused_event_keeps_its_row_while_old_ones_are_pruned() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press("g", *["space"] * 5, *["k"] * 5)
        before, lines, focused = log.cursor_row, log.app.lines(), log.pane.current_id
        log.pane.set_bounds(log.view.prune(60))
        await pilot.pause()

        assert (log.pane.current_id, log.cursor_row, log.app.lines()) == (focused, before, lines)


async def test_the_first_line_is_drawn_anew_when_the_events_before_it_are_pruned() -> None:
    """It showed the time since the event above it, which is gone."""
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.restyle(replace(log.pane.lines.style, time_mode="delta"))
        await pilot.press("g")
        await pilot.pause()
        second = log.app.lines()[1]
        log.pane.set_bounds(log.view.prune(2))
        await pilot.pause()

        first = log.app.lines()[0]
        assert log.pane.current_id == 2
        assert ('"q":1}' in first, '"q":1}' in second) == (True, True)
        assert first.split()[0] != second.split()[0]


async def test_when_the_focused_event_is_pruned_the_oldest_one_kept_takes_its_place() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press("g")
        log.pane.set_bounds(log.view.prune(300))
        await pilot.pause()

        assert (log.pane.current_id, log.cursor_row) == (300, 0)
        assert '"q":299' in log.app.lines()[0]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["k"], 499),
        (["k", "j"], 500),
        (["g"], 1),
        (["home", "down", "down", "up"], 2),
        (["g", "space"], ROWS),
        (["g", "pagedown", "b"], 1),
        (["g", "ctrl+d"], 1 + ROWS // 2),
        (["g", "ctrl+d", "ctrl+u"], 1),
        (["k", "G"], 500),
        (["g", "end"], 500),
        (["j"], 500),
    ],
)
async def test_keys_move_the_cursor(keys: list[str], expected: int) -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press(*keys)

        assert log.pane.current_id == expected
        assert 0 <= log.cursor_row < ROWS


async def test_moving_says_which_event_and_enter_chooses_it() -> None:
    log = Log(a_day())
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press("k", "enter")

        assert [each.event.name for each in log.app.heard_of(LogPane.EventHighlighted) if each.event] == [
            "self.run.started"
        ]
        assert [each.event.id for each in log.app.heard_of(LogPane.EventChosen)] == [log.pane.current_id]


async def test_scrolling_takes_the_cursor_along_and_pauses() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.scroll_relative(y=-45, animate=False, force=True)
        await pilot.pause()

        assert not log.pane.is_following
        assert 0 <= log.cursor_row < ROWS
        assert log.pane.scroll_offset.y < 480


async def test_a_click_moves_the_cursor_and_a_second_one_chooses() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.click(LogPane, offset=(10, 5))
        clicked = log.pane.current_id
        await pilot.double_click(LogPane, offset=(10, 7))

        assert clicked == 485
        assert [each.event.id for each in log.app.heard_of(LogPane.EventChosen)] == [487]


async def test_a_query_shows_its_matches_and_escapes_are_told() -> None:
    log = Log([*trades(50), message("a needle"), *trades(50)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(NEEDLE)
        await pilot.pause()

        assert [line.split("text")[-1].split()[0] for line in log.app.lines() if line] == ["a"]
        assert log.pane.status == "following · 1 of 101 events match needle · Esc clears"
        log.pane.set_query(Query((Word("nothing"),), "nothing"))
        await pilot.pause()
        assert log.pane.status == "no matches for nothing in 101 events · Esc clears"
        assert log.app.lines()[0] == log.pane.status
        log.pane.set_query(EVERYTHING)
        await pilot.pause()
        assert log.pane.status == "following · 101 events"


async def test_a_search_without_a_match_leads_back_to_where_one_read() -> None:
    log = Log(trades(200))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press(*["k"] * 60)
        place = log.pane.current_id, log.pane.cursor_y
        log.pane.set_query(Query((Word("nothing"),), "nothing"))
        await pilot.pause()
        assert log.pane.current_id == 0
        log.pane.set_query(EVERYTHING)
        await pilot.pause()
        assert (log.pane.current_id, log.pane.cursor_y) == place


async def test_a_long_search_shows_new_matches_first_and_keeps_the_row_of_the_cursor() -> None:
    hay: list[Event] = [message("needle" if number % 10 == 0 else "hay") for number in range(20_000)]
    log = Log(hay)
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(NEEDLE)
        await pilot.press("k", "k")
        (wanted,) = log.app.heard_of(LogPane.SearchWanted)
        assert log.pane.status.startswith("paused at 14:02:24 · 500 of 5,000 events match needle · searching, 25 %")
        before, lines = log.cursor_row, log.app.lines()
        for found in run_search(log.view, wanted.search, lambda: False):
            log.pane.take(found)
            await pilot.pause()

        assert (log.cursor_row, log.app.lines()) == (before, lines)
        assert log.pane.status == "paused at 14:02:24 · match 1,998 of 2,000 for needle in 20,000 events · Esc clears"


async def test_a_search_under_way_says_how_far_back_it_has_come_and_ends_when_it_is_halted() -> None:
    log = Log([message("hay", number) for number in range(20_000)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(NEEDLE)
        await pilot.pause()
        assert log.pane.status == "following · no matches yet for needle in 5,000 events · searching, 25 % · Esc clears"
        (wanted,) = log.app.heard_of(LogPane.SearchWanted)
        log.pane.take(next(run_search(log.view, wanted.search, lambda: False)))
        said = fmt.clock(log.view.events_by_id((10_001,))[0].ts_ns, UTC)
        assert log.pane.status == (
            f"following · no matches yet for needle in 10,000 events · searched back to {said} · Esc clears"
        )
        log.pane.halt()
        log.pane.halt()
        await pilot.pause()
        asked = [each.search for each in log.app.heard_of(LogPane.SearchWanted)]
        assert asked == [wanted.search, Search(0, "filter", EVERYTHING, 1, 0)]


async def test_the_event_under_the_cursor_is_announced_once_and_none_while_it_follows() -> None:
    log = Log([message("needle" if number % 10 == 0 else "hay") for number in range(200)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.pause()
        log.pane.set_query(NEEDLE)
        await log.commit(pilot, message("needle"))
        log.pane.follow()
        await log.commit(pilot, message("needle"))

        announced = [each.event.id if each.event else None for each in log.app.heard_of(LogPane.EventHighlighted)]
        assert announced == [200, 191, None]


async def test_the_newest_problem_is_found_on_the_newest_row_too() -> None:
    log = Log([loss(1), message("a"), loss(2)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.jump(PROBLEMS, newer=True)

        assert log.pane.current_id == 3


async def test_an_event_that_the_search_reaches_later_gets_the_cursor_then() -> None:
    log = Log([message("needle" if number % 10 == 0 else "hay", number / 100) for number in range(20_000)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(NEEDLE)
        log.pane.go_to(1001)
        await pilot.pause()
        assert log.pane.status == "looking for event #1,001 · paused at 14:02:24 · searching, 25 %"
        (wanted,) = log.app.heard_of(LogPane.SearchWanted)
        for found in run_search(log.view, wanted.search, lambda: False):
            log.pane.take(found)
            await pilot.pause()

        assert log.pane.current_id == 1001


async def test_an_event_read_far_back_keeps_cursor_and_row_when_another_scope_reaches_it() -> None:
    log = Log([pong(number / 100) if number % 10 == 0 else message("a", number / 100) for number in range(20_000)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.go_to(1002)
        await pilot.press("j", "j")
        log.app.heard.clear()
        row = log.cursor_row
        log.hide_heartbeats(True)
        log.hide_heartbeats(False)
        log.hide_heartbeats(True)
        await pilot.pause()
        wanted = log.app.heard_of(LogPane.SearchWanted)[-1]
        for found in run_search(log.view, wanted.search, lambda: False):
            log.pane.take(found)
            await pilot.pause()

        assert (log.pane.current_id, log.cursor_row) == (1004, row)
        assert log.app.heard_of(LogPane.EventHighlighted) == []
        assert log.pane.status.startswith("paused at 14:02:24 · 20,000 events · hiding 2,000 heartbeats (h)")


async def test_whoever_moves_while_a_search_goes_on_is_left_alone() -> None:
    log = Log([message("needle" if number % 10 == 0 else "hay", number / 100) for number in range(20_000)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.go_to(1001)
        log.pane.set_query(NEEDLE)
        await pilot.press("j")
        (wanted,) = log.app.heard_of(LogPane.SearchWanted)
        before = log.pane.current_id
        for found in run_search(log.view, wanted.search, lambda: False):
            log.pane.take(found)
            await pilot.pause()

        assert log.pane.current_id == before != 1001


async def test_hidden_heartbeats_are_counted_and_the_failed_one_stays() -> None:
    log = Log([message("a"), pong(), pong(), event("heartbeat.timeout", size=0)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.hide_heartbeats(True)
        await pilot.pause()

        assert [line[28:40].strip() for line in log.app.lines()[:2]] == ["text", "no pong"]
        assert log.pane.status == "following · 4 events · hiding 2 heartbeats (h)"


async def test_problems_are_found_however_far_they_are() -> None:
    log = Log([loss(), *trades(12_000), refused(), *trades(30)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.jump(PROBLEMS, newer=False)
        assert log.pane.current_id == 12_002
        log.pane.jump(PROBLEMS, newer=False)
        await pilot.pause()
        assert log.pane.status == "looking for a problem · paused at 14:02:24"
        search = log.app.heard_of(LogPane.SearchWanted)[-1].search
        for found in run_search(log.view, search, lambda: False):
            log.pane.take(found)

        assert log.pane.current_id == 1
        log.pane.jump(PROBLEMS, newer=False)
        assert log.pane.status == "no older problem · paused at 14:02:24"


async def test_the_answer_to_an_older_jump_is_left_out() -> None:
    log = Log(trades(100))
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.take(FoundMatches(Search(99, "jump", NEEDLE, 1, 100), array("q", [5]), 1, 100, is_last=True))

        assert log.pane.current_id == 100


async def test_matches_in_context_keep_the_cursor_and_are_marked_among_everything_else() -> None:
    log = Log([message("a needle" if number in (5, 40) else "hay", number / 100) for number in range(60)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(NEEDLE)
        await pilot.press("k")
        assert log.pane.current_id == 6
        log.pane.toggle_context()
        await pilot.pause()
        marked = [line for line in log.app.lines() if line[12] == "▸"]

        assert (log.pane.current_id, len(log.pane.rows), ["needle" in line for line in marked]) == (6, 60, [True])
        assert log.pane.status == "paused at 14:02:24 · match 1 of 2 for needle, ^f only · 60 events"
        log.pane.jump_to_match(newer=True)
        assert log.pane.current_id == 41
        log.pane.jump_to_match(newer=True)
        assert log.pane.status == "no newer match · paused at 14:02:24"
        log.pane.toggle_context()
        assert (log.pane.current_id, len(log.pane.rows)) == (41, 2)


async def test_all_matches_are_counted_in_the_background_and_the_one_under_the_cursor_has_its_number() -> None:
    log = Log([message("a needle" if number % 100 == 0 else "hay", number / 100) for number in range(12_000)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.toggle_context()
        log.pane.set_query(NEEDLE)
        await pilot.pause()
        log.pane.toggle_context()
        await pilot.pause()
        counting = [
            wanted.search for wanted in log.app.heard_of(LogPane.SearchWanted) if wanted.search.purpose == "matches"
        ]
        assert log.pane.status == "following · 50 matches so far for needle, ^f only · 12,000 events"
        for found in run_search(log.view, counting[-1], lambda: False):
            log.pane.take(found)
        log.view.calls.clear()
        log.pane.jump_to_match(newer=False)
        assert log.pane.status == "paused at 14:02:24 · match 120 of 120 for needle, ^f only · 12,000 events"
        log.pane.jump_to_match(newer=False)
        assert log.pane.current_id == 11_801
        assert "glance" not in log.view.calls
        log.pane.set_query(EVERYTHING)
        await pilot.pause()
        nothing = Search(0, "matches", EVERYTHING, 1, 0)
        assert log.app.heard_of(LogPane.SearchWanted)[-1].search == nothing
        assert list(run_search(log.view, nothing, lambda: False)) == []


async def test_what_lines_in_sight_leave_out_is_counted_in_the_title() -> None:
    odd = [message("a" * 99, truncated=True, size=70_000), message("b", redacted=True), message("c", redacted=True)]
    log = Log([*odd, *trades(100)])
    async with log.run() as pilot:
        await log.commit(pilot)
        assert log.pane.status == "following · 103 events"
        await pilot.press("g")
        await until(pilot, lambda: log.pane.status.endswith(" · 103 events · in sight 1 cut, 2 redacted"))
        assert log.app.lines()[0].endswith(" ⊣△    68 KiB")
        assert log.app.lines()[1].endswith(" ■       1 B")


async def test_a_pattern_that_takes_too_long_ends_the_highlighting_and_says_so() -> None:
    log = Log([message("a" * 400 + "!") for _ in range(5)])
    slow = Query((Regex("(a|aa)+$"),), "slow")
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(Query((Word("a"),), "a"))
        log.pane.toggle_context()
        log.pane.set_query(slow)
        await pilot.pause()

        assert log.pane.status.startswith("/(a|aa)+$/ takes more than 20 ms for one event")
        assert all("aaa" in line for line in log.app.lines()[:5])


async def test_a_highlight_that_takes_too_long_says_so_and_the_lines_are_drawn_without_it() -> None:
    """Only the highlighting is slow: no search has said so before."""
    log = Log([message("a" * 400 + "!") for _ in range(5)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.lines.highlight(Query((Regex("(a|aa)+$"),), "slow"))
        log.pane.refresh()
        await until(pilot, lambda: log.pane.status.startswith("/(a|aa)+$/ takes more than 20 ms for one event"))

        assert all("aaa" in line for line in log.app.lines()[:5])


async def test_a_search_that_the_store_ends_says_why_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(trades(5))

    def end(query: Query, *_: object, **_options: object) -> SearchProgress:
        raise QueryError(query.text, 0, "a pattern took longer than 20 ms at each of 3 events")

    async with log.run() as pilot:
        await log.commit(pilot)
        monkeypatch.setattr(log.view, "glance", end)
        log.pane.set_query(Query((Regex("(a|aa)+$"),), "/(a|aa)+$/"))
        await pilot.pause()

        assert log.pane.status == "a pattern took longer than 20 ms at each of 3 events"


async def test_going_to_a_hidden_event_says_so() -> None:
    log = Log([*trades(50), message("needle"), *trades(50)])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.go_to(30)
        assert (log.pane.current_id, log.pane.is_following) == (30, False)
        log.pane.set_query(NEEDLE)
        await pilot.pause()
        log.pane.go_to(30)

        assert log.pane.current_id == 51
        assert log.pane.status == "event #30 is hidden here; showing the nearest · paused at 14:02:24"


async def test_differences_of_time_take_the_row_above_into_account() -> None:
    log = Log(trades(100))
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.restyle(replace(log.pane.lines.style, time_mode="delta"))
        await pilot.pause()
        lines = log.app.lines()
        await pilot.press("k", "k", "b")

        assert {line[:12].strip() for line in lines} == {"+0.010 s"}
        await pilot.press("g")
        await pilot.pause()
        assert log.app.lines()[0][:12].strip() == "–"


async def test_a_store_that_fails_is_said_and_the_screen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(trades(100))

    def fail(*_: object, **_options: object) -> tuple[Event, ...]:
        raise StoreError("the store is gone")

    async with log.run() as pilot:
        await log.commit(pilot)
        monkeypatch.setattr(log.view, "events_after", fail)
        monkeypatch.setattr(log.view, "events_by_id", fail)
        monkeypatch.setattr(log.view, "glance", fail)
        await pilot.press("g", "enter")
        log.pane.set_query(NEEDLE)
        log.pane.jump(PROBLEMS, newer=True)
        await pilot.pause()

        assert log.pane.status == "the store is gone · paused at 14:02:24"


async def test_another_size_keeps_the_cursor_in_sight() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press("k", "k")
        for size in ((40, 8), (120, 40), (20, 5)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert log.pane.current_id == 498
            assert 0 <= log.cursor_row < log.pane.size.height


async def test_hostile_text_is_never_raw_on_the_screen() -> None:
    log = Log(
        [
            message(HOSTILE * 3000),
            message(HOSTILE.encode() + b"\xed\xa0\x80"),
            loss(reason=HOSTILE),
            message("x" * 2**20),
        ]
    )
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(Query((Word("b"),), HOSTILE))
        await pilot.press("k", "enter")

        assert all(line.isprintable() for line in log.app.lines())
        assert log.pane.status.isprintable()


async def test_until_the_rows_of_a_page_are_read_the_lines_before_stay_and_keys_wait() -> None:
    log = Log(trades(500), is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        assert (log.app.lines()[0], log.pane.settled.is_set()) == (
            "Waiting for the first event (since 14:02:24)",
            False,
        )
        await log.answer(pilot, "log.rows")
        before = log.app.lines()
        assert ('"q":499' in before[-1], log.pane.settled.is_set(), log.reads) == (True, True, {})
        await pilot.press("g")
        assert (log.app.lines(), log.pane.current_id, log.pane.settled.is_set()) == (before, 1, False)
        await log.answer(pilot, "log.rows")
        assert ('"q":0' in log.app.lines()[0], log.pane.settled.is_set()) == (True, True)


async def test_an_event_is_announced_once_it_was_read() -> None:
    log = Log(trades(500), is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        await pilot.press("g", "enter")
        assert (log.pane.current_event, log.app.heard_of(LogPane.EventHighlighted)) == (None, [])
        assert log.app.heard_of(LogPane.EventChosen) == []
        await log.answer(pilot, "log.rows")
        await pilot.press("enter")

        assert [each.event.id for each in log.app.heard_of(LogPane.EventHighlighted) if each.event] == [1]
        assert [each.event.id for each in log.app.heard_of(LogPane.EventChosen)] == [1]


async def test_a_cursor_that_moves_among_rows_in_sight_reads_nothing() -> None:
    log = Log(trades(500), is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        await pilot.press("k", "k", "j")

        assert (log.reads, log.pane.settled.is_set()) == ({}, True)
        assert [each.event.id for each in log.app.heard_of(LogPane.EventHighlighted) if each.event] == [499, 498, 499]


async def test_a_store_slower_than_its_events_still_shows_what_was_read() -> None:
    log = Log(trades(500), is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        for number in range(3):
            await log.commit(pilot, *trades(5, 500 + 10 * number))
            under_way = log.reads["log.rows"]
            await log.commit(pilot, *trades(5, 505 + 10 * number))
            # A newer page does not replace the read under way.
            assert log.reads["log.rows"] is under_way
            await log.answer(pilot, "log.rows")

        lines = log.app.lines()
        assert ('"q":510' in lines[0], '"q":519' in lines[9], lines[10:]) == (True, True, [""] * 10)
        await log.answer(pilot, "log.rows")
        assert '"q":529' in log.app.lines()[-1]


async def test_until_a_scope_is_glanced_at_the_rows_before_stay() -> None:
    log = Log([message("a needle" if number % 10 == 0 else "hay") for number in range(200)], is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        before, status = log.app.lines(), log.pane.status
        log.pane.set_query(NEEDLE)
        log.pane.go_to(101)
        await pilot.pause()
        assert (log.app.lines(), log.pane.status, log.pane.search_query) == (before, status, NEEDLE)
        assert not log.pane.settled.is_set()
        await log.answer(pilot, "log.matches")
        await log.answer(pilot, "log.rows")

        assert (log.pane.current_id, len(log.pane.rows), log.pane.settled.is_set()) == (101, 20, True)
        assert ["a needle" in line for line in log.app.lines()] == [True] * 20


async def test_a_jump_takes_two_reads_of_a_slow_store() -> None:
    log = Log([loss() if number == 3 else message("hay") for number in range(200)], is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        log.pane.jump(PROBLEMS, newer=True)
        assert (log.pane.current_id, log.pane.settled.is_set()) == (200, False)
        await log.answer(pilot, "log.matches")
        assert (log.pane.current_id, log.pane.settled.is_set()) == (4, False)
        await log.answer(pilot, "log.rows")
        assert log.pane.settled.is_set()


async def test_other_columns_and_marks_are_drawn_without_a_read() -> None:
    log = Log(trades(500), is_slow=True)
    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        log.pane.restyle(replace(log.pane.lines.style, chosen=("id",)))
        log.pane.set_marks((Bookmark(log.view.events_by_id((500,))[0], 0),))
        await pilot.pause()

        assert (log.reads, log.app.lines()[-1][12:25]) == ({}, "◆       #500 ")


async def test_times_since_a_session_was_usable_are_read_again_with_every_redraw() -> None:
    log = Log(trades(500))
    async with log.run() as pilot:
        await log.commit(pilot)
        log.view.calls.clear()
        log.pane.restyle(replace(log.pane.lines.style, time_mode="open"))
        await pilot.pause()
        log.pane.restyle(log.pane.lines.style)
        await pilot.pause()

        assert log.view.calls == ["events_after", "sessions"] * 2


async def test_after_a_failed_read_the_next_key_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(trades(500), is_slow=True)

    def fail(*_: object) -> tuple[Event, ...]:
        raise StoreError("the store is gone")

    async with log.run() as pilot:
        await log.commit(pilot)
        await log.answer(pilot, "log.rows")
        await pilot.press("g")
        with monkeypatch.context() as patch:
            patch.setattr(log.view, "events_after", fail)
            await log.answer(pilot, "log.rows")
        assert (log.reads, log.pane.settled.is_set()) == ({}, True)
        assert log.pane.status == "the store is gone · paused at 14:02:24"
        assert log.app.lines() == [""] * ROWS
        await pilot.press("j")
        await log.answer(pilot, "log.rows")
        assert '"q":1' in log.app.lines()[1]


DAY_S = 86_400


async def test_days_have_a_heading_that_the_cursor_passes_over() -> None:
    log = Log([*trades(3), *(message("next day", DAY_S + number) for number in range(2))])
    async with log.run() as pilot:
        await log.commit(pilot)

        assert [line[:19].rstrip() for line in log.app.lines()[:7]] == [
            "── Sat 10 Jan 2026", "14:02:24.000 binanc", "14:02:24.010 binanc", "14:02:24.020 binanc",
            "── Sun 11 Jan 2026", "14:02:24.000 binanc", "14:02:25.000 binanc",
        ]  # fmt: skip
        assert log.pane.status == "Sun 11 Jan 2026 · following · 5 events"
        await pilot.press("k", "k")
        assert (log.pane.current_id, log.cursor_row) == (3, 3)
        await pilot.press("j")
        assert (log.pane.current_id, log.cursor_row) == (4, 5)
        await pilot.click(LogPane, offset=(5, 5))
        assert log.pane.current_id == 4
        await pilot.press("g")
        assert (log.pane.current_id, log.cursor_row, log.pane.scroll_offset.y) == (1, 1, 0)


async def test_a_heading_stays_above_its_day_while_events_come_and_a_search_narrows() -> None:
    log = Log([*(message("needle" if number % 7 == 0 else "hay", number * DAY_S / 10) for number in range(100))])
    async with log.run() as pilot:
        await log.commit(pilot)
        log.pane.set_query(NEEDLE)
        await pilot.pause()

        days = [int(line[7:9]) for line in log.app.lines() if line.startswith("──")]
        assert days == list(range(11, 21))[-len(days) :]
        for _ in range(20):
            await pilot.press("k")
        await log.commit(pilot, message("needle", 100 * DAY_S / 10))
        assert log.pane.current_id == 1
        assert log.app.lines()[0].startswith("── Sat 10 Jan 2026")


async def test_after_midnight_the_first_event_begins_a_day() -> None:
    log = Log(trades(3))
    async with log.run() as pilot:
        await log.commit(pilot)
        assert not log.app.lines()[0].startswith("──")
        log.clock.advance(DAY_S / 2)

        await log.commit(pilot, message("after midnight", DAY_S / 2))

        assert [line[:18] for line in log.app.lines() if line.startswith("──")] == [
            "── Sat 10 Jan 2026", "── Sun 11 Jan 2026",
        ]  # fmt: skip


async def test_in_another_zone_days_begin_elsewhere() -> None:
    log = Log([message("a"), message("b", 3_600 * 12)])
    async with log.run() as pilot:
        await log.commit(pilot)
        assert len([line for line in log.app.lines() if line.startswith("──")]) == 2

        log.pane.restyle(replace(log.pane.lines.style, zone=timezone(timedelta(hours=-10))))
        await pilot.pause()

        assert [line[:12] for line in log.app.lines()[:2]] == ["04:02:24.000", "16:02:24.000"]


async def ranked(log: Log, pilot: Pilot[None], ranking: Ranking) -> None:
    """Sort, and answer what the pane wants of the store."""
    log.pane.sort(ranking)
    await pilot.pause()
    wanted = log.app.heard_of(LogPane.RankingWanted)[-1]
    for found in run_ranking(log.view, wanted.query, wanted.ranking):
        log.pane.take_ranked(wanted.serial, found)
    await pilot.pause()


async def test_the_slowest_of_what_matches_are_shown_until_their_place_in_time_is_wanted() -> None:
    log = Log([*trades(50), pong(1, rtt_ms=18), pong(2, rtt_ms=700), pong(3, rtt_ms=40), *trades(50, 50)])
    async with log.run() as pilot:
        await log.commit(pilot)
        await ranked(log, pilot, "duration")

        assert [line.split("ping")[1].split("   ")[0] for line in log.app.lines()[:3]] == [
            " 700 ms",
            " 40 ms",
            " 18 ms",
        ]
        assert log.pane.status == (
            "3 slowest of 103 events · snapshot of 14:02:24 · Enter: show in time order · Esc: by time"
        )
        assert log.pane.current_id == 52
        await log.commit(pilot, pong(9, rtt_ms=900))
        await pilot.press("j", "G", "k")
        assert log.pane.current_id == 53
        await pilot.press("enter")
        assert (log.pane.ranking is not None, log.pane.current_id, log.pane.is_following) == (False, 53, False)
        assert log.pane.rows.row_of(53) == 52


async def test_a_sorted_log_goes_back_to_where_it_was() -> None:
    log = Log([*trades(50)])
    async with log.run() as pilot:
        await log.commit(pilot)
        await ranked(log, pilot, "size")
        assert len(log.pane.rows) == 50
        log.pane.sort(None)
        assert (log.pane.is_following, log.pane.current_id) == (True, 50)
        await ranked(log, pilot, "duration")
        assert log.pane.status.startswith("no operation with a duration in 50 events")
        log.pane.set_query(NEEDLE)
        assert log.pane.ranking is None
        late = log.app.heard_of(LogPane.RankingWanted)[0]
        log.pane.take_ranked(late.serial, TopMatches((1, 2), 50, is_complete=True))
        assert log.pane.ranking is None


async def test_s_asks_by_what_to_sort() -> None:
    log = Log(trades(3))
    async with log.run() as pilot:
        await log.commit(pilot)
        await pilot.press("s")

        assert len(log.app.heard_of(LogPane.SortMenuWanted)) == 1
