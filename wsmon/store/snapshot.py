"""Snapshot of all connections, and the extent of a store: ids, runs, size, completeness of its rollups."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from types import GenericAlias
from typing import Any, cast

from wsmon.control.lock import holder
from wsmon.model.detectors.silence import StallDetector
from wsmon.model.events import Event
from wsmon.model.snapshot import ConnectionRow, ConnectionState, OpenIncident, Snapshot, StoreBounds
from wsmon.model.units import SECOND_NS
from wsmon.model.uptime import RunPeriod
from wsmon.ports import Clock
from wsmon.store.codec import STATUS_OF
from wsmon.store.connections import spec_of
from wsmon.store.opening import log_of
from wsmon.store.schema import LEVELS, META_LAST_ID, META_OLDEST_ID, META_ROLLED_S, META_STORE_ID, Level
from wsmon.store.statistics import Coverage
from wsmon.store.timeline import ClockReading, clock_turns, run_spans
from wsmon.store.validation import Count, Id, Ns, Second, StatusCode, checked

# Whole seconds over which rates are means: long enough to be steady, short enough to follow changes
RATE_WINDOW_S = 5
# Seconds of traffic that the header draws
SPARK_S = 60
# A second counts as complete when the batches of its end have surely been committed
COMMIT_SLACK_NS = 250_000_000
HOUR_S = 3600
# Kind of incident that is in the state of its connection
STALL = StallDetector.kind.name

_CONNECTIONS = """
SELECT connection.id, connection.name, spec, connection.trace_id,
    coalesce(source.connection_id, ''), status, since_ns, stalled_since_ns, attempt, next_attempt_ns, sessions,
    last_connected_ns, last_disconnected_ns, failing_since_ns, last_message_ns, rtt_ns, last_problem_id,
    (SELECT event_id FROM transition WHERE transition.connection = connection.id
        AND ts_ns = last_disconnected_ns AND ts_ns >= failing_since_ns LIMIT 1)
