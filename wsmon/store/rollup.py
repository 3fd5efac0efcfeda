"""Statistics of connections by second, minute, ten minutes and hour: folded in memory, written as absolute values.

A second goes into the longer buckets around it when it is over, in one transaction with the mark ``rolled_s`` that says
so. Whatever is folded late, into a second before the mark, goes into all of them at once. So at every commit, seconds
from the mark on and longer buckets below it hold each event exactly once, also after a crash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from wsmon.store.bucket import TYPE, Bucket
from wsmon.store.codec import Value
from wsmon.store.multirow import MultiRow
from wsmon.store.packed import pack, unpack
from wsmon.store.schema import COUNTERS, LEVELS, META_ROLLED_S, Level
from wsmon.store.totals import Totals

HELD_S = 2
# seconds that stay in memory after they are over: events of a batch may be this old without a look at the store

_Key = tuple[Level, int, int]
# level, first second, connection

_ROLLUP = MultiRow("INSERT OR REPLACE", "rollup", ("level", "bucket", "connection", *COUNTERS))
_DIM = MultiRow("INSERT OR REPLACE", "rollup_dim", ("level", "bucket", "connection", "dimension", "key", "n"))
_METRIC = MultiRow(
    "INSERT OR REPLACE", "rollup_metric", ("level", "bucket", "connection", "metric", "count", "sum", "max", "hist")
)

_WHERE_ONE = "WHERE level = ? AND bucket = ? AND connection = ?"
_WHERE_FROM = "WHERE level = ? AND bucket >= ?"


class Rollups:
    """The open buckets of a store, and how they get there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (self.rolled_s,) = connection.execute("SELECT value FROM meta WHERE key = ?", (META_ROLLED_S,)).fetchone()
        # the longer buckets hold every second before this one
        self._held: dict[_Key, Bucket] = {}
        self._changed: set[_Key] = set()
        self._late: set[_Key] = set()
        # held though they are over: a clock that steps back for a day would else fill the memory with that day
        self._held_from: dict[Level, int] = {level: self.rolled_s - self.rolled_s % level for level in LEVELS}
        # whatever the store holds from here on is in memory too
        for level in LEVELS:
            self._load(level, self._held_from[level])
        self.totals = Totals()
        # of the seconds that went into their minutes
        self._waiting_s = {second for level, second, _ in self._held if level == 1 and second >= self.rolled_s}
        # seconds with traffic that are not in a minute yet
        for level, second, connection_id in list(self._held):
            if level == 1 and second in self._waiting_s:  # of the recorder before: its totals ended with it
                self._add_to_longer(second, connection_id, self._held[level, second, connection_id])
        self.rolled_s = max((second + 1 for second in self._waiting_s), default=self.rolled_s)
        self._waiting_s.clear()

    @property
    def has_changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    @property
    def held_buckets(self) -> int:
        """How many buckets are in memory."""
        return len(self._held)

    def fold(self, second: int, connection_id: int, delta: Bucket) -> None:
        """Add what happened in a second."""
        self._add(1, second, connection_id, delta)
        if second < self.rolled_s:
            self._add_to_longer(second, connection_id, delta)
            self.totals.add(connection_id, delta)
        else:
            self._held[1, second, connection_id].add_told(delta)
            self._waiting_s.add(second)

    def roll(self, now_s: int) -> None:
        """Add the seconds that are over to the longer buckets around them."""
        over = {second for second in self._waiting_s if second < now_s}
        if not over:
            return
        self._waiting_s -= over
        for (level, second, connection_id), bucket in list(self._held.items()):
            if level == 1 and second in over:
                self._add_to_longer(second, connection_id, bucket)
                self.totals.add(connection_id, bucket)
        self.rolled_s = now_s

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        rollups: list[Value] = []
        dims: list[Value] = []
        metrics: list[Value] = []
        for key in self._changed:
            bucket = self._held[key]
            rollups += (*key, *bucket.counters)
            for place in bucket.changed_dims:
                dims += (*key, *place, bucket.dims[place])
            for metric in bucket.changed_metrics:
                metrics += (*key, metric, *bucket.sums[metric], pack(bucket.hists[metric]))
        for statements, values in ((_ROLLUP, rollups), (_DIM, dims), (_METRIC, metrics)):
            statements.write(self._connection, values)
        self._connection.execute("UPDATE meta SET value = ? WHERE key = ?", (self.rolled_s, META_ROLLED_S))

    def committed(self) -> None:
        """Forget the changes, and the buckets that are over."""
        for key in self._changed:
            self._held[key].forget_changes()
        for key in self._late - self._changed:
            self._held.pop(key, None)
        self._late &= self._changed
        self._changed.clear()
        keep_from_s = self.rolled_s - HELD_S
        if keep_from_s <= self._held_from[1]:
            return
        self._held_from = {level: keep_from_s - keep_from_s % level for level in LEVELS}
        for key in [key for key in self._held if key[1] < self._held_from[key[0]]]:
            del self._held[key]

    def _add_to_longer(self, second: int, connection_id: int, delta: Bucket) -> None:
        for level in LEVELS[1:]:
            self._add(level, second, connection_id, delta)

    def _add(self, level: Level, second: int, connection_id: int, delta: Bucket) -> None:
        key = (level, second - second % level, connection_id)
        if key not in self._held:
            self._held[key] = Bucket()
            if key[1] < self._held_from[level]:
                self._late.add(key)
                self._load_one(key)
        self._held[key].add(delta)
        self._changed.add(key)

    def _load(self, level: Level, from_s: int) -> None:
        self._read(_WHERE_FROM, (level, from_s))

    def _load_one(self, key: _Key) -> None:
        self._read(_WHERE_ONE, key)

    def _read(self, where: str, parameters: tuple[int, ...]) -> None:
        """Take buckets from the store into memory."""

        def rows(table: str) -> Iterator[tuple[Bucket, tuple[Any, ...]]]:
            for level, second, connection_id, *rest in self._connection.execute(
                f"SELECT * FROM {table} {where}", parameters
            ):
                yield self._held.setdefault((level, second, connection_id), Bucket()), tuple(rest)

        for bucket, counters in rows("rollup"):
            bucket.counters = list(counters)
        for bucket, (dimension, key, n) in rows("rollup_dim"):
            bucket.dims[dimension, str(key)] = n
            bucket.types += dimension == TYPE
        for bucket, (metric, count, total, greatest, hist) in rows("rollup_metric"):
            bucket.sums[metric] = (count, total, greatest)
            bucket.hists[metric] = unpack(hist)
