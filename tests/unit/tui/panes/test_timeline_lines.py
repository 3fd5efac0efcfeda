from __future__ import annotations

import pytest

from tests.builders import T0_NS, at_ns, lane
from wsmon.model.timeline_cells import Period
from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.panes.timeline_lines import bars, label_width, lane_line


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
    assert bars(values, UNICODE) == expected


def test_a_lane_is_its_name_and_runs_of_one_colour() -> None:
    shown = lane("a", [(0, "websocket_connected"), (3, "reconnecting")], 4, losses=[3.0])

    assert lane_line(shown, Period(T0_NS, at_ns(6), 6), 9, UNICODE) == (
        ("a        ", "text"),
        ("━━━", "status-open"),
        ("╳", "status-loss"),
        ("  ", "text"),
    )
    assert "".join(text for text, _ in lane_line(shown, Period(T0_NS, at_ns(6), 6), 9, ASCII)) == "a        ===X  "


def test_names_take_no_more_than_a_quarter() -> None:
    lanes = [lane("a-very-long-name-of-a-connection", [], 0)]

    assert [label_width(lanes, width) for width in (12, 40, 80, 200)] == [4, 11, 21, 21]
