"""Statistics of a period: counts and distributions from rollups, uptime from transitions.

What it costs follows the connections and the length of the period, never the traffic.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wsmon.model.durations import MS_NS, SECOND_NS
from wsmon.model.histogram import quantiles, representative
from wsmon.model.kpis import kpis
from wsmon.model.statistics import ConnectionStatistics, Flow, Heartbeats, Statistics, Summary
from wsmon.model.statuses import Status
from wsmon.model.subscriptions import Subscriptions
from wsmon.model.uptime import RunSpan, Uptime, observed_ns, reconnects_per_hour, uptime
from wsmon.store.codec import STATUS_OF
from wsmon.store.packed import PackedSum
from wsmon.store.schema import COUNTERS, DIMENSIONS, METRICS, Dimension, Metric
from wsmon.store.stitch import Stitching
from wsmon.store.subscriptions import subscriptions
from wsmon.store.transitions import steps

_ALL_CONNECTIONS = (0, 2**63 - 1)
_NO_DIMENSION = 0
RANKS = (0.5, 0.95, 0.99)

_CONNECTIONS = """
SELECT id, name, "group", url, status, stalled_since_ns IS NOT NULL, profile, trace_id, last_message_ns, kpi, configured
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


class _Measured:
    """A distribution, added up."""

    __slots__ = ("count", "greatest", "histograms", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.greatest = 0
        self.histograms: list[bytes] = []
        # packed

    def add(self, count: int, total: int, greatest: int) -> None:
        """Add what is known exactly."""
        self.count += count
        self.total += total
        self.greatest = max(self.greatest, greatest)

    def histogram(self) -> dict[int, int]:
        """All of them as one."""
        total = PackedSum()
        total.add(*self.histograms)
        return total.counts()


@dataclass(slots=True)
class _Tally:
    """What the rollups hold about one connection."""

    counts: Counter[str] = field(default_factory=Counter)
    keys: dict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    # by dimension
    measured: dict[int, _Measured] = field(default_factory=lambda: defaultdict(_Measured))
    # by metric

    def flow(self, quantity: str) -> Flow:
        """A counter both ways."""
        return Flow(self.counts[f"{quantity}_in"], self.counts[f"{quantity}_out"])

    def by_key(self, dimension: Dimension) -> Mapping[str, int]:
        """Counts of a dimension, most frequent first."""
        return dict(sorted(self.keys[DIMENSIONS[dimension]].items(), key=lambda pair: (-pair[1], pair[0])))

    def summary(self, metric: Metric, unit: int) -> Summary | None:
        """A distribution in ``unit`` of the metric; ``None`` where nothing was measured."""
        of = self.measured.get(METRICS[metric])
        if of is None:
            return None
        # a bucket's value may lie above the greatest one in it, which is known exactly
        p50, p95, p99 = (min(value, of.greatest) / unit for value in quantiles(of.histogram(), RANKS))
        return Summary(of.count, of.total / of.count / unit, p50, p95, p99, of.greatest / unit)

    def least(self, metric: Metric, unit: int) -> float | None:
        """The smallest value of a distribution; ``None`` where nothing was measured."""
        of = self.measured.get(METRICS[metric])
        return None if of is None else representative(min(of.histogram())) / unit


def statistics(
    connection: sqlite3.Connection,
    stitching: Stitching,
    runs: Mapping[int, RunSpan],
    name: str,
    *,
    is_open_end: bool,
    has_types: bool = False,
) -> Statistics:
    """Statistics of a stitched period, of the connection with a name or (empty) of all.

    Of all connections, those are left out that are no longer configured and unknown to the period. ``is_open_end``:
    the period ends now, so that statuses are those of now. ``has_types``: messages by type, which cost more than the
    rest.
    """
    since_ns, until_ns = stitching.since_s * SECOND_NS, stitching.until_s * SECOND_NS
    rows = connection.execute(_CONNECTIONS, (name,)).fetchall()
    connection_ids = (rows[0][0], rows[0][0]) if len(rows) == 1 else _ALL_CONNECTIONS
    tallies = _tallies(connection, stitching, connection_ids, _NO_DIMENSION if has_types else DIMENSIONS["type"])
    watched_ns = observed_ns(runs.values(), since_ns, until_ns)
    topics = subscriptions(connection) if is_open_end else {}
    found: list[ConnectionStatistics] = []
    for row in rows:
        status: Status = STATUS_OF[row[4]]
        taken = steps(connection, row[0], since_ns, until_ns)
        if not (name or row[-1] or taken or row[0] in tallies):
            continue
        if not is_open_end:
            status = taken[-1].status if taken else "initialized"
        up = uptime(taken, runs, since_ns, until_ns)
        of = _of_connection(
            row, status, up, tallies.get(row[0], _Tally()), watched_ns, (since_ns, until_ns, is_open_end)
        )
        if has_types:
            of = dataclasses.replace(of, message_types=tallies.get(row[0], _Tally()).by_key("type"))
        found.append(dataclasses.replace(of, subscriptions=topics.get(row[0], Subscriptions())) if is_open_end else of)
    return Statistics(since_ns, until_ns, tuple(found))


def _tallies(
    connection: sqlite3.Connection, stitching: Stitching, connection_ids: tuple[int, int], left_out: int
) -> Mapping[int, _Tally]:
    """What the rollups hold about the connections in a closed range of ids, but for one dimension."""
    tallies: dict[int, _Tally] = defaultdict(_Tally)
    for part in stitching.parts:
        place = (*part, *connection_ids)
        for id_, *counts in connection.execute(_COUNTS, place):
            tallies[id_].counts.update(dict(zip(COUNTERS, counts, strict=True)))
        for id_, dimension, key, n in connection.execute(_KEYS, (*place, left_out)):
            tallies[id_].keys[dimension][key] += n
        for id_, metric, count, total, greatest in connection.execute(_SUMS, place):
            tallies[id_].measured[metric].add(count, total, greatest)
        for id_, metric, histogram in connection.execute(_HISTOGRAMS, place):
            tallies[id_].measured[metric].histograms.append(histogram)
    return tallies


def _of_connection(
    row: tuple[Any, ...], status: Status, up: Uptime, tally: _Tally, watched_ns: int, period: tuple[int, int, bool]
) -> ConnectionStatistics:
    _id, name, group, url, _status, is_stalled, profile, trace_id, last_message_ns, kpi, _configured = row
    since_ns, until_ns, is_open_end = period
    is_message_inside = last_message_ns is not None and since_ns <= last_message_ns < until_ns
    of = ConnectionStatistics(
        name=name,
        group=group,
        url=url,
        status=status,
        stalled=bool(is_stalled) and is_open_end,
        profile=profile,
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
        connect_ms=tally.summary("connect", MS_NS),
        reconnect_ms=tally.summary("reconnect", MS_NS),
        rtt_ms=tally.summary("rtt", MS_NS),
        feed_latency_ms=tally.summary("latency", MS_NS),
        feed_latency_uncertainty_ms=tally.least("rtt", MS_NS) if METRICS["latency"] in tally.measured else None,
        message_size=tally.summary("size", 1),
        process_ms=tally.summary("process", MS_NS),
        decode_ms=tally.summary("decode", MS_NS),
        encode_ms=tally.summary("encode", MS_NS),
        messages=tally.flow("messages"),
        bytes=tally.flow("bytes"),
        wire_bytes=tally.flow("wire"),
        heartbeats=Heartbeats(tally.counts["pings"], tally.counts["pongs"], tally.counts["missed"]),
        errors=tally.by_key("error_type"),
        close_codes=tally.by_key("close_code"),
        incidents=tally.by_key("incident"),
        failed_messages=sum(tally.by_key("failed_message").values()),
    )
    return dataclasses.replace(of, kpis=kpis(of, msgspec.json.decode(kpi, type=dict[str, float])))
