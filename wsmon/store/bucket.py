"""What happened on one connection in a second, a minute or an hour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from wsmon.model.histogram import merge
from wsmon.store.codec import storable
from wsmon.store.schema import COUNTERS, DIMENSIONS, OTHER

MOST_TYPES = 100
# message types told apart in a bucket: the rest is "other", so that a hostile peer cannot fill the store with names
MOST_TOLD = 400
# keys that only monitoring systems tell apart, in a second of a connection

TYPE = DIMENSIONS["type"]


class Bucket:
    """What happened on one connection in one second, minute or hour."""

    __slots__ = (
        "above", "changed_dims", "changed_metrics", "counters", "dims", "hists", "sums", "told", "types",
    )  # fmt: skip

    def __init__(self) -> None:
        self.counters = [0] * len(COUNTERS)
        self.dims: dict[tuple[int, str], int] = {}
        # by dimension and key
        self.types = 0
        # message types among the keys
        self.hists: dict[int, dict[int, int]] = {}
        # counts by bucket of the histogram, by metric
        self.sums: dict[int, tuple[int, int, int]] = {}
        # count, sum and greatest, by metric
        self.changed_dims: set[tuple[int, str]] = set()
        self.changed_metrics: set[int] = set()
        # what follows is for monitoring systems, and in no row
        self.told: dict[tuple[str, str], int] = {}
        # by dimension and key
        self.above: dict[tuple[int, int], int] = {}
        # by metric and bucket of the histogram: how many lie above the bound within it

    def count(self, dimension: int, key: str, n: int = 1) -> None:
        """Count a key of a dimension."""
        place = (dimension, storable(key))
        if dimension == TYPE and place not in self.dims:
            if self.types >= MOST_TYPES:
                place = (dimension, OTHER)
            self.types += 1
        self.dims[place] = self.dims.get(place, 0) + n
        self.changed_dims.add(place)

    def count_types(self, kinds: Iterable[str], way: str) -> None:
        """Count what types messages were of; which way they went is told to monitoring systems alone."""
        for kind, count in Counter(kinds).items():
            self.count(TYPE, kind, count)
            self.tell(way, kind, count)

    def measure(self, metric: int, counts: dict[int, int], count: int, total: int, greatest: int) -> None:
        """Add measurements of a metric: their histogram, their number, their sum, the greatest."""
        merge(self.hists.setdefault(metric, {}), counts)
        before = self.sums.get(metric, (0, 0, 0))
        self.sums[metric] = (before[0] + count, before[1] + total, max(before[2], greatest))
        self.changed_metrics.add(metric)

    def tell(self, dimension: str, key: str, n: int = 1) -> None:
        """Count a key that only monitoring systems tell apart."""
        place = (dimension, storable(key))
        if place not in self.told and len(self.told) >= MOST_TOLD:
            place = (dimension, OTHER)
        self.told[place] = self.told.get(place, 0) + n

    def add_told(self, other: Bucket) -> None:
        """Add what is in no row of another bucket; of a second, because minutes and hours are never told."""
        for (dimension, key), n in other.told.items():
            self.tell(dimension, key, n)
        for place, n in other.above.items():
            self.above[place] = self.above.get(place, 0) + n

    def add(self, other: Bucket) -> None:
        """Add everything another bucket holds that becomes rows."""
        self.counters = [mine + theirs for mine, theirs in zip(self.counters, other.counters, strict=True)]
        for (dimension, key), n in other.dims.items():
            self.count(dimension, key, n)
        for metric, counts in other.hists.items():
            self.measure(metric, counts, *other.sums[metric])

    def forget_changes(self) -> None:
        """What changed is committed."""
        self.changed_dims.clear()
        self.changed_metrics.clear()