FROM connection LEFT JOIN source ON source.id = connection.source
WHERE configured ORDER BY position, name
"""
_RATES = """
SELECT connection, sum(messages_in + messages_out) FROM rollup
WHERE level = 1 AND bucket >= ? AND bucket < ? GROUP BY connection
"""
# Of the newest run: a recorder closes the incidents of the recorder before it
_INCIDENTS = """
SELECT incident.id, type, sentence, coalesce(connection.name, '') FROM incident
LEFT JOIN connection ON connection.id = incident.connection
WHERE incident.id >= (SELECT first_id FROM run ORDER BY id DESC LIMIT 1) AND closed_ns IS NULL ORDER BY incident.id
"""
_SPARK = """
SELECT bucket, sum(messages_in + messages_out) FROM rollup
WHERE level = 1 AND bucket >= ? AND bucket < ? GROUP BY bucket
"""
_LOSSES = """
SELECT connection, sum(losses) FROM (
    SELECT connection, losses FROM rollup WHERE level = 60 AND bucket >= ?
    UNION ALL
    SELECT connection, losses FROM rollup WHERE level = 1 AND bucket >= ?
) GROUP BY connection
"""

_CONNECTION_ROW = GenericAlias(
    tuple,
    (
        *(Id, str, str, str, str, StatusCode, Ns, Ns | None, Count, Ns | None, Count),
        *(Ns | None, Ns | None, Ns | None, Ns | None, Ns | None, Id, Id | None),
    ),
)

ReadEvents = Callable[[tuple[int, ...]], tuple[Event, ...]]


def snapshot(
    connection: sqlite3.Connection, at_ns: int, bounds: StoreBounds, rolled_s: int, read_events: ReadEvents
) -> Snapshot:
    """Read the configured connections in their order, as committed; rates are means over the last whole seconds."""
    now_s = (at_ns - COMMIT_SLACK_NS) // SECOND_NS
    rates = dict(checked(connection.execute(_RATES, (now_s - RATE_WINDOW_S, now_s)), tuple[Id, Count]))
    losses = dict(checked(connection.execute(_LOSSES, _hour_before(now_s, rolled_s)), tuple[Id, Count]))
    found = checked(connection.execute(_CONNECTIONS), _CONNECTION_ROW)
    states = {row[0]: _state(row[:-1]) for row in found}
    began_ids = {row[0]: row[-1] for row in found}
    event_ids = {*began_ids.values(), *(state.last_problem_id for state in states.values())} - {None, 0}
    events = {event.id: event for event in read_events(tuple(event_ids))}
    incidents = tuple(OpenIncident(*row) for row in checked(connection.execute(_INCIDENTS), tuple[Id, str, str, str]))
    of_connections: dict[str, tuple[OpenIncident, ...]] = {}
    for each in incidents:
        if each.kind != STALL:
            of_connections[each.connection] = (*of_connections.get(each.connection, ()), each)
    rows = tuple(
        ConnectionRow(
            state,
            rates.get(connection_id, 0) / RATE_WINDOW_S,
            float(losses.get(connection_id, 0)),
            events.get(state.last_problem_id),
            of_connections.get(state.name, ()),
            events.get(began_ids[connection_id]),
        )
        for connection_id, state in states.items()
    )
    return Snapshot(at_ns, bounds, rows, _spark(connection, now_s), incidents)


def _spark(connection: sqlite3.Connection, now_s: int) -> tuple[int, ...]:
    rows = connection.execute(_SPARK, (now_s - SPARK_S, now_s))
    by_second: Mapping[int, int] = dict(checked(rows, tuple[Second, Count]))
    return tuple(by_second.get(second, 0) for second in range(now_s - SPARK_S, now_s))


def _hour_before(now_s: int, rolled_s: int) -> tuple[int, int]:
    """The first minute of the last hour, and the first second that is in no longer bucket yet."""
    return (now_s - HOUR_S) // 60 * 60, max(rolled_s, now_s - HOUR_S)


def _state(row: tuple[Any, ...]) -> ConnectionState:
    name, spec, trace_id, connection_id, status = row[1:6]
    return ConnectionState(name, spec_of(spec), trace_id, connection_id, STATUS_OF[status], *row[6:])


_META = "SELECT key, value FROM meta WHERE key IN (?, ?, ?)"
_STORE_ID = "SELECT value FROM meta WHERE key = ?"
_NEWEST_RUN = "SELECT id, end FROM run ORDER BY id DESC LIMIT 1"
_NEWEST_BUCKET = "SELECT max(bucket) FROM rollup WHERE level = ?"
_OLDEST_BUCKET = "SELECT min(bucket) FROM rollup WHERE level = ?"


class StoreExtent:
    """Ids, runs, size and rollup coverage of a store, as the transaction of a connection sees them."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock

    def store_id(self) -> str:
        """The random id of the store, which never changes."""
        (store_id,) = self._connection.execute(_STORE_ID, (META_STORE_ID,)).fetchone()
        return str(store_id)

    def kept(self) -> tuple[int, int]:
        """The closed range of ids that are kept; ``(1, 0)`` where there is none yet."""
        meta = self._meta()
        return meta.get(META_OLDEST_ID, 0) or 1, meta.get(META_LAST_ID, 0)

    def bounds(self) -> StoreBounds:
        """Ids, newest run and size."""
        meta = self._meta()
        run, _end = self._newest_run()
        return StoreBounds(meta.get(META_OLDEST_ID, 0), meta.get(META_LAST_ID, 0), run, self._size_bytes())

    def rolled_s(self) -> int:
        """The Unix second up to which the longer buckets are complete."""
        return self._meta().get(META_ROLLED_S, 0)

    def coverage(self) -> Coverage:
        """Since when each level of the rollups is complete."""
        oldest: dict[Level, int] = {}
        for level in LEVELS:
            bucket = self._bucket(_OLDEST_BUCKET, level)
            if bucket is not None:
                oldest[level] = bucket
        return Coverage.of(self.rolled_s(), oldest)

    def period(self, runs: Mapping[int, RunPeriod]) -> tuple[int, int]:
        """The wall times that everything recorded lies between; 0, 0 where there is nothing.

        Where the wall clock was set back during a run, the run seems to end before it began, and what it recorded lies
        outside of both: the buckets tell, and the events of the clock as far as they are kept.
        """
        first_ns = min((min(run.start_ns, run.end_ns) for run in runs.values()), default=0)
        last_ns = max((max(run.start_ns, run.end_ns) for run in runs.values()), default=0)
        for level in LEVELS:
            oldest_s, newest_s = (self._bucket(sql, level) for sql in (_OLDEST_BUCKET, _NEWEST_BUCKET))
            if oldest_s is None or newest_s is None:
                continue
            # A bucket that overlaps a run begins before what is in it, and ends after it
            if (oldest_s + level) * SECOND_NS <= first_ns:
                first_ns = oldest_s * SECOND_NS
            if newest_s * SECOND_NS >= last_ns:
                last_ns = (newest_s + level) * SECOND_NS
        for turn in clock_turns(self._connection):
            first_ns, last_ns = min(first_ns, turn.ts_ns), max(last_ns, turn.before_ns)
        return first_ns, last_ns

    def runs(self) -> dict[int, RunPeriod]:
        """When recorders ran, by the number of the run; the present run ends now."""
        return dict(run_spans(self._connection, self.bounds().last_id, self._now()))

    def is_cut_off(self) -> bool:
        """Whether the newest run has no end and no recorder: what was open then is not known to be open."""
        run, end = self._newest_run()
        return bool(run) and end != "clean" and holder(self._path) is None

    def _bucket(self, sql: str, level: Level) -> int | None:
        """The first second of the oldest or newest bucket of a level; ``None`` where there is none."""
        ((bucket,),) = checked(self._connection.execute(sql, (level,)), tuple[Second | None])
        return cast("int | None", bucket)

    def _meta(self) -> dict[str, int]:
        rows = self._connection.execute(_META, (META_LAST_ID, META_OLDEST_ID, META_ROLLED_S))
        return dict(checked(rows, tuple[str, Id]))

    def _newest_run(self) -> tuple[int, str | None]:
        """The number of the newest run, 0 where there is none, and how it ended."""
        return next(iter(checked(self._connection.execute(_NEWEST_RUN), tuple[Id, str | None])), (0, None))

    def _now(self) -> ClockReading | None:
        """Both clocks while a recorder holds the store, which is on the same machine; ``None`` otherwise."""
        return ClockReading(self._clock.wall_ns(), self._clock.mono_ns()) if holder(self._path) is not None else None

    def _size_bytes(self) -> int:
        try:
            return self._path.stat().st_size + log_of(self._path).stat().st_size
        except FileNotFoundError:
            # A recorder that ends removes the log
            return self._path.stat().st_size
