"""The trend of a connection, from rollups: what the plots of the statistics draw."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping

from wsmon.model.durations import MS_NS, SECOND_NS
from wsmon.model.histogram import BUCKETS_PER_DOUBLING, ZERO_INDEX, quantiles
from wsmon.model.trend import Spread, Trend
from wsmon.store.packed import PackedSum
from wsmon.store.schema import DIMENSIONS, LEVELS, METRICS, Level
from wsmon.store.statistics import RANKS
from wsmon.store.stitch import Coverage, Part, stitch

_SIZE = METRICS["size"]

_ID = "SELECT id FROM connection WHERE name = ?"
_PLACE = "level = ? AND bucket >= ? AND bucket < ? AND connection = ?"
_MESSAGES = f"SELECT bucket, messages_in + messages_out FROM rollup WHERE {_PLACE}"
_METRICS = f"SELECT bucket, metric, hist FROM rollup_metric WHERE {_PLACE} AND metric IN (?, ?, ?)"
_TYPES = f"SELECT key, sum(n) FROM rollup_dim WHERE {_PLACE} AND dimension = {DIMENSIONS['type']} GROUP BY key"


def trend(
    connection: sqlite3.Connection, name: str, since_ns: int, until_ns: int, buckets: int, coverage: Coverage
) -> Trend:
    """Cut a period into at most so many equal buckets, each of whole rollups: else steady traffic would look ragged.

    What is kept only as a part of a longer rollup counts where that begins.
    """
    coarsest: Level = max((level for level in LEVELS if level * SECOND_NS * buckets <= until_ns - since_ns), default=1)
    step_ns = coarsest * SECOND_NS
    since_ns -= since_ns % step_ns
    bucket_ns = max(1, -(-(until_ns - since_ns) // (buckets * step_ns))) * step_ns
    buckets = max(1, -(-(until_ns - since_ns) // bucket_ns))
    row = connection.execute(_ID, (name,)).fetchone()
    parts = stitch(since_ns // SECOND_NS, -(-until_ns // SECOND_NS), coverage, coarsest).parts if row else ()
    messages: list[int | None] = [None] * buckets
    measured: defaultdict[int, defaultdict[int, PackedSum]] = defaultdict(lambda: defaultdict(PackedSum))
    # by metric and bucket
    types: Counter[str] = Counter()
    metrics = (METRICS["rtt"], METRICS["latency"], _SIZE)
    for part in parts:
        place = (*part, row[0])
        for second, n in connection.execute(_MESSAGES, place):
            at = _bucket(second, part, since_ns, bucket_ns, buckets)
            messages[at] = (messages[at] or 0) + n
        for second, metric, histogram in connection.execute(_METRICS, (*place, *metrics)):
            at = 0 if metric == _SIZE else _bucket(second, part, since_ns, bucket_ns, buckets)
            measured[metric][at].add(histogram)
        types.update(dict(connection.execute(_TYPES, place)))
    return Trend(
        name,
        since_ns,
        bucket_ns,
        tuple(messages),
        _spreads(measured[metrics[0]], buckets),
        _spreads(measured[metrics[1]], buckets),
        _sizes(measured[_SIZE][0].counts()),
        dict(sorted(types.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _bucket(second: int, part: Part, since_ns: int, bucket_ns: int, buckets: int) -> int:
    """Which bucket a rollup belongs to, by its middle."""
    middle_ns = second * SECOND_NS + part.level * SECOND_NS // 2
    return min(max((middle_ns - since_ns) // bucket_ns, 0), buckets - 1)


def _spreads(measured: Mapping[int, PackedSum], buckets: int) -> tuple[Spread | None, ...]:
    found: list[Spread | None] = [None] * buckets
    for at, total in measured.items():
        p50, p95, p99 = (value / MS_NS for value in quantiles(total.counts(), RANKS))
        found[at] = Spread(p50, p95, p99)
    return tuple(found)


def _sizes(counts: Mapping[int, int]) -> dict[int, int]:
    by_power: Counter[int] = Counter()
    for index, n in counts.items():
        by_power[0 if index == ZERO_INDEX else 1 << (index // BUCKETS_PER_DOUBLING + 1)] += n
    return dict(sorted(by_power.items()))
