from __future__ import annotations

import pytest

from wsmon.model.timeline import LaneTitle
from wsmon.tui.panes.timeline_lanes import LaneRow, LaneViewport, lane_rows

TITLES = (
    LaneTitle("btc", "books"),
    LaneTitle("orders", ""),
    LaneTitle("eth", "books"),
    LaneTitle("fills", "account"),
    LaneTitle("gone", ""),
)


def grid(count: int, room: int) -> LaneViewport:
    found = LaneViewport()
    found.room = room
    found.place(tuple(LaneRow(f"c{number:03}", (f"c{number:03}",)) for number in range(count)))
    return found


def test_rows_have_the_order_of_the_list_and_those_it_does_not_know_come_last() -> None:
    rows = lane_rows(TITLES, ("fills", "eth", "btc", "orders"), by_group=False)

    assert [row.name for row in rows] == ["fills", "eth", "btc", "orders", "gone"]
    assert rows[0] == LaneRow("fills", ("fills",))


def test_a_group_stands_where_its_first_connection_would_and_the_groupless_keep_their_rows() -> None:
    rows = lane_rows(TITLES, ("eth", "orders", "fills", "btc"), by_group=True)

    assert rows == (
        LaneRow("books", ("eth", "btc"), is_group=True),
        LaneRow("orders", ("orders",)),
        LaneRow("account", ("fills",), is_group=True),
        LaneRow("gone", ("gone",)),
    )
    assert [row.label for row in rows] == ["books (2)", "orders", "account (1)", "gone"]


def test_a_group_and_a_connection_of_one_name_are_two_rows() -> None:
    rows = lane_rows((LaneTitle("books", ""), LaneTitle("btc", "books")), (), by_group=True)

    assert [(row.name, row.is_group) for row in rows] == [("books", False), ("books", True)]


def test_the_cursor_scrolls_as_little_as_it_needs() -> None:
    rows = grid(300, 10)
    seen = []
    for row in (5, 12, 11, 299, 0, -4, 1000):
        rows.move_to(row)
        seen.append((rows.at, rows.top, len(rows.shown)))

    assert seen == [(5, 0, 10), (12, 3, 10), (11, 3, 10), (299, 290, 10), (0, 0, 10), (0, 0, 10), (299, 290, 10)]


def test_the_wheel_moves_the_cursor_only_where_it_would_get_out_of_sight() -> None:
    rows = grid(300, 10)
    seen = []
    for by in (3, 3, -6, 1000):
        rows.scroll(by)
        seen.append((rows.top, rows.at))

    assert seen == [(3, 3), (6, 6), (0, 6), (290, 290)]


def test_a_cursor_that_was_not_moved_stays_on_top_and_a_moved_one_with_its_connection() -> None:
    rows = grid(3, 10)
    rows.place(tuple(reversed(rows.rows)))
    assert rows.current == LaneRow("c002", ("c002",))
    rows.move_to(2)
    rows.place(tuple(reversed(rows.rows)))
    assert rows.current == LaneRow("c000", ("c000",))
    rows.move_to(1)
    rows.place((LaneRow("books", ("c002", "c001"), is_group=True), LaneRow("c000", ("c000",))))
    assert rows.current == LaneRow("books", ("c002", "c001"), is_group=True)


@pytest.mark.parametrize("count", [11, 12, 30, 300, 5000])
@pytest.mark.parametrize("room", [1, 2, 3, 10])
def test_the_scroll_mark_touches_the_ends_at_the_ends_only(count: int, room: int) -> None:
    rows = grid(count, room)
    marks = []
    for top in range(count - room + 1):
        rows.top = top
        marks.append(rows.scroll_thumb)

    assert all(0 <= mark.start < mark.stop <= room for mark in marks)
    assert marks == sorted(marks, key=lambda mark: mark.start)
    assert (marks[0].start, marks[-1].stop) == (0, room)
    if room > 2:
        assert all(mark.start > 0 for mark in marks[1:])
        assert all(mark.stop < room for mark in marks[:-1]) or count - room < 2


def test_without_anything_out_of_sight_there_is_no_mark() -> None:
    assert len(grid(10, 10).scroll_thumb) == 0
    assert grid(0, 10).current is None
