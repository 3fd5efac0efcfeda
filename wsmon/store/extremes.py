"""What is behind statistics: the event of a greatest value, and the types of messages with their sizes and times."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wsmon.model.statistics import Extreme, MessageType
from wsmon.model.units import SECOND_NS
from wsmon.store.codec import NAME_CODES
from wsmon.store.schema import DIMENSIONS, METRICS, MOST_KEYS, OTHER, Level
from wsmon.store.validation import Count, Id, Ns, Second, checked

# Newest ids whose messages are looked at for the sizes of types: some milliseconds
SAMPLED_IDS = 20_000
# Minutes in which the last second of a type is looked up
REFINED_MINUTES = 16
MINUTE_S = 60

_GREATEST = """
SELECT bucket, max FROM rollup_metric WHERE level = ? AND bucket >= ? AND bucket < ? AND connection = ? AND metric = ?
ORDER BY max DESC, bucket DESC LIMIT 1
"""
_AT_SECOND = """
SELECT bucket FROM rollup_metric
WHERE level = 1 AND bucket >= ? AND bucket < ? AND connection = ? AND metric = ? AND max = ?
ORDER BY bucket DESC LIMIT 1
"""
_FIND = """
SELECT event.id FROM event JOIN source ON source.id = event.source
WHERE event.id BETWEEN :first_id AND :last_id AND source.connection = :connection AND event.name IN ({names})
AND event.{column} = :value ORDER BY event.id DESC LIMIT 1
"""
# The events that a metric is measured on, and the column that has its values
_MEASURED_ON: dict[Extreme, tuple[str, str]] = {
    "process": ("duration_ns", "message.process.completed"),
    "rtt": ("duration_ns", "heartbeat.responded"),
    "size": ("size", "message.received message.sent"),
    "connect": ("duration_ns", "connection.completed"),
    "reconnect": ("duration_ns", "connection.reconnect.success"),
}
_SQL = {
    metric: _FIND.format(names=", ".join(str(NAME_CODES[name]) for name in names.split()), column=column)  # type: ignore[index]
    for metric, (column, names) in _MEASURED_ON.items()
}
_TYPES = f"""
SELECT key, sum(n), max(bucket) FROM rollup_dim
WHERE level = ? AND bucket >= ? AND bucket < ? AND connection = ? AND dimension = {DIMENSIONS["type"]} GROUP BY key
"""
_SAMPLE = f"""
SELECT type, count(*), sum(size), max(ts_ns) FROM event
WHERE id > (SELECT max(id) FROM event) - {SAMPLED_IDS} AND type <> '' AND size IS NOT NULL
AND name IN ({NAME_CODES["message.received"]}, {NAME_CODES["message.sent"]})
AND source IN (SELECT id FROM source WHERE connection = ?) GROUP BY type
"""


class BucketRange(NamedTuple):
    """Buckets of one level, from a first second up to but without another."""

    level: Level
    from_s: int
    to_s: int


class GreatestValue(NamedTuple):
    """The greatest value of a metric, and the shortest time that it is known to lie in."""

    value: int
    since_s: int
    until_s: int


def greatest(
    connection: sqlite3.Connection, connection_id: int, metric: Extreme, parts: Iterable[BucketRange]
) -> GreatestValue | None:
    """Find the greatest value of a metric of a connection in some buckets; None where nothing was measured."""
    found: GreatestValue | None = None
    for part in parts:
        rows = connection.execute(_GREATEST, (*part, connection_id, METRICS[metric]))
        for bucket, value in checked(rows, tuple[Second, Count]):
            if found is None or value >= found.value:
                found = GreatestValue(value, bucket, bucket + part.level)
    if found is None or found.until_s - found.since_s == 1:
        return found
    place = (found.since_s, found.until_s, connection_id, METRICS[metric], found.value)
    for (second,) in checked(connection.execute(_AT_SECOND, place), tuple[Second]):
        return GreatestValue(found.value, second, second + 1)
    return found


def event_of(
    connection: sqlite3.Connection, connection_id: int, metric: Extreme, value: int, ids: tuple[int, int]
) -> int:
    """Find the newest event in a closed range of ids that was measured with a value; 0 where none is kept."""
    place = {"first_id": ids[0], "last_id": ids[1], "connection": connection_id, "value": value}
    rows = checked(connection.execute(_SQL[metric], place), tuple[Id])
    return rows[0][0] if rows else 0


def message_types(
    connection: sqlite3.Connection, connection_id: int, parts: Sequence[BucketRange]
) -> tuple[MessageType, ...]:
    """Read the types of messages in some buckets, most frequent first; the rest is summed up as ``OTHER``.

    Their mean size is that of the newest messages. They were last seen in the newest bucket that has them, to the
    second where one of that length is kept.
    """
    counts: Counter[str] = Counter()
    last_seen: dict[str, tuple[int, int]] = {}
    for part in parts:
        for key, n, bucket in checked(connection.execute(_TYPES, (*part, connection_id)), tuple[str, Count, Second]):
            counts[key] += n
            last_seen[key] = max(last_seen.get(key, (0, 0)), (bucket, part.level))
    sample = {
        row[0]: row[1:] for row in checked(connection.execute(_SAMPLE, (connection_id,)), tuple[str, Count, Count, Ns])
    }
    seconds = _last_seconds(connection, connection_id, last_seen)
    named = sorted(((key, n) for key, n in counts.items() if key != OTHER), key=lambda pair: (-pair[1], pair[0]))
    rest = counts[OTHER] + sum(n for _, n in named[MOST_KEYS:])
    found = []
    for key, n in named[:MOST_KEYS]:
        number, size, newest_ns = sample.get(key, (0, 0, 0))
        second = seconds.get(key, last_seen[key][0])
        found.append(MessageType(key, n, size / number if number else None, max(newest_ns, second * SECOND_NS)))
    return (*found, *((MessageType(OTHER, rest, None, None),) if rest else ()))


def _last_seconds(
    connection: sqlite3.Connection, connection_id: int, last_seen: dict[str, tuple[int, int]]
) -> dict[str, int]:
    """Return the last second of types whose newest bucket is a minute, as far as buckets of a second are kept."""
    minutes: defaultdict[int, list[str]] = defaultdict(list)
    for key, (bucket, level) in last_seen.items():
        if level == MINUTE_S:
            minutes[bucket].append(key)
    found: dict[str, int] = {}
    for minute in sorted(minutes, reverse=True)[:REFINED_MINUTES]:
        rows = connection.execute(_TYPES, (1, minute, minute + MINUTE_S, connection_id))
        latest = {key: bucket for key, _, bucket in checked(rows, tuple[str, Count, Second])}
        found |= {key: latest[key] for key in minutes[minute] if key in latest}
    return found
