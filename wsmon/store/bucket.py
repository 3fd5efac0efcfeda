"""Bucket: what happened on one connection in one second, minute, ten minutes or hour, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import add

from wsmon.model.histogram import merge
from wsmon.model.metrics import TypedMeasure
from wsmon.store.codec import storable
from wsmon.store.schema import COUNTERS, DIMENSIONS, MOST_KEYS, OTHER

EVENTS, MESSAGES_IN, MESSAGES_OUT, BYTES_IN, BYTES_OUT, WIRE_IN, WIRE_OUT = range(7)
ATTEMPTS, OPENS, LOSSES, FAILURES, ERRORS, PINGS, PONGS, MISSED = range(7, 15)
assert COUNTERS[EVENTS] == "events"
assert COUNTERS[WIRE_OUT] == "wire_out"
assert COUNTERS[MISSED] == "missed"

# Of a key
KEY_CHARS = 120
# Keys for monitoring systems alone, in one second of a connection; as many again of types that are measured
MOST_MONITORED = 400

TYPE = DIMENSIONS["type"]


class Bucket:
    """What happened on one connection in one second, minute or hour."""

    __slots__ = (
        "above", "changed_dims", "changed_metrics", "counters", "dims", "hists", "keys", "least", "monitored",
        "removed_dims", "sums", "typed",
    )  # fmt: skip

    def __init__(self) -> None:
        self.counters = [0] * len(COUNTERS)
        # By dimension and key
        self.dims: dict[tuple[int, str], int] = {}
        # Number of keys by dimension, without "other"
        self.keys: dict[int, int] = {}
        # A count that none of the keys of a full dimension is below
        self.least: dict[int, int] = {}
        # Counts by bucket of the histogram, by metric
        self.hists: dict[int, dict[int, int]] = {}
        # Count, sum and greatest value, by metric
        self.sums: dict[int, tuple[int, int, int]] = {}
        self.changed_dims: set[tuple[int, str]] = set()
        self.removed_dims: set[tuple[int, str]] = set()
        self.changed_metrics: set[int] = set()
        # For monitoring systems alone, and in no row: counts by dimension and key
        self.monitored: dict[tuple[str, str], int] = {}
        # Number, sum, and values by the bounds of the measure where it has any, by measure and type of message
        self.typed: dict[tuple[TypedMeasure, str], list[int]] = {}
        # And how many values lie above the bound within a bucket of the histogram, by metric and bucket
        self.above: dict[tuple[int, int], int] = {}

    def count(self, dimension: int, key: str, n: int = 1) -> None:
        """Count a key of a dimension: a peer may choose it, so the ``MOST_KEYS`` most frequent are kept."""
        place = (dimension, storable(key[:KEY_CHARS]))
        dims = self.dims
        if place in dims:
            dims[place] += n
            self.changed_dims.add(place)
            return
        if place[1] != OTHER:
            if self.keys.get(dimension, 0) >= MOST_KEYS and not self._make_room(dimension, n):
                place = (dimension, OTHER)
            else:
                self.keys[dimension] = self.keys.get(dimension, 0) + 1
        self._add(place, n)

    def _add(self, place: tuple[int, str], n: int) -> None:
        self.dims[place] = self.dims.get(place, 0) + n
        self.changed_dims.add(place)
        self.removed_dims.discard(place)

    def _make_room(self, dimension: int, n: int) -> bool:
        """Move the rarest key of a full dimension to "other" where it is rarer than ``n``; return whether it was.

        So names that a peer sends once do not keep those out that come often.
        """
        if n <= self.least.get(dimension, 0):
            return False
        counts = ((count, place) for place, count in self.dims.items() if place[0] == dimension and place[1] != OTHER)
        least, rarest = min(counts)
        self.least[dimension] = least
        if n <= least:
            return False
        del self.dims[rarest]
        self.keys[dimension] -= 1
        self._add((dimension, OTHER), least)
        self.changed_dims.discard(rarest)
        self.removed_dims.add(rarest)
        return True

    def count_types(self, kinds: Mapping[str, int]) -> None:
        """Count messages by type."""
        count = self.count
        for kind, n in kinds.items():
            count(TYPE, kind, n)

    def measure(self, metric: int, counts: dict[int, int], count: int, total: int, greatest: int) -> None:
        """Add values of a metric: their histogram, number, sum and greatest."""
        before = self.sums.get(metric)
        if before is None:
            self.hists[metric] = dict(counts)
            self.sums[metric] = (count, total, greatest)
        else:
            merge(self.hists[metric], counts)
            self.sums[metric] = (before[0] + count, before[1] + total, max(before[2], greatest))
        self.changed_metrics.add(metric)

    def count_monitored(self, dimension: str, key: str, n: int = 1) -> None:
        """Count a key for monitoring systems alone."""
        place = (dimension, storable(key))
        monitored = self.monitored
        if place not in monitored and len(monitored) >= MOST_MONITORED:
            place = (dimension, OTHER)
        monitored[place] = monitored.get(place, 0) + n

    def measure_typed(self, measure: TypedMeasure, kind: str, values: Sequence[int]) -> None:
        """Add values of a type of message for monitoring systems alone: number, sum, and how many by each bound."""
        place = (measure, storable(kind))
        typed = self.typed
        before = typed.get(place)
        if before is None and len(typed) >= MOST_MONITORED:
            place = (measure, OTHER)
            before = typed.get(place)
        typed[place] = list(values) if before is None else list(map(add, before, values))

    def add_monitored(self, other: Bucket) -> None:
        """Add what another bucket of one second has for monitoring systems alone; longer buckets have nothing of it."""
        for (dimension, key), n in other.monitored.items():
            self.count_monitored(dimension, key, n)
        for (measure, kind), values in other.typed.items():
            self.measure_typed(measure, kind, values)
        for place, n in other.above.items():
            self.above[place] = self.above.get(place, 0) + n

    def add(self, other: Bucket) -> None:
        """Add everything of another bucket that becomes rows."""
        self.counters = list(map(add, self.counters, other.counters))
        dims, changed = self.dims, self.changed_dims
        for place, n in other.dims.items():
            # Both have keys as rows have them
            if place in dims:
                dims[place] += n
                changed.add(place)
            else:
                self.count(*place, n)
        for metric, counts in other.hists.items():
            self.measure(metric, counts, *other.sums[metric])

    def forget_changes(self) -> None:
        """Forget which keys and metrics changed: they are committed."""
        self.changed_dims.clear()
        self.removed_dims.clear()
        self.changed_metrics.clear()
