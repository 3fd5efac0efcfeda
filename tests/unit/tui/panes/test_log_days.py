from __future__ import annotations

from array import array
from datetime import date

import pytest

from wsmon.model.ranges import DayStart
from wsmon.model.units import SECOND_NS
from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.panes.log_days import DayRows, LogDays, day_line
from wsmon.tui.widgets.row_list import AllRows, MatchRows, RowIds

MONDAY, TUESDAY, THURSDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 19)
DAYS = (DayStart(1, MONDAY), DayStart(4, TUESDAY), DayStart(7, THURSDAY))


def shown(rows: DayRows) -> list[str]:
    """The rows, a heading by the number of its day."""
    return [f"day {day.day}" if (day := rows.heading(row)) else str(rows.id_at(row)) for row in range(len(rows))]


def matches(*ids: int) -> MatchRows:
    rows = MatchRows(9)
    rows.prepend(array("q", ids), 1, 9)
    return rows


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (AllRows(1, 8), ["day 16", "1", "2", "3", "day 17", "4", "5", "6", "day 19", "7", "8"]),
        (AllRows(3, 5), ["day 16", "3", "day 17", "4", "5"]),
        (AllRows(5, 5), ["day 17", "5"]),
        (matches(2, 8), ["day 16", "2", "day 19", "8"]),
        (matches(), []),
        (AllRows(0, 0), []),
    ],
)
def test_the_first_row_of_each_day_has_a_heading(rows: RowIds, expected: list[str]) -> None:
    assert shown(DayRows(rows, DAYS)) == expected


def test_an_id_is_on_its_own_row_and_a_heading_has_the_id_below_it() -> None:
    rows = DayRows(AllRows(1, 8), DAYS)

    assert [rows.row_of(event_id) for event_id in (0, 1, 3, 4, 6, 7, 8, 9)] == [1, 1, 3, 5, 7, 9, 10, 11]
    assert [rows.id_at(row) for row in (0, 4, 8)] == [1, 4, 7]
    assert [rows.day_of(row) for row in (1, 3, 5, 10)] == [MONDAY, MONDAY, TUESDAY, THURSDAY]
    for row in (-1, len(rows)):
        with pytest.raises(IndexError):
            rows.id_at(row)


def test_headings_move_as_matches_are_found_above_and_below() -> None:
    below = MatchRows(5)
    below.prepend(array("q", (5,)), 4, 5)
    rows = DayRows(below, DAYS)
    assert shown(rows) == ["day 17", "5"]

    below.prepend(array("q", (2, 3)), 1, 3)
    below.append(array("q", (6, 7)), 6, 7)

    assert shown(rows) == ["day 16", "2", "3", "day 17", "5", "6", "day 19", "7"]


def test_without_days_rows_are_as_they_were() -> None:
    rows = DayRows(AllRows(1, 3))

    assert (shown(rows), rows.row_of(2), rows.day_of(1)) == (["1", "2", "3"], 1, None)


def test_days_are_read_at_first_with_the_first_event_of_a_day_and_now_and_then() -> None:
    days = LogDays()
    assert (days.is_due(MONDAY, 0, 0), days.is_due(MONDAY, 3, 0), days.known_to) == (False, True, 0)

    days.begin(3, 0)
    assert days.take(DAYS[:1])
    assert [days.is_due(MONDAY, last_id, at_s * SECOND_NS) for last_id, at_s in ((3, 99), (4, 1), (4, 10))] == [
        False, False, True,
    ]  # fmt: skip
    assert days.headed(MONDAY) == ()
    assert days.headed(TUESDAY) == DAYS[:1]
    # After midnight, the first event that comes
    assert days.is_due(TUESDAY, 4, SECOND_NS)
    days.begin(4, SECOND_NS)
    assert days.known_to == 1
    assert days.take(DAYS[:2])
    assert days.headed(TUESDAY) == DAYS[:2]
    assert not days.take(DAYS[1:2])


def test_another_store_or_zone_has_other_days() -> None:
    days = LogDays()
    days.begin(9, 0)
    days.take(DAYS)

    assert days.is_due(THURSDAY, 2, 0)
    days.begin(2, 0)
    assert days.known_to == 0
    days.take(DAYS)
    days.forget()
    assert (days.headed(MONDAY), days.is_due(THURSDAY, 2, 0)) == ((), True)


def test_a_heading_names_the_day_between_rules() -> None:
    assert day_line(TUESDAY, 26, UNICODE) == (("── Tue 17 Nov 2026 ───────", "rule"),)
    assert day_line(TUESDAY, 10, ASCII) == (("-- Tue 17>", "rule"),)
