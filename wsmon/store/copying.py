"""Copies a store by SQLite's backup interface, and tells what a part of it has to know of the whole.

A copy ends where it was made: what was open then is marked as cut off, as the next recorder would.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from wsmon.ports import PagesCopied
from wsmon.store.codec import Value
from wsmon.store.database import mark_cut_off, primary_code, transaction

PAGES_AT_ONCE = 1_000
# 4 MB between two reports
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
CONNECTION_COLUMNS = (
    '"group"', "position", "url", "enabled", "profile", "protocol", "expect_every_s", "configured", "kpi",
)  # fmt: skip

_RUNS = f"SELECT id, {', '.join(RUN_COLUMNS)} FROM run"
_CONNECTIONS = f"SELECT name, {', '.join(CONNECTION_COLUMNS)} FROM connection"


class Origin(NamedTuple):
    """What a store says about runs and connections that no event does."""

    runs: Mapping[int, tuple[Value, ...]]
    # ``RUN_COLUMNS`` by number
    connections: Mapping[str, tuple[Value, ...]]
    # ``CONNECTION_COLUMNS`` by name


UNKNOWN = Origin({}, {})


def origin_of(connection: sqlite3.Connection) -> Origin:
    """What the store says."""
    runs = {row[0]: row[1:] for row in connection.execute(_RUNS)}
    return Origin(runs, {row[0]: row[1:] for row in connection.execute(_CONNECTIONS)})


def copy_store(connection: sqlite3.Connection, target: Path, progress: PagesCopied) -> None:
    """Copy all pages into an empty file; raises ``OSError`` where the disk is full, and whatever ``progress`` raises.

    One transaction sees one state: without it, the copy would begin anew with every commit of the recorder. The
    recorder's log grows meanwhile, and no commit waits.
    """
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM meta").fetchone()  # from here on it sees one state
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
