"""How a search is cut into statements: gapless, from the side to begin with, as wide as time allows."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.fake_ports import FakeClock
from wsmon.store.pages import FIRST_WINDOW, chunks, windows


@pytest.mark.parametrize("newest_first", [True, False])
def test_quick_windows_double_and_cover_the_range_without_gaps(newest_first: bool) -> None:
    cut = list(windows([(1, 1_000_000)], FakeClock(), newest_first=newest_first))
    sizes = [last - first + 1 for first, last in cut]
    ascending = sorted(cut)
    assert (ascending[0][0], ascending[-1][1]) == (1, 1_000_000)
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ascending))
    assert sizes[:-1] == [FIRST_WINDOW * 2**number for number in range(len(sizes) - 1)]
    assert cut == sorted(cut, reverse=newest_first)


def test_slow_windows_halve() -> None:
    clock = FakeClock()
    sizes = []
    for first, last in windows([(1, 500)], clock):
        sizes.append(last - first + 1)
        clock.advance(0.2)
    assert sizes[:5] == [16, 8, 4, 2, 2]
    assert sum(sizes) == 500


def test_small_ranges_say_nothing_about_how_wide_a_window_may_be() -> None:
    ranges = [*((n, n + 9) for n in range(0, 1_000, 100)), (1_000, 10_000)]
    sizes = [last - first + 1 for first, last in windows(ranges, FakeClock())]
    assert sizes == [*[10] * 10, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 825]


def test_an_empty_range_is_passed_on_and_says_nothing_either() -> None:
    cut = list(windows([(1, 0), (1, 16), (17, 16), (17, 48)], FakeClock()))
    assert cut == [(1, 0), (1, 16), (17, 16), (17, 48)]


@pytest.mark.parametrize(("newest_first", "expected"), [(True, [(6, 10), (1, 5)]), (False, [(1, 5), (6, 10)])])
def test_chunks_have_one_size(newest_first: bool, expected: list[tuple[int, int]]) -> None:
    assert list(chunks(1, 10, 5, newest_first=newest_first)) == expected
    assert list(chunks(1, 0, 5, newest_first=newest_first)) == []
