"""Opening a store to read: what is refused, and what is read although its folder is read-only."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import message
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.control.lock import NAMELESS, StoreLock
from wsmon.errors import StoreError
from wsmon.store import opening
from wsmon.store.database import open_for_writing
from wsmon.store.opening import open_to_read
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION


def test_a_missing_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no recording found at"):
        open_to_read(tmp_path / "store.db")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a wsmon store: it is empty"),
        (b"not SQLite at all" * 300, "is not a wsmon store: it is not an SQLite database"),
    ],
)
def test_what_is_no_store_is_refused_and_left_alone(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=said):
        open_to_read(path)
    assert path.read_bytes() == content


def test_a_damaged_store_is_said_to_be_one(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("x")])
    path.write_bytes(path.read_bytes()[:4096] + b"\x99" * 80_000)
    with pytest.raises(StoreError, match=r"the store .* is damaged"):
        open_to_read(path)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id = 77")
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(StoreError, match="it belongs to another program"):
        open_to_read(path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("x")])
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(StoreError, match=rf"has schema 99, this wsmon knows {SCHEMA_VERSION}. update wsmon to read it"):
        open_to_read(path)


def test_a_store_that_ended_has_no_notice(tmp_path: Path) -> None:
    store = open_to_read(recorded(tmp_path / "store.db", [message("x")]))
    assert (store.notice, store.copy_folder) == ("", None)
    store.close()


def test_a_copy_without_its_log_is_said(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x")])
        copy = tmp_path / "copy.db"
        shutil.copyfile(tmp_path / "store.db", copy)
        with pytest.raises(StoreError, match="is not a wsmon store: it is empty"):
            open_to_read(copy)  # not even its tables had left the log
        recording.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        recording.write([message("y")])
        shutil.copyfile(tmp_path / "store.db", copy)
        store = open_to_read(copy)
        assert store.notice.startswith("the last run did not end cleanly, and copy.db-wal is missing")
        store.close()
        whole = open_to_read(tmp_path / "store.db")
        assert whole.notice == ""
        whole.close()


class _NoSharedMemory:
    """SQLite as it is in a folder that cannot be written to: root, who runs these tests, may write everywhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connect = opening._connect
        self.modes: list[str] = []

    def __call__(self, path: Path, mode: str) -> sqlite3.Connection:
        self.modes.append(mode)
        if path.parent == self._folder and mode == "mode=ro":
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorname = "SQLITE_READONLY_DIRECTORY"
            raise error
        return self._connect(path, mode)


def test_a_store_without_log_in_a_read_only_folder_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded(tmp_path / "store.db", [message("x")])
    sqlite = _NoSharedMemory(tmp_path)
    monkeypatch.setattr(opening, "_connect", sqlite)
    reader = Reader(path, FixedClock())
    assert (len(reader.events_after(0, 9)), reader.notice) == (1, "the folder of the store is read-only")
    reader.close()
    assert sqlite.modes == ["mode=ro", "mode=ro&immutable=1"]


def test_a_store_with_log_in_a_read_only_folder_is_read_from_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    cache = tmp_path / "cache"
    with Recording(folder / "store.db") as recording:
        recording.write([message("in the log")])
        monkeypatch.setattr(opening, "_connect", _NoSharedMemory(folder))
        reader = Reader(folder / "store.db", FixedClock(), cache)
        assert len(reader.events_after(0, 9)) == 1
        assert reader.notice.startswith(f"read from a copy in {cache}")
        assert len(list(cache.iterdir())) == 1
        reader.close()
        assert list(cache.iterdir()) == []


def test_a_store_that_is_recorded_is_never_read_as_if_nobody_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded(tmp_path / "store.db", [message("x")])
    monkeypatch.setattr(opening, "_connect", _NoSharedMemory(tmp_path))
    with StoreLock(path, NAMELESS), pytest.raises(StoreError, match="is being written, and cannot be read from here"):
        open_to_read(path)


@pytest.mark.parametrize("name", ["a\x1b[31m", "a b", "x" * 65, "\u202ea", "a\x00\x1b", b"\xff"])
def test_d13_a_store_with_a_name_that_no_configuration_accepts_is_refused(tmp_path: Path, name: object) -> None:
    path = recorded(tmp_path / "store.db", [message()])
    with closing(sqlite3.connect(path)) as store:
        store.execute("UPDATE connection SET name = ?", (name,))
        store.commit()
    with pytest.raises(StoreError, match="names a connection") as refused:
        open_to_read(path)
    assert str(refused.value).isprintable()
    with pytest.raises(StoreError, match="names a connection"):
        open_for_writing(path)
