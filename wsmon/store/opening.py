"""Open a store read-only, also in a read-only folder and with an older schema.

SQLite before 3.51.3 corrupts a store when two processes checkpoint it: only the recorder does. A read-only connection
cannot, for it never has a write lock on the file.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import msgspec

from wsmon.control.lock import holder
from wsmon.control.ownership import make_private_folder
from wsmon.errors import StoreError, StoreOlderError
from wsmon.store.schema import APPLICATION_ID, CONNECTION_VIEW, READABLE_VERSION, SCHEMA_VERSION, SPEC_VERSION
from wsmon.store.transactions import file_system_fault, primary_code
from wsmon.store.validation import Id, Second, check_names, check_schema

# In WAL mode a reader waits only while another connection recovers the log
BUSY_TIMEOUT_S = 1.0
# Error names of SQLite where it cannot create the shared memory of the log
_FOLDER_IS_READ_ONLY = ("SQLITE_CANTOPEN", "SQLITE_READONLY_DIRECTORY", "SQLITE_READONLY_CANTINIT", "SQLITE_READONLY")
# Of a row of the event table: two bytes a column are more than any row can save
LEAST_EVENT_BYTES = 16
_LEFT = "it was not modified"
_META = "SELECT key, value FROM meta"
_COPY_PREFIX = "wsmon-view-"


class _MetaNumbers(msgspec.Struct):
    """The rows of ``meta`` that readers count with."""

    store_id: str
    last_id: Id
    oldest_id: Id
    rolled_s: Second
    excerpt: Id | None = None


_CHECKED_META = frozenset(_MetaNumbers.__struct_fields__)


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A read-only connection; the caller closes it."""

    connection: sqlite3.Connection
    path: Path
    """Of the store itself, also where a copy is read."""
    notice: str
    """A sentence for the user: that it is a copy, or may lack events; empty otherwise."""
    copy_folder: Path | None = None
    """Temporary folder of the copy; None where the store itself is read."""
    has_view: bool = False
    """The store has an older schema: ``CONNECTION_VIEW`` is read in place of the table."""
    is_excerpt: bool = False
    """It holds a part of the events of another store: ids may be missing between them."""
    identity: tuple[int, int] | None = None
    """Device and inode of the file when it was opened."""

    @property
    def is_replaced(self) -> bool:
        """Whether another file has the name of the store by now; a copy, and a file that is gone, are read on."""
        return self.copy_folder is None and file_identity(self.path) not in (self.identity, None)

    def follow_migration(self) -> None:
        """Drop the view where a recorder has migrated the store since; called before each read."""
        if self.has_view and pragma(self.connection, "user_version") >= SPEC_VERSION:
            _change_view(self.connection, "DROP VIEW IF EXISTS temp.connection")

    def close(self) -> None:
        """Close the connection, and remove a copy."""
        self.connection.close()
        if self.copy_folder is not None:
            shutil.rmtree(self.copy_folder, ignore_errors=True)


def open_to_read(path: Path, cache_folder: Path | None = None) -> OpenStore:
    """Open a store read-only; raises ``StoreError`` where it is none, has a newer schema, or cannot be read.

    In a folder that cannot be written to, SQLite cannot share the write-ahead log: a store without a log is read as it
    is, one with a log from a copy below ``cache_folder`` (``None``: the system's temporary folder).
    """
    if not path.is_file():
        raise StoreError(f"no recording found at {path}", "run `wsmon ps` to list recordings")
    # Before it is opened: of a file that is replaced meanwhile, the next look finds another one
    identity = file_identity(path)
    opened = _open(path, cache_folder)
    try:
        version = _check(opened)
        check_schema(opened.connection, path, version)
        is_excerpt = check_extent(opened.connection, path)
        has_view = version < SPEC_VERSION
        if has_view:
            opened.connection.execute("PRAGMA temp_store = MEMORY")
            _change_view(opened.connection, CONNECTION_VIEW)
        check_names(opened.connection, opened.path)
        notice = opened.notice or _missing_log_notice(opened)
    except sqlite3.Error as error:
        opened.close()
        raise read_error(error, path) from error
    except BaseException:
        opened.close()
        raise
    return OpenStore(opened.connection, opened.path, notice, opened.copy_folder, has_view, is_excerpt, identity)


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file; ``None`` where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def log_of(path: Path) -> Path:
    """The path of the write-ahead log of a store."""
    return path.with_name(f"{path.name}-wal")


