"""Labels of a time axis, durations of cells, braille curves and bars."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import SECOND_NS, at_ns
from wsmon.model.timeline import Period
from wsmon.tui.charts import axis_line, bar, braille_curve, cell_duration, period_range, round_up
from wsmon.tui.panes.timeline_state import STEPS_NS


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
        (86_400, "            Nov 24        Dec 08        Dec 22        Jan 05"),
    ],
)
def test_labels_stand_at_round_times_and_are_never_cut(cell_s: float, expected: str) -> None:
    labels = axis_line(period(cell_s, 60), UTC)

    assert len(labels) == 60
    for label in expected.split()[1:-1]:
        assert label in labels


def test_a_label_begins_in_the_cell_of_its_time() -> None:
    shown = period(20, 60)

    assert shown.start_of(axis_line(shown, UTC).index("13:50")) == at_ns(-744)


def test_labels_are_local() -> None:
    assert "19:30" in axis_line(period(20, 60), ZoneInfo("Asia/Kolkata"))
    assert "14:00" not in axis_line(period(20, 60), ZoneInfo("Asia/Kolkata"))


def test_hours_stay_whole_on_the_day_the_clock_changes() -> None:
    """Berlin leaves summer time on 2025-10-26."""
    labels = axis_line(period(1800, 60, -77 * 86_400 + 10 * 3600), ZoneInfo("Europe/Berlin")).split()

    assert labels
    assert all(label.endswith(":00") for label in labels if label not in ("Oct", "25", "26"))


@pytest.mark.parametrize("cells", [1, 5, 12, 200])
def test_any_width_is_filled(cells: int) -> None:
    assert len(axis_line(period(20, cells), UTC)) == cells


def test_words() -> None:
    assert [cell_duration(round(s * SECOND_NS)) for s in (0.005, 0.1, 20, 120, 21_600, 86_400)] == [
        "5 ms",
        "0.1 s",
        "20 s",
        "2 min",
        "6 h",
        "1 d",
    ]
    now_ns = at_ns(0)
    assert period_range(period(20, 90), UTC, now_ns) == "13:32 – 14:02"
    assert period_range(period(1, 90), UTC, now_ns) == "14:00:54 – 14:02:24"
    assert period_range(period(3600, 90), UTC, now_ns) == "Jan 06 21:00 – Jan 10 15:00"
    assert period_range(period(0.05, 90), UTC, now_ns) == "14:02:19.5 – 14:02:24.0"
    assert period_range(period(0.005, 90), UTC, now_ns) == "14:02:23.55 – 14:02:24.00"


def test_a_period_of_another_day_or_year_says_so() -> None:
    day_s = 86_400
    assert period_range(period(20, 90, -2 * day_s), UTC, at_ns(0)) == "Jan 08 13:32 – 14:02"
    assert period_range(period(20, 90, -20 * day_s), UTC, at_ns(0)) == "2025 Dec 21 13:32 – 14:02"
    assert period_range(period(3600, 90, -20 * day_s), UTC, at_ns(0)) == "2025 Dec 17 21:00 – 2025 Dec 21 15:00"
    assert period_range(period(day_s, 90), UTC, at_ns(0)) == "2025 Oct 13 – 2026 Jan 11"


def test_parts_of_seconds_are_labelled_as_such() -> None:
    labels = axis_line(period(0.01, 100), UTC).split()

    assert labels == ["14:02:23", "14:02:23.2", "14:02:23.4", "14:02:23.6", "14:02:23.8"]
    assert axis_line(period(0.005, 60), UTC).split() == ["14:02:23.7", "14:02:23.8", "14:02:23.9"]


def test_the_beginning_of_a_day_has_its_date() -> None:
    assert axis_line(period(600, 120, -6 * 3600), UTC).split() == [
        *("14:00", "16:00", "18:00", "20:00", "22:00", "Jan", "10", "02:00", "04:00", "06:00"),
    ]


def test_labels_of_weeks_stay_at_the_same_mondays_while_the_period_moves() -> None:
    lines = [axis_line(period(43_200, 100, moved_s), UTC) for moved_s in (0, 43_200, 86_400)]

    assert {tuple(re.findall(r"[A-Z][a-z]{2} \d\d", line))[1:5] for line in lines} == {
        ("Dec 01", "Dec 08", "Dec 15", "Dec 22")
    }


@given(
    st.sampled_from(STEPS_NS),
    st.integers(20, 220),
    st.integers(-400 * 86_400, 400 * 86_400),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"]),
)
def test_a_label_is_a_local_time_within_its_cell(step_ns: int, cells: int, at_s: int, zone: str) -> None:
    until_ns = at_ns(at_s) // step_ns * step_ns
    shown = Period(until_ns - cells * step_ns, until_ns, cells)

    line = axis_line(shown, ZoneInfo(zone))
    assert len(line) == cells
    for label in re.finditer(r"\d\d:\d\d[\d:.]*", line):
        grain_ns = {5: 60_000, 8: 1_000}.get(len(label[0]), 50) * 1_000_000
        first, end = shown.start_of(label.start()), shown.start_of(label.start() + 1)
        times = range(-(-first // grain_ns) * grain_ns, end, grain_ns)
        assert any(local(each, ZoneInfo(zone)).startswith(label[0]) for each in times)


def local(at: int, zone: ZoneInfo) -> str:
    """The local time to the millisecond."""
    return f"{datetime.fromtimestamp(at // SECOND_NS, zone):%H:%M:%S}.{at % SECOND_NS // 1_000_000:03d}"


VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=40)


def test_a_cell_is_two_values_wide_and_four_dots_high() -> None:
    assert braille_curve([0, 1, 2, 3, 4, 5, 6, 7], (), 7, 2) == ("  ⣠⣾", "⣠⣾⣿⣿")


def test_zero_has_a_dot_and_nothing_has_none() -> None:
    assert braille_curve([0, None, None, 0], (), 10, 1) == ("⡀⢀",)
    assert braille_curve([0, 0], (), 0, 1) == ("⣀",)


def test_lines_are_dots_above_the_area() -> None:
    assert braille_curve([0, 0], [[7, 7], [3, 3]], 7, 2) == ("⠉", "⣉")


@given(VALUES, st.floats(0, 1e6), st.integers(1, 5))
def test_every_value_has_a_dot_in_its_column(values: list[float | None], top: float, height: int) -> None:
    rows = braille_curve(values, (), top, height)
    assert [len(row) for row in rows] == [-(-len(values) // 2)] * height
    for x, value in enumerate(values):
        cell = rows[-1][x // 2]
        lowest = 0x80 if x % 2 else 0x40
        assert bool(ord(cell) & lowest if cell != " " else 0) == (value is not None)


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, ""), (0.001, "▏"), (0.5, "█████"), (0.99, "█████████▉"), (1, "██████████")]
)
def test_a_bar_is_as_long_as_its_share_and_never_unseen(share: float, drawn: str) -> None:
    assert bar(share, 10) == drawn


@pytest.mark.parametrize(
    ("value", "top"), [(0.3, 0.5), (1, 1), (1.1, 2), (3, 5), (7, 10), (99, 100), (2310, 5000), (0.02, 0.1)]
)
def test_scales_are_round(value: float, top: float) -> None:
    assert round_up(value) == pytest.approx(top)
