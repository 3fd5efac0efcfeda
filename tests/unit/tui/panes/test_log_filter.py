"""What the log shows of a store, and what is searched for it."""

from __future__ import annotations

import msgspec
import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, numbered, ping, pong, source
from tests.support.fake_ports import FakeView
from wsmon.model.events import Event, EventName
from wsmon.model.ranges import StoreBounds
from wsmon.query.ast import EVERYTHING, Query, Word
from wsmon.query.predicate import matches
from wsmon.store.search.sql import compile_query
from wsmon.tui.panes.log_filter import (
    FIRST_WINDOW,
    PROBLEMS,
    Aim,
    LogFilter,
    LogScope,
    Search,
    glance,
    related_to,
    run_search,
    session_starts,
    without_heartbeats,
)

NEEDLE = Query((Word("needle"),), "needle")


def ids(log: Filtered) -> list[int]:
    rows = log.filter.rows
    return [rows.id_at(row) for row in range(len(rows))]


class Filtered:
    """A filter over a store, whose questions are answered at once."""

    def __init__(self, view: FakeView) -> None:
        self.view = view
        self.filter = LogFilter()
        self.searches: list[Search] = []
        self.set_bounds(view.bounds())
        view.calls.clear()

    def set_bounds(self, bounds: StoreBounds) -> None:
        self.filter.set_bounds(bounds)
        self.answer()

    def restart(self, scope: LogScope) -> tuple[Search, ...]:
        """Show something else; returns what is left to search."""
        self.searches.clear()
        self.filter.restart(scope)
        self.answer()
        return tuple(self.searches)

    def answer(self) -> None:
        """Answer all questions, one glance each."""
        for question in self.filter.questions():
            rest = self.filter.take(glance(self.view, question))
            self.searches += [rest] if rest is not None else []

    def nearest(self, aim: Aim, current_id: int, *, newer: bool) -> int | Search | None:
        """The nearest event aimed at, where a glance finds it; else what is left to search."""
        found = self.filter.nearest(aim, current_id, newer=newer)
        if not isinstance(found, Search):
            return found
        near = glance(self.view, found)
        if near.ids:
            return near.ids[0] if newer else near.ids[-1]
        return near.rest or 0


def opened(view: FakeView) -> Filtered:
    return Filtered(view)


def hay(count: int, *needles: int) -> FakeView:
    return FakeView(numbered(message("needle" if number in needles else "hay") for number in range(1, count + 1)))


def test_without_a_query_nothing_is_asked() -> None:
    view = hay(1000)
    log = opened(view)

    assert (len(log.filter.rows), log.filter.searched, log.filter.is_searching, view.calls) == (1000, 1000, False, [])


def test_of_an_excerpt_only_the_ids_that_there_are_have_rows() -> None:
    view = FakeView([each for each in numbered(message("hay") for _ in range(100)) if each.id % 10 == 0])
    log = Filtered(view)
    log.set_bounds(StoreBounds(10, 100, 1, 0, in_excerpt=10))
    expected = list(range(10, 101, 10))
    assert (ids(log), log.filter.searched, log.filter.is_searching) == (expected, 10, False)
    assert (log.filter.match_count(10), log.filter.hidden_heartbeats) == (None, 0)
    log.restart(LogScope(NEEDLE))
    assert ids(log) == []
    log.restart(LogScope())
    assert ids(log) == expected


def test_a_small_store_is_searched_at_once() -> None:
    log = opened(hay(100, 3, 90))

    assert log.restart(LogScope(NEEDLE)) == ()
    assert (ids(log), log.filter.searched, log.filter.is_searching) == ([3, 90], 100, False)


def test_a_large_store_shows_its_newest_matches_and_searches_the_rest_elsewhere() -> None:
    view = hay(12_000, 3, 11_999)
    log = opened(view)
    (search,) = log.restart(LogScope(NEEDLE))

    assert search == Search(1, "filter", NEEDLE, 1, 12_000 - FIRST_WINDOW)
    assert (ids(log), log.filter.is_searching) == ([11_999], True)
    for found in run_search(view, search, lambda: False):
        log.filter.take(found)
    assert (ids(log), log.filter.searched, log.filter.is_searching) == ([3, 11_999], 12_000, False)


def test_where_a_glance_is_too_short_the_rest_is_searched_elsewhere_and_new_events_are_caught_up_with() -> None:
    view = hay(1_000, 3, 900, 999)
    view.glance_events = 50
    log = opened(view)
    (search,) = log.restart(LogScope(NEEDLE))
    seen = [(search.last_id, ids(log))]
    log.set_bounds(view.add(*[message("hay")] * 60, message("needle")))
    seen += [(log.filter.searched, ids(log))]
    log.set_bounds(view.bounds())
    seen += [(log.filter.searched, ids(log))]
    for found in run_search(view, search, lambda: False):
        log.filter.take(found)
    seen += [(log.filter.searched, ids(log))]

    assert seen == [(950, [999]), (100, [999]), (111, [999, 1_061]), (1_061, [3, 900, 999, 1_061])]


