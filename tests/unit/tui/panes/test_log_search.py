from __future__ import annotations

from tests.support.builders import at_ns, event, loss, message, numbered, ping, pong
from tests.support.fake_ports import FakeView
from wsmon.query.ast import EVERYTHING, Query, Word
from wsmon.query.predicate import matches
from wsmon.tui.panes.log_filter import PROBLEMS, Search, run_search, without_heartbeats

NEEDLE = Query((Word("needle"),), "needle")


def stored(count: int, *needles: int) -> FakeView:
    return FakeView(numbered(message("needle" if number in needles else "hay") for number in range(1, count + 1)))


def test_a_filter_finds_the_newest_first_and_ends_with_the_oldest() -> None:
    search = Search(1, "filter", NEEDLE, 1, 12_000)
    found = list(run_search(stored(12_000, 5, 11_000), search, lambda: False))

    assert [(list(each.ids), each.searched_from, each.searched_to, each.is_last) for each in found] == [
        ([11_000], 7001, 12_000, False),
        ([], 2001, 7000, False),
        ([5], 1, 2000, True),
    ]


def test_a_jump_ends_with_the_first_window_that_has_a_match() -> None:
    search = Search(1, "jump", NEEDLE, 1, 30_000, newest_first=False)
    found = list(run_search(stored(30_000, 5001, 29_000), search, lambda: False))

    assert [(list(each.ids), each.is_last) for each in found] == [([], False), ([5001], True)]


def test_an_answer_says_when_the_event_was_that_the_search_has_come_to() -> None:
    view = FakeView(numbered(message("hay", number) for number in range(6_000)))
    found = run_search(view, Search(1, "filter", NEEDLE, 1, 6_000), lambda: False)

    assert [each.reached_ns for each in found] == [at_ns(1_000), at_ns(0)]


def test_a_search_for_nothing_has_no_answer() -> None:
    assert list(run_search(stored(10), Search(0, "filter", EVERYTHING, 1, 0), lambda: False)) == []


def test_a_cancelled_search_asks_no_more() -> None:
    view = stored(30_000)
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
