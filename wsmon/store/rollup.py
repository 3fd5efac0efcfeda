"""Statistics of connections by second, minute and hour: folded in memory, written as absolute values.

A second goes into its minute and hour when it is over, in one transaction with the mark ``rolled_s`` that says so.
Whatever is folded late, into a second before the mark, goes into all three at once. So at every commit, seconds from
the mark on and minutes and hours below it hold each event exactly once, also after a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from wsmon.model.histogram import merge
from wsmon.store.codec import Value, storable
from wsmon.store.multirow import MultiRow
from wsmon.store.schema import COUNTERS, DIMENSIONS, LEVELS, META_ROLLED_S, OTHER, Level

MOST_TYPES = 100
# message types told apart in a bucket: the rest is "other", so that a hostile peer cannot fill the store with names
HELD_S = 2
# seconds that stay in memory after they are over: events of a batch may be this old without a look at the store

_TYPE = DIMENSIONS["type"]
_Key = tuple[Level, int, int]
# level, first second, connection

_ROLLUP = MultiRow("INSERT OR REPLACE", "rollup", ("level", "bucket", "connection", *COUNTERS))
_DIM = MultiRow("INSERT OR REPLACE", "rollup_dim", ("level", "bucket", "connection", "dimension", "key", "n"))
_HIST = MultiRow("INSERT OR REPLACE", "rollup_hist", ("level", "bucket", "connection", "metric", "idx", "n"))
_SUM = MultiRow("INSERT OR REPLACE", "rollup_sum", ("level", "bucket", "connection", "metric", "count", "sum", "max"))

_WHERE_ONE = "WHERE level = ? AND bucket = ? AND connection = ?"
_WHERE_FROM = "WHERE level = ? AND bucket >= ?"


class Bucket:
    """What happened on one connection in one second, minute or hour."""

    __slots__ = ("changed_dims", "changed_hists", "changed_sums", "counters", "dims", "hists", "sums", "types")

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
        self.changed_hists: set[tuple[int, int]] = set()
        self.changed_sums: set[int] = set()

    def count(self, dimension: int, key: str, n: int = 1) -> None:
        """Count a key of a dimension."""
        place = (dimension, storable(key))
        if dimension == _TYPE and place not in self.dims:
            if self.types >= MOST_TYPES:
                place = (dimension, OTHER)
            self.types += 1
        self.dims[place] = self.dims.get(place, 0) + n
        self.changed_dims.add(place)

    def measure(self, metric: int, counts: dict[int, int], count: int, total: int, greatest: int) -> None:
        """Add measurements of a metric: their histogram, their number, their sum, the greatest."""
        merge(self.hists.setdefault(metric, {}), counts)
        before = self.sums.get(metric, (0, 0, 0))
        self.sums[metric] = (before[0] + count, before[1] + total, max(before[2], greatest))
        self.changed_hists.update((metric, bucket) for bucket in counts)
        self.changed_sums.add(metric)

    def add(self, other: Bucket) -> None:
        """Add everything another bucket holds."""
        self.counters = [mine + theirs for mine, theirs in zip(self.counters, other.counters, strict=True)]
        for (dimension, key), n in other.dims.items():
            self.count(dimension, key, n)
        for metric, counts in other.hists.items():
            self.measure(metric, counts, *other.sums[metric])

    def forget_changes(self) -> None:
        """What changed is committed."""
        self.changed_dims.clear()
        self.changed_hists.clear()
        self.changed_sums.clear()


class Rollups:
    """The open buckets of a store, and how they get there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (self.rolled_s,) = connection.execute("SELECT value FROM meta WHERE key = ?", (META_ROLLED_S,)).fetchone()
        # minutes and hours hold every second before this one
        self._held: dict[_Key, Bucket] = {}
        self._changed: set[_Key] = set()
        self._held_from: dict[Level, int] = {level: self.rolled_s - self.rolled_s % level for level in LEVELS}
        # whatever the store holds from here on is in memory too
        for level in LEVELS:
            self._load(level, self._held_from[level])
        self._waiting_s = {second for level, second, _ in self._held if level == 1 and second >= self.rolled_s}
        # seconds with traffic that are not in a minute yet

    @property
    def has_changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    def fold(self, second: int, connection_id: int, delta: Bucket) -> None:
        """Add what happened in a second."""
        self._add(1, second, connection_id, delta)
        if second < self.rolled_s:
            self._add(60, second, connection_id, delta)
            self._add(3600, second, connection_id, delta)
        else:
            self._waiting_s.add(second)

    def roll(self, now_s: int) -> None:
        """Add the seconds that are over to their minutes and hours."""
        over = {second for second in self._waiting_s if second < now_s}
        if not over:
            return
        self._waiting_s -= over
        for (level, second, connection_id), bucket in list(self._held.items()):
            if level == 1 and second in over:
                self._add(60, second, connection_id, bucket)
                self._add(3600, second, connection_id, bucket)
        self.rolled_s = now_s

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        rollups: list[Value] = []
        dims: list[Value] = []
        hists: list[Value] = []
        sums: list[Value] = []
        for key in self._changed:
            bucket = self._held[key]
            rollups += (*key, *bucket.counters)
            for place in bucket.changed_dims:
                dims += (*key, *place, bucket.dims[place])
            for metric, idx in bucket.changed_hists:
                hists += (*key, metric, idx, bucket.hists[metric][idx])
            for metric in bucket.changed_sums:
                sums += (*key, metric, *bucket.sums[metric])
        for statements, values in ((_ROLLUP, rollups), (_DIM, dims), (_HIST, hists), (_SUM, sums)):
            statements.write(self._connection, values)
        self._connection.execute("UPDATE meta SET value = ? WHERE key = ?", (self.rolled_s, META_ROLLED_S))

    def committed(self) -> None:
        """Forget the changes, and the buckets that are over."""
        for key in self._changed:
            self._held[key].forget_changes()
        self._changed.clear()
        keep_from_s = self.rolled_s - HELD_S
        if keep_from_s <= self._held_from[1]:
            return
        self._held_from = {level: keep_from_s - keep_from_s % level for level in LEVELS}
        for key in [key for key in self._held if key[1] < self._held_from[key[0]]]:
            del self._held[key]

    def _add(self, level: Level, second: int, connection_id: int, delta: Bucket) -> None:
        key = (level, second - second % level, connection_id)
        if key not in self._held:
            self._held[key] = Bucket()
            if key[1] < self._held_from[level]:
                self._load_one(key)
        self._held[key].add(delta)
        self._changed.add(key)

    def _load(self, level: Level, from_s: int) -> None:
        self._read(_WHERE_FROM, (level, from_s))

    def _load_one(self, key: _Key) -> None:
        self._read(_WHERE_ONE, key)

    def _read(self, where: str, parameters: tuple[int, ...]) -> None:
        """Take buckets from the store into memory."""

        def rows(table: str) -> Iterator[tuple[Bucket, tuple[int, ...]]]:
            for level, second, connection_id, *rest in self._connection.execute(
                f"SELECT * FROM {table} {where}", parameters
            ):
                yield self._held.setdefault((level, second, connection_id), Bucket()), tuple(rest)

        for bucket, counters in rows("rollup"):
            bucket.counters = list(counters)
        for bucket, (dimension, key, n) in rows("rollup_dim"):
            bucket.dims[dimension, str(key)] = n
            bucket.types += dimension == _TYPE
        for bucket, (metric, idx, n) in rows("rollup_hist"):
            bucket.hists.setdefault(metric, {})[idx] = n
        for bucket, (metric, count, total, greatest) in rows("rollup_sum"):
            bucket.sums[metric] = (count, total, greatest)
