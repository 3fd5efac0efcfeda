"""The connection that writes a store: create, check and migrate the file, begin and end runs.

A file that cannot be opened as a store is left unchanged.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wsmon.control.lock import NO_LOCKS, no_locks, open_store_file
from wsmon.control.ownership import make_private_folder
from wsmon.errors import StoreError
from wsmon.store.bundle import is_bundle
from wsmon.store.codec import STATUS_CODES
from wsmon.store.counted_seconds import LostSecond, lost_seconds
from wsmon.store.ingest import forget_silent_clients
from wsmon.store.rollup import restore_journal
from wsmon.store.schema import (
    APPLICATION_ID,
    META_CONFIGURATION,
    META_LAST_ID,
    META_OLDEST_ID,
    META_STORE_ID,
    SCHEMA_VERSION,
)
from wsmon.store.sessions import close_cut_off
from wsmon.store.transactions import refusal, store_error, transaction
from wsmon.store.validation import Id, Ns, check_names, check_schema, checked, meta_value
from wsmon.store.views import drop_views

FILE_MODE = 0o600
SQLITE_HEADER = b"SQLite format 3\x00"
# Prepared statements: eight or ten for each table and shape of event (codec.MultiRowInsert)
STATEMENTS = 512
# Page cache: the inner pages of every table, and a batch before its commit
CACHE_KIB = 8 * 1024
# Size to which SQLite truncates the write-ahead log after a reader held a checkpoint back
JOURNAL_LIMIT_BYTES = 64 * 1024 * 1024

_PRAGMAS = (
    # Pruned or replaced payloads are overwritten where that costs no extra page
    "PRAGMA secure_delete = FAST",
    "PRAGMA trusted_schema = OFF",
    # With NORMAL, a simulated power cut lost acknowledged events in 12 of 12 runs
    "PRAGMA synchronous = FULL",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES}",
)

_OPEN_INCIDENTS = """
SELECT incident.id, connection.name, type FROM incident JOIN connection ON connection.id = incident.connection
WHERE closed_ns IS NULL ORDER BY incident.id
"""

_OPEN_SESSIONS = """
SELECT connection.name FROM session JOIN connection ON connection.id = session.connection
WHERE session.run = ? AND end IS NULL AND open_ns IS NOT NULL ORDER BY session.id
"""

Migrate = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class RunStart:
    """The row of a run when it begins."""

    started_ns: int
    """Wall time."""
    started_mono_ns: int
    pid: int
    version: str
    boot_id: str
    configuration: str = ""
    """Real path; empty where it came from the command line."""
    digest: str = ""


class InterruptedIncident(NamedTuple):
    """An incident that was open when its recorder was cut off."""

    id: int
    connection: str
    type: str


@dataclass(slots=True)
class Database:
    """A store that is open for writing; used by one thread at a time."""

    path: Path
    connection: sqlite3.Connection
    store_id: str
    run: int = 0
    """0 before ``begin_run``."""
    interrupted_incidents: tuple[InterruptedIncident, ...] = ()
    """Incidents that an earlier recorder left open; set by ``begin_run``."""
    lost_seconds: tuple[LostSecond, ...] = ()
    """Messages that it counted and no event stands for; set by ``begin_run``."""
    open_at_cut_off: tuple[str, ...] | None = None
    """Connections that were open when the last recorder was cut off, None: it was not; set by ``begin_run``."""

    @property
    def last_id(self) -> int:
        """The newest id that was ever assigned and committed."""
        return meta_value(self.connection, META_LAST_ID)

    def continue_after(self, last_id: int) -> None:
        """Assign ids from the next one on: an earlier file, which was set aside, has those up to ``last_id``."""
        if last_id:
            with transaction(self.connection, self.path) as connection:
                set_meta = "UPDATE meta SET value = ? WHERE key = ?"
                connection.execute(set_meta, (last_id, META_LAST_ID))
                connection.execute(set_meta, (last_id + 1, META_OLDEST_ID))

    def begin_run(self, start: RunStart, run: int | None = None) -> int:
        """Mark earlier runs as cut off, reset the state of all connections, and insert the new run; returns its number.

        ``run`` is the number to give it, where the events were recorded before; ``None`` assigns the next one.
        """
        with transaction(self.connection, self.path) as connection:
            last_id = self.last_id
            self.interrupted_incidents = tuple(
                InterruptedIncident(*row) for row in checked(connection.execute(_OPEN_INCIDENTS), tuple[Id, str, str])
            )
            restore_journal(connection)
            unended = "SELECT id FROM run WHERE end IS NULL ORDER BY id"
            cut_off = [run for (run,) in checked(connection.execute(unended), tuple[Id])]
            self.lost_seconds = tuple(second for run in cut_off for second in lost_seconds(connection, run))
            if cut_off:
                names = checked(connection.execute(_OPEN_SESSIONS, (cut_off[-1],)), tuple[str])
                self.open_at_cut_off = tuple(name for (name,) in names)
            mark_cut_off(connection)
            connection.execute(
                "UPDATE connection SET status = min(status, ?), since_ns = ?, stalled_since_ns = NULL, attempt = 0, "
                "configured = 0, next_attempt_ns = NULL, failing_since_ns = NULL, "
                "source = NULL, sessions = 0, rtt_ns = NULL, last_problem_id = 0",
                (STATUS_CODES["initialized"], start.started_ns),
            )
            connection.execute("DELETE FROM subscription")
            forget_silent_clients(connection)
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (start.configuration, META_CONFIGURATION))
            cursor = connection.execute(
                "INSERT INTO run "
                "(id, started_ns, started_mono_ns, first_id, pid, version, boot_id, configuration, digest) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run,
                    start.started_ns,
                    start.started_mono_ns,
                    last_id + 1,
                    start.pid,
                    start.version,
                    start.boot_id,
                    start.configuration,
                    start.digest,
                ),
            )
        assert cursor.lastrowid is not None
        self.run = cursor.lastrowid
        return self.run

    def end_run(self, ended_ns: int) -> None:
        """Mark the run as ended cleanly, and end its sessions and incidents that are still open with it."""
        with transaction(self.connection, self.path) as connection:
            connection.execute("UPDATE run SET ended_ns = ?, end = 'clean' WHERE id = ?", (ended_ns, self.run))
            connection.execute(
                "UPDATE session SET ended_ns = ?, end = 'abrupt' WHERE end IS NULL AND run = ?", (ended_ns, self.run)
            )
            connection.execute("UPDATE incident SET closed_ns = ? WHERE closed_ns IS NULL", (ended_ns,))

    def close(self) -> None:
        """Checkpoint and truncate the write-ahead log, and close the connection."""
        try:
            self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error
        finally:
            self.connection.close()


def open_for_writing(path: Path, version: int = SCHEMA_VERSION, migrate: Migrate | None = None) -> Database:
    """Open the store at ``path``, create it where there is none, and migrate it to schema ``version``.

    The caller holds the store's lock. Raises ``StoreError`` for a folder, a file of another program, a newer schema,
    and a path that cannot be written.
    """
    _make_file(path)
    connection = _connect(path)
    try:
        _prepare(connection, path, version, migrate)
        check_names(connection, path)
        (store_id,) = connection.execute("SELECT value FROM meta WHERE key = ?", (META_STORE_ID,)).fetchone()
    except BaseException as error:
        connection.close()
        if (cause := refusal(error, path)) is not None:
            raise cause from error
        raise
    return Database(path, connection, str(store_id))


def _make_file(path: Path) -> None:
    """Create the file where it is missing; raise ``StoreError`` for a folder, foreign content or a read-only path."""
    try:
        make_private_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"cannot write the store {path}: {error.strerror}", "wsmon needs a folder it can write to: use --store"
        ) from error
    fd = open_store_file(path)
    try:
        head = os.read(fd, len(SQLITE_HEADER))
        # The kind of lock that SQLite takes, on a byte that it never locks
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise no_locks(path, error.strerror or str(error)) from error
        raise StoreError(f"cannot read the store {path}: {error.strerror}") from error
    finally:
        os.close(fd)
    if head and head != SQLITE_HEADER:
        raise StoreError(f"{path} is not a wsmon store", "it was not modified: name another file with --store")


def _connect(path: Path) -> sqlite3.Connection:
    # Made by the thread that opens, used by the writer's thread: handed over once, never shared
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS)


def _prepare(connection: sqlite3.Connection, path: Path, version: int, migrate: Migrate | None) -> None:
    """Check that the file is a store, set the pragmas, and migrate an older schema after a backup."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or tables):
        raise StoreError(f"{path} is an SQLite database of another program", "it was not modified: use --store")
    if found > version:
        raise StoreError(
            f"the store {path} has schema {found}, this wsmon knows schema {version}",
            "use the newer wsmon that made it",
        )
    if found and is_bundle(connection):
        raise StoreError(f"{path} is an incident bundle, which is only read", "record into another file: use --store")
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"the store {path} is on a file system where SQLite cannot use a write-ahead log",
            "use --store to choose a local file system",
        )
    if not application_id:
        # Before any table: a store whose making was cut off is finished by the next recorder
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    if 0 < found <= SCHEMA_VERSION:
        check_schema(connection, path, found)
    if found < version:
        if found:
            _back_up(connection, path, found)
        drop_views(connection)
        (migrate or _migrate)(connection)


