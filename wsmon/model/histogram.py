"""Log-bucket histograms: counts by the index of an exponential bucket, their merging and quantiles.

The buckets are those of OpenTelemetry's exponential histogram (data model, "ExponentialHistogram") at scale 5: bucket
``i`` holds ``base**i < value <= base**(i + 1)`` with ``base = 2**(2**-5)``, 32 buckets per doubling. So histograms
merge by adding, in SQL as well, and are exported to OTLP unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping, Sequence
from functools import lru_cache

SCALE = 5
BUCKETS_PER_DOUBLING = 1 << SCALE
# Of a quantile against the value that it represents: 1.083 %
RELATIVE_ERROR = (2 ** (1 / BUCKETS_PER_DOUBLING) - 1) / (2 ** (1 / BUCKETS_PER_DOUBLING) + 1)
# The bucket of zeros: below the index of the smallest double, which is -34,369
ZERO_INDEX = -(1 << 16)


# Sizes repeat, and a hit costs a fifth of the logarithm
@lru_cache(maxsize=1 << 16)
def bucket_index(value: float) -> int:
    """Return the bucket of a value from 0 on; powers of two are exact. Raises ``ValueError`` for any other value."""
    if value == 0:
        return ZERO_INDEX
    if value < 0 or not math.isfinite(value):
        raise ValueError(f"a histogram holds finite values from 0 on, not {value}")
    # value = mantissa * 2**exponent, mantissa in [0.5, 1)
    mantissa, exponent = math.frexp(value)
    first = (exponent - 1) * BUCKETS_PER_DOUBLING
    within = math.ceil(math.log2(mantissa * 2) * BUCKETS_PER_DOUBLING) - 1
    return first + min(within, BUCKETS_PER_DOUBLING - 1)


def bounds(bucket: int) -> tuple[float, float]:
    """Return the bounds of a bucket: it holds values above the first, up to and including the second."""
    if bucket == ZERO_INDEX:
        return 0.0, 0.0
    return _power(bucket), _power(bucket + 1)


def representative(bucket: int) -> float:
    """Return the value that is within ``RELATIVE_ERROR`` of every value of a bucket."""
    return bounds(bucket)[0] * (1 + RELATIVE_ERROR)


def merge(into: MutableMapping[int, int], counts: Mapping[int, int]) -> None:
    """Add the counts of one histogram to another."""
    for bucket, count in counts.items():
        into[bucket] = into.get(bucket, 0) + count


def quantiles(counts: Mapping[int, int], at: Sequence[float]) -> tuple[float, ...]:
    """Return the values at the given ranks (0…1, ascending), by nearest rank, each within ``RELATIVE_ERROR``.

    Raises ``ValueError`` where nothing was counted.
    """
    total = sum(counts.values())
    if not total:
        raise ValueError("an empty histogram has no quantiles")
    found: list[float] = []
    buckets = iter(sorted(counts))
    seen, bucket = 0, ZERO_INDEX
    for fraction in at:
        rank = max(1, math.ceil(fraction * total))
        while seen < rank:
            bucket = next(buckets)
            seen += counts[bucket]
        found.append(representative(bucket))
    return tuple(found)


def _power(bucket: int) -> float:
    """Return ``base**bucket``; exact where the bucket starts at a power of two."""
    doublings, within = divmod(bucket, BUCKETS_PER_DOUBLING)
    return math.ldexp(2 ** (within / BUCKETS_PER_DOUBLING), doublings)
