from __future__ import annotations

from tests.support.builders import loss, message, numbered, pong
from tests.support.fake_ports import FakeView
from wsmon.query.ast import EVERYTHING, Query, Word
from wsmon.tui.panes.log_filter import FIRST_WINDOW, PROBLEMS, Aim, LogFilter, Scope, Search, run_search

NEEDLE = Query((Word("needle"),), "needle")


def ids(log: LogFilter) -> list[int]:
    return [log.rows.id_at(row) for row in range(len(log.rows))]


def opened(view: FakeView) -> LogFilter:
    log = LogFilter(view)
    log.set_bounds(view.bounds())
    view.calls.clear()
    return log


def hay(count: int, *needles: int) -> FakeView:
    return FakeView(numbered(message("needle" if number in needles else "hay") for number in range(1, count + 1)))


def test_without_a_query_nothing_is_asked() -> None:
    view = hay(1000)
    log = opened(view)

    assert (len(log.rows), log.searched, log.is_searching, view.calls) == (1000, 1000, False, [])


def test_a_small_store_is_searched_at_once() -> None:
    log = opened(hay(100, 3, 90))

    assert log.restart(Scope(NEEDLE)) == ()
    assert (ids(log), log.searched, log.is_searching) == ([3, 90], 100, False)


def test_a_large_store_shows_its_newest_matches_and_searches_the_rest_elsewhere() -> None:
    view = hay(12_000, 3, 11_999)
    log = opened(view)
    (search,) = log.restart(Scope(NEEDLE))

    assert search == Search(1, "filter", NEEDLE, 1, 12_000 - FIRST_WINDOW)
    assert (ids(log), log.is_searching) == ([11_999], True)
    for found in run_search(view, search, lambda: False):
        log.take(found)
    assert (ids(log), log.searched, log.is_searching) == ([3, 11_999], 12_000, False)


def test_where_a_glance_is_too_short_the_rest_is_searched_elsewhere_and_new_events_are_caught_up_with() -> None:
    view = hay(1_000, 3, 900, 999)
    view.glance_events = 50
    log = opened(view)
    (search,) = log.restart(Scope(NEEDLE))
    seen = [(search.last_id, ids(log))]
    log.set_bounds(view.add(*[message("hay")] * 60, message("needle")))
    seen += [(log.searched, ids(log))]
    log.set_bounds(view.bounds())
    seen += [(log.searched, ids(log))]
    for found in run_search(view, search, lambda: False):
        log.take(found)
    seen += [(log.searched, ids(log))]

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
    (search,) = log.restart(Scope(NEEDLE))
    log.set_bounds(view.add(message("hay"), message("a needle")))
    for found in run_search(view, search, lambda: False):
        log.take(found)

    assert ids(log) == [3, 12_002]


def test_answers_to_an_older_query_and_repeated_ones_are_left_out() -> None:
    view = hay(12_000, 3, 5)
    log = opened(view)
    (stale,) = log.restart(Scope(Query((Word("hay"),), "hay")))
    (search,) = log.restart(Scope(NEEDLE))
    assert stale is not None
    for found in (*run_search(view, stale, lambda: False), *2 * list(run_search(view, search, lambda: False))):
        log.take(found)

    assert ids(log) == [3, 5]


def test_pruned_matches_go() -> None:
    view = hay(100, 3, 50, 90)
    log = opened(view)
    log.restart(Scope(NEEDLE))
    log.set_bounds(view.prune(51))

    assert (ids(log), log.searched) == ([90], 50)


def test_a_search_overtaken_by_pruning_ends() -> None:
    view = hay(12_000, 3)
    log = opened(view)
    log.restart(Scope(NEEDLE))
    log.set_bounds(view.prune(11_000))

    assert (log.is_searching, log.searched) == (False, 1001)


def test_hidden_heartbeats_are_counted() -> None:
    view = FakeView(numbered([message(), pong(), pong(), loss()]))
    log = opened(view)
    log.restart(Scope(EVERYTHING, hides_heartbeats=True))
    log.set_bounds(view.add(pong(), message()))

    assert (ids(log), log.hidden_heartbeats) == ([1, 4, 6], 3)
    log.restart(Scope(NEEDLE, hides_heartbeats=True))
    assert log.hidden_heartbeats is None


def test_a_query_of_an_empty_store_waits_for_events() -> None:
    view = FakeView()
    log = opened(view)

    assert log.restart(Scope(NEEDLE)) == ()
    log.set_bounds(view.add(message("hay"), message("needle")))
    assert ids(log) == [2]


def test_the_nearest_problem_is_found_at_once_and_a_far_one_by_a_search() -> None:
    events = [loss() if number in (10, 9000) else message("hay") for number in range(1, 10_001)]
    view = FakeView(numbered(events))
    log = opened(view)

    assert log.nearest(PROBLEMS, 9990, newer=False) == 9000
    assert log.nearest(PROBLEMS, 9, newer=True) == 10
    assert log.nearest(PROBLEMS, 10_000, newer=True) is None
    assert log.nearest(PROBLEMS, 9, newer=False) is None
    far = log.nearest(PROBLEMS, 9000, newer=False)
    assert isinstance(far, Search)
    assert (far.purpose, far.first_id, far.last_id, far.newest_first) == ("jump", 1, 8999 - FIRST_WINDOW, True)


def test_in_context_everything_is_shown_and_jumps_still_aim_at_matches() -> None:
    log = opened(hay(100, 3, 90))
    log.restart(Scope(NEEDLE, is_in_context=True))

    assert (len(log.rows), log.hidden_heartbeats, log.scope.highlighted) == (100, 0, NEEDLE)
    aim = Aim(NEEDLE, "match")
    assert [log.nearest(aim, 3, newer=True), log.nearest(aim, 90, newer=False), log.nearest(aim, 90, newer=True)] == [
        90,
        3,
        None,
    ]


def test_heartbeats_stay_hidden_and_counted_in_context() -> None:
    log = opened(FakeView(numbered([message("needle"), pong(), pong(), loss()])))
    log.restart(Scope(NEEDLE, hides_heartbeats=True, is_in_context=True))

    assert (ids(log), log.hidden_heartbeats) == ([1, 4], 2)