def _migrate(connection: sqlite3.Connection) -> None:
    # Imported here: sqlite-utils takes 90 ms to load, and few starts create or migrate a store
    from wsmon.store.migrations import migrate

    migrate(connection)


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Copy the store to a file beside it, before its schema changes."""
    copy = path.with_name(f"{path.name}.schema-{version}.backup")
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE))
    target = sqlite3.connect(copy)
    try:
        connection.backup(target)
    finally:
        target.close()


def mark_cut_off(connection: sqlite3.Connection) -> None:
    """End runs without an end, their sessions and incidents, at the time of the newest event."""
    cut_off = checked(connection.execute("SELECT id, started_ns FROM run WHERE end IS NULL"), tuple[Id, Ns])
    for run, started_ns in cut_off:
        newest = "SELECT coalesce(max(ts_ns), ?) FROM event WHERE id = (SELECT value FROM meta WHERE key = ?)"
        ((ended_ns,),) = checked(connection.execute(newest, (started_ns, META_LAST_ID)), tuple[Ns])
        ended_ns = max(started_ns, ended_ns)
        close_cut_off(connection, run)
        connection.execute("UPDATE run SET ended_ns = ?, end = 'abrupt' WHERE id = ?", (ended_ns, run))
        connection.execute(
            "UPDATE session SET ended_ns = max(started_ns, ?), end = 'abrupt' WHERE end IS NULL AND run = ?",
            (ended_ns, run),
        )
        connection.execute("UPDATE incident SET closed_ns = max(opened_ns, ?) WHERE closed_ns IS NULL", (ended_ns,))
