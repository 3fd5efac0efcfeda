"""Rollups: counters and histograms of connections by second, minute, ten minutes and hour; totals since the start.

They are folded in memory and written as absolute values. A second is added to the longer buckets around it when it is
over, in one transaction with the mark ``rolled_s``. A late event, in a second before the mark, is added to all of them
at once. So at every commit the seconds from the mark on and the longer buckets before it contain each event exactly
once, also after a crash.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from types import GenericAlias
from typing import Any

from wsmon.model.histogram import merge
from wsmon.model.metrics import ConnectionTotals, Distribution
from wsmon.store.bucket import KEY_CHARS, Bucket
from wsmon.store.codec import STATUS_OF, MultiRowInsert, SqlValue, pack, unpack
from wsmon.store.connections import ConnectionRecord
from wsmon.store.schema import COUNTERS, DIMENSIONS, LEVELS, META_ROLLED_S, METRICS, MOST_KEYS, OTHER, Level
from wsmon.store.validation import Count, Id, Second, checked, meta_value

# Keys of all dimensions of all connections: each is a series that a monitoring system keeps for weeks
MOST_SERIES = 5_000
_DIMENSION_OF = {number: name for name, number in DIMENSIONS.items()}
_METRIC_OF = {number: name for name, number in METRICS.items()}


class _Total:
    """The total of one connection."""

    __slots__ = ("above", "counters", "folded", "hists", "keyed", "sums")

    def __init__(self) -> None:
        self.counters = [0] * len(COUNTERS)
        self.keyed: dict[str, dict[str, int]] = {}
        self.hists: dict[int, dict[int, int]] = {}
        # Count and sum
        self.sums: dict[int, tuple[int, int]] = {}
        self.above: dict[int, dict[int, int]] = {}
        self.folded: Counter[str] = Counter()

    def distributions(self) -> dict[str, Distribution]:
        """The distributions by the name of their metric."""
        return {
            _METRIC_OF[metric]: Distribution(*self.sums[metric], dict(counts), dict(self.above.get(metric, {})))
            for metric, counts in self.hists.items()
        }


class Totals:
    """What happened on each connection since the recorder started: counters that only grow, for monitoring systems.

    Seconds are added when they are over, so that a message costs nothing. The writer's thread adds, any thread reads.
    """

    def __init__(self) -> None:
        # Guards all other attributes: the writer adds while another thread reads
        self._lock = threading.Lock()
        # By the id of the connection
        self._totals: defaultdict[int, _Total] = defaultdict(_Total)
        # States of the configured connections, in their order, without counters
        self._states: tuple[tuple[int, ConnectionTotals], ...] = ()
        self._series = 0
        # Second of the states
        self._states_s = 0

    def add(self, connection_id: int, second: Bucket) -> None:
        """Add what happened on a connection in a second."""
        with self._lock:
            total = self._totals[connection_id]
            total.counters = [mine + more for mine, more in zip(total.counters, second.counters, strict=True)]
            for (number, key), n in second.dims.items():
                self._count(total, _DIMENSION_OF[number], key, n)
            for (dimension, key), n in second.monitored.items():
                self._count(total, dimension, key, n)
            for metric, counts in second.hists.items():
                merge(total.hists.setdefault(metric, {}), counts)
                count, value, _ = second.sums[metric]
                before = total.sums.get(metric, (0, 0))
                total.sums[metric] = (before[0] + count, before[1] + value)
            for (metric, bucket), n in second.above.items():
                merge(total.above.setdefault(metric, {}), {bucket: n})

    def update_states(self, now_s: int, records: Iterable[ConnectionRecord]) -> None:
        """Take over the present state of the connections, once a second."""
        if now_s == self._states_s:
            return
        self._states_s = now_s
        configured = sorted((record for record in records if record.configured), key=lambda record: record.position)
        states = tuple((record.id, _state(record)) for record in configured)
        with self._lock:
            self._states = states

    def read(self) -> tuple[ConnectionTotals, ...]:
        """The totals of the configured connections, in their order."""
        with self._lock:
            return tuple(_with_total(state, self._totals[connection_id]) for connection_id, state in self._states)

    def _count(self, total: _Total, dimension: str, key: str, n: int) -> None:
        keys = total.keyed.setdefault(dimension, {})
        key = key[:KEY_CHARS]
        if key not in keys:
            if len(keys) >= MOST_KEYS or self._series >= MOST_SERIES:
                total.folded[dimension] += n
                key = OTHER
            self._series += key not in keys
        keys[key] = keys.get(key, 0) + n


def _state(record: ConnectionRecord) -> ConnectionTotals:
    return ConnectionTotals(
        record.name,
        record.spec.group,
        record.spec.url,
        record.spec.profile,
        record.spec.protocol,
        record.spec.enabled,
        STATUS_OF[record.status],
        record.stalled_since_ns is not None,
        record.last_message_ns,
    )


def _with_total(state: ConnectionTotals, total: _Total) -> ConnectionTotals:
    return ConnectionTotals(
        state.name, state.group, state.url, state.profile, state.protocol, state.enabled, state.status,
        state.is_stalled, state.last_message_ns,
        dict(zip(COUNTERS, total.counters, strict=True)),
        {dimension: dict(keys) for dimension, keys in total.keyed.items()},
        total.distributions(),
        dict(total.folded),
    )  # fmt: skip


# Seconds that stay in memory after they are over: events of a batch may be this old without a read of the store
HELD_S = 2

# Level, first second, connection
_Key = tuple[Level, int, int]

_ROLLUP = MultiRowInsert("INSERT OR REPLACE", "rollup", ("level", "bucket", "connection", *COUNTERS))
_DIM = MultiRowInsert("INSERT OR REPLACE", "rollup_dim", ("level", "bucket", "connection", "dimension", "key", "n"))
_METRIC = MultiRowInsert(
    "INSERT OR REPLACE", "rollup_metric", ("level", "bucket", "connection", "metric", "count", "sum", "max", "hist")
)

_REMOVE = "DELETE FROM rollup_dim WHERE level = ? AND bucket = ? AND connection = ? AND dimension = ? AND key = ?"
_PLACE = (Id, Second, Id)
_ROWS = {
    "rollup": GenericAlias(tuple, (*_PLACE, *(Count for _ in COUNTERS))),
    "rollup_dim": GenericAlias(tuple, (*_PLACE, Id, str, Count)),
    "rollup_metric": GenericAlias(tuple, (*_PLACE, Id, Count, Count, Count, bytes)),
}
_WHERE_ONE = "WHERE level = ? AND bucket = ? AND connection = ?"
_WHERE_FROM = "WHERE level = ? AND bucket >= ?"


class Rollups:
    """The buckets of a store that are in memory: loaded at the start, folded into, written with each commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # The longer buckets are complete up to this second
        self.rolled_s = meta_value(connection, META_ROLLED_S)
        self._held: dict[_Key, Bucket] = {}
        # Since the last commit, in their order: second, connection, what happened
        self._uncommitted: list[tuple[int, int, Bucket]] = []
        self._changed: set[_Key] = set()
        # Buckets of late events, dropped with the commit: a clock that steps back would fill the memory with a day
        self._late: set[_Key] = set()
        # All buckets of the store from here on are in memory
        self._held_from: dict[Level, int] = {level: self.rolled_s - self.rolled_s % level for level in LEVELS}
        for level in LEVELS:
            self._load(level, self._held_from[level])
        self.totals = Totals()
        # Seconds with traffic that are not in the longer buckets yet; at first those of the recorder before, which are
        # not in the totals of this one
        self._waiting_s = {second for level, second, _ in self._held if level == 1 and second >= self.rolled_s}
        for level, second, connection_id in list(self._held):
            if level == 1 and second in self._waiting_s:
                self._add_to_longer(second, connection_id, self._held[level, second, connection_id])
        self.rolled_s = max((second + 1 for second in self._waiting_s), default=self.rolled_s)
        self._waiting_s.clear()

    @property
    def has_changed(self) -> bool:
        """Whether there are rows to write."""
        return bool(self._changed)

    def fold(self, second: int, connection_id: int, delta: Bucket) -> None:
        """Add what happened on a connection in a second."""
        self._uncommitted.append((second, connection_id, delta))
        self._add(1, second, connection_id, delta)
        if second < self.rolled_s:
            self._add_to_longer(second, connection_id, delta)
            self.totals.add(connection_id, delta)
        else:
            self._held[1, second, connection_id].add_monitored(delta)
            self._waiting_s.add(second)

    def move_to(self, connection: sqlite3.Connection) -> None:
        """Count into an empty store from now on, beginning with what is not committed."""
        self._connection = connection
        for level, second, connection_id in self._held:
            if level == 1 and second in self._waiting_s:
                self.totals.add(connection_id, self._held[level, second, connection_id])
        self._held.clear()
        self._changed.clear()
        self._late.clear()
        self._waiting_s.clear()
        for second, connection_id, delta in self._uncommitted:
            self._add(1, second, connection_id, delta)
            self._add_to_longer(second, connection_id, delta)
            # From here on, the second has no more that only a bucket of a second holds
            self.rolled_s = max(self.rolled_s, second + 1)

    def roll(self, now_s: int) -> None:
        """Add past seconds to the longer buckets around them."""
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
        """Write the changed rows; they stay marked until ``committed``, since the commit may fail."""
        rollups: list[SqlValue] = []
        dims: list[SqlValue] = []
        metrics: list[SqlValue] = []
        removed: list[tuple[SqlValue, ...]] = []
        for key in self._changed:
            bucket = self._held[key]
            removed += ((*key, *place) for place in bucket.removed_dims)
            rollups += (*key, *bucket.counters)
            for place in bucket.changed_dims:
                dims += (*key, *place, bucket.dims[place])
            for metric in bucket.changed_metrics:
                metrics += (*key, metric, *bucket.sums[metric], pack(bucket.hists[metric]))
        self._connection.executemany(_REMOVE, removed)
        for statements, values in ((_ROLLUP, rollups), (_DIM, dims), (_METRIC, metrics)):
            statements.write(self._connection, values)
        self._connection.execute("UPDATE meta SET value = ? WHERE key = ?", (self.rolled_s, META_ROLLED_S))

    def committed(self) -> None:
        """Forget the changes, and drop past buckets from memory."""
        self._uncommitted.clear()
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
        """Load buckets of the store into memory."""

        def rows(table: str) -> Iterator[tuple[Bucket, tuple[Any, ...]]]:
            found = self._connection.execute(f"SELECT * FROM {table} {where}", parameters)
            for level, second, connection_id, *rest in checked(found, _ROWS[table]):
                yield self._held.setdefault((level, second, connection_id), Bucket()), tuple(rest)

        for bucket, counters in rows("rollup"):
            bucket.counters = list(counters)
        for bucket, (dimension, key, n) in rows("rollup_dim"):
            bucket.dims[dimension, key] = n
            bucket.keys[dimension] += key != OTHER
        for bucket, (metric, count, total, greatest, hist) in rows("rollup_metric"):
            bucket.sums[metric] = (count, total, greatest)
            bucket.hists[metric] = unpack(hist)
