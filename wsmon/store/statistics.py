"""Statistics, trend and density of a period, from the rollup buckets that cover it; uptime from transitions.

The cost depends on the number of connections and the length of the period, never on the traffic.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import GenericAlias
from typing import Annotated, Any

from msgspec import Meta

from wsmon.model.histogram import BUCKETS_PER_DOUBLING, ZERO_INDEX, quantiles, representative
from wsmon.model.snapshot import down_since
from wsmon.model.statistics import (
    ConnectionStatistics,
    Density,
    Flow,
    Heartbeats,
    Percentiles,
    Statistics,
    Summary,
    Trend,
    kpis,
)
from wsmon.model.statuses import ConnectionStatus
from wsmon.model.subscriptions import Subscriptions
from wsmon.model.timeline import STALL
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.model.uptime import RunPeriod, Uptime, observed_ns, reconnects_per_hour, uptime
from wsmon.store.codec import CONNECTION_STATUS_OF, PackedSum
from wsmon.store.connections import spec_of, subscriptions
from wsmon.store.extremes import BucketRange, message_types
from wsmon.store.schema import COUNTERS, DIMENSIONS, LEVELS, METRICS, MOST_KEYS, OTHER, Dimension, Level, Metric
from wsmon.store.timeline import status_changes
from wsmon.store.validation import ConnectionStatusCode, Count, Flag, Id, Ns, Second, checked

_ALL_CONNECTIONS = (0, 2**63 - 1)
_NO_DIMENSION = 0
RANKS = (0.5, 0.95, 0.99)

_CONNECTIONS = """
SELECT id, name, spec, status, stalled_since_ns IS NOT NULL, trace_id, last_message_ns, failing_since_ns,
    last_disconnected_ns, configured
FROM connection WHERE ? IN ('', name) ORDER BY configured DESC, position, name
"""
_PLACE = "level = ? AND bucket >= ? AND bucket < ? AND connection BETWEEN ? AND ?"
_COUNTS = f"""
SELECT connection, {", ".join(f"sum({counter})" for counter in COUNTERS)} FROM rollup WHERE {_PLACE} GROUP BY connection
"""
_KEYS = f"""
SELECT connection, dimension, key, sum(n) FROM rollup_dim WHERE {_PLACE} AND dimension <> ?
GROUP BY connection, dimension, key
"""
_SUMS = f"""
SELECT connection, metric, sum(count), sum(sum), max(max) FROM rollup_metric WHERE {_PLACE} GROUP BY connection, metric
"""
_HISTOGRAMS = f"SELECT connection, metric, hist FROM rollup_metric WHERE {_PLACE}"


# Stalls that overlap a period, each clipped to it; one that is open lasts until its end
_STALLED = f"""
SELECT connection, sum(min(coalesce(closed_ns, :until_ns), :until_ns) - max(opened_ns, :since_ns))
FROM incident WHERE type = '{STALL}' AND opened_ns < :until_ns AND coalesce(closed_ns > :since_ns, 1)
GROUP BY connection
"""


_CONNECTION_ROW = tuple[Id, str, str, ConnectionStatusCode, Flag, str, Ns | None, Ns | None, Ns | None, int]
_COUNTS_ROW = GenericAlias(tuple, (Id, *(Count for _ in COUNTERS)))
_KEYS_ROW = tuple[Id, int, str, Count]
_SUMS_ROW = tuple[Id, int, Annotated[int, Meta(ge=1)], Count, Count]


class _MetricTotal:
    """The sum of a distribution over buckets."""

    __slots__ = ("count", "greatest", "histograms", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.greatest = 0
        # Each packed by codec.pack
        self.histograms: list[bytes] = []

    def add(self, count: int, total: int, greatest: int) -> None:
        """Add number, sum and greatest value, which are exact."""
        self.count += count
        self.total += total
        self.greatest = max(self.greatest, greatest)

    def histogram(self) -> dict[int, int]:
        """The sum of the histograms."""
        total = PackedSum()
        total.add(*self.histograms)
        return total.counts()


@dataclass(slots=True)
class _ConnectionCounts:
    """The rollups of one connection, added up."""

    counts: Counter[str] = field(default_factory=Counter)
    keys: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By dimension."""
    measured: dict[int, _MetricTotal] = field(default_factory=lambda: defaultdict(_MetricTotal))
    """By metric."""

    def flow(self, quantity: str, shed: Dimension | None = None) -> Flow:
        """A counter in both directions, with what was shed of the messages where a dimension counts that."""
        received, sent = self.counts[f"{quantity}_in"], self.counts[f"{quantity}_out"]
        if shed is None:
            return Flow(received, sent)
        unkept = self.keys[DIMENSIONS[shed]]
        return Flow(received + unkept["message.received"], sent + unkept["message.sent"])

    def by_key(self, dimension: Dimension) -> Mapping[str, int]:
        """Counts of a dimension, most frequent first."""
        return most_frequent(self.keys[DIMENSIONS[dimension]])

    def summary(self, metric: Metric, unit: int) -> Summary | None:
        """A distribution in ``unit`` of the metric; ``None`` where nothing was measured."""
        of = self.measured.get(METRICS[metric])
        if of is None or not of.histogram():
            return None
        # The representative of a histogram's bucket may be above the greatest value, which is exact
        p50, p95, p99 = (min(value, of.greatest) / unit for value in quantiles(of.histogram(), RANKS))
        return Summary(of.count, of.total / of.count / unit, p50, p95, p99, of.greatest / unit)

    def least(self, metric: Metric, unit: int) -> float | None:
        """The smallest value of a distribution; ``None`` where nothing was measured."""
        of = self.measured.get(METRICS[metric])
        histogram = {} if of is None else of.histogram()
        return representative(min(histogram)) / unit if histogram else None


