"""Which lines of applications are committed: in the transaction of their events, also in a new store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import event
from tests.support.recordings import run_start, specs
from tests.support.stores import stored, stored_events
from tests.support.writers import Running
from wsmon.bus import EventDelivery
from wsmon.model.events import Event, Source
from wsmon.store import ingest
from wsmon.store.database import open_for_writing
from wsmon.store.ingest import IngestedLines

ONE, OTHER = "1" * 16, "2" * 16


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path / "store.db")
    yield one
    one.end()


def log(text: str, connection: str = "shop", group: str = "web") -> Event:
    return event("trace.log", source=Source(connection, group, "t" * 32), type=text, size=0)


def test_a_number_is_committed_with_its_event(running: Running) -> None:
    running.bus.deliver(EventDelivery([log("a"), log("b")], 1, 10, ONE, 2))
    running.bus.deliver(EventDelivery([log("c")], 1, 10, OTHER, 7))
    running.bus.deliver(EventDelivery([], 1, 10, ONE, 3))
    running.writer.start()
    running.end()
    assert stored(running.path, "SELECT client, seq FROM ingest") == [(ONE, 3), (OTHER, 7)]
    assert [each.type for each in stored_events(running.path)] == ["a", "b", "c"]
    assert running.writer.committed_seqs == {ONE: 3, OTHER: 7}
    with closing(open_for_writing(running.path).connection) as connection:
        assert IngestedLines(connection).committed_seqs == {ONE: 3, OTHER: 7}


def test_a_connection_that_an_application_names_is_shown_behind_the_configured_ones(running: Running) -> None:
    running.writer.configure(specs("orders"))
    running.bus.deliver(EventDelivery([log("a"), log("b", "cart", "")], 1, 10))
    running.writer.start()
    running.writer.configure(specs("orders", "trades"))
    running.bus.deliver(EventDelivery([log("c")], 1, 10))
    running.end()
    shown = stored(
        running.path, "SELECT name, json_extract(spec, '$.group') FROM connection WHERE configured ORDER BY position"
    )
    assert shown == [("orders", ""), ("trades", ""), ("shop", "web"), ("cart", "")]


def test_a_store_forgets_the_clients_that_were_silent_longest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "MOST_CLIENTS", 2)
    database = open_for_writing(tmp_path / "store.db")
    rows = [("a", 1, 30), ("b", 1, 10), ("c", 1, 20)]
    database.connection.executemany("INSERT INTO ingest VALUES (?, ?, ?)", rows)
    database.begin_run(run_start())
    assert database.connection.execute("SELECT client FROM ingest ORDER BY 1").fetchall() == [("a",), ("c",)]
    database.close()
