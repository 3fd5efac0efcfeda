"""What an error of SQLite means for users."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from wsmon.store.transactions import primary_code, store_error


def test_pages_that_the_disk_did_not_give_are_no_damage_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    path = tmp_path / "store.db"
    path.touch()
    assert str(store_error(error, path)).startswith(f"the store {path} is damaged (")

    def fail(_path: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "statvfs", fail)
    assert str(store_error(error, path)).startswith(f"the file system of the store {path} failed: Input/output error. ")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_FULL, "no space left for the store /s. free up space, or use --store"),
        (sqlite3.SQLITE_READONLY, "cannot write the store /s (it said). wsmon needs a folder it can write to"),
        (sqlite3.SQLITE_BUSY, "another program has locked the store /s (it said). end it, or use --store"),
        (sqlite3.SQLITE_PROTOCOL, "another program has locked the store /s (it said). end it, or use --store"),
        (
            sqlite3.SQLITE_IOERR_WRITE,
            "the file system of the store /s failed (it said). `dmesg` may say why; use --store for another place",
        ),
        (sqlite3.SQLITE_ERROR, "the store /s failed: it said"),
    ],
)
def test_what_sqlite_says_becomes_a_sentence(code: int, sentence: str) -> None:
    error = sqlite3.OperationalError("it said")
    error.sqlite_errorcode = code
    assert str(store_error(error, Path("/s"))) == sentence


def test_extended_codes_count_as_their_primary_one() -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert primary_code(error) == sqlite3.SQLITE_IOERR
