"""Quantiles from buckets against quantiles from the values themselves."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.histogram import RELATIVE_ERROR, bounds, bucket_index, merge, quantiles

MEASUREMENTS = st.integers(0, 2**60) | st.floats(0, 1e15, allow_subnormal=False)
# Of the floats that bounds and quantiles are computed in
ROUNDING = 1e-9


@given(MEASUREMENTS.filter(bool))
def test_every_value_lies_within_the_bounds_of_its_bucket(value: float) -> None:
    lower, upper = bounds(bucket_index(value))
    assert lower * (1 - ROUNDING) < value <= upper * (1 + ROUNDING)


@given(st.integers(-30_000, 30_000))
def test_buckets_meet_without_gap_or_overlap(bucket: int) -> None:
    assert bounds(bucket)[1] == bounds(bucket + 1)[0]


@given(st.lists(MEASUREMENTS, min_size=1), st.floats(0, 1))
def test_a_quantile_is_within_the_promised_error_of_the_exact_one(values: list[float], fraction: float) -> None:
    exact = sorted(values)[max(1, math.ceil(fraction * len(values))) - 1]
    (found,) = quantiles(Counter(map(bucket_index, values)), (fraction,))
    assert abs(found - exact) <= exact * (RELATIVE_ERROR + ROUNDING)


@given(st.lists(MEASUREMENTS), st.lists(MEASUREMENTS))
def test_merged_histograms_equal_the_histogram_of_all_values(left: list[float], right: list[float]) -> None:
    counts = Counter(map(bucket_index, left))
    merge(counts, Counter(map(bucket_index, right)))
    assert counts == Counter(map(bucket_index, left + right))