def test_a_jump_beyond_a_glance_is_a_search() -> None:
    view = hay(1_000, 500)
    view.glance_events = 50
    log = opened(view)

    aim = Aim(NEEDLE, "match")
    query = EVERYTHING.also(NEEDLE)

    assert log.nearest(aim, 900, newer=False) == Search(1, "jump", query, 1, 849)
    assert log.nearest(aim, 400, newer=True) == Search(2, "jump", query, 451, 1_000, newest_first=False)
    assert log.nearest(aim, 520, newer=False) == 500


def test_new_events_are_searched_as_they_come_even_while_a_search_runs() -> None:
    view = hay(12_000, 3)
    log = opened(view)
    (search,) = log.restart(LogScope(NEEDLE))
    log.set_bounds(view.add(message("hay"), message("a needle")))
    for found in run_search(view, search, lambda: False):
        log.filter.take(found)

    assert ids(log) == [3, 12_002]


def test_answers_to_an_older_query_and_repeated_ones_are_left_out() -> None:
    view = hay(12_000, 3, 5)
    log = opened(view)
    (stale,) = log.restart(LogScope(Query((Word("hay"),), "hay")))
    (search,) = log.restart(LogScope(NEEDLE))
    assert stale is not None
    for found in (*run_search(view, stale, lambda: False), *2 * list(run_search(view, search, lambda: False))):
        log.filter.take(found)

    assert ids(log) == [3, 5]


def test_pruned_matches_go() -> None:
    view = hay(100, 3, 50, 90)
    log = opened(view)
    log.restart(LogScope(NEEDLE))
    log.set_bounds(view.prune(51))

    assert (ids(log), log.filter.searched) == ([90], 50)


def test_a_search_overtaken_by_pruning_ends() -> None:
    view = hay(12_000, 3)
    log = opened(view)
    log.restart(LogScope(NEEDLE))
    log.set_bounds(view.prune(11_000))

    assert (log.filter.is_searching, log.filter.searched) == (False, 1001)


def test_hidden_heartbeats_are_counted() -> None:
    view = FakeView(numbered([message(), pong(), pong(), loss()]))
    log = opened(view)
    log.restart(LogScope(EVERYTHING, hides_heartbeats=True))
    log.set_bounds(view.add(pong(), message()))

    assert (ids(log), log.filter.hidden_heartbeats) == ([1, 4, 6], 3)
    log.restart(LogScope(NEEDLE, hides_heartbeats=True))
    assert log.filter.hidden_heartbeats is None


def test_a_query_of_an_empty_store_waits_for_events() -> None:
    view = FakeView()
    log = opened(view)

    assert log.restart(LogScope(NEEDLE)) == ()
    log.set_bounds(view.add(message("hay"), message("needle")))
    assert ids(log) == [2]


def test_the_nearest_problem_is_found_at_once_and_a_far_one_by_a_search() -> None:
    events = [loss() if number in (10, 9000) else message("hay") for number in range(1, 10_001)]
    view = FakeView(numbered(events))
    log = opened(view)

    assert log.nearest(PROBLEMS, 9990, newer=False) == 9000
    assert log.nearest(PROBLEMS, 9, newer=True) == 10
    assert log.nearest(PROBLEMS, 10_000, newer=True) == 0
    assert log.nearest(PROBLEMS, 9, newer=False) == 0
    far = log.nearest(PROBLEMS, 9000, newer=False)
    assert isinstance(far, Search)
    assert (far.purpose, far.first_id, far.last_id, far.newest_first) == ("jump", 1, 8999 - FIRST_WINDOW, True)


def test_in_context_everything_is_shown_and_jumps_still_aim_at_matches() -> None:
    log = opened(hay(100, 3, 90))
    log.restart(LogScope(NEEDLE, is_in_context=True))

    assert (len(log.filter.rows), log.filter.hidden_heartbeats, log.filter.scope.highlighted) == (100, 0, NEEDLE)
    aim = Aim(NEEDLE, "match")
    assert [log.nearest(aim, 3, newer=True), log.nearest(aim, 90, newer=False), log.nearest(aim, 90, newer=True)] == [
        90,
        3,
        0,
    ]


def test_heartbeats_stay_hidden_and_counted_in_context() -> None:
    log = opened(FakeView(numbered([message("needle"), pong(), pong(), loss()])))
    log.restart(LogScope(NEEDLE, hides_heartbeats=True, is_in_context=True))

    assert (ids(log), log.filter.hidden_heartbeats) == ([1, 4], 2)


def test_a_filter_finds_the_newest_first_and_ends_with_the_oldest() -> None:
    search = Search(1, "filter", NEEDLE, 1, 12_000)
    found = list(run_search(hay(12_000, 5, 11_000), search, lambda: False))

    assert [(list(each.ids), each.searched_from, each.searched_to, each.is_last) for each in found] == [
        ([11_000], 7001, 12_000, False),
        ([], 2001, 7000, False),
        ([5], 1, 2000, True),
    ]


