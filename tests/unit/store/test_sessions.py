"""The spans of a store: written with the events that end them, closed for a recorder that was cut off, pruned."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as Tables
from sqlite_utils import Migrations

from tests.support.builders import SESSION, dialled, event, loss, message, usable
from tests.support.recordings import FixedClock, Recording
from tests.support.stores import stored
from wsmon.config.specs import RetentionSpec
from wsmon.model.events import Event
from wsmon.store.database import open_for_writing
from wsmon.store.migrations import m001_create, m002_subscriptions
from wsmon.store.retention import NEWEST_EVENTS, Retention
from wsmon.store.schema import SCHEMA_VERSION

NAME = "binance-spot"
CHILD = "aaaaaaaaaaaaaaaa"
ROWS = "SELECT event_id, operation, status, duration_ns, error_type FROM span ORDER BY event_id, n"
MS = 10**6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def replied(after_s: float) -> Event:
    return event(
        "message.process.completed", after_s, NAME, size=0, span_id=CHILD, parent_id=SESSION, duration_ns=5 * MS
    )


def test_a_span_is_written_with_the_event_that_ends_it(path: Path) -> None:
    with Recording(path, NAME) as recording:
        recording.write([dialled(), usable(), message("ask", 1.0, direction="out"), replied(1.0)])
    rows = [row for row in stored(path, ROWS) if row[1] == "request"]
    assert rows == [(4, "request", "ok", 5 * MS, None)]


def test_the_process_time_is_in_the_statistics_also_where_no_row_is_kept(path: Path) -> None:
    with Recording(path, NAME) as recording:
        recording.write([dialled(), replied(1.0), replied(1.5)])
    assert stored(path, "SELECT count, sum, max FROM rollup_metric WHERE level = 1 AND metric = 7") == [
        (2, 10 * MS, 5 * MS)
    ]


def test_the_time_to_read_a_message_is_in_its_row_and_in_the_statistics(path: Path) -> None:
    read = [message("{}", 1.0, duration_ns=4_000), message("{}", 1.1, duration_ns=6_000, type="tick")]
    sent = message("x", 1.2, direction="out", duration_ns=7_000)
    with Recording(path, NAME) as recording:
        recording.write([dialled(), *read, sent])
    assert stored(path, "SELECT duration_ns FROM event WHERE name IN (1, 2) ORDER BY id") == [
        (4_000,),
        (6_000,),
        (7_000,),
    ]
    assert stored(path, "SELECT metric, count, sum FROM rollup_metric WHERE level = 1 AND metric IN (5, 6)") == [
        (5, 2, 10_000),
        (6, 1, 7_000),
    ]


def test_what_a_recorder_left_open_when_it_was_cut_off_ends_with_an_error(path: Path) -> None:
    begun = event("subscription.subscribe.started", 2.0, NAME, topic="a", span_id=CHILD, parent_id=SESSION)
    with Recording(path, NAME) as recording:
        recording.write([dialled(0.0), usable(0.5), begun, message("tick", 3.0)])
    with Recording(path, NAME, after_s=100.0):
        pass
    open_ones = [row for row in stored(path, ROWS) if row[4] == "cut_off"]
    assert open_ones == [
        (4, "session", "error", 3_000 * MS, "cut_off"),
        (4, "subscribe", "error", 1_000 * MS, "cut_off"),
    ]
    with Recording(path, NAME, after_s=200.0):
        pass
    assert [row for row in stored(path, ROWS) if row[4] == "cut_off"] == open_ones


def test_what_had_ended_is_not_ended_again(path: Path) -> None:
    begun = event("subscription.subscribe.started", 1.0, NAME, topic="a", span_id=CHILD, parent_id=SESSION)
    done = event("subscription.subscribe.completed", 2.0, NAME, topic="a", span_id=CHILD, duration_ns=1, status="ok")
    with Recording(path, NAME) as recording:
        recording.write([dialled(0.0), usable(0.5), begun, done, loss(3.0, NAME)])
    with Recording(path, NAME, after_s=100.0):
        pass
    assert [row[4] for row in stored(path, ROWS) if row[4] == "cut_off"] == []


def test_spans_go_with_the_event_that_ended_them(path: Path) -> None:
    with Recording(path, NAME) as recording:
        recording.write([dialled(), replied(1.0)])
        recording.write([message("x", 2.0) for _ in range(NEWEST_EVENTS)])
    with closing(open_for_writing(path)) as database:
        retention = Retention(database.connection, path, FixedClock(10_000.0), RetentionSpec(age_s=60.0))
        while retention.prune_events().events:
            pass
    assert stored(path, ROWS) == []


def test_stores_of_earlier_versions_get_the_table(path: Path) -> None:
    second = Migrations("wsmon")
    second()(m001_create)
    second()(m002_subscriptions)
    apply = lambda connection: second.apply(Tables(connection, execute_plugins=False))  # noqa: E731 - one expression
    with closing(open_for_writing(path, 2, apply)):
        pass
    with pytest.raises(sqlite3.OperationalError, match="no such table: span"):
        stored(path, ROWS)
    with Recording(path, NAME) as recording:
        recording.write([dialled(), replied(1.0)])
    assert (stored(path, "PRAGMA user_version"), len(stored(path, ROWS))) == ([(SCHEMA_VERSION,)], 1)
