"""Which buckets make up a period."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsmon.store.schema import LEVELS, Level
from wsmon.store.stitch import Coverage, Part, Stitching, stitch

HOUR = 3600
ALL = Coverage(rolled_s=10 * HOUR + 754, seconds_from=0, minutes_from=0)
PRUNED = Coverage(rolled_s=10 * HOUR + 754, seconds_from=8 * HOUR + 120, minutes_from=3 * HOUR)


def test_hours_in_the_middle_minutes_and_seconds_at_the_ends() -> None:
    assert stitch(HOUR - 90, 3 * HOUR + 61, ALL) == Stitching(
        HOUR - 90,
        3 * HOUR + 61,
        (
            Part(1, HOUR - 90, HOUR - 60),
            Part(60, HOUR - 60, HOUR),
            Part(3600, HOUR, 3 * HOUR),
            Part(60, 3 * HOUR, 3 * HOUR + 60),
            Part(1, 3 * HOUR + 60, 3 * HOUR + 61),
        ),
    )


def test_the_open_hour_is_used_up_to_the_mark_and_seconds_from_there() -> None:
    now = 10 * HOUR + 756
    assert stitch(10 * HOUR, now, ALL).parts == (Part(3600, 10 * HOUR, 11 * HOUR), Part(1, 10 * HOUR + 754, now))


@pytest.mark.parametrize(
    ("since", "until", "answered"),
    [
        (8 * HOUR + 121, 9 * HOUR + 1, (8 * HOUR + 121, 9 * HOUR + 1)),
        (5 * HOUR + 61, 6 * HOUR + 61, (5 * HOUR + 60, 6 * HOUR + 120)),
        (2 * HOUR + 1, 2 * HOUR + 61, (2 * HOUR, 3 * HOUR)),
        (2 * HOUR + 1, 9 * HOUR + 1, (2 * HOUR, 9 * HOUR + 1)),
    ],
)
def test_the_ends_are_rounded_outward_to_what_is_left(since: int, until: int, answered: tuple[int, int]) -> None:
    stitching = stitch(since, until, PRUNED)
    assert (stitching.since_s, stitching.until_s) == answered


def test_an_empty_period_has_no_parts() -> None:
    assert stitch(100, 100, ALL) == Stitching(100, 100, ())


@pytest.mark.parametrize(
    ("oldest", "coverage"),
    [
        ({}, Coverage(9_000, 0, 0)),
        ({1: 4_001, 60: 3_960, 3600: 3_600}, Coverage(9_000, 0, 0)),
        ({1: 4_001, 60: 3_600, 3600: 3_600}, Coverage(9_000, 4_020, 0)),
        ({1: 4_001, 60: 3_960, 3600: 0}, Coverage(9_000, 4_020, 7_200)),
        ({60: 60, 3600: 0}, Coverage(9_000, 9_000, 0)),
        ({3600: 0}, Coverage(9_000, 9_000, 9_000)),
    ],
)
def test_a_level_was_pruned_where_a_coarser_one_knows_older_traffic(
    oldest: dict[Level, int], coverage: Coverage
) -> None:
    assert Coverage.of(9_000, oldest) == coverage


times = st.integers(0, 12 * HOUR)


@settings(max_examples=500)
@given(times, times, times, times, times, st.sampled_from(LEVELS))
def test_every_second_is_in_exactly_one_bucket(
    since: int, length: int, rolled: int, oldest_second: int, oldest_minute: int, coarsest: Level
) -> None:
    coverage = Coverage.of(rolled, {1: oldest_second, 60: min(oldest_minute, oldest_second), 3600: 0})
    stitching = stitch(since, since + length, coverage, coarsest)
    assert stitching.since_s <= since
    assert stitching.until_s >= since + length
    at = stitching.since_s
    for part in stitching.parts:
        assert part.from_s == at
        assert part.from_s % part.level == 0 or part.from_s >= rolled
        assert part.level >= coverage.finest(part.from_s)
        at = part.to_s if part.level == 1 else min(part.to_s, rolled)
        assert part.from_s < rolled or part.level == 1
        assert at > part.from_s
        if part.level > coarsest:  # only where nothing finer is left
            assert coverage.finest(part.to_s - part.level) > coarsest
    assert at == stitching.until_s
