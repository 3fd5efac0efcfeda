"""Each committed event exactly once: NX-01 … NX-04, NX-20, NX-22, and what else a cursor promises."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, message, numbered
from tests.support.fake_ports import FakeView
from tests.support.queries import query as parse
from wsmon.errors import QueryError
from wsmon.feed import Feed, FeedPage
from wsmon.model.events import Event


def stored(events: int) -> FakeView:
    return FakeView(numbered(message(str(number)) for number in range(events)))


def ids(events: tuple[Event, ...]) -> list[int]:
    return [event.id for event in events]


def test_nx_01_a_first_event_has_an_id_and_a_time() -> None:
    (event,) = Feed(stored(1)).poll(9).events
    assert (event.id, event.ts_ns) == (1, T0_NS)


def test_nx_02_who_comes_later_gets_what_is_kept() -> None:
    assert ids(Feed(stored(3), 0).poll(5).events) == [1, 2, 3]


def test_nx_03_of_what_was_kept_the_newest_are_left() -> None:
    view = stored(5)
    view.prune(3)
    page = Feed(view, 0).poll(9)
    assert (ids(page.events), page.truncated) == ([3, 4, 5], 3)


def test_nx_04_a_cursor_takes_what_is_newer() -> None:
    assert ids(Feed(stored(5), 3).poll(9).events) == [4, 5]


def test_events_come_once_and_in_order() -> None:
    view = stored(5)
    feed = Feed(view)
    assert ids(feed.poll(2).events) == [1, 2]
    assert ids(feed.poll(2).events) == [3, 4]
    view.add(message("new"))
    assert (feed.cursor, view.bounds().last_id) == (4, 6)
    assert ids(feed.poll(9).events) == [5, 6]
    assert feed.poll(9) == FeedPage(())
    assert feed.cursor == 6


def test_a_reader_that_comes_back_continues_at_its_cursor() -> None:
    view = stored(5)
    left_at = Feed(view)
    left_at.poll(3)
    assert ids(Feed(view, left_at.cursor).poll(9).events) == [4, 5]


def test_nx_20_what_was_pruned_before_it_was_read_is_said() -> None:
    view = stored(10)
    feed = Feed(view)
    feed.poll(2)
    view.prune(6)
    page = feed.poll(2)
    assert (ids(page.events), page.truncated) == ([6, 7], 6)
    assert feed.poll(9).truncated is None


def test_pruning_of_everything_moves_the_cursor_on() -> None:
    view = stored(10)
    feed = Feed(view)
    view.prune(11)
    assert feed.poll(5) == FeedPage((), 11)
    assert feed.poll(5) == FeedPage(())


@pytest.mark.parametrize(("cursor", "backlog"), [(99, []), (3, []), (-5, [1, 2, 3]), (0, [1, 2, 3])])
def test_nx_22_a_cursor_from_nowhere_is_the_end_or_the_beginning(cursor: int, backlog: list[int]) -> None:
    view = stored(3)
    feed = Feed(view, cursor)
    assert ids(feed.poll(9).events) == backlog
    view.add(message("live"))
    assert ids(feed.poll(9).events) == [4]


def test_nx_22_an_id_that_is_no_number_is_refused() -> None:
    with pytest.raises(QueryError, match=r"invalid id 'x7\.\.'"):
        parse("id:x7..")


def test_a_query_leaves_out_what_does_not_match_and_the_cursor_passes_it() -> None:
    view = FakeView(numbered(message("odd" if number % 2 else "even") for number in range(1, 8)))
    feed = Feed(view, 0, parse("odd"))
    assert ids(feed.poll(2).events) == [1, 3]
    assert feed.cursor == 3
    assert ids(feed.poll(9).events) == [5, 7]
    view.add(message("even"))
    assert feed.poll(9) == FeedPage(())
    assert feed.cursor == 8


def test_a_page_says_whether_there_is_more() -> None:
    feed = Feed(stored(5))
    assert [feed.poll(2).is_behind for _ in range(3)] == [True, True, False]


def test_a_renewed_store_goes_on_with_the_next_id() -> None:
    view = stored(5)
    feed = Feed(view, 5)
    view.begin_anew(message("next"), first_id=6)
    assert feed.poll(9) == FeedPage((), is_behind=True)
    assert ids(feed.poll(9).events) == [6]


def test_what_was_not_read_before_a_store_was_renewed_is_said() -> None:
    view = stored(5)
    feed = Feed(view, 3)
    view.begin_anew(message("next"), first_id=6)
    assert feed.poll(9) == FeedPage((), 6, is_behind=True)
    assert ids(feed.poll(9).events) == [6]


def test_another_store_under_the_name_is_read_from_its_first_event() -> None:
    view = stored(5)
    feed = Feed(view, 3)
    view.begin_anew(*(message(str(number)) for number in range(9)))
    assert feed.poll(9) == FeedPage((), 1, is_behind=True)
    assert ids(feed.poll(20).events) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_commits_that_are_undone_move_the_cursor_back() -> None:
    view = stored(5)
    feed = Feed(view, 5)
    store_id = view.store_id
    view.begin_anew(message("1"), message("2"))
    view.store_id = store_id
    assert feed.poll(9) == FeedPage((), is_behind=True)
    view.add(message("3"))
    assert ids(feed.poll(9).events) == [3]
