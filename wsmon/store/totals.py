"""What happened since the recorder began, by connection: for monitoring systems, which want counters that only grow.

Takes whole seconds as they go into their minutes, so that it costs nothing a message. The writer's thread adds, any
thread reads.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable

from wsmon.model.histogram import merge
from wsmon.model.metrics.totals import ConnectionTotals, Distribution
from wsmon.store.bucket import Bucket
from wsmon.store.codec import STATUS_OF
from wsmon.store.connections import ConnectionRecord
from wsmon.store.schema import COUNTERS, DIMENSIONS, METRICS, OTHER

MOST_KEYS = 100
# told apart in one dimension of one connection
MOST_SERIES = 5_000
# told apart in all dimensions of all connections: each is a series that a monitoring system keeps for weeks
KEY_CHARS = 120
# of a key, which a peer may choose

_DIMENSION_OF = {number: name for name, number in DIMENSIONS.items()}
_METRIC_OF = {number: name for name, number in METRICS.items()}


class _Total:
    """Of one connection."""

    __slots__ = ("above", "counters", "folded", "hists", "keyed", "sums")

    def __init__(self) -> None:
        self.counters = [0] * len(COUNTERS)
        self.keyed: dict[str, dict[str, int]] = {}
        self.hists: dict[int, dict[int, int]] = {}
        self.sums: dict[int, tuple[int, int]] = {}
        # count and sum
        self.above: dict[int, dict[int, int]] = {}
        self.folded: Counter[str] = Counter()

    def distributions(self) -> dict[str, Distribution]:
        """By the name of their metric."""
        return {
            _METRIC_OF[metric]: Distribution(*self.sums[metric], dict(counts), dict(self.above.get(metric, {})))
            for metric, counts in self.hists.items()
        }


class Totals:
    """The totals of all connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # guards all that follows: the writer adds while another thread reads
        self._totals: defaultdict[int, _Total] = defaultdict(_Total)
        # by the id of the connection
        self._states: tuple[tuple[int, ConnectionTotals], ...] = ()
        # of the configured connections, in their order, without what was counted
        self._series = 0
        self._told_s = 0
        # second of the states

    def add(self, connection_id: int, second: Bucket) -> None:
        """Add what happened on a connection in a second."""
        with self._lock:
            total = self._totals[connection_id]
            total.counters = [mine + more for mine, more in zip(total.counters, second.counters, strict=True)]
            for (number, key), n in second.dims.items():
                self._count(total, _DIMENSION_OF[number], key, n)
            for (dimension, key), n in second.told.items():
                self._count(total, dimension, key, n)
            for metric, counts in second.hists.items():
                merge(total.hists.setdefault(metric, {}), counts)
                count, value, _ = second.sums[metric]
                before = total.sums.get(metric, (0, 0))
                total.sums[metric] = (before[0] + count, before[1] + value)
            for (metric, bucket), n in second.above.items():
                merge(total.above.setdefault(metric, {}), {bucket: n})

    def tell(self, now_s: int, records: Iterable[ConnectionRecord]) -> None:
        """Say how the connections are now; taken over once a second."""
        if now_s == self._told_s:
            return
        self._told_s = now_s
        configured = sorted((record for record in records if record.configured), key=lambda record: record.position)
        states = tuple((record.id, _state(record)) for record in configured)
        with self._lock:
            self._states = states

    def read(self) -> tuple[ConnectionTotals, ...]:
        """The connections of the configuration, in their order."""
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
        record.group,
        record.url,
        record.profile,
        record.protocol,
        record.enabled,
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
