"""Copies of a store by SQLite's backup, and what excerpts take from a store beside its events."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from wsmon.ports import PagesCopied
from wsmon.store.bundle import drop_manifest
from wsmon.store.codec import SqlValue
from wsmon.store.database import mark_cut_off
from wsmon.store.opening import pragma
from wsmon.store.schema import SCHEMA_VERSION
from wsmon.store.transactions import primary_code, store_error, transaction
from wsmon.store.validation import Id, Ns, checked
from wsmon.store.views import create_views, drop_views

# Pages between two reports of a copy: 4 MB
PAGES_AT_ONCE = 1_000
RUN_COLUMNS = (
    "started_ns",
    "started_mono_ns",
    "ended_ns",
    "end",
    "pid",
    "version",
    "boot_id",
    "configuration",
    "digest",
)
CONNECTION_COLUMNS = ("position", "configured", "spec")

_RUNS = f"SELECT id, {', '.join(RUN_COLUMNS)} FROM run"
_RUN_ROW = tuple[Id, Ns, Ns, Ns | None, str | None, int, str, str, str, str]
_CONNECTIONS = f"SELECT name, {', '.join(CONNECTION_COLUMNS)} FROM connection"


class StoreOrigin(NamedTuple):
    """What a store knows about runs and connections and no event tells: it goes into an excerpt."""

    runs: Mapping[int, tuple[SqlValue, ...]]
    """Values of ``RUN_COLUMNS`` by run."""
    connections: Mapping[str, tuple[SqlValue, ...]]
    """Values of ``CONNECTION_COLUMNS`` by name."""


UNKNOWN = StoreOrigin({}, {})


def store_origin(connection: sqlite3.Connection) -> StoreOrigin:
    """Read the origin of excerpts from a store."""
    runs = {row[0]: row[1:] for row in checked(connection.execute(_RUNS), _RUN_ROW)}
    connections = checked(connection.execute(_CONNECTIONS), tuple[str, int, int, str])
    return StoreOrigin(runs, {row[0]: row[1:] for row in connections})


def copy_store(connection: sqlite3.Connection, target: Path, progress: PagesCopied) -> None:
    """Copy all pages into an empty file; raises ``OSError`` where the disk is full, and what ``progress`` raises.

    The copy ends where it was made: runs that were open are marked as cut off, as the next recorder would. It is read
    in one transaction: without it, the backup would start over with every commit of the recorder. Commits do not wait;
    the recorder's log grows meanwhile.
    """
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        connection.execute("BEGIN")
        # The transaction begins with the first read
        connection.execute("SELECT count(*) FROM meta").fetchone()
        try:
            connection.backup(
                copy, pages=PAGES_AT_ONCE, progress=lambda _status, left, total: progress(total - left, total)
            )
        except sqlite3.Error as error:
            if primary_code(error) == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
            raise
        with transaction(copy, target):
            mark_cut_off(copy)


def finish_copy(path: Path) -> None:
    """Give a copy or an excerpt its views, and take it out of WAL mode: it is then read from a read-only folder too.

    A copy of an older schema is migrated: the views are those of the newest one.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            drop_views(connection)
            if pragma(connection, "user_version") < SCHEMA_VERSION:
                # Imported here: sqlite-utils takes 90 ms to load, and copies of old stores are few
                from wsmon.store.migrations import migrate

                migrate(connection)
            with transaction(connection, path):
                create_views(connection)
                drop_manifest(connection)
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
        except sqlite3.Error as error:
            if primary_code(error) == sqlite3.SQLITE_FULL:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise store_error(error, path) from error