def _open(path: Path, cache_folder: Path | None) -> OpenStore:
    try:
        return OpenStore(_connect(path, "mode=ro"), path, "")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _FOLDER_IS_READ_ONLY:
            raise StoreError(f"cannot read the store {path}: {error}") from error
        if holder(path) is not None:
            raise StoreError(
                f"the store {path} is being written, and cannot be read from here: {error}",
                "run the command as the user who records it",
            ) from error
        if not _has_log(path):
            try:
                return OpenStore(_connect(path, "mode=ro&immutable=1"), path, "the folder of the store is read-only")
            except sqlite3.OperationalError as error:
                raise StoreError(f"cannot read the store {path}: {error}") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname == "SQLITE_NOTADB":
            raise _no_store(path, "it is not an SQLite database") from error
        raise read_error(error, path) from error
    return _open_copy(path, cache_folder)


def _open_copy(path: Path, cache_folder: Path | None) -> OpenStore:
    folder: Path | None = None
    try:
        if cache_folder is not None:
            make_private_folder(cache_folder)
        folder = Path(tempfile.mkdtemp(prefix=_COPY_PREFIX, dir=cache_folder))
        copy = folder / path.name
        shutil.copyfile(path, copy)
        shutil.copyfile(log_of(path), log_of(copy))
        connection = _connect(copy, "mode=ro")
    except (OSError, sqlite3.Error) as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(
            f"cannot read the store {path}: its folder is read-only, and a copy failed: {error}",
            "copy store.db and store.db-wal together to a folder you can write to",
        ) from error
    return OpenStore(connection, path, f"read from a copy in {folder}: the folder of the store is read-only", folder)


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        # SQLite reads the file with the first statement, and only then fails
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    # What SQLite says about a schema quotes it
    except UnicodeDecodeError as error:
        connection.close()
        raise StoreError(f"the store {path} is damaged ({error})", _LEFT) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _check(store: OpenStore) -> int:
    """The schema version of a store; raises ``StoreError`` where it is none that can be read."""
    application_id = pragma(store.connection, "application_id")
    version = pragma(store.connection, "user_version")
    if application_id != APPLICATION_ID:
        what = "it is empty" if application_id == version == 0 else "it belongs to another program"
        raise _no_store(store.path, what)
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the store {store.path} has schema {version}, this wsmon knows {SCHEMA_VERSION}", "update wsmon to read it"
        )
    if version < READABLE_VERSION:
        raise StoreOlderError(
            f"the store {store.path} has schema {version}, this wsmon needs {READABLE_VERSION}",
            "`wsmon record` with its configuration brings it up to date, and keeps a copy",
        )
    return version


def check_extent(connection: sqlite3.Connection, path: Path) -> bool:
    """Check the range of ids that a store names; return whether ids may be missing, as in an excerpt.

    Raises ``StoreError`` for a range that its file cannot hold: reads go from one end to the other.
    """
    try:
        meta = {key: value for key, value in connection.execute(_META) if key in _CHECKED_META}
        numbers = msgspec.convert(meta, _MetaNumbers)
    except msgspec.ValidationError as error:
        raise StoreError(f"the store {path} contains an invalid value ({error})", _LEFT) from error
    pages = pragma(connection, "page_count") * pragma(connection, "page_size")
    ids = numbers.last_id - numbers.oldest_id + 1 if numbers.oldest_id else 0
    if numbers.excerpt is None and ids > pages // LEAST_EVENT_BYTES:
        raise StoreError(f"the store {path} is too small for the {ids:,} events that it claims", _LEFT)
    return numbers.excerpt is not None


def _change_view(connection: sqlite3.Connection, statement: str) -> None:
    """Execute a statement about a temporary view, which lies in memory: the file itself is open to read only."""
    connection.execute("PRAGMA query_only = OFF")
    try:
        connection.execute(statement)
    finally:
        connection.execute("PRAGMA query_only = ON")


def _missing_log_notice(store: OpenStore) -> str:
    """The notice about a run without end, recorder and log: the store was probably copied without its log."""
    if _has_log(store.path) or holder(store.path) is not None:
        return ""
    newest = store.connection.execute("SELECT end FROM run ORDER BY id DESC LIMIT 1").fetchone()
    if newest is None or newest[0] is not None:
        return ""
    log = log_of(store.path).name
    return (
        f"the last run did not end cleanly, and {log} is missing: if the store was copied without it, "
        "the newest events are missing, too"
    )


def read_error(error: sqlite3.Error, path: Path) -> StoreError:
    """Make a ``StoreError``, for users, of an error that a read of a store met."""
    if primary_code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        if fault := file_system_fault(path):
            return StoreError(f"cannot read the store {path}: {fault}", "`dmesg` may say why")
        return StoreError(f"the store {path} is damaged ({error})", "it was not modified")
    return StoreError(f"cannot read the store {path}: {error}")


def _has_log(path: Path) -> bool:
    log = log_of(path)
    return log.exists() and log.stat().st_size > 0


def _no_store(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is not a wsmon store: {why}", "it was not modified")


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """Read a pragma that is a number."""
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
