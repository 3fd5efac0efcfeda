from __future__ import annotations

from array import array

import pytest

from wsmon.tui.widgets.row_list import AllRows, MatchRows, RowIds


def ids(rows: RowIds) -> list[int]:
    return [rows.id_at(row) for row in range(len(rows))]


def found(*numbers: int) -> array[int]:
    return array("q", numbers)


def test_all_rows_are_the_ids_without_holes() -> None:
    rows = AllRows(5, 8)

    assert ids(rows) == [5, 6, 7, 8]
    assert [rows.row_of(event_id) for event_id in (1, 5, 8, 9)] == [0, 0, 3, 4]
    assert ids(AllRows(0, 0)) == []


@pytest.mark.parametrize("rows", [AllRows(5, 8), MatchRows(9)])
def test_there_is_nothing_outside(rows: RowIds) -> None:
    for row in (-1, len(rows)):
        with pytest.raises(IndexError):
            rows.id_at(row)


def test_matches_grow_at_both_ends() -> None:
    rows = MatchRows(20)
    rows.prepend(found(16, 18), 15, 20)
    rows.append(found(21, 25), 21, 30)
    rows.prepend(found(3, 9), 1, 14)

    assert ids(rows) == [3, 9, 16, 18, 21, 25]
    assert (rows.searched_from, rows.searched_to, rows.searched) == (1, 30, 30)
    assert [rows.row_of(event_id) for event_id in (1, 3, 4, 9, 10, 18, 19, 25, 26)] == [0, 0, 1, 1, 2, 3, 4, 5, 6]


def test_a_range_that_does_not_join_is_refused() -> None:
    rows = MatchRows(20)

    with pytest.raises(ValueError, match="do not join"):
        rows.prepend(found(), 1, 10)
    with pytest.raises(ValueError, match="do not join"):
        rows.append(found(), 22, 30)


@pytest.mark.parametrize(
    ("oldest_id", "kept"),
    [(1, [3, 9, 16, 18, 21]), (4, [9, 16, 18, 21]), (17, [18, 21]), (21, [21]), (22, []), (99, [])],
)
def test_pruned_ids_are_forgotten(oldest_id: int, kept: list[int]) -> None:
    rows = MatchRows(20)
    rows.prepend(found(16, 18), 15, 20)
    rows.append(found(21), 21, 21)
    rows.prepend(found(3, 9), 1, 14)
    rows.prune(oldest_id)

    assert ids(rows) == kept
    assert [rows.row_of(event_id) for event_id in kept] == list(range(len(kept)))
