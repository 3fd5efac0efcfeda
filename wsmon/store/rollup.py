"""Rollups: counters and histograms of connections by second, minute, ten minutes and hour; totals since the start.

They are folded in memory and written as absolute values. A second is added to the longer buckets around it when it is
over, or up to ``BEHIND_S`` later where many connections have traffic, in one transaction with the mark ``rolled_s``. A
late event, in a second before the mark, is added to all of them at once. So at every commit the journal, the seconds
from the mark on and the longer buckets before it contain each event exactly once, also after a crash. Messages of many
connections at once are in the journal (journal.py) until the next second, all else is in the seconds.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence, Sized
from operator import add, attrgetter
from types import GenericAlias
from typing import Any

from wsmon.model.histogram import merge
from wsmon.model.metrics import ConnectionTotals, Distribution, TypedMeasure, TypedValues
from wsmon.model.snapshot import StoredSpec
from wsmon.model.statuses import OPEN
from wsmon.store.bucket import KEY_CHARS, Bucket
from wsmon.store.codec import CONNECTION_STATUS_OF, STATUS_CODES, MultiRowInsert, SqlValue, pack, unpack
from wsmon.store.connections import SET_HEARD, ConnectionRecord, Connections
from wsmon.store.journal import Journal, MessageTraffic, bucket_of, is_empty
from wsmon.store.schema import COUNTERS, DIMENSIONS, LEVELS, META_ROLLED_S, METRICS, MOST_KEYS, OTHER, Level
from wsmon.store.validation import Count, Id, Second, checked, meta_value

# Keys of all dimensions of all connections: a monitoring system keeps series of each for weeks
MOST_SERIES = 5_000
# Connections of applications among the totals, beside those of the configuration
MOST_APPLICATIONS = 200
# How long they stay after their last event, where they are not open or about to be; where all places are taken, a
# connection that has been silent for this long makes room for another
STAY_S = 3_600
_DIMENSION_OF = {number: name for name, number in DIMENSIONS.items()}
_METRIC_OF = {number: name for name, number in METRICS.items()}


class _Total:
    """The total of one connection."""

    __slots__ = ("above", "counters", "folded", "hists", "keyed", "sums", "typed")

    def __init__(self) -> None:
        self.counters = [0] * len(COUNTERS)
        self.keyed: dict[str, dict[str, int]] = {}
        self.hists: dict[int, dict[int, int]] = {}
        # Count and sum
        self.sums: dict[int, tuple[int, int]] = {}
        self.above: dict[int, dict[int, int]] = {}
        # Number, sum, and values by bound, by measure and type
        self.typed: dict[TypedMeasure, dict[str, list[int]]] = {}
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
        # States of the connections, in their order: columns of their records
        self._states: tuple[_State, ...] = ()
        # Connections of applications that have no place among them
        self._left_out = 0
        # Those that had events since the last update, and the second of the last update with events of those that have
        # a place, or had one
        self._heard: set[int] = set()
        self._heard_s: dict[int, int] = {}
        self._placed: frozenset[int] = frozenset()
        self._series = 0
        # Second of the states
        self._states_s = 0

    def add(self, connection_id: int, second: Bucket) -> None:
        """Add what happened on a connection in a second."""
        self._heard.add(connection_id)
        with self._lock:
            total = self._totals[connection_id]
            total.counters = list(map(add, total.counters, second.counters))
            for (number, key), n in second.dims.items():
                self._count(total, _DIMENSION_OF[number], key, n)
            for (dimension, key), n in second.monitored.items():
                self._count(total, dimension, key, n)
            for (measure, kind), values in second.typed.items():
                self._measure(total, measure, kind, values)
            for metric, counts in second.hists.items():
                count, value, _ = second.sums[metric]
                before = total.sums.get(metric)
                if before is None:
                    total.hists[metric] = dict(counts)
                    total.sums[metric] = (count, value)
                else:
                    merge(total.hists[metric], counts)
                    total.sums[metric] = (before[0] + count, before[1] + value)
            for (metric, bucket), n in second.above.items():
                merge(total.above.setdefault(metric, {}), {bucket: n})

    def update_states(self, now_s: int, connections: Connections) -> None:
        """Take over the present state of the connections, once a second."""
        if now_s == self._states_s:
            return
        self._states_s = now_s
        applications, left_out = self._with_place(now_s, connections.of_applications())
        states = tuple(map(_state, (*connections.of_configuration(), *applications)))
        with self._lock:
            self._states = states
            self._left_out = left_out

    def read(self) -> tuple[ConnectionTotals, ...]:
        """The totals of the connections: those of the configuration in its order, then those of applications."""
        with self._lock:
            return tuple(_totals_of(state, self._totals[state[0]]) for state in self._states)

    @property
    def left_out(self) -> int:
        """How many connections of applications are not among the totals, because ``MOST_APPLICATIONS`` others are."""
        return self._left_out

    def _with_place(self, now_s: int, records: Sequence[ConnectionRecord]) -> tuple[Sequence[ConnectionRecord], int]:
        """Return the connections of applications that are to be among the totals, and how many have no place.

        Totals of those that leave stay in memory: they go on counting where the connection comes again.
        """
        heard_s = self._heard_s
        for record in records:
            if record.id in self._heard or record.id not in heard_s:
                heard_s[record.id] = now_s
        self._heard.clear()
        wanted = [record for record in records if record.status in _LIVE or now_s - heard_s[record.id] < STAY_S]
        found = wanted
        if len(wanted) > MOST_APPLICATIONS:
            # Who has a place keeps it, so that series do not come and go
            ranked = sorted(wanted, key=lambda each: (now_s - heard_s[each.id] >= STAY_S, each.id not in self._placed))
            chosen = {record.id for record in ranked[:MOST_APPLICATIONS]}
            found = [record for record in wanted if record.id in chosen]
        self._placed = frozenset(record.id for record in found)
        return found, len(wanted) - len(found)

    def _count(self, total: _Total, dimension: str, key: str, n: int) -> None:
        keys = total.keyed.get(dimension)
        if keys is None:
            keys = total.keyed[dimension] = {}
        key = key[:KEY_CHARS]
        if key in keys:
            keys[key] += n
            return
        if self._is_full(keys):
            total.folded[dimension] += n
            key = OTHER
        self._series += key not in keys
        keys[key] = keys.get(key, 0) + n

    def _measure(self, total: _Total, measure: TypedMeasure, kind: str, values: list[int]) -> None:
        kinds = total.typed.setdefault(measure, {})
        kind = kind[:KEY_CHARS]
        if kind not in kinds:
            if self._is_full(kinds):
                total.folded[f"{measure}_type"] += values[0]
                kind = OTHER
            self._series += kind not in kinds
        before = kinds.get(kind)
        kinds[kind] = values if before is None else list(map(add, before, values))

    def _is_full(self, keys: Sized) -> bool:
        return len(keys) >= MOST_KEYS or self._series >= MOST_SERIES


# Statuses of connections that are not over
_LIVE = frozenset(STATUS_CODES[status] for status in ("connecting", "connected", OPEN, "reconnecting"))
# Copied for every connection once a second, and made totals of when these are asked for
_State = tuple[int, str, StoredSpec, int, int | None, int | None]
_state: Callable[[ConnectionRecord], _State] = attrgetter(
    "id", "name", "spec", "status", "stalled_since_ns", "last_message_ns"
)


def _totals_of(state: _State, total: _Total) -> ConnectionTotals:
    _, name, spec, status, stalled_since_ns, last_message_ns = state
    return ConnectionTotals(
        name, spec.group, spec.url, spec.profile, spec.protocol, spec.enabled, CONNECTION_STATUS_OF[status],
        stalled_since_ns is not None, last_message_ns,
        dict(zip(COUNTERS, total.counters, strict=True)),
        {dimension: dict(keys) for dimension, keys in total.keyed.items()},
        total.distributions(),
        {
            measure: {kind: TypedValues(count, value, tuple(spread)) for kind, (count, value, *spread) in kinds.items()}
            for measure, kinds in total.typed.items()
        },
        dict(total.folded),
    )  # fmt: skip


# Seconds that stay in memory after they are over: events of a batch may be this old without a read of the store
HELD_S = 2
# Buckets that are written with each commit that changes them; of more, each is written once a second
AT_ONCE = 64
# How long the seconds of more connections than that wait for their longer buckets
BEHIND_S = 10

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
    """The buckets of a store that are in memory: loaded at the start, folded into, written with the commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # The longer buckets are complete up to this second
        self.rolled_s = meta_value(connection, META_ROLLED_S)
        self._held: dict[_Key, Bucket] = {}
        self._journal = Journal(connection)
        # Second in which all that was collected went into buckets
        self._added_up_s = 0
        self._is_ending = False
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
        # At first, the seconds of the recorder before, which are not in the totals of this one
        waiting = [key for key in self._held if key[0] == 1 and key[1] >= self.rolled_s]
        for key in waiting:
            self._add_to_longer(key[1], key[2], self._held[key])
        self.rolled_s = max((second + 1 for _, second, _ in waiting), default=self.rolled_s)
        # Seconds before this one are over: they are in the totals, and in the longer buckets or behind
        self._over_s = self.rolled_s
        # Seconds with traffic that are not over
        self._open_s: set[int] = set()
        # What happened from ``rolled_s`` to ``_over_s``, by minute and connection
        self._behind: dict[tuple[int, int], Bucket] = {}

    @property
    def has_changed(self) -> bool:
        """Whether there are rows to write."""
        return bool(self._changed) or self._journal.has_changed

    @property
    def is_deferring(self) -> bool:
        """Whether the next ``write`` leaves messages in the journal."""
        return self._journal.buckets > AT_ONCE

    def collect(self, traffic: MessageTraffic) -> None:
        """Count messages: at once where they change few buckets, else in the journal until their second is over."""
        self._journal.add(traffic)

    def fold(self, second: int, connection_id: int, delta: Bucket) -> None:
        """Add what happened on a connection in a second."""
        self._uncommitted.append((second, connection_id, delta))
        self._add_to_second(second, connection_id, delta)

    def end(self) -> None:
        """Leave nothing in the journal from now on, and no second behind: the run ends."""
        self._is_ending = True

    def move_to(self, connection: sqlite3.Connection) -> None:
        """Count into an empty store from now on, beginning with what is not committed."""
        self._connection = connection
        self._add_up()
        for level, second, connection_id in self._held:
            if level == 1 and second in self._open_s:
                self.totals.add(connection_id, self._held[level, second, connection_id])
        for memory in (self._held, self._changed, self._late, self._open_s, self._behind):
            memory.clear()
        messages = [(each.second, each.connection, bucket_of([each])) for each in self._journal.move_to(connection)]
        self._uncommitted += messages
        for second, connection_id, delta in self._uncommitted:
            self._add(1, second, connection_id, delta)
            self._add_to_longer(second, connection_id, delta)
            # From here on, the second has no more that only a bucket of a second holds
            self.rolled_s = max(self.rolled_s, second + 1)
        self._over_s = max(self._over_s, self.rolled_s)

    def roll(self, now_s: int) -> None:
        """Add what was collected to its seconds, past seconds to the totals, and these to the longer buckets."""
        if now_s != self._added_up_s or self._is_ending or self._journal.buckets <= AT_ONCE:
            self._added_up_s = now_s
            self._add_up()
        over = {second for second in self._open_s if second < now_s}
        if over:
            self._open_s -= over
            for (level, second, connection_id), bucket in self._held.items():
                if level == 1 and second in over:
                    self.totals.add(connection_id, bucket)
                    self._add_behind(second, connection_id, bucket)
            self._over_s = now_s
        is_due = abs(now_s - self.rolled_s) >= BEHIND_S or self._is_ending or len(self._behind) <= AT_ONCE
        if self._behind and is_due:
            for (minute, connection_id), bucket in self._behind.items():
                self._add_to_longer(minute, connection_id, bucket)
            self._behind.clear()
            self.rolled_s = self._over_s

    def restore(self) -> None:
        """Add what an earlier recorder journaled before it was cut off."""
        for traffic in self._journal.load():
            if traffic.heard_ns:
                self._connection.execute(SET_HEARD, (traffic.heard_ns, traffic.connection))
        self._add_up()

    def write(self) -> None:
        """Write the changed rows; they stay marked until ``committed``, since the commit may fail."""
        if not self.is_deferring:
            self._add_up()
        rollups: list[SqlValue] = []
        dims: list[SqlValue] = []
        metrics: list[SqlValue] = []
        removed: list[tuple[SqlValue, ...]] = []
        # In the order of the tables: behind the last row, one costs SQLite half
        for key in sorted(self._changed):
            bucket = self._held[key]
            if bucket.removed_dims:
                removed += ((*key, *place) for place in bucket.removed_dims)
            rollups += (*key, *bucket.counters)
            for place in bucket.changed_dims:
                dims += (*key, *place, bucket.dims[place])
            for metric in bucket.changed_metrics:
                metrics += (*key, metric, *bucket.sums[metric], pack(bucket.hists[metric]))
        self._connection.executemany(_REMOVE, removed)
        for statements, values in ((_ROLLUP, rollups), (_DIM, dims), (_METRIC, metrics)):
            statements.write(self._connection, values)
        self._journal.write()
        self._connection.execute("UPDATE meta SET value = ? WHERE key = ?", (self.rolled_s, META_ROLLED_S))

    def committed(self) -> None:
        """Forget the changes, and drop past buckets from memory."""
        self._uncommitted.clear()
        self._journal.committed()
        for key in self._changed:
            self._held[key].forget_changes()
        for key in self._late - self._changed:
            self._held.pop(key, None)
        self._late &= self._changed
        self._changed.clear()
        keep_from_s = self._over_s - HELD_S
        if keep_from_s <= self._held_from[1]:
            return
        longer_from_s = self.rolled_s - HELD_S
        self._held_from = {level: longer_from_s - longer_from_s % level for level in LEVELS}
        self._held_from[1] = keep_from_s
        for key in [key for key in self._held if key[1] < self._held_from[key[0]]]:
            del self._held[key]

    def _add_up(self) -> None:
        """Add what was collected to the buckets of its seconds."""
        for (second, connection_id), parts in self._journal.take().items():
            key: _Key = (1, second, connection_id)
            counted = bucket_of(parts)
            if second >= self._over_s and second >= self._held_from[1] and key not in self._held:
                # Nothing to add it to, as for most seconds of many connections
                self._held[key] = counted
                self._changed.add(key)
                self._open_s.add(second)
            else:
                self._add_to_second(second, connection_id, counted)

    def _add_to_second(self, second: int, connection_id: int, delta: Bucket) -> None:
        self._add(1, second, connection_id, delta)
        if second >= self._over_s:
            self._held[1, second, connection_id].add_monitored(delta)
            self._open_s.add(second)
            return
        self.totals.add(connection_id, delta)
        if second >= self.rolled_s:
            self._add_behind(second, connection_id, delta)
        else:
            self._add_to_longer(second, connection_id, delta)

    def _add_behind(self, second: int, connection_id: int, delta: Bucket) -> None:
        key = (second - second % 60, connection_id)
        bucket = self._behind.get(key)
        if bucket is None:
            bucket = self._behind[key] = Bucket()
        bucket.add(delta)

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
            bucket.keys[dimension] = bucket.keys.get(dimension, 0) + (key != OTHER)
        for bucket, (metric, count, total, greatest, hist) in rows("rollup_metric"):
            bucket.sums[metric] = (count, total, greatest)
            bucket.hists[metric] = unpack(hist)


def restore_journal(connection: sqlite3.Connection) -> None:
    """Write what a recorder journaled before it was cut off, within the caller's transaction.

    That is rollups, and when each connection was heard last.
    """
    if not is_empty(connection):
        rollups = Rollups(connection)
        rollups.restore()
        rollups.write()
