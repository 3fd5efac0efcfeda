"""What a store holds as a whole: its name, ids, runs, size, and since when its rollups are complete."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from wsmon.control.lock import holder
from wsmon.model.snapshot import StoreBounds
from wsmon.model.uptime import RunSpan
from wsmon.ports import Clock
from wsmon.store.opening import log_of
from wsmon.store.schema import LEVELS, META_LAST_ID, META_OLDEST_ID, META_ROLLED_S, META_STORE_ID, Level
from wsmon.store.stitch import Coverage
from wsmon.store.transitions import Now, run_spans

_META = "SELECT key, value FROM meta WHERE key IN (?, ?, ?)"
_STORE_ID = "SELECT value FROM meta WHERE key = ?"
_NEWEST_RUN = "SELECT id, end FROM run ORDER BY id DESC LIMIT 1"
_OLDEST_BUCKET = "SELECT min(bucket) FROM rollup WHERE level = ?"


class Extent:
    """The extent of the store that a connection reads, as its transaction sees it; ``path`` is the file it reads."""

    def __init__(self, connection: sqlite3.Connection, path: Path, clock: Clock) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock

    def store_id(self) -> str:
        """What names the store wherever it lies; it never changes."""
        (store_id,) = self._connection.execute(_STORE_ID, (META_STORE_ID,)).fetchone()
        return str(store_id)

    def kept(self) -> tuple[int, int]:
        """The closed range of ids that are kept; ``(1, 0)`` where there is none yet."""
        meta = self._meta()
        return meta.get(META_OLDEST_ID, 0) or 1, meta.get(META_LAST_ID, 0)

    def bounds(self) -> StoreBounds:
        """Which events there are."""
        meta = self._meta()
        run, _end = self._newest_run()
        return StoreBounds(meta.get(META_OLDEST_ID, 0), meta.get(META_LAST_ID, 0), run, self._size_bytes())

    def rolled_s(self) -> int:
        """The Unix second up to which the longer rollups are complete."""
        return self._meta().get(META_ROLLED_S, 0)

    def coverage(self) -> Coverage:
        """Since when which level of the rollups is complete."""
        oldest: dict[Level, int] = {}
        for level in LEVELS:
            (bucket,) = self._connection.execute(_OLDEST_BUCKET, (level,)).fetchone()
            if bucket is not None:
                oldest[level] = bucket
        return Coverage.of(self.rolled_s(), oldest)

    def runs(self) -> dict[int, RunSpan]:
        """When recorders ran, by the number of the run; one that runs has come to now."""
        return dict(run_spans(self._connection, self.bounds().last_id, self._now()))

    def is_cut_off(self) -> bool:
        """Whether the newest run ended without a word: nobody records, and what was open then is not known to be."""
        run, end = self._newest_run()
        return bool(run) and end != "clean" and holder(self._path) is None

    def _meta(self) -> dict[str, int]:
        return dict(self._connection.execute(_META, (META_LAST_ID, META_OLDEST_ID, META_ROLLED_S)).fetchall())

    def _newest_run(self) -> tuple[int, str | None]:
        """Its number, 0 where there was none, and how it ended."""
        return self._connection.execute(_NEWEST_RUN).fetchone() or (0, None)

    def _now(self) -> Now | None:
        """The time while a recorder holds the store; both clocks are this machine's, as its lock is."""
        return Now(self._clock.wall_ns(), self._clock.mono_ns()) if holder(self._path) is not None else None

    def _size_bytes(self) -> int:
        try:
            return self._path.stat().st_size + log_of(self._path).stat().st_size
        except FileNotFoundError:  # the log goes when a recorder ends
            return self._path.stat().st_size
