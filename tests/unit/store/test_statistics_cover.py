"""Which buckets make up a period."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.thoroughness import times
from wsmon.store.extremes import BucketRange
from wsmon.store.schema import LEVELS, Level
from wsmon.store.statistics import BucketCover, Coverage, covering_buckets

HOUR = 3600
ROLLED = 10 * HOUR + 754


def coverage(rolled_s: int, seconds: int = 0, minutes: int = 0, ten_minutes: int = 0) -> Coverage:
    """Since when the levels are complete."""
    return Coverage(rolled_s, {1: seconds, 60: minutes, 600: ten_minutes, 3600: 0})


ALL = coverage(ROLLED)
PRUNED = coverage(ROLLED, 8 * HOUR + 120, 3 * HOUR + 600, HOUR)


def test_hours_in_the_middle_shorter_buckets_towards_the_ends() -> None:
    assert covering_buckets(HOUR - 690, 3 * HOUR + 1_261, ALL) == BucketCover(
        HOUR - 690,
        3 * HOUR + 1_261,
        (
            BucketRange(1, HOUR - 690, HOUR - 660),
            BucketRange(60, HOUR - 660, HOUR - 600),
            BucketRange(600, HOUR - 600, HOUR),
            BucketRange(3600, HOUR, 3 * HOUR),
            BucketRange(600, 3 * HOUR, 3 * HOUR + 1_200),
            BucketRange(60, 3 * HOUR + 1_200, 3 * HOUR + 1_260),
            BucketRange(1, 3 * HOUR + 1_260, 3 * HOUR + 1_261),
        ),
    )


def test_the_open_hour_is_used_up_to_the_mark_and_seconds_from_there() -> None:
    now = 10 * HOUR + 756
    assert covering_buckets(10 * HOUR, now, ALL).parts == (
        BucketRange(3600, 10 * HOUR, 11 * HOUR),
        BucketRange(1, 10 * HOUR + 754, now),
    )


@pytest.mark.parametrize(
    ("since", "until", "answered"),
    [
        (8 * HOUR + 121, 9 * HOUR + 1, (8 * HOUR + 121, 9 * HOUR + 1)),
        (5 * HOUR + 61, 6 * HOUR + 61, (5 * HOUR + 60, 6 * HOUR + 120)),
        (2 * HOUR + 601, 2 * HOUR + 661, (2 * HOUR + 600, 2 * HOUR + 1_200)),
        (1_001, 9 * HOUR + 1, (0, 9 * HOUR + 1)),
    ],
)
def test_the_ends_are_rounded_outward_to_what_is_left(since: int, until: int, answered: tuple[int, int]) -> None:
    stitching = covering_buckets(since, until, PRUNED)
    assert (stitching.since_s, stitching.until_s) == answered


def test_an_empty_period_has_no_parts() -> None:
    assert covering_buckets(100, 100, ALL) == BucketCover(100, 100, ())


@pytest.mark.parametrize(
    ("oldest", "expected"),
    [
        ({}, coverage(9_000)),
        ({1: 4_001, 60: 3_960, 600: 3_600, 3600: 3_600}, coverage(9_000)),
        ({1: 4_001, 60: 3_600, 600: 3_600, 3600: 3_600}, coverage(9_000, 4_020)),
        ({1: 4_001, 60: 3_960, 600: 3_600, 3600: 0}, coverage(9_000, 4_020, 4_200, 3_600)),
        ({60: 60, 600: 0, 3600: 0}, coverage(9_000, 9_000)),
        ({3600: 0}, coverage(9_000, 9_000, 9_000, 9_000)),
    ],
)
def test_a_level_was_pruned_where_a_longer_one_knows_older_traffic(
    oldest: dict[Level, int], expected: Coverage
) -> None:
    assert Coverage.of(9_000, oldest) == expected


moments = st.integers(0, 12 * HOUR)


@settings(max_examples=times(500))
@given(moments, moments, moments, st.lists(moments, min_size=3, max_size=3), st.sampled_from(LEVELS))
def test_every_second_is_in_exactly_one_bucket(
    since: int, length: int, rolled: int, oldest: list[int], coarsest: Level
) -> None:
    first = dict(zip(LEVELS, (*sorted(oldest, reverse=True), 0), strict=True))
    known = Coverage.of(rolled, first)
    stitching = covering_buckets(since, since + length, known, coarsest)
    assert stitching.since_s <= since
    assert stitching.until_s >= since + length
    at = stitching.since_s
    for part in stitching.parts:
        assert part.from_s == at
        assert part.from_s % part.level == 0 or part.from_s >= rolled
        assert part.level >= known.finest(part.from_s)
        at = part.to_s if part.level == 1 else min(part.to_s, rolled)
        assert part.from_s < rolled or part.level == 1
        assert at > part.from_s
        if part.level > coarsest:  # only where nothing finer is left
            assert known.finest(part.to_s - part.level) > coarsest
    assert at == stitching.until_s
