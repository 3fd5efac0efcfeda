"""Stores of schemas 8, 9 and 10, as viewers read them and as recorders migrate them.

``stores/schema-N.sql`` is a dump of a store that the last code of schema N wrote: two runs, the second cut off. Its
traces and sessions have ids in either case; that of one connection is spelled otherwise in the second run. From schema
9 on, the journal holds messages of 66 connections that no rollup has; schema 10 has an application's event and the
number of its line. ``stores/schema-N.json`` is what that code answered about it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.builders import at_ns
from tests.support.kept_stores import (
    judged_as_now,
    kept_answers,
    kept_store,
    known,
    left_as_it_is,
    migrated,
    read_through,
    sources_of,
    states_of,
)
from tests.support.queries import found_ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock
from tests.support.stores import run_start, stored
from wsmon.clock import SystemClock
from wsmon.query.ast import Exact, FieldName
from wsmon.store.database import open_for_writing
from wsmon.store.integrity import check_integrity
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION
from wsmon.store.search.plan import SourceSearch
from wsmon.store.sessions import session_spans, trace_spans

VERSIONS = (8, 9, 10)
WHOLE = (at_ns(0), at_ns(4_000))
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def store(tmp_path: Path, version: int) -> Path:
    return kept_store(tmp_path, version)


@pytest.fixture
def expected(version: int) -> dict[str, Any]:
    return kept_answers(version)


def answers(reader: Reader, expected: dict[str, Any]) -> dict[str, Any]:
    return {
        "searches": {text: found_ids(reader, parse(text), 1, 10_000) for text in expected["searches"]},
        "statistics": [
            reader.statistics(None, None, "binance-spot", has_types=True),
            reader.statistics(at_ns(0), at_ns(60), "deribit"),
            reader.statistics(None, None, "feed-00"),
        ],
        "connections": states_of(reader.snapshot(at_ns(4_000)).connections),
        "lanes": [each for each in reader.lanes(*WHOLE) if not each.connection.startswith("feed")],
        "sources": sources_of(reader),
        "spans": {
            session: [
                (span.span_id, span.operation, span.name, span.status, span.duration_ns)
                for span in reader.spans(session, 100, of_trace=True)
            ]
            for session in expected["spans"]
        },
    }


@pytest.mark.parametrize("prepare", [left_as_it_is, migrated])
def test_it_answers_the_same(store: Path, expected: dict[str, Any], prepare: Callable[[Path], None]) -> None:
    prepare(store)
    with closing(Reader(store, FixedClock(4_000.0))) as reader:
        # as JSON: tuples are lists, keys are texts
        found = json.loads(msgspec.json.encode(answers(reader, expected)))
    assert known(found, expected) == judged_as_now(expected)


def test_the_migration_keeps_a_copy(store: Path, version: int) -> None:
    before = stored(store, "SELECT name, position, spec FROM connection ORDER BY id")
    migrated(store)
    assert stored(store, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    backup = store.with_name(f"store.db.schema-{version}.backup")
    assert stored(backup, "PRAGMA user_version") == [(version,)]
    assert stored(backup, "SELECT name, position, spec FROM connection ORDER BY id") == before


def test_reading_it_changes_nothing_in_the_file(store: Path) -> None:
    before = store.read_bytes()
    assert read_through(store) == ((), 0, before)


def test_a_migrated_store_is_sound(store: Path) -> None:
    migrated(store)
    found = check_integrity(store, SystemClock())
    assert (found.damage, found.missing_ids) == ((), 0)


def test_a_recorder_goes_on_in_it_and_counts_what_is_in_the_journal(store: Path, version: int) -> None:
    with closing(open_for_writing(store)) as database:
        assert database.begin_run(run_start(5_000.0)) == 3
    of_feeds = "FROM rollup JOIN connection ON id = connection WHERE level = 1 AND name LIKE 'feed%'"
    assert stored(store, f"SELECT sum(messages_in) {of_feeds}") == [(66 if version >= 9 else None,)]
    assert stored(store, "SELECT count(*) FROM journal") == [(0,)]


def test_the_number_of_the_last_line_of_an_application_is_kept(store: Path, version: int) -> None:
    migrated(store)
    assert stored(store, "SELECT client, seq FROM ingest") == ([("c11e47", 7)] if version == 10 else [])


def plans(connection: sqlite3.Connection, read: Callable[[], object]) -> set[str]:
    """How SQLite finds the sources that a function reads, but for the newest, and those of which it knows the row."""
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    read()
    connection.set_trace_callback(None)
    rows = [row for text in statements for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")]
    steps = {text.replace("COVERING ", "") for *_, text in rows if " source " in f"{text} "}
    return steps - {"SEARCH source", "SEARCH source USING INTEGER PRIMARY KEY (rowid=?)"}


@pytest.mark.parametrize(
    ("read", "column", "index"),
    [
        (lambda connection: _sources(connection, "trace", TRACE), "trace_id", "source_by_trace"),
        (lambda connection: _sources(connection, "session", "00C0FFEE00c0ffee"), "connection_id", "source_by_session"),
        (lambda connection: trace_spans(connection, TRACE, 10), "trace_id", "source_by_trace"),
        (lambda connection: session_spans(connection, "00c0ffee00c0ffee", 10), "connection_id", "source_by_session"),
    ],
    ids=["trace:", "session:", "spans of a trace", "spans of a session"],
)
def test_ids_are_looked_up_in_an_index_of_a_migrated_store(
    store: Path, read: Callable[[sqlite3.Connection], object], column: str, index: str
) -> None:
    migrated(store)
    with closing(sqlite3.connect(store)) as connection:
        assert plans(connection, lambda: read(connection)) == {f"SEARCH source USING INDEX {index} ({column}=?)"}


def _sources(connection: sqlite3.Connection, field: FieldName, text: str) -> None:
    assert SourceSearch(connection, lambda _leaf: 0).ids(field, Exact(text))