def statistics(
    connection: sqlite3.Connection,
    cover: BucketCover,
    runs: Mapping[int, RunPeriod],
    name: str,
    *,
    is_open_end: bool,
    has_types: bool = False,
) -> Statistics:
    """Compute the statistics of a period, of the connection with a name or (empty) of all.

    Of all connections, those are left out that are no longer configured and have nothing in the period.
    ``is_open_end``: the period ends now, and statuses are the present ones. ``has_types``: include messages by type,
    which costs more than the rest.
    """
    since_ns, until_ns = cover.since_s * SECOND_NS, cover.until_s * SECOND_NS
    rows = checked(connection.execute(_CONNECTIONS, (name,)), _CONNECTION_ROW)
    connection_ids = (rows[0][0], rows[0][0]) if len(rows) == 1 else _ALL_CONNECTIONS
    tallies = _tallies(connection, cover, connection_ids, _NO_DIMENSION if has_types else DIMENSIONS["type"])
    watched_ns = observed_ns(runs.values(), since_ns, until_ns)
    topics = subscriptions(connection) if is_open_end else {}
    # A recorder that was cut off has left its stalls open: they are known until the end of its run
    known_ns = min(until_ns, max((run.end_ns for run in runs.values()), default=until_ns))
    period = {"since_ns": since_ns, "until_ns": known_ns}
    stalled_ns = dict(checked(connection.execute(_STALLED, period), tuple[Id, Ns]))
    found: list[ConnectionStatistics] = []
    for row in rows:
        status = CONNECTION_STATUS_OF[row[3]]
        taken = status_changes(connection, row[0], since_ns, until_ns)
        if not (name or row[-1] or taken or row[0] in tallies):
            continue
        if not is_open_end:
            status = taken[-1].status if taken else status and "initialized"
        up = uptime(taken, runs, since_ns, until_ns)
        of = _of_connection(
            row,
            status,
            up,
            tallies.get(row[0], _ConnectionCounts()),
            watched_ns,
            stalled_ns.get(row[0], 0),
            (since_ns, until_ns, is_open_end),
        )
        if has_types:
            of = dataclasses.replace(of, message_types=tallies.get(row[0], _ConnectionCounts()).by_key("type"))
        found.append(dataclasses.replace(of, subscriptions=topics.get(row[0], Subscriptions())) if is_open_end else of)
    return Statistics(since_ns, until_ns, tuple(found))


