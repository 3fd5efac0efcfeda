"""Periods that a store tells of: its runs, everything recorded, and since when its rollups are complete."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from wsmon.control.lock import holder
from wsmon.model.units import SECOND_NS
from wsmon.model.uptime import RunPeriod
from wsmon.ports import Clock
from wsmon.store.schema import LEVELS, META_LAST_ID, META_ROLLED_S, Level
from wsmon.store.statistics import Coverage
from wsmon.store.timeline import ClockReading, clock_turns, run_spans
from wsmon.store.validation import Flag, Id, Ns, Second, checked

_META = "SELECT key, value FROM meta WHERE key IN (?, ?)"
_NEWEST_BUCKET = "SELECT max(bucket) FROM rollup WHERE level = ?"
_OLDEST_BUCKET = "SELECT min(bucket) FROM rollup WHERE level = ?"
_RUNS_OF = "SELECT DISTINCT run FROM source WHERE connection = (SELECT id FROM connection WHERE name = ?)"
_OF_CONNECTION = "connection = (SELECT id FROM connection WHERE name = :name)"
_HAS_SESSIONS = f"SELECT EXISTS (SELECT 1 FROM session WHERE {_OF_CONNECTION})"
_OPEN = f"""
SELECT open_ns, ended_ns FROM session INDEXED BY session_by_connection
WHERE {_OF_CONNECTION} AND open_ns IS NOT NULL AND started_ns < :until_ns
    AND (ended_ns IS NULL OR ended_ns > :since_ns) ORDER BY started_ns
"""


class StorePeriods:
    """Runs, period and rollup coverage of a store, as the transaction of a connection sees them."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock

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
        return dict(run_spans(self._connection, self._meta().get(META_LAST_ID, 0), self._now()))

    def runs_of(self, connection: str) -> dict[int, RunPeriod]:
        """When recorders ran that recorded something of a connection, by the number of the run."""
        its_own = {run for (run,) in checked(self._connection.execute(_RUNS_OF, (connection,)), tuple[Id])}
        return {run: period for run, period in self.runs().items() if run in its_own}

    def open_times(self, connection: str, since_ns: int, until_ns: int) -> list[tuple[int, int]] | None:
        """When sessions of a connection that touch a period were open, in wall time; None where none is known at all.

        One that is open lasts to the end of the period.
        """
        names = {"name": connection}
        ((has_sessions,),) = checked(self._connection.execute(_HAS_SESSIONS, names), tuple[Flag])
        if not has_sessions:
            return None
        rows = self._connection.execute(_OPEN, {**names, "since_ns": since_ns, "until_ns": until_ns})
        return [
            (open_ns, until_ns if ended_ns is None else ended_ns)
            for open_ns, ended_ns in checked(rows, tuple[Ns, Ns | None])
        ]

    def _bucket(self, sql: str, level: Level) -> int | None:
        """The first second of the oldest or newest bucket of a level; ``None`` where there is none."""
        ((bucket,),) = checked(self._connection.execute(sql, (level,)), tuple[Second | None])
        return cast("int | None", bucket)

    def _meta(self) -> dict[str, int]:
        rows = self._connection.execute(_META, (META_LAST_ID, META_ROLLED_S))
        return dict(checked(rows, tuple[str, Id]))

    def _now(self) -> ClockReading | None:
        """Both clocks while a recorder holds the store, which is on the same machine; ``None`` otherwise."""
        return ClockReading(self._clock.wall_ns(), self._clock.mono_ns()) if holder(self._path) is not None else None
