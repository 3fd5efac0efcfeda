"""The tables of version 1 are what released stores hold."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from wsmon.store.codec import EVENT_COLUMNS, FIRST_INDEXED_NAME
from wsmon.store.schema import COUNTERS, DIMENSIONS, METRICS, TABLES


@pytest.fixture
def tables() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in TABLES:
            connection.execute(statement)
        yield connection


def columns(tables: sqlite3.Connection, table: str) -> tuple[str, ...]:
    return tuple(row[1] for row in tables.execute(f"PRAGMA table_info({table})"))


def test_event_rows_have_the_columns_of_the_codec_and_the_payload_last(tables: sqlite3.Connection) -> None:
    assert columns(tables, "event") == EVENT_COLUMNS
    assert EVENT_COLUMNS[-1] == "payload"


def test_rollups_have_a_column_for_every_counter(tables: sqlite3.Connection) -> None:
    assert columns(tables, "rollup") == ("level", "bucket", "connection", *COUNTERS)


def test_messages_are_in_no_index(tables: sqlite3.Connection) -> None:
    indexes = [sql for (sql,) in tables.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL")]
    of_events = [re.sub(r"\s+", " ", sql) for sql in indexes if " ON event " in sql]
    assert of_events == [f"CREATE INDEX event_by_name ON event (name, id) WHERE name >= {FIRST_INDEXED_NAME}"]


def test_the_index_of_names_answers_without_a_sort(tables: sqlite3.Connection) -> None:
    plan = tables.execute(
        "EXPLAIN QUERY PLAN SELECT id FROM event WHERE name = 33 AND name >= 20 AND id < 100 ORDER BY id DESC"
    ).fetchall()
    assert [row[3] for row in plan] == ["SEARCH event USING COVERING INDEX event_by_name (name=? AND id<?)"]


def test_codes_of_metrics_and_dimensions_do_not_change() -> None:
    assert METRICS == {
        "connect": 1,
        "reconnect": 2,
        "rtt": 3,
        "size": 4,
        "decode": 5,
        "encode": 6,
        "process": 7,
        "latency": 8,
        "alert": 9,
    }
    assert DIMENSIONS == {
        "error_type": 1,
        "close_code": 2,
        "incident": 3,
        "type": 4,
        "failed_message": 5,
        "sequence": 6,
        "shed": 7,
        "shed_bytes": 8,
        "error_outcome": 9,
        "failed_alert": 10,
    }
