"""Transactions that write, and what an error of SQLite, or a value in a store, means for users."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsmon.errors import StoreError
from wsmon.store.validation import BAD_VALUES, bad_value

_DISK_HINT = "`dmesg` may say why; use --store for another place"


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """Run the block in one transaction; where SQLite fails, roll back and raise ``StoreError``."""
    try:
        with refusing(path):
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def refusal(error: BaseException, path: Path) -> StoreError | None:
    """Return what SQLite, or a value that no recorder writes, means for users; ``None`` for other errors."""
    if isinstance(error, sqlite3.Error):
        return store_error(error, path)
    return bad_value(error, path, "use --store to record into another one") if isinstance(error, BAD_VALUES) else None


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Raise ``StoreError`` where the block fails for what is in the store."""
    try:
        yield
    except (sqlite3.Error, *BAD_VALUES) as error:
        raise refusal(error, path) or error from error


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """Make a ``StoreError``, for users, of an error of SQLite."""
    match primary_code(error):
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT if fault := file_system_fault(path):
            return StoreError(f"the file system of the store {path} failed: {fault}", _DISK_HINT)
        case sqlite3.SQLITE_NOTADB:
            return StoreError(f"{path} is not a wsmon store", "it was not modified: name another file with --store")
        case sqlite3.SQLITE_CORRUPT:
            return StoreError(
                f"the store {path} is damaged ({error})", "it was not modified: use --store to record into another one"
            )
        case sqlite3.SQLITE_FULL:
            return StoreError(f"no space left for the store {path}", "free up space, or use --store")
        case sqlite3.SQLITE_IOERR:
            return StoreError(f"the file system of the store {path} failed ({error})", _DISK_HINT)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return StoreError(f"cannot write the store {path} ({error})", "wsmon needs a folder it can write to")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return StoreError(f"another program has locked the store {path} ({error})", "end it, or use --store")
        case _:
            return StoreError(f"the store {path} failed: {error}")


def file_system_fault(path: Path) -> str:
    """Return what the kernel reports about the file system of a path; empty where it reports nothing.

    The file is not opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    try:
        path.stat()
        is_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError as error:
        return error.strerror or str(error)
    return "it is mounted read-only" if is_read_only else ""


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, the low byte; ``SQLITE_ERROR`` for errors of the ``sqlite3`` module itself."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
