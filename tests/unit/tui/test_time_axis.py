from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from tests.builders import SECOND_NS, at_ns
from wsmon.model.timeline_cells import Period
from wsmon.tui.time_axis import axis, cell_words, span_words


def period(cell_s: float, cells: int, until_s: float = 0.0) -> Period:
    step_ns = round(cell_s * SECOND_NS)
    until_ns = -(-at_ns(until_s) // step_ns) * step_ns
    return Period(until_ns - cells * step_ns, until_ns, cells)


@pytest.mark.parametrize(
    ("cell_s", "expected"),
    [
        (0.5, "        14:02:00            14:02:10            14:02:20    "),
        (20, "        13:45          13:50          13:55          14:00   "),
        (300, "0       10:00       11:00       12:00       13:00       14:0"),
        (86_400, "               Nov 26       Dec 10         Dec 24        Jan"),
    ],
)
def test_labels_stand_at_round_times_and_are_never_cut(cell_s: float, expected: str) -> None:
    labels = axis(period(cell_s, 60), UTC)

    assert len(labels) == 60
    for label in expected.split()[1:-1]:
        assert label in labels


def test_a_label_begins_in_the_cell_of_its_time() -> None:
    shown = period(20, 60)

    assert shown.start_of(axis(shown, UTC).index("13:50")) == at_ns(-744)


def test_labels_are_local() -> None:
    assert "19:30" in axis(period(20, 60), ZoneInfo("Asia/Kolkata"))
    assert "14:00" not in axis(period(20, 60), ZoneInfo("Asia/Kolkata"))


def test_hours_stay_whole_on_the_day_the_clock_changes() -> None:
    """Berlin leaves summer time on 2025-10-26."""
    labels = axis(period(1800, 60, -77 * 86_400 + 10 * 3600), ZoneInfo("Europe/Berlin")).split()

    assert labels
    assert all(label.endswith(":00") for label in labels)


@pytest.mark.parametrize("cells", [1, 5, 12, 200])
def test_any_width_is_filled(cells: int) -> None:
    assert len(axis(period(20, cells), UTC)) == cells


def test_words() -> None:
    assert [cell_words(round(s * SECOND_NS)) for s in (0.1, 20, 120, 21_600, 86_400)] == [
        "0.1 s",
        "20 s",
        "2 min",
        "6 h",
        "1 d",
    ]
    assert span_words(period(20, 90), UTC) == "13:32 – 14:02"
    assert span_words(period(1, 90), UTC) == "14:00:54 – 14:02:24"
    assert span_words(period(3600, 90), UTC) == "Jan 06 21:00 – Jan 10 15:00"
