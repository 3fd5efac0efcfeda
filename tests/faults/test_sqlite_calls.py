"""Each call of the writer to SQLite fails, one after the other: the recording is the same, or its end is told."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.builders import event, message
from tests.support.stores import stored, stored_events
from tests.support.thoroughness import times
from tests.support.writers import Running
from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.store import database
from wsmon.store.codec import SqlValue
from wsmon.store.database import open_for_writing

CODES = {"io error": sqlite3.SQLITE_IOERR, "full": sqlite3.SQLITE_FULL, "busy": sqlite3.SQLITE_BUSY}
# Calls that the short form tries with each code; the whole one tries all
CALLS = times(12)
# A call may fail again when it is repeated
LONGEST_FAILURE = 3

# The writer looks whether another program wrote, and how often it does depends on the speed of threads
LOOK = "PRAGMA data_version"
# What may end a writer, and what it calls last, each once: the marks of a run's end, when all events are stored
ENDS = (
    "BEGIN IMMEDIATE",
    "COMMIT",
    "UPDATE run",
    "UPDATE session",
    "UPDATE incident",
    "PRAGMA wal_checkpoint(TRUNCATE)",
)
# What is the same whatever failed: all tables of what was recorded
TABLES = ("event", "transition", "session", "incident", "rollup", "span", "source")


class FailingConnection(sqlite3.Connection):
    """A connection that fails the calls that it is told to, and passes the others on."""

    calls: tuple[str, ...] = ()
    """The statements since ``arm``, in their order, without looks."""
    _failing: range = range(0)
    _code = 0
    _fails_looks = False
    _is_armed = False

    def arm(self, failing: range, code: int, *, fails_looks: bool) -> None:
        """Fail calls by their number from now on, the first of which is 1, with SQLite's primary result code."""
        self._failing, self._code, self._fails_looks, self._is_armed = failing, code, fails_looks, True

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """Fail or execute."""
        self._call(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        """Fail or execute."""
        self._call(sql)
        return super().executemany(sql, parameters)

    def _call(self, sql: str) -> None:
        # What rolls back has nothing left to fail for
        if not self._is_armed or sql == "ROLLBACK":
            return
        if sql == LOOK:
            fails = self._fails_looks
        else:
            self.calls += (sql,)
            fails = len(self.calls) in self._failing
        if fails:
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self._code
            raise error


def batches() -> Iterator[list[Event]]:
    """What is recorded: a connection that opens, talks, is lost and comes back."""
    yield [event("connection.started", 0, "a", to_status="connecting")]
    yield [event("connection.completed", 0.1, "a", from_status="connected", to_status="websocket_connected")]
    for number in range(3):
        yield [message(f"number {number} {part}", 0.2 + number, "a") for part in range(40)]
    yield [
        event(
            "connection.disconnected",
            4,
            "a",
            from_status="websocket_connected",
            to_status="disconnected",
            close_code=1011,
            close_by="peer",
            reason="gone",
        )
    ]
    yield [message("late", 4.5, "b"), event("error.occurred", 5, "b", error_type="internal", error="x")]


@dataclass(frozen=True)
class Recorded:
    """What came of a recording with a failing call."""

    statements: tuple[str, ...]
    """That failed."""
    failures: tuple[BaseException, ...]
    """That ended the writer."""
    calls: int
    tables: dict[str, list[tuple[SqlValue, ...]]]


def record(
    template: Path, store: Path, failing: range = range(0), code: int = 0, *, fails_looks: bool = False
) -> Recorded:
    """Record the batches into a copy of an empty store."""
    shutil.copyfile(template, store)
    running = Running(store)
    connection = running.database.connection
    assert isinstance(connection, FailingConnection)
    connection.arm(failing, code, fails_looks=fails_looks)
    running.writer.start()
    last_id = 0
    for batch in batches():
        running.emit(*batch)
        last_id += len(batch)
        running.wait_for_end_or(last_id)
    running.end()
    assert stored(store, "PRAGMA integrity_check") == [("ok",)]
    assert [each.id for each in stored_events(store)] == list(range(1, len(stored_events(store)) + 1))
    return Recorded(
        connection.calls[failing.start - 1 : failing.stop - 1] if failing else (),
        tuple(running.failures),
        len(connection.calls),
        {table: stored(store, f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES},
    )


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store; those opened from now on have connections that can fail."""
    path = tmp_path / "template.db"
    open_for_writing(path).close()

    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=FailingConnection)

    monkeypatch.setattr(database, "_connect", connect)
    return path


@pytest.mark.timeout(120 + 10 * CALLS)
@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_whichever_call_fails_the_recording_is_the_same_or_its_end_is_told(
    template: Path, tmp_path: Path, code: int
) -> None:
    expected = record(template, tmp_path / "expected.db")
    assert expected.failures == ()
    step = max(1, expected.calls // CALLS)
    for number in range(1, expected.calls + 1, step):
        store = tmp_path / f"{number}.db"
        failing = range(number, number + 1 + number % LONGEST_FAILURE)
        found = record(template, store, failing, code)
        if found.failures:
            (failure,) = found.failures
            assert isinstance(failure, StoreError)
            assert found.statements[-1].startswith(ENDS), found.statements
            # All events are there; only the marks of the end are not
            assert found.tables["event"] == expected.tables["event"]
            assert failing[-1] > expected.calls - len(ENDS)
        else:
            assert found.tables == expected.tables, (number, found.statements)
        store.unlink()


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_looks_for_other_programs_that_fail_change_nothing(template: Path, tmp_path: Path, code: int) -> None:
    expected = record(template, tmp_path / "expected.db")
    found = record(template, tmp_path / "found.db", code=code, fails_looks=True)
    assert (found.failures, found.tables) == ((), expected.tables)