def test_a_jump_ends_with_the_first_window_that_has_a_match() -> None:
    search = Search(1, "jump", NEEDLE, 1, 30_000, newest_first=False)
    found = list(run_search(hay(30_000, 5001, 29_000), search, lambda: False))

    assert [(list(each.ids), each.is_last) for each in found] == [([], False), ([5001], True)]


def test_an_answer_says_when_the_event_was_that_the_search_has_come_to() -> None:
    view = FakeView(numbered(message("hay", number) for number in range(6_000)))
    found = run_search(view, Search(1, "filter", NEEDLE, 1, 6_000), lambda: False)

    assert [each.reached_ns for each in found] == [at_ns(1_000), at_ns(0)]


def test_a_search_for_nothing_has_no_answer() -> None:
    assert list(run_search(hay(10), Search(0, "filter", EVERYTHING, 1, 0), lambda: False)) == []


def test_a_cancelled_search_asks_no_more() -> None:
    view = hay(30_000)
    answers = iter([False, True])

    assert len(list(run_search(view, Search(1, "filter", NEEDLE, 1, 30_000), lambda: next(answers)))) == 1
    assert view.calls == ["search"] * 2  # the second answer was under way


def test_hiding_heartbeats_leaves_the_one_that_failed() -> None:
    shown = [
        each.name
        for each in (ping(), pong(), message(), loss(), event("heartbeat.timeout", size=0))
        if matches(without_heartbeats(EVERYTHING), each)
    ]

    assert shown == ["message.received", "connection.disconnected", "heartbeat.timeout"]


def test_problems_of_a_query_are_its_matches_that_are_problems() -> None:
    query = Query((Word("rate"),), "rate").also(PROBLEMS.query)

    assert [matches(query, each) for each in (loss(), message("rate"), loss(reason="bye"))] == [True, False, False]


def test_a_connection_that_wsmon_closed_is_not_the_next_problem() -> None:
    stopped = loss(to_status="closed", close_by="us", close_code=1000, reason="wsmon stopped")
    assert [matches(PROBLEMS.query, each) for each in (stopped, loss())] == [False, True]


def test_the_next_problem_is_any_event_that_the_log_marks_as_one() -> None:
    names: tuple[EventName, ...] = (
        "connection.transition", "subscription.subscribe.completed", "auth.refresh.completed", "trace.request.end",
    )  # fmt: skip
    for name in names:
        failed = event(name, error_type="retries_exhausted")
        assert (matches(PROBLEMS.query, failed), matches(PROBLEMS.query, event(name))) == (True, False)
    assert not matches(PROBLEMS.query, message("x", error_type="json"))


def test_the_next_problem_is_found_by_an_index() -> None:
    assert compile_query(PROBLEMS.query, {}, lambda _leaf: 0).is_indexed


OTHER = source(session="1" * 16)
EVENTS = numbered(
    [
        dialled(0),
        message("ask", 1, ref="7", direction="out"),
        msgspec.structs.replace(message("other session", 2, ref="7"), source=OTHER),
        message("reply", 3, ref="7", parent_id="aa"),
        message("of a span", 4, span_id="aa"),
        message("plain", 5),
        event("connection.reconnect.attempt", 6, "deribit"),
        dialled(7, "deribit"),
        event("self.run.started", 8, ""),
    ]
)


def aimed_at(at: Event) -> list[int]:
    return [each.id for each in EVENTS if matches(related_to(at).query, each)]


@pytest.mark.parametrize(
    ("event_id", "noun", "expected"),
    [
        (2, "event of ref 7", [2, 4]),
        (5, "event of the same span", [4, 5]),
        (6, "event of the same session", [1, 2, 4, 5, 6, 7, 8]),
        (9, "event of the recorder", [*range(1, 10)]),
    ],
)
def test_a_trace_is_as_narrow_as_the_event_says(event_id: int, noun: str, expected: list[int]) -> None:
    at = EVENTS[event_id - 1]

    assert (related_to(at).noun, aimed_at(at)) == (noun, expected)


def test_between_sessions_a_trace_is_the_connection() -> None:
    between = msgspec.structs.replace(loss(1, "deribit"), source=source("deribit", session=""))

    assert aimed_at(between) == [7, 8]


def test_a_foreign_reference_is_safe_in_a_sentence() -> None:
    assert related_to(message(ref="\x1b[31m" + "x" * 99)).noun.isprintable()


def test_sessions_are_those_of_the_connection_or_of_all() -> None:
    found = [
        [each.id for each in EVENTS if matches(session_starts(at).query, each)] for at in (EVENTS[6], EVENTS[8], None)
    ]

    assert found == [[8], [1, 8], [1, 8]]
    assert [session_starts(at).noun for at in (EVENTS[6], None)] == ["session on deribit", "session"]
