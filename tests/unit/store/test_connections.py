"""What a connection is subscribed to, as the store follows it through events; and how an older store gets the table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database as Tables
from sqlite_utils import Migrations

from tests.support.builders import at_ns, dialled, event, loss, usable
from tests.support.stores import Recording, recording, spec, stored
from wsmon.clock import SystemClock
from wsmon.model.events import Event, EventName
from wsmon.model.snapshot import RelayedRoute
from wsmon.store.database import open_for_writing
from wsmon.store.migrations import m001_create
from wsmon.store.reader import Reader
from wsmon.store.schema import SCHEMA_VERSION

NAME = "binance-spot"
ROWS = "SELECT topic, status FROM subscription ORDER BY topic"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def said(what: str, topic: str, after_s: float = 0.0, status: str | None = None, error_type: str = "") -> Event:
    """A subscription event; ``status`` is set where it is an end."""
    names: dict[str, EventName] = {
        "asked": "subscription.subscribe.started",
        "answered": "subscription.subscribe.completed",
        "left": "subscription.unsubscribe.completed",
        "lost": "subscription.lost",
    }
    return event(names[what], after_s, topic=topic, status=status, error_type=error_type)


def begin(run: Recording) -> None:
    """A session with one confirmed topic of three."""
    run.commit(dialled(), usable(), said("asked", "a"), said("asked", "b"), said("asked", "c"))
    run.commit(said("answered", "a", 1, "ok"), said("answered", "c", 1, "error", error_type="refused"))


def test_confirmed_is_active_asked_is_pending_refused_is_gone(path: Path) -> None:
    with recording(path) as run:
        begin(run)
        assert run.rows(ROWS) == [("a", "active"), ("b", "pending")]


def test_a_loss_interrupts_what_was_confirmed_and_forgets_what_was_asked(path: Path) -> None:
    with recording(path) as run:
        begin(run)
        run.commit(loss(2, NAME))
        assert run.rows(ROWS) == [("a", "pending")]


def test_what_does_not_come_back_is_lost(path: Path) -> None:
    with recording(path) as run:
        begin(run)
        run.commit(loss(2, NAME), dialled(3), usable(3))
        run.commit(said("lost", "a", 33))
        assert run.rows(ROWS) == [("a", "lost")]
        run.commit(said("answered", "a", 34, "ok"))
        assert run.rows(ROWS) == [("a", "active")]


def test_what_was_left_is_gone(path: Path) -> None:
    with recording(path) as run:
        begin(run)
        run.commit(said("left", "a", 2, "ok"))
        assert run.rows(ROWS) == [("b", "pending")]


def test_topics_are_read_by_the_name_of_their_connection_with_since_when(path: Path) -> None:
    with recording(path) as run:
        begin(run)
    reader = Reader(path, SystemClock())
    with closing(reader):
        found = [(each.topic, each.status, each.since_ns) for each in reader.topics(NAME)]
        assert (found, reader.topics("another")) == (
            [("a", "active", at_ns(1)), ("b", "pending", at_ns(0))],
            (),
        )


def test_a_new_run_has_no_subscriptions_yet(path: Path) -> None:
    with recording(path) as run:
        begin(run)
    with recording(path, after_s=60) as run:
        assert run.rows(ROWS) == []


def test_a_store_of_the_first_version_gets_the_table_and_keeps_its_events(path: Path) -> None:
    first = Migrations("wsmon")
    first()(m001_create)
    with closing(
        open_for_writing(path, 1, lambda connection: first.apply(Tables(connection, execute_plugins=False)))
    ) as database:
        database.connection.execute("INSERT INTO run VALUES (1, 0, 0, 1, 'clean', 1, 1, '0.1', 'b', '', '')")
    assert stored(path, "PRAGMA user_version") == [(1,)]
    with pytest.raises(sqlite3.OperationalError, match="no such table: subscription"):
        stored(path, ROWS)
    with closing(open_for_writing(path)):
        pass
    assert stored(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert stored(path, ROWS) == []
    assert stored(path, "SELECT id, version FROM run") == [(1, "0.1")]
    assert stored(path.with_name("store.db.schema-1.backup"), "PRAGMA user_version") == [(1,)]


def test_a_relayed_connection_keeps_where_its_relay_listened(path: Path) -> None:
    routes = (RelayedRoute("ws://127.0.0.1:9000/", "wss://host/feed"),)
    with recording(path) as run:
        run.fold.configure([spec("app"), spec("feed")], at_ns(0), routes={"app": routes})
        run.commit(dialled(connection="app"), dialled(connection="feed"))
    with closing(Reader(path, SystemClock())) as reader:
        rows = reader.snapshot(at_ns(1)).connections
        assert {row.state.name: row.state.spec.relay for row in rows} == {"app": routes, "feed": ()}
