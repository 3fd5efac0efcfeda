"""When a search says how far it has come, and what."""

from __future__ import annotations

from array import array

from tests.support.fake_ports import FakeClock
from wsmon.model.ranges import SearchProgress
from wsmon.store.pages import FIRST_NS, NEXT_NS, SearchCollector


def time_of(event_id: int) -> int:
    return event_id * 10


def ids(*numbers: int) -> array[int]:
    return array("q", numbers)


def test_the_first_matches_are_said_at_once_and_later_ones_in_time() -> None:
    clock = FakeClock()
    progress = SearchCollector(clock, 1, 100, newest_first=True)
    progress.add(ids())
    is_due = [progress.is_due]
    progress.add(ids(80, 81))
    is_due.append(progress.is_due)
    assert progress.take((80, 89), time_of) == SearchProgress(ids(80, 81), 80, 100, 800)
    progress.add(ids(71))
    is_due.append(progress.is_due)
    progress.add(ids(65, 66))
    clock.advance(NEXT_NS / 1e9)
    is_due.append(progress.is_due)
    assert is_due == [False, True, False, True]
    assert progress.take((60, 69), time_of) == SearchProgress(ids(65, 66, 71), 60, 79, 600)
    assert progress.rest(time_of) == SearchProgress(ids(), 1, 59, 10)
    assert progress.is_over


def test_a_glance_says_nothing_before_its_time() -> None:
    clock = FakeClock()
    progress = SearchCollector(clock, 1, 100, newest_first=True, is_glance=True)
    progress.add(ids(80))
    is_due = [progress.is_due]
    clock.advance(FIRST_NS / 1e9)
    is_due.append(progress.is_due)
    assert is_due == [False, True]


def test_a_search_that_finds_nothing_says_so_soon() -> None:
    clock = FakeClock()
    progress = SearchCollector(clock, 1, 100, newest_first=False)
    clock.advance(FIRST_NS / 1e9)
    is_due = [progress.is_due]
    assert progress.take((1, 20), time_of) == SearchProgress(ids(), 1, 20, 200)
    is_due.append(progress.is_due)
    assert is_due == [True, False]
    progress.add(ids(30))
    progress.add(ids(50))
    assert progress.rest(time_of) == SearchProgress(ids(30, 50), 21, 100, 1000)
