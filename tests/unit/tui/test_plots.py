"""Curves and bars: what is there has a dot, what is not has none, nothing is outside of the cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.tui.charts import bar, braille_curve, round_up

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
