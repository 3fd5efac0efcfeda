"""Extent of a store: its random id, the range of its events, its newest run, its size."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from wsmon.control.lock import holder
from wsmon.model.ranges import StoreBounds
from wsmon.store.opening import log_of
from wsmon.store.schema import META_EXCERPT, META_LAST_ID, META_OLDEST_ID, META_STORE_ID
from wsmon.store.validation import Id, checked

_META = "SELECT key, value FROM meta WHERE key IN (?, ?, ?)"
_COUNT = "SELECT count(*) FROM event"
_STORE_ID = "SELECT value FROM meta WHERE key = ?"
_NEWEST_RUN = "SELECT id, end FROM run ORDER BY id DESC LIMIT 1"


class StoreExtent:
    """What a store holds, as the transaction of a connection sees it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        # Events of an excerpt, which gets no further ones; None = not counted
        self._counted: int | None = None

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
        oldest_id, last_id = meta.get(META_OLDEST_ID, 0), meta.get(META_LAST_ID, 0)
        return StoreBounds(oldest_id, last_id, run, self._size_bytes(), self._in_excerpt(meta.get(META_EXCERPT)))

    def is_cut_off(self) -> bool:
        """Whether the newest run has no end and no recorder: what was open then is not known to be open."""
        run, end = self._newest_run()
        return bool(run) and end != "clean" and holder(self._path) is None

    def _in_excerpt(self, noted: int | None) -> int | None:
        """The number of events of an excerpt, as it is noted there; None for other stores."""
        if noted != 1:
            return noted
        # There is one, or an earlier version made the excerpt, and noted no number
        if self._counted is None:
            ((self._counted,),) = checked(self._connection.execute(_COUNT), tuple[Id])
        return self._counted

    def _meta(self) -> dict[str, int]:
        rows = self._connection.execute(_META, (META_LAST_ID, META_OLDEST_ID, META_EXCERPT))
        return dict(checked(rows, tuple[str, Id]))

    def _newest_run(self) -> tuple[int, str | None]:
        """The number of the newest run, 0 where there is none, and how it ended."""
        return next(iter(checked(self._connection.execute(_NEWEST_RUN), tuple[Id, str | None])), (0, None))

    def _size_bytes(self) -> int:
        # A recorder that ends removes the log; one whose store was tampered with renames both
        return sum(path.stat().st_size for path in (self._path, log_of(self._path)) if path.exists())
