"""The bounds at which durations are cut for monitoring systems; counted exactly, also inside of a histogram's bucket.

Those of connecting are the telemetry guide's; in the others stand the thresholds of the key figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wsmon.model.durations import MS_NS
from wsmon.model.histogram import index


def _ms(*bounds_ms: int) -> tuple[int, ...]:
    return tuple(bound_ms * MS_NS for bound_ms in bounds_ms)


BOUNDS_NS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "connect": _ms(10, 100, 500, 1_000, 5_000),
        "reconnect": _ms(100, 500, 1_000, 2_000, 5_000, 30_000, 300_000),
        "rtt": _ms(1, 5, 10, 50, 100, 500, 1_000, 5_000),
        "process": _ms(1, 5, 10, 50, 100, 500, 1_000, 5_000),
    }
)
# ascending; a value counts below the bound that it equals


def bound_within(metric: str) -> dict[int, int]:
    """The bounds of a metric by the bucket of the log-bucket histogram that they cut in two."""
    return {index(bound): bound for bound in BOUNDS_NS.get(metric, ())}


def cut(metric: str, counts: Mapping[int, int], above: Mapping[int, int]) -> tuple[int, ...]:
    """How many values lie up to each bound and above the one before; the last: above all.

    ``counts`` by the buckets of the histogram; ``above``: how many of a bucket lie above the bound within it.
    """
    bounds = BOUNDS_NS[metric]
    places = [index(bound) for bound in bounds]
    up_to = [
        sum(count for bucket, count in counts.items() if bucket <= place) - above.get(place, 0) for place in places
    ]
    return tuple(last - first for first, last in zip([0, *up_to], [*up_to, sum(counts.values())], strict=True))
