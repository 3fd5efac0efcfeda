"""Incident bundles as files: the manifest in the table ``meta``, and the seal by which a change of the file shows.

The seal is the SHA-256 of the whole file in which the 64 digits of the seal itself are taken as zeros. It is written
with its manifest, and covers both. It shows changes, and does not prove who made the file: any program can seal one.
"""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import re
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from wsmon.errors import StoreError
from wsmon.model.bundle import Bundle, RecordedRun, decode_manifest
from wsmon.store.opening import log_of
from wsmon.store.transactions import primary_code, store_error, transaction
from wsmon.store.validation import Id, Ns, checked

META_MANIFEST: Final = "bundle"
META_SEAL: Final = "bundle_sha256"
FILE_MODE: Final = 0o600
# SHA-256 in hex
_SEAL: Final = re.compile(r"[0-9a-f]{64}")
_BLANK: Final = b"0" * 64
# Bytes hashed at a time
_PIECE_BYTES: Final = 2**20

_SET = "INSERT INTO meta (key, value) VALUES (?, ?)"
_GET = "SELECT value FROM meta WHERE key = ?"
_RUNS = "SELECT id, version, started_ns, configuration, digest FROM run ORDER BY id"
_PATHS = "SELECT id, configuration FROM run WHERE configuration LIKE '/%'"
_SET_PATH = "UPDATE run SET configuration = ? WHERE id = ?"
_UNSET = "DELETE FROM meta WHERE key IN (?, ?)"


def seal(path: Path, manifest: str) -> str:
    """Turn a finished excerpt into a bundle; returns its seal. Raises ``OSError`` where the disk is full.

    The file is written anew, by ``VACUUM INTO``: no page of it holds anything that the tables do not.
    """
    compact = path.with_name(f"{path.name}.compact")
    # Found again in the file, and replaced by the seal
    mark = secrets.token_hex(32)
    try:
        # SQLite would make it readable for all
        os.close(os.open(compact, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            with transaction(connection, path):
                connection.executemany(_SET, ((META_MANIFEST, manifest), (META_SEAL, mark)))
                _shorten_paths(connection)
            connection.execute("VACUUM INTO ?", (str(compact),))
        digits = _hashed(compact, mark)
        if digits is None:
            raise StoreError(f"the bundle {path} has no place for its seal", "this is a bug of wsmon")
        found, place = digits
        with compact.open("r+b") as file:
            file.seek(place)
            file.write(found.encode())
        compact.replace(path)
    except sqlite3.Error as error:
        if primary_code(error) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise store_error(error, path) from error
    finally:
        compact.unlink(missing_ok=True)
    return found


def _shorten_paths(connection: sqlite3.Connection) -> None:
    """Leave of the paths of configurations their last part: folders may name a user or a customer."""
    paths = checked(connection.execute(_PATHS), tuple[Id, str])
    connection.executemany(_SET_PATH, [(Path(path).name, run) for run, path in paths])


def bundle_of(connection: sqlite3.Connection, path: Path) -> Bundle | None:
    """Read the manifest of a bundle, and check its seal; ``None`` where the store is none.

    Raises ``StoreError`` where the manifest cannot be read. The check reads the whole file.
    """
    manifest = _value(connection, META_MANIFEST)
    if manifest is None:
        return None
    try:
        decoded = decode_manifest(manifest)
    except (msgspec.MsgspecError, ValueError) as error:
        raise StoreError(f"the bundle {path} has an invalid manifest ({error})", "it was not modified") from error
    return Bundle(decoded, is_sealed(path, _value(connection, META_SEAL)))


def recorded_runs(connection: sqlite3.Connection) -> tuple[RecordedRun, ...]:
    """Read the runs of a store, oldest first."""
    return tuple(RecordedRun(*row) for row in checked(connection.execute(_RUNS), tuple[Id, str, Ns, str, str]))


def is_bundle(connection: sqlite3.Connection) -> bool:
    """Whether a store is a bundle, in which nothing is recorded."""
    return _value(connection, META_MANIFEST) is not None


def is_sealed(path: Path, seal_digits: str | None) -> bool:
    """Whether a file has this seal, and no log or journal beside it that SQLite would read with it."""
    if seal_digits is None or not _SEAL.fullmatch(seal_digits):
        return False
    if any(beside.exists() for beside in (log_of(path), path.with_name(f"{path.name}-journal"))):
        return False
    found = _hashed(path, seal_digits)
    return found is not None and found[0] == seal_digits


def drop_manifest(connection: sqlite3.Connection) -> None:
    """Make a copy of a bundle an ordinary store: it is another file, which no seal covers."""
    connection.execute(_UNSET, (META_MANIFEST, META_SEAL))


def _value(connection: sqlite3.Connection, key: str) -> str | None:
    row = connection.execute(_GET, (key,)).fetchone()
    return str(row[0]) if row else None


def _hashed(path: Path, digits: str) -> tuple[str, int] | None:
    """The seal of a file that has these digits in place of it, and their place; ``None`` unless there is just one."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(digits.encode())
        if place < 0 or content.find(digits.encode(), place + 1) >= 0:
            return None
        digest = hashlib.sha256()
        end = place + len(_BLANK)
        for first, last in ((0, place), (end, len(content))):
            for at in range(first, last, _PIECE_BYTES):
                digest.update(content[at : min(at + _PIECE_BYTES, last)])
            if last == place:
                digest.update(_BLANK)
        return digest.hexdigest(), place
