from __future__ import annotations

import pytest

from tests.support.builders import T0_NS, at_ns, lane
from wsmon.model.timeline import KINDS, Period, lane_cells
from wsmon.tui.glyphs import ASCII, UNICODE, Glyphs
from wsmon.tui.panes.timeline_lanes import (
    LaneRow,
    block_bars,
    cell_glyph,
    known_cells,
    label_width,
    lane_line,
    legend_line,
    scroll_bar_cell,
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
    signs = [cell_glyph(kind, glyphs) for kind in KINDS if kind != "opened"]

    assert len(set(signs)) == len(signs)
    assert cell_glyph("opened", glyphs) == cell_glyph("incident", glyphs)


def test_a_lane_that_is_not_read_yet_is_not_drawn_as_no_data() -> None:
    assert lane_line(ROW, (None,) * 10, 9, UNICODE)[1] == ("reading   ", "dim")
    assert lane_line(ROW, (None,) * 4, 9, UNICODE)[1] == ("    ", "dim")


def test_cells_beyond_what_was_read_are_not_known() -> None:
    shown = lane("a", [(-100, "websocket_connected")], 100)
    period, known = Period(at_ns(0), at_ns(8), 8), Period(at_ns(1.5), at_ns(5), 7)

    assert known_cells(shown, period, known) == (None, "open", "open", "open", "open", None, None, None)


@pytest.mark.parametrize(
    ("width", "words"), [(5, ""), (16, "╳ loss"), (17, "╳ loss  ░ stalled"), (200, "╬ loss and incident")]
)
def test_a_legend_has_whole_words_only(width: int, words: str) -> None:
    shown = "".join(text for text, _ in legend_line(width, UNICODE))

    assert shown.endswith(words)
    assert len(shown) <= width


def test_a_scroll_mark_differs_without_colour() -> None:
    marks = [scroll_bar_cell(line, range(1, 3), glyphs)[0] for glyphs in (UNICODE, ASCII) for line in range(4)]

    assert "".join(marks) == "│┃┃│|##|"