def _tallies(
    connection: sqlite3.Connection, cover: BucketCover, connection_ids: tuple[int, int], left_out: int
) -> Mapping[int, _ConnectionCounts]:
    """Add up the rollups of the connections in a closed range of ids, without one dimension."""
    tallies: dict[int, _ConnectionCounts] = defaultdict(_ConnectionCounts)
    for part in cover.parts:
        place = (*part, *connection_ids)
        for id_, *counts in checked(connection.execute(_COUNTS, place), _COUNTS_ROW):
            tallies[id_].counts.update(dict(zip(COUNTERS, counts, strict=True)))
        for id_, dimension, key, n in checked(connection.execute(_KEYS, (*place, left_out)), _KEYS_ROW):
            tallies[id_].keys[dimension][key] += n
        for id_, metric, count, total, greatest in checked(connection.execute(_SUMS, place), _SUMS_ROW):
            tallies[id_].measured[metric].add(count, total, greatest)
        for id_, metric, histogram in checked(connection.execute(_HISTOGRAMS, place), tuple[Id, int, bytes]):
            tallies[id_].measured[metric].histograms.append(histogram)
    return tallies


def _of_connection(
    row: tuple[Any, ...],
    status: ConnectionStatus,
    up: Uptime,
    tally: _ConnectionCounts,
    watched_ns: int,
    stalled_ns: int,
    period: tuple[int, int, bool],
) -> ConnectionStatistics:
    _id, name, column, _status, is_stalled, trace_id, last_message_ns, failing_ns, disconnected_ns, _configured = row
    spec = spec_of(column)
    since_ns, until_ns, is_open_end = period
    is_message_inside = last_message_ns is not None and since_ns <= last_message_ns < until_ns
    of = ConnectionStatistics(
        name=name,
        group=spec.group,
        url=spec.url,
        status=status,
        stalled=bool(is_stalled) and is_open_end,
        profile=spec.profile,
        trace_id=trace_id,
        sessions=tally.counts["attempts"],
        connection_count=up.opens,
        reconnection_count=up.reconnections,
        reconnects_per_hour=reconnects_per_hour(up.reconnections, watched_ns),
        reconnect_gap_ms=None if up.reconnection_gap_ns is None else up.reconnection_gap_ns / MS_NS,
        total_uptime_ms=up.total_ns / MS_NS,
        ws_uptime_ms=up.ws_ns / MS_NS,
        availability=up.availability,
        last_connected_ns=up.last_connected_ns,
        last_disconnected_ns=up.last_disconnected_ns,
        last_message_ns=last_message_ns if is_message_inside else None,
        down_since_ns=down_since(status, failing_ns, disconnected_ns) if is_open_end else None,
        failing_since_ns=failing_ns if is_open_end else None,
        connect_ms=tally.summary("connect", MS_NS),
        reconnect_ms=tally.summary("reconnect", MS_NS),
        rtt_ms=tally.summary("rtt", MS_NS),
        feed_latency_ms=tally.summary("latency", MS_NS),
        feed_latency_uncertainty_ms=tally.least("rtt", MS_NS) if METRICS["latency"] in tally.measured else None,
        message_size=tally.summary("size", 1),
        process_ms=tally.summary("process", MS_NS),
        decode_ms=tally.summary("decode", MS_NS),
        encode_ms=tally.summary("encode", MS_NS),
        messages=tally.flow("messages", "shed"),
        shed_messages=tally.keys[DIMENSIONS["shed"]]["message.received"],
        bytes=tally.flow("bytes", "shed_bytes"),
        wire_bytes=tally.flow("wire"),
        heartbeats=Heartbeats(tally.counts["pings"], tally.counts["pongs"], tally.counts["missed"]),
        errors=tally.by_key("error_type"),
        close_codes=tally.by_key("close_code"),
        incidents=tally.by_key("incident"),
        scheduled_ms=up.wanted_ns / MS_NS,
        stalled_ms=stalled_ns / MS_NS if stalled_ns or spec.expect_every_s else None,
        sequence=tally.by_key("sequence"),
        failed_messages=sum(tally.by_key("failed_message").values()),
        recovered_errors=tally.by_key("error_outcome").get("recovered", 0),
        unrecovered_errors=tally.by_key("error_outcome").get("not_recovered", 0),
        alert_ms=tally.summary("alert", MS_NS),
        failed_alerts=sum(tally.by_key("failed_alert").values()),
        relay=spec.relay,
    )
    return dataclasses.replace(of, kpis=kpis(of, spec.kpi))


