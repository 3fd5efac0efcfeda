"""Durations cut at bounds: exact, though the histogram's own buckets lie elsewhere."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.histogram import index
from wsmon.model.metrics import BOUNDS_NS, bound_within, cut

MS_NS = 1_000_000


def test_the_bounds_of_connecting_are_those_of_the_guide() -> None:
    assert BOUNDS_NS["connect"] == (10 * MS_NS, 100 * MS_NS, 500 * MS_NS, 1_000 * MS_NS, 5_000 * MS_NS)


@pytest.mark.parametrize("metric", BOUNDS_NS)
def test_no_bucket_of_the_histogram_is_cut_twice(metric: str) -> None:
    assert sorted(BOUNDS_NS[metric]) == list(BOUNDS_NS[metric])
    assert len(bound_within(metric)) == len(BOUNDS_NS[metric])


@given(
    st.lists(st.integers(0, 10**10) | st.sampled_from(BOUNDS_NS["rtt"]).flatmap(lambda n: st.integers(n - 2, n + 2)))
)
def test_each_value_counts_once_up_to_its_bound(values: list[int]) -> None:
    within = bound_within("rtt")
    above = Counter(index(value) for value in values if value > within.get(index(value), value))
    bounds = BOUNDS_NS["rtt"]
    expected = [sum(low < value <= high for value in values) for low, high in zip((-1, *bounds), bounds, strict=False)]
    expected.append(sum(value > bounds[-1] for value in values))
    assert cut("rtt", Counter(map(index, values)), above) == tuple(expected)
