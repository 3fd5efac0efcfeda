"""Buckets, their bounds, and what is read from them."""

from __future__ import annotations

import math

import pytest

from wsmon.model.histogram import (
    BUCKETS_PER_DOUBLING,
    RELATIVE_ERROR,
    ZERO_INDEX,
    bounds,
    bucket_index,
    merge,
    quantiles,
    representative,
)


def test_powers_of_two_close_the_bucket_below_them() -> None:
    # OpenTelemetry: buckets are open below and closed above
    assert [bucket_index(2**n) for n in range(4)] == [n * BUCKETS_PER_DOUBLING - 1 for n in range(4)]


def test_a_value_just_above_a_power_of_two_opens_the_next_bucket() -> None:
    assert bucket_index(math.nextafter(1024.0, 2048.0)) == 10 * BUCKETS_PER_DOUBLING


def test_a_value_just_below_a_power_of_two_stays_in_the_bucket_it_closes() -> None:
    assert bucket_index(math.nextafter(1024.0, 0.0)) == bucket_index(1024.0)


def test_nanoseconds_beyond_the_mantissa_have_a_bucket() -> None:
    assert bucket_index(2**62) == 62 * BUCKETS_PER_DOUBLING - 1


def test_zero_has_a_bucket_of_its_own() -> None:
    assert (bucket_index(0), bounds(ZERO_INDEX), representative(ZERO_INDEX)) == (ZERO_INDEX, (0.0, 0.0), 0.0)


@pytest.mark.parametrize("value", [-1, -0.001, math.inf, math.nan])
def test_what_is_no_measurement_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite values from 0 on"):
        bucket_index(value)


def test_merging_adds_counts_bucket_by_bucket() -> None:
    counts = {1: 2, 5: 1}
    merge(counts, {5: 3, 9: 1})
    assert counts == {1: 2, 5: 4, 9: 1}


def test_quantiles_are_found_by_nearest_rank() -> None:
    counts = {bucket_index(value): 1 for value in (100, 200, 400, 800)}
    found = quantiles(counts, (0.25, 0.5, 0.75, 1.0))
    assert found == tuple(representative(bucket_index(value)) for value in (100, 200, 400, 800))


def test_no_data_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="empty histogram"):
        quantiles({}, (0.5,))


def test_the_relative_error_is_what_the_design_promises() -> None:
    assert round(RELATIVE_ERROR * 100, 1) == 1.1
