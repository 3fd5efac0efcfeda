"""Histograms as bytes say what they said as numbers, alone and added up."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.histogram import ZERO_INDEX
from wsmon.store.codec import PackedSum, pack, unpack

# Whole numbers up to 2**63 have indexes from -1 to 2,015
COUNTS = st.dictionaries(st.one_of(st.just(ZERO_INDEX), st.integers(-1, 2_016)), st.integers(1, 2**28), max_size=12)


@given(COUNTS)
def test_what_is_packed_is_unpacked(counts: dict[int, int]) -> None:
    assert unpack(pack(counts)) == counts


@given(st.lists(COUNTS, max_size=6))
def test_a_sum_counts_what_each_counts(histograms: list[dict[int, int]]) -> None:
    total = PackedSum()
    expected: Counter[int] = Counter()
    for counts in histograms:
        total.add(pack(counts))
        expected.update(counts)
    assert total.counts() == expected
    assert unpack(total.finalize()) == expected


@pytest.mark.parametrize(
    ("counts", "size_bytes"),
    [
        ({}, 7),
        ({ZERO_INDEX: 3}, 7),
        ({100: 255}, 8),
        ({100: 256}, 9),
        ({100: 1, 355: 1}, 7 + 256),
        ({100: 2**16}, 11),
        ({100: 2**32}, 15),
    ],
)
def test_lanes_are_as_wide_as_the_greatest_count_needs(counts: dict[int, int], size_bytes: int) -> None:
    assert len(pack(counts)) == size_bytes
