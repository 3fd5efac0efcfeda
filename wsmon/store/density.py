"""Messages and errors by time, from rollups: the row under the timeline."""

from __future__ import annotations

import sqlite3

from wsmon.model.durations import SECOND_NS
from wsmon.model.statistics import Density
from wsmon.store.schema import LEVELS, Level
from wsmon.store.stitch import Coverage, stitch

_BUCKETS = """
SELECT bucket, sum(messages_in + messages_out), sum(errors) FROM rollup
WHERE level = ? AND bucket >= ? AND bucket < ? GROUP BY bucket
"""


def density(connection: sqlite3.Connection, since_ns: int, until_ns: int, buckets: int, coverage: Coverage) -> Density:
    """Cut a period into equal buckets; what is only kept coarser is spread over the buckets it covers."""
    bucket_ns = max(1, -(-(until_ns - since_ns) // buckets))
    messages, errors = [0] * buckets, [0] * buckets
    coarsest: Level = max((level for level in LEVELS if level * SECOND_NS <= bucket_ns), default=1)
    stitching = stitch(since_ns // SECOND_NS, -(-until_ns // SECOND_NS), coverage, coarsest)
    for level, from_s, to_s in stitching.parts:
        for bucket, n_messages, n_errors in connection.execute(_BUCKETS, (level, from_s, to_s)):
            start_ns = bucket * SECOND_NS - since_ns
            span = (start_ns / bucket_ns, (start_ns + level * SECOND_NS) / bucket_ns)
            _spread(messages, n_messages, span)
            _spread(errors, n_errors, span)
    return Density(since_ns, bucket_ns, tuple(messages), tuple(errors))


def _spread(cells: list[int], n: int, span: tuple[float, float]) -> None:
    """Add ``n`` to the cells that a span covers, in proportion; what lies outside of the cells is not added.

    Rounding the running total, not the shares, keeps the sum exact.
    """
    if not n:
        return
    start, end = span
    first, last = int(max(0.0, start)), min(len(cells) - 1, int(end - 1e-9))
    for cell in range(first, last + 1):
        cells[cell] += _until(cell + 1, start, end, n) - _until(cell, start, end, n)


def _until(edge: int, start: float, end: float, n: int) -> int:
    return round(n * min(1.0, max(0.0, (edge - start) / (end - start))))