def most_frequent(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the ``MOST_KEYS`` greatest counts, in order, and the sum of the rest as ``OTHER``, which stands last.

    Each bucket keeps as few keys; a period has many buckets, and each may have others.
    """
    named = sorted(((key, n) for key, n in counts.items() if key != OTHER), key=lambda pair: (-pair[1], pair[0]))
    rest = counts.get(OTHER, 0) + sum(n for _, n in named[MOST_KEYS:])
    return {**dict(named[:MOST_KEYS]), **({OTHER: rest} if rest else {})}


_SIZE = METRICS["size"]

_ID = "SELECT id FROM connection WHERE name = ?"
_TREND_PLACE = "level = ? AND bucket >= ? AND bucket < ? AND connection = ?"
_MESSAGES = f"""
SELECT bucket, messages_in + messages_out, bytes_in + bytes_out, pongs, missed FROM rollup WHERE {_TREND_PLACE}
"""
_METRICS = f"SELECT bucket, metric, hist FROM rollup_metric WHERE {_TREND_PLACE} AND metric IN (?, ?, ?)"


def trend(
    connection: sqlite3.Connection, name: str, since_ns: int, until_ns: int, buckets: int, coverage: Coverage
) -> Trend:
    """Read the trend of a connection over a period, in at most so many equal buckets.

    Each has whole rollup buckets: otherwise steady traffic would look ragged. Traffic that is kept in a longer rollup
    bucket alone counts at the middle of that.
    """
    coarsest: Level = max((level for level in LEVELS if level * SECOND_NS * buckets <= until_ns - since_ns), default=1)
    step_ns = coarsest * SECOND_NS
    since_ns -= since_ns % step_ns
    bucket_ns = max(1, -(-(until_ns - since_ns) // (buckets * step_ns))) * step_ns
    buckets = max(1, -(-(until_ns - since_ns) // bucket_ns))
    known = checked(connection.execute(_ID, (name,)), tuple[Id])
    parts = (
        covering_buckets(since_ns // SECOND_NS, -(-until_ns // SECOND_NS), coverage, coarsest).parts if known else ()
    )
    # Messages, bytes, answered and missed heartbeats
    series: list[list[int | None]] = [[None] * buckets for _ in range(4)]
    # By metric and bucket
    measured: defaultdict[int, defaultdict[int, PackedSum]] = defaultdict(lambda: defaultdict(PackedSum))
    metrics = (METRICS["rtt"], METRICS["latency"], _SIZE)
    for part in parts:
        place = (*part, known[0][0])
        for second, *counts in checked(connection.execute(_MESSAGES, place), tuple[Second, Count, Count, Count, Count]):
            at = _bucket(second, part, since_ns, bucket_ns, buckets)
            for values, n in zip(series, counts, strict=True):
                values[at] = (values[at] or 0) + n
        rows = connection.execute(_METRICS, (*place, *metrics))
        for second, metric, histogram in checked(rows, tuple[Second, int, bytes]):
            at = 0 if metric == _SIZE else _bucket(second, part, since_ns, bucket_ns, buckets)
            measured[metric][at].add(histogram)
    return Trend(
        name,
        since_ns,
        bucket_ns,
        tuple(series[0]),
        _spreads(measured[metrics[0]], buckets),
        _spreads(measured[metrics[1]], buckets),
        _sizes(measured[_SIZE][0].counts()),
        message_types(connection, known[0][0], parts) if known else (),
        *map(tuple, series[1:]),
    )


def _bucket(second: int, part: BucketRange, since_ns: int, bucket_ns: int, buckets: int) -> int:
    """The bucket of the trend that the middle of a rollup bucket lies in."""
    middle_ns = second * SECOND_NS + part.level * SECOND_NS // 2
    return min(max((middle_ns - since_ns) // bucket_ns, 0), buckets - 1)


def _spreads(measured: Mapping[int, PackedSum], buckets: int) -> tuple[Percentiles | None, ...]:
    found: list[Percentiles | None] = [None] * buckets
    for at, total in measured.items():
        counts = total.counts()
        if not counts:
            continue
        p50, p95, p99 = (value / MS_NS for value in quantiles(counts, RANKS))
        found[at] = Percentiles(p50, p95, p99)
    return tuple(found)


def _sizes(counts: Mapping[int, int]) -> dict[int, int]:
    by_power: Counter[int] = Counter()
    for index, n in counts.items():
        by_power[0 if index == ZERO_INDEX else 1 << (index // BUCKETS_PER_DOUBLING + 1)] += n
    return dict(sorted(by_power.items()))


_BUCKETS = """
SELECT bucket, sum(messages_in + messages_out), sum(errors) FROM rollup
WHERE level = :level AND bucket >= :from_s AND bucket < :to_s
AND (:names IS NULL OR connection IN (SELECT id FROM connection WHERE name IN (SELECT value FROM json_each(:names))))
GROUP BY bucket
"""


def density(
    connection: sqlite3.Connection,
    since_ns: int,
    until_ns: int,
    buckets: int,
    coverage: Coverage,
    connections: tuple[str, ...] | None = None,
) -> Density:
    """Read messages and errors of a period in equal buckets, of these connections or all.

    A longer rollup bucket is spread over those it covers.
    """
    names = None if connections is None else json.dumps(connections)
    bucket_ns = max(1, -(-(until_ns - since_ns) // buckets))
    messages, errors = [0] * buckets, [0] * buckets
    coarsest: Level = max((level for level in LEVELS if level * SECOND_NS <= bucket_ns), default=1)
    cover = covering_buckets(since_ns // SECOND_NS, -(-until_ns // SECOND_NS), coverage, coarsest)
    for level, from_s, to_s in cover.parts:
        rows = connection.execute(_BUCKETS, {"level": level, "from_s": from_s, "to_s": to_s, "names": names})
        for bucket, n_messages, n_errors in checked(rows, tuple[Second, Count, Count]):
            start_ns = bucket * SECOND_NS - since_ns
            span = (start_ns / bucket_ns, (start_ns + level * SECOND_NS) / bucket_ns)
            _spread(messages, n_messages, span)
            _spread(errors, n_errors, span)
    return Density(since_ns, bucket_ns, tuple(messages), tuple(errors))


def _spread(cells: list[int], n: int, span: tuple[float, float]) -> None:
    """Add ``n`` to the cells that a span covers, in proportion; the part outside of the cells is not added.

    The running total is rounded, not the shares, which keeps the sum exact.
    """
    if not n:
        return
    start, end = span
    first, last = int(max(0.0, start)), min(len(cells) - 1, int(end - 1e-9))
    for cell in range(first, last + 1):
        cells[cell] += _until(cell + 1, start, end, n) - _until(cell, start, end, n)


def _until(edge: int, start: float, end: float, n: int) -> int:
    return round(n * min(1.0, max(0.0, (edge - start) / (end - start))))


@dataclass(frozen=True, slots=True)
class Coverage:
    """Since when each level of the rollups is complete, in Unix seconds."""

    rolled_s: int
    complete_from: Mapping[Level, int]
    """By level; 0 of the longest, which is never pruned."""

    @classmethod
    def of(cls, rolled_s: int, oldest: Mapping[Level, int]) -> Coverage:
        """Compute it from the oldest bucket of each level; a level without buckets is not in the mapping.

        A level was pruned where a longer one has older buckets. Its oldest bucket may then lie in a longer one of which
        a part was pruned, so the level counts as complete from the next longer bucket on; from ``rolled_s`` on nothing
        is ever pruned.
        """
        complete_from: dict[Level, int] = {LEVELS[-1]: 0}
        for level, longer in pairwise(LEVELS):
            first_s = oldest.get(level, rolled_s)
            is_pruned = any(
                oldest.get(other, rolled_s) < _down(first_s, other) for other in LEVELS[LEVELS.index(longer) :]
            )
            complete_from[level] = min(rolled_s, _up(first_s, longer)) if is_pruned else 0
        return cls(rolled_s, complete_from)

    def finest(self, at_s: int) -> Level:
        """The finest level that is complete at a time."""
        return next((level for level in LEVELS if at_s >= self.complete_from[level]), LEVELS[-1])


@dataclass(frozen=True, slots=True)
class BucketCover:
    """A period, rounded outward to the buckets that are kept, and the ranges of buckets that cover it."""

    since_s: int
    until_s: int
    parts: tuple[BucketRange, ...]


def covering_buckets(since_s: int, until_s: int, coverage: Coverage, coarsest: Level = 3600) -> BucketCover:
    """Cover ``since_s`` ≤ t < ``until_s`` with buckets no longer than ``coarsest``, unless only longer ones are kept.

    Long buckets make up the middle, shorter ones the ends. Buckets longer than a second contain every second before
    ``rolled_s``, so the one that contains ``rolled_s`` is used up to there; later seconds are in buckets of a second.
    """
    since_s = _down(since_s, coverage.finest(since_s))
    parts: list[BucketRange] = []
    at_s = since_s
    while at_s < until_s:
        part = _next(at_s, until_s, coverage, coarsest)
        parts.append(part)
        at_s = part.to_s if part.level == 1 or part.to_s <= coverage.rolled_s else coverage.rolled_s
    return BucketCover(since_s, at_s, tuple(parts))


def _next(at_s: int, until_s: int, coverage: Coverage, coarsest: Level) -> BucketRange:
    """The longest range of buckets of the coarsest level that fits from a time on."""
    if at_s >= coverage.rolled_s:
        return BucketRange(1, at_s, until_s)
    finest = coverage.finest(at_s)
    for level in reversed(LEVELS):
        if at_s % level or (level > coarsest and level != finest) or level < finest:
            continue
        # A bucket may extend past the end only where rolled_s lies before the end
        end_s = _up(coverage.rolled_s, level) if until_s >= coverage.rolled_s else _down(until_s, level)
        if end_s > at_s:
            return BucketRange(level, at_s, min(end_s, _until_better(at_s, level, coverage, coarsest)))
    # It extends past the end: nothing finer is kept
    return BucketRange(finest, at_s, at_s + finest)


def _until_better(at_s: int, level: Level, coverage: Coverage, coarsest: Level) -> int:
    """The second at which a better level begins: a longer one at its boundary, a shorter one where it is complete."""
    if level > coarsest:
        return _up(min(coverage.complete_from[finer] for finer in LEVELS if finer < level), level)
    if level == coarsest:
        return coverage.rolled_s + level
    longer = LEVELS[LEVELS.index(level) + 1]
    return _up(at_s, longer) if at_s % longer else coverage.rolled_s + level


def _down(second: int, step: int) -> int:
    return second - second % step


def _up(second: int, step: int) -> int:
    return -(-second // step) * step
