"""Latencies are counted from the fastest message of the last minutes, whatever the clocks' offset."""

from __future__ import annotations

import pytest

from wsmon.model.measures import WINDOW_S, LatencyBaseline


@pytest.mark.parametrize("offset_ns", [0, -3_600_000_000_000, 250_000_000])
def test_the_offset_of_the_clocks_does_not_matter(offset_ns: int) -> None:
    fastest = LatencyBaseline()
    took_ns = [30, 20, 45, 10, 10, 70]
    found = [fastest.excess_ns(offset_ns + each, at_s) for at_s, each in enumerate(took_ns)]
    assert found == [0, 0, 25, 0, 0, 60]


def test_the_fastest_message_is_forgotten_after_some_minutes_so_that_drift_does_not_add_up() -> None:
    fastest = LatencyBaseline()
    fastest.excess_ns(100, 0)
    assert fastest.excess_ns(150, WINDOW_S - 10) == 50
    assert fastest.excess_ns(160, WINDOW_S) == 10


def test_memory_is_bounded_by_the_window() -> None:
    fastest = LatencyBaseline()
    assert all(fastest.excess_ns(at_s, at_s) <= WINDOW_S for at_s in range(10_000))
    assert len(fastest._least) <= WINDOW_S // 10 + 1
