"""A bucket keeps the keys of each dimension that come most often, and counts the others together."""

from __future__ import annotations

import pytest

from wsmon.store.bucket import KEY_CHARS, Bucket
from wsmon.store.schema import DIMENSIONS, MOST_KEYS, OTHER, Dimension


def test_message_types_past_the_hundredth_are_counted_as_other() -> None:
    bucket = Bucket()
    for number in range(MOST_KEYS + 5):
        bucket.count(DIMENSIONS["type"], f"type-{number}")
    bucket.count(DIMENSIONS["type"], "type-0", 2)
    bucket.count(DIMENSIONS["error_type"], "dns")
    kept = {key: n for (_, key), n in bucket.dims.items() if key in ("type-0", "type-99", "type-100", "other", "dns")}
    assert kept == {"type-0": 3, "type-99": 1, "other": 5, "dns": 1}


@pytest.mark.parametrize("dimension", [*DIMENSIONS])
def test_d16_every_dimension_keeps_a_hundred_keys_and_other(dimension: Dimension) -> None:
    bucket, number = Bucket(), DIMENSIONS[dimension]
    for each in range(10 * MOST_KEYS):
        bucket.count(number, f"key-{each}")
    assert len(bucket.dims) == MOST_KEYS + 1
    assert bucket.dims[number, OTHER] == 9 * MOST_KEYS
    bucket.count(number, "x" * 10_000, 3)
    assert max(len(key) for _, key in bucket.dims) == KEY_CHARS
    assert sum(bucket.dims.values()) == 10 * MOST_KEYS + 3


def test_d16_a_flood_of_names_keeps_none_out_that_comes_often() -> None:
    hour, error_type = Bucket(), DIMENSIONS["error_type"]
    for second in range(50):
        delta = Bucket()
        for each in range(2 * MOST_KEYS):
            delta.count(error_type, f"junk-{second}-{each}")
        if second:
            delta.count(error_type, "timeout", 5)
        hour.add(delta)
    assert (hour.dims[error_type, "timeout"], len(hour.dims)) == (49 * 5, MOST_KEYS + 1)
    assert sum(hour.dims.values()) == 50 * 2 * MOST_KEYS + 49 * 5
