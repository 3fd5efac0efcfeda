"""Opening, refusing, migrating; the beginning and the end of runs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import at_ns, dialled, event, loss, message, stall, usable
from tests.support.stores import Recording, run_start, stored
from wsmon.errors import StoreError
from wsmon.store.database import open_for_writing
from wsmon.store.schema import APPLICATION_ID, SCHEMA_VERSION
from wsmon.store.transactions import transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.db"


def test_a_new_store_is_private_to_its_user(path: Path) -> None:
    database = open_for_writing(path)
    database.begin_run(run_start())
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in (path.parent, *path.parent.iterdir())}
    database.close()
    assert modes == {"state": "0o700", "store.db": "0o600", "store.db-wal": "0o600", "store.db-shm": "0o600"}


def test_a_store_says_what_it_is_and_syncs_every_commit(path: Path) -> None:
    database = open_for_writing(path)
    pragmas = ("application_id", "user_version", "journal_mode", "synchronous", "trusted_schema")
    found = {pragma: database.connection.execute(f"PRAGMA {pragma}").fetchone()[0] for pragma in pragmas}
    database.close()
    assert found == {
        "application_id": APPLICATION_ID,
        "user_version": SCHEMA_VERSION,
        "journal_mode": "wal",
        "synchronous": 2,
        "trusted_schema": 0,
    }


def test_a_store_keeps_its_identity(path: Path) -> None:
    first = open_for_writing(path)
    first.close()
    second = open_for_writing(path)
    second.close()
    assert len(first.store_id) == 32
    assert second.store_id == first.store_id


def test_closing_leaves_one_file(path: Path) -> None:
    database = open_for_writing(path)
    database.begin_run(run_start())
    database.close()
    assert [file.name for file in path.parent.iterdir()] == ["store.db"]


def test_what_is_no_store_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"certainly not a database, but long enough for its header")
    with pytest.raises(StoreError, match=r"is not a wsmon store\. it was not modified"):
        open_for_writing(path)
    assert path.read_bytes() == b"certainly not a database, but long enough for its header"


def test_another_applications_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mail (id INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is an SQLite database of another program"):
        open_for_writing(path)
    assert path.read_bytes() == before


def test_a_damaged_store_is_reported_and_left_alone(path: Path) -> None:
    open_for_writing(path).close()
    damaged = bytearray(path.read_bytes())
    damaged[100:4096] = b"\xff" * 3996  # the page of the schema
    path.write_bytes(damaged)
    with pytest.raises(StoreError, match=r"is damaged .* it was not modified"):
        open_for_writing(path)
    assert path.read_bytes() == bytes(damaged)


def test_a_newer_schema_is_refused_naming_both(path: Path) -> None:
    database = open_for_writing(path)
    database.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(StoreError, match=rf"has schema {SCHEMA_VERSION + 1}, this wsmon knows schema {SCHEMA_VERSION}"):
        open_for_writing(path)


def test_an_older_schema_is_migrated_after_a_copy(path: Path) -> None:
    with closing(open_for_writing(path)) as database:
        database.begin_run(run_start())

    def to_two(connection: sqlite3.Connection) -> None:
        from sqlite_utils import Database as Tables
        from sqlite_utils import Migrations

        migrations = Migrations("made-up")

        @migrations()
        def m002_note(tables: Tables) -> None:
            tables.conn.execute("ALTER TABLE run ADD COLUMN note TEXT")
            tables.conn.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")

        migrations.apply(Tables(connection, execute_plugins=False))

    with closing(open_for_writing(path, SCHEMA_VERSION + 1, to_two)):
        pass
    backup = path.with_name(f"store.db.schema-{SCHEMA_VERSION}.backup")
    assert stored(path, "SELECT id, note FROM run") == [(1, None)]
    assert stored(path, "PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]
    assert stored(backup, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert stored(backup, "SELECT id FROM run") == [(1,)]
    assert oct(backup.stat().st_mode & 0o777) == "0o600"


def test_a_migration_that_fails_leaves_the_old_schema(path: Path) -> None:
    open_for_writing(path).close()

    def broken(connection: sqlite3.Connection) -> None:
        with transaction(connection, path):
            connection.execute("ALTER TABLE run ADD COLUMN note TEXT")
            connection.execute("ALTER TABLE absent ADD COLUMN note TEXT")

    with pytest.raises(StoreError, match="no such table: absent"):
        open_for_writing(path, SCHEMA_VERSION + 1, broken)
    assert stored(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert "note" not in str(stored(path, "SELECT sql FROM sqlite_master WHERE name = 'run'"))


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is a folder\. specify a file in it"):
        open_for_writing(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot write the store .*Permission denied.*--store"):
        open_for_writing(tmp_path / "store.db")
    tmp_path.chmod(0o700)


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write the store"):
        open_for_writing(tmp_path / "file" / "store.db")


def test_runs_count_up_and_end_cleanly(path: Path) -> None:
    for after_s in (0, 100):
        recording = Recording(path, after_s=after_s)
        recording.commit(message(after_s=after_s))
        recording.end(after_s + 50)
    assert stored(path, "SELECT id, started_ns, ended_ns, end, first_id FROM run") == [
        (1, at_ns(0), at_ns(50), "clean", 1),
        (2, at_ns(100), at_ns(150), "clean", 2),
    ]


def test_a_run_that_was_cut_off_ended_with_its_last_event(path: Path) -> None:
    first = Recording(path)
    first.commit(dialled(1), usable(2), message(after_s=7), stall(8, connection="binance-spot"))
    first.cut_off()
    Recording(path, after_s=100).cut_off()
    assert stored(path, "SELECT ended_ns, end FROM run WHERE id = 1") == [(at_ns(8), "abrupt")]
    assert stored(path, "SELECT open_ns, ended_ns, end FROM session") == [(at_ns(2), at_ns(8), "abrupt")]
    assert stored(path, "SELECT closed_ns, closed_id FROM incident") == [(at_ns(8), None)]


def test_a_new_run_knows_what_was_open_when_the_last_recorder_was_cut_off(path: Path) -> None:
    first = Recording(path)
    assert first.database.open_at_cut_off is None
    for name in ("b", "a", "ended"):
        first.commit(dialled(1, name), usable(2, name))
    first.commit(dialled(3, "dialled"), loss(3, "ended"))
    first.cut_off()
    second = Recording(path, after_s=100)
    assert second.database.open_at_cut_off == ("b", "a")
    second.end(101)
    third = Recording(path, after_s=200)
    assert third.database.open_at_cut_off is None
    third.cut_off()


def test_a_new_run_begins_with_all_connections_at_the_beginning(path: Path) -> None:
    first = Recording(path)
    first.commit(dialled(1), usable(2), event("error.occurred", 3, error_type="reset"))
    first.cut_off()
    second = Recording(path, after_s=100)
    live = second.rows(
        "SELECT status, since_ns, stalled_since_ns, attempt, next_attempt_ns, source, sessions, rtt_ns, "
        "last_problem_id, last_connected_ns FROM connection"
    )
    second.cut_off()
    assert live == [(1, at_ns(100), None, 0, None, None, 0, None, 0, at_ns(2))]


def test_a_session_without_a_recorded_end_ends_with_its_run(path: Path) -> None:
    recording = Recording(path)
    recording.commit(dialled(1), usable(2))
    recording.end(9)
    assert stored(path, "SELECT ended_ns, end FROM session") == [(at_ns(9), "abrupt")]


def test_sqlite_utils_is_loaded_only_to_make_or_migrate(path: Path) -> None:
    open_for_writing(path).close()
    program = (
        "import sys, pathlib, wsmon.store.writer, wsmon.store.database as database;"
        f"database.open_for_writing(pathlib.Path({str(path)!r})).close();"
        "print('sqlite_utils' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "False"


def test_a_store_whose_making_was_cut_off_is_finished_by_the_next_recorder(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    def cut_off(connection: sqlite3.Connection) -> None:
        # The first table of all
        connection.execute(
            "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
        )
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_for_writing(path, migrate=cut_off)
    database = open_for_writing(path)
    assert database.last_id == 0
    database.close()
