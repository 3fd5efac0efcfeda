"""Activity of a period by steps of time and by connection, from the rollup buckets that cover it.

The cost depends on the number of connections and of buckets, never on the traffic.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from types import GenericAlias

from wsmon.model.statistics import Activity, ActivityCell, Flow
from wsmon.model.units import SECOND_NS
from wsmon.model.uptime import RunPeriod, observed_ns
from wsmon.store.schema import DIMENSIONS, LEVELS, Level
from wsmon.store.statistics import BucketCover, Coverage, covering_buckets
from wsmon.store.validation import Count, Id, Second, checked

# The counters of a rollup that are added up
_COUNTED = ("messages_in", "messages_out", "bytes_in", "bytes_out", "errors", "losses", "attempts", "opens")
_PLACE = "level = ? AND bucket >= ? AND bucket < ?"
_COUNTS = f"""
SELECT (bucket - ?) / ?, connection, {", ".join(f"sum({counter})" for counter in _COUNTED)}
FROM rollup WHERE {_PLACE} GROUP BY 1, 2
"""
_COUNTS_ROW = GenericAlias(tuple, (int, Id, *(Count for _ in _COUNTED)))
# What was received and could not be stored
_SHED = f"""
SELECT (bucket - ?) / ?, connection, dimension, key, sum(n) FROM rollup_dim
WHERE {_PLACE} AND dimension IN ({DIMENSIONS["shed"]}, {DIMENSIONS["shed_bytes"]}) GROUP BY 1, 2, 3, 4
"""
_SHED_COUNTERS = {
    (DIMENSIONS["shed"], "message.received"): "messages_in",
    (DIMENSIONS["shed"], "message.sent"): "messages_out",
    (DIMENSIONS["shed_bytes"], "message.received"): "bytes_in",
    (DIMENSIONS["shed_bytes"], "message.sent"): "bytes_out",
}
_NAMES = "SELECT id, name FROM connection"


def activity(
    connection: sqlite3.Connection,
    since_s: int,
    until_s: int,
    step_s: int,
    offset_s: int,
    coverage: Coverage,
    runs: Mapping[int, RunPeriod],
) -> Activity:
    """Add up the traffic of ``since_s`` ≤ t < ``until_s`` in steps; ``step_s`` 0 = one step for the whole period.

    Steps begin at multiples of their length in a zone that is ``offset_s`` ahead of UTC. They are made longer where
    only longer buckets are kept of the beginning of the period.
    """
    start_s, step_s, cover = _steps(since_s, until_s, step_s, offset_s, coverage)
    found: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for part in cover.parts:
        # A bucket that begins before the first step overlaps it
        for step, id_, *counts in checked(connection.execute(_COUNTS, (start_s, step_s, *part)), _COUNTS_ROW):
            found[max(0, step), id_].update(dict(zip(_COUNTED, counts, strict=True)))
        rows = connection.execute(_SHED, (start_s, step_s, *part))
        for step, id_, dimension, key, n in checked(rows, tuple[int, Id, int, str, Count]):
            if counter := _SHED_COUNTERS.get((dimension, key)):
                found[max(0, step), id_][counter] += n
    names = dict(checked(connection.execute(_NAMES), tuple[Id, str]))
    steps = tuple(
        (max(at_s, cover.since_s), min(at_s + step_s, cover.until_s)) for at_s in range(start_s, cover.until_s, step_s)
    )
    return Activity(
        cover.since_s * SECOND_NS,
        cover.until_s * SECOND_NS,
        step_s,
        tuple((first_s * SECOND_NS, last_s * SECOND_NS) for first_s, last_s in steps),
        tuple(
            observed_ns(runs.values(), first_s * SECOND_NS, last_s * SECOND_NS) / SECOND_NS for first_s, last_s in steps
        ),
        tuple(
            ActivityCell(
                step,
                names[id_],
                Flow(counts["messages_in"], counts["messages_out"]),
                Flow(counts["bytes_in"], counts["bytes_out"]),
                counts["errors"],
                counts["losses"],
                counts["attempts"],
                counts["opens"],
            )
            for (step, id_), counts in sorted(found.items())
            if id_ in names
        ),
    )


def _steps(
    since_s: Second, until_s: Second, step_s: int, offset_s: int, coverage: Coverage
) -> tuple[int, int, BucketCover]:
    """The first second of the first step, the length of the steps, and the buckets."""
    if not step_s:
        cover = covering_buckets(since_s, until_s, coverage)
        return cover.since_s, max(1, cover.until_s - cover.since_s), cover
    finest = coverage.finest(since_s)
    step_s = -(-step_s // finest) * finest
    start_s = since_s - (since_s + offset_s) % step_s
    # A bucket must not reach over the border between two steps
    coarsest: Level = max((level for level in LEVELS if not (step_s % level or start_s % level)), default=1)
    return start_s, step_s, covering_buckets(since_s, until_s, coverage, coarsest)
