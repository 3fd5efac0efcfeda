"""What counts as a change by another program, and how a changed store is set aside."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import T0_NS, message
from tests.support.stores import Recording, recording
from wsmon.store import tampering
from wsmon.store.tampering import StoreWatch, set_aside


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as one:
        one.commit(message())
        yield one


@pytest.fixture
def watch(running: Recording) -> StoreWatch:
    return StoreWatch(running.path, running.database.connection)


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def flip(path: Path) -> None:
    """Change a byte, and be seen also by a coarse clock."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    os.utime(path, ns=(0, 1))


def test_what_the_recorder_writes_itself_is_no_change(running: Recording, watch: StoreWatch) -> None:
    assert watch.change() == ""
    running.commit(message())
    watch.settle()
    assert watch.change() == ""


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (lambda path: os.truncate(path, 4096), " to 4,096 bytes by another program"),
        (lambda path: os.truncate(log_of(path), 32), "has a write-ahead log that was truncated from "),
        (lambda path: log_of(path).unlink(), "has lost its write-ahead log to another program"),
        (flip, "was overwritten by another program"),
        (lambda path: flip(log_of(path)), "has a write-ahead log that was overwritten"),
    ],
    ids=["truncated", "log truncated", "log gone", "overwritten", "log overwritten"],
)
def test_s3_what_another_program_does_is_said(
    running: Recording, tamper: Callable[[Path], None], sentence: str
) -> None:
    running.database.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    running.commit(message())
    watch = StoreWatch(running.path, running.database.connection)
    tamper(running.path)
    assert sentence in watch.change()


def test_a_write_of_ours_that_failed_half_way_is_no_loss_and_one_behind_it_is_told(
    running: Recording, watch: StoreWatch
) -> None:
    """As after EIO of a sync: the log has pages of a transaction that is not there."""
    with log_of(running.path).open("ab") as log:
        log.write(b"\xff" * 8_192)
    os.utime(log_of(running.path), ns=(0, 1))
    assert watch.loss() == ""
    os.truncate(log_of(running.path), 32)
    assert "has a write-ahead log that was truncated from " in watch.loss()


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (lambda path: os.truncate(path, 0), "was truncated from 4,096 to 0 bytes by another program"),
        (lambda path: os.truncate(log_of(path), 32), "has a write-ahead log that was truncated from "),
        (lambda path: log_of(path).unlink(), "has lost its write-ahead log to another program"),
    ],
    ids=["truncated", "log truncated", "log gone"],
)
def test_s3_what_is_taken_while_the_recorder_writes_is_said_behind_the_write(
    running: Recording, watch: StoreWatch, tamper: Callable[[Path], None], sentence: str
) -> None:
    running.commit(message())
    assert watch.loss(has_written=True) == ""
    tamper(running.path)
    assert sentence in watch.loss(has_written=True)


def test_a_log_that_sqlite_cuts_to_its_limit_is_no_loss_behind_a_write(
    running: Recording, watch: StoreWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    size_bytes = log_of(running.path).stat().st_size
    monkeypatch.setattr(tampering, "JOURNAL_LIMIT_BYTES", size_bytes - 1)
    os.truncate(log_of(running.path), size_bytes - 1)
    assert watch.loss(has_written=True) == ""
    os.truncate(log_of(running.path), size_bytes - 2)
    assert "has a write-ahead log that was truncated from " in watch.loss(has_written=True)


def test_a_disk_that_cannot_be_read_tells_nothing_of_other_programs(running: Recording) -> None:
    unreadable = sqlite3.connect(running.path)
    unreadable.close()
    watch = StoreWatch(running.path, unreadable)
    flip(running.path)
    assert watch.change() == ""


def test_another_program_that_writes_through_sqlite_damages_nothing(running: Recording, watch: StoreWatch) -> None:
    with closing(sqlite3.connect(running.path)) as other, other:
        other.execute("INSERT INTO meta VALUES ('theirs', 1)")
    assert watch.change() == ""
    assert watch.change() == ""


def test_a_reader_changes_nothing(running: Recording, watch: StoreWatch) -> None:
    with closing(sqlite3.connect(f"file:{running.path}?mode=ro", uri=True)) as other:
        other.execute("SELECT count(*) FROM event").fetchone()
    assert watch.change() == ""


def test_a_file_that_is_gone_or_another_one_is_left_to_the_recorder(running: Recording, watch: StoreWatch) -> None:
    running.path.rename(running.path.with_name("moved.db"))
    assert watch.change() == ""
    running.path.write_bytes(b"x")
    assert watch.change() == ""


def test_the_store_of_the_next_recorder_is_not_taken_for_ours(running: Recording, watch: StoreWatch) -> None:
    other = running.path.with_name("other.db")
    shutil.copyfile(running.path, other)
    other.replace(running.path)
    watch.settle()
    flip(running.path)
    assert (watch.change(), watch.loss()) == ("", "")


def test_a_store_is_set_aside_with_its_log_and_never_over_another(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    for content in ("first", "second"):
        path.write_text(content)
        log_of(path).write_text(f"log of {content}")
        set_aside(path, T0_NS)
    first, second = (tmp_path / f"store.db.tampered-20260110T140224Z{more}" for more in ("", "-2"))
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        first.name: "first",
        f"{first.name}-wal": "log of first",
        second.name: "second",
        f"{second.name}-wal": "log of second",
    }
