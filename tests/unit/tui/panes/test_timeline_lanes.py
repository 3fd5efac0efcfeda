"""Rows of the timeline, its viewport, and how lanes and density are drawn."""

from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, at_ns, lane
from wsmon.model.timeline import KINDS, LaneTitle, Period, lane_cells
from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs
from wsmon.tui.panes.timeline_lanes import (
    LaneRow,
    LaneViewport,
    block_bars,
    cell_glyph,
    known_cells,
    label_width,
    lane_line,
    lane_rows,
    legend_line,
    scroll_bar_cell,
    tall_bars,
)

ROW = LaneRow("a", ("a",))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), ""),
        ((0, 0), "  "),
        ((0, 1, 8, 4), " ▁█▄"),
        ((1, 1_000_000), "▁█"),
        ((5e-324, 1e308), "▁█"),
    ],
)
def test_nothing_is_blank_and_the_least_of_something_is_seen(values: tuple[float, ...], expected: str) -> None:
    assert block_bars(values, UNICODE) == expected


def test_a_lane_is_its_name_and_runs_of_one_colour() -> None:
    shown = lane("a", [(0, "websocket_connected"), (3, "reconnecting")], 4, losses=[3.0])

    assert lane_line(ROW, lane_cells(shown, Period(T0_NS, at_ns(6), 6)), 9, UNICODE) == (
        ("a        ", "text"),
        ("━━━", "status-open"),
        ("╳", "status-loss"),
        ("  ", "text"),
    )
    assert (
        "".join(text for text, _ in lane_line(ROW, lane_cells(shown, Period(T0_NS, at_ns(6), 6)), 9, ASCII))
        == "a        ===X  "
    )


def test_names_take_no_more_than_a_quarter() -> None:
    rows = [LaneRow("a-very-long-name-of-a-connection", ("a-very-long-name-of-a-connection",))]

    assert [label_width(rows, width) for width in (12, 40, 80, 200)] == [4, 11, 21, 21]


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_kind_of_cell_has_a_sign_of_its_own(glyphs: Glyphs) -> None:
    signs = [cell_glyph(kind, glyphs) for kind in KINDS]

    assert len(set(signs)) == len(signs)


def test_a_lane_that_is_not_read_yet_is_not_drawn_as_no_data() -> None:
    assert lane_line(ROW, (None,) * 10, 9, UNICODE)[1] == ("loading   ", "dim")
    assert lane_line(ROW, (None,) * 4, 9, UNICODE)[1] == ("    ", "dim")


def test_cells_beyond_what_was_read_are_not_known() -> None:
    shown = lane("a", [(-100, "websocket_connected")], 100)
    period, known = Period(at_ns(0), at_ns(8), 8), Period(at_ns(1.5), at_ns(5), 7)

    assert known_cells(shown, period, known) == (None, "open", "open", "open", "open", None, None, None)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [(1, ["█▄ ▁"]), (2, ["█   ", "██ ▁"]), (3, ["█   ", "█▄  ", "██ ▁"])],
)
def test_tall_bars_use_all_lines_and_show_every_value(lines: int, expected: list[str]) -> None:
    assert list(tall_bars((100.0, 50.0, 0.0, 0.1), lines, UNICODE)) == expected


@pytest.mark.parametrize(
    ("width", "words"),
    [(5, ""), (16, "╳ disconnect"), (23, "╳ disconnect  ░ stalled"), (200, "▼ incident and disconnect")],
)
def test_a_legend_has_whole_words_only(width: int, words: str) -> None:
    shown = "".join(text for text, _ in legend_line(width, UNICODE))

    assert shown.endswith(words)
    assert len(shown) <= width


def test_a_scroll_mark_differs_without_colour() -> None:
    marks = [scroll_bar_cell(line, range(1, 3), glyphs)[0] for glyphs in (UNICODE, ASCII) for line in range(4)]

    assert "".join(marks) == "│┃┃│|88|"


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
