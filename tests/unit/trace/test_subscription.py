"""What a subscriber is given, and when something is left out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.builders import message, numbered
from tests.support.fake_ports import FakeView
from tests.support.queries import query as parse
from wsmon.query.ast import EVERYTHING
from wsmon.trace import Gap, ReceivedEvent, Truncated
from wsmon.trace.subscription import EventWindow, Item

Found = list[int | Gap | Truncated]


def stored(events: int) -> FakeView:
    return FakeView(numbered(message("odd" if number % 2 else "even") for number in range(1, events + 1)))


def add(view: FakeView, count: int) -> None:
    next_id = view.bounds().last_id + 1
    view.add(*(message("odd" if number % 2 else "even") for number in range(next_id, next_id + count)))


def window(since_id: int = 0, buffer: int = 128, capacity: int = 1_000, query: str = "") -> EventWindow:
    return EventWindow(since_id, capacity, buffer, parse(query) if query else EVERYTHING)


def found(items: Sequence[Item]) -> Found:
    return [item.id if isinstance(item, ReceivedEvent) else item for item in items]


def drained(of: EventWindow, view: FakeView) -> Found:
    """All that a subscriber gets that takes as long as there is something, and then waits."""
    got: Found = []
    while items := of.read(view):
        got += found(items)
    return got


@pytest.mark.parametrize(
    ("events", "capacity", "since_id", "expected"),
    [
        pytest.param(3, 5, 0, [1, 2, 3], id="nx_02"),
        pytest.param(5, 3, 0, [Truncated(3), 3, 4, 5], id="nx_03"),
        pytest.param(5, 10, 3, [4, 5], id="nx_04"),
        pytest.param(5, 5, 0, [1, 2, 3, 4, 5], id="as many as the capacity"),
        pytest.param(5, 1, 1, [2, 3, 4, 5], id="a cursor has no capacity"),
        pytest.param(5, 3, -7, [Truncated(3), 3, 4, 5], id="nx_22 negative"),
        pytest.param(5, 3, 99, [], id="nx_22 beyond the newest"),
        pytest.param(0, 3, 0, [], id="nothing"),
    ],
)
def test_nx_02_nx_03_nx_04_nx_22_where_a_subscriber_begins(
    events: int, capacity: int, since_id: int, expected: Found
) -> None:
    view = stored(events)
    of = window(since_id, capacity=capacity)
    assert drained(of, view) == expected
    add(view, 1)
    assert drained(of, view) == [events + 1]


def test_the_capacity_counts_what_matches() -> None:
    view = stored(9)
    assert drained(window(capacity=2, query="odd"), view) == [Truncated(7), 7, 9]
    assert drained(window(capacity=5, query="odd"), view) == [1, 3, 5, 7, 9]


@pytest.mark.parametrize("since_id", [0, 2])
def test_nx_20_what_was_pruned_is_said_before_the_rest(since_id: int) -> None:
    view = stored(9)
    view.prune(6)
    assert drained(window(since_id), view) == [Truncated(6), 6, 7, 8, 9]


def test_nx_19_a_slow_subscriber_is_told_what_it_was_not_given_and_reads_it_again() -> None:
    view = stored(1)
    of = window(buffer=3)
    assert found(of.read(view)) == [1]
    add(view, 8)
    gap = Gap(5, 9, 5)
    assert drained(of, view) == [2, 3, 4, gap]
    add(view, 2)
    assert drained(of, view) == [10, 11]
    assert drained(of.part(gap), view) == [5, 6, 7, 8, 9]


def test_nx_19_what_does_not_match_is_no_part_of_a_gap() -> None:
    view = stored(1)
    of = window(buffer=2, query="odd")
    assert found(of.read(view)) == [1]
    add(view, 9)
    gap = Gap(7, 9, 2)
    assert drained(of, view) == [3, 5, gap]
    part = of.part(gap)
    assert drained(part, view) == [7, 9]
    assert part.is_over


def test_what_comes_behind_a_gap_is_given_though_it_is_there_before_the_gap_is_taken() -> None:
    view = stored(1)
    of = window(buffer=2)
    assert found(of.read(view)) == [1]
    add(view, 4)
    assert found(of.read(view)) == [2, 3]
    add(view, 2)
    assert [*drained(of, view)] == [Gap(4, 5, 2), 6, 7]


def test_a_subscriber_that_waits_is_given_all_that_one_commit_brings() -> None:
    view = stored(0)
    of = window(buffer=1)
    assert of.read(view) == ()
    add(view, 500)
    assert drained(of, view) == list(range(1, 501))


def test_a_backlog_of_any_length_is_no_overflow() -> None:
    assert drained(window(1, buffer=1), stored(900)) == list(range(2, 901))


def test_a_gap_whose_events_were_pruned_is_said_as_such() -> None:
    view = stored(1)
    of = window(buffer=2)
    assert found(of.read(view)) == [1]
    add(view, 9)
    view.prune(8)
    of._look(view, of._feed)  # type: ignore[arg-type]
    assert drained(of, view) == [Truncated(8), 8, 9, 10]


def test_another_store_under_the_name_is_read_from_its_beginning() -> None:
    view = stored(9)
    of = window()
    assert drained(of, view) == list(range(1, 10))
    view.begin_anew(message("new"), message("newer"))
    assert drained(of, view) == [Truncated(1), 1, 2]
