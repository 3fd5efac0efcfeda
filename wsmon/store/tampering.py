"""Watch over the files of a store that is being recorded: what another program changed, and how it is set aside.

The recorder alone writes the store and its write-ahead log, so that after each of its own writes both files stay as
they are until the next one. They are looked at by name alone: a descriptor of the file that is closed beside SQLite
drops the locks that SQLite has on it.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from wsmon.model.units import SECOND_NS
from wsmon.store.database import JOURNAL_LIMIT_BYTES

_SUFFIXES = ("", "-wal", "-shm")


class _FileState(NamedTuple):
    inode: tuple[int, int]
    size_bytes: int
    changed_ns: int


class StoreWatch:
    """The state of a store's files after the recorder's last write; used by the thread that writes."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._connection = connection
        self._store_state, self._log_state = _state(path), _state(self._log)
        self.settle()

    def settle(self) -> None:
        """Take the present state for that of the recorder's own last write.

        Another file under the store's name, such as that of the next recorder, is never taken for the store.
        """
        store, before = _state(self._path), self._store_state
        if store is not None and before is not None and store.inode == before.inode:
            self._store_state, self._log_state = store, _state(self._log)
        self._version = self._data_version()

    def change(self) -> str:
        """Return what another program has done to the files since, as the rest of a sentence; empty for nothing.

        A file that is gone, or another one under its name, is not looked at here. Another program that writes through
        SQLite damages nothing.
        """
        store, log = _state(self._path), _state(self._log)
        before = self._store_state
        if (store, log) == (before, self._log_state):
            return ""
        if taken := self.loss():
            return taken
        if store is None or before is None or store.inode != before.inode:
            return ""
        version = self._data_version()
        if version is None:
            # A disk that fails tells nothing of other programs: the next look decides
            return ""
        if version != self._version:
            self.settle()
            return ""
        is_store = (store.size_bytes, store.changed_ns) != (before.size_bytes, before.changed_ns)
        return "was overwritten by another program" if is_store else "has a write-ahead log that was overwritten"

    def loss(self, *, has_written: bool = False) -> str:
        """Return what another program has taken from the files, as ``change`` does.

        This can be told also after a write of the recorder's own: one that failed left new bytes in the log, and one
        that did not (``has_written``) may have had SQLite cut it to its limit.
        """
        store, log = _state(self._path), _state(self._log)
        before = self._store_state
        if store is None or before is None or store.inode != before.inode:
            return ""
        if store.size_bytes < before.size_bytes:
            return f"was truncated from {before.size_bytes:,} to {store.size_bytes:,} bytes by another program"
        if self._log_state is not None and (log is None or log.inode != self._log_state.inode):
            return "has lost its write-ahead log to another program"
        if log is None or self._log_state is None:
            return ""
        before_bytes = self._log_state.size_bytes
        if log.size_bytes < (min(before_bytes, JOURNAL_LIMIT_BYTES) if has_written else before_bytes):
            return (
                f"has a write-ahead log that was truncated from {before_bytes:,} to {log.size_bytes:,} bytes by "
                "another program"
            )
        return ""

    def _data_version(self) -> int | None:
        """A number that changes when another connection of SQLite commits; None where the disk does not tell."""
        try:
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return None
        return int(version)


def set_aside(path: Path, wall_ns: int) -> Path:
    """Rename a store and its log to ``NAME.tampered-TIME``, and return the new path; raises ``OSError``."""
    at = f"{datetime.fromtimestamp(wall_ns // SECOND_NS, UTC):%Y%m%dT%H%M%SZ}"
    aside = path.with_name(f"{path.name}.tampered-{at}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.tampered-{at}-{number}")
    for suffix in _SUFFIXES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    return aside


def _state(path: Path) -> _FileState | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _FileState((found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)
