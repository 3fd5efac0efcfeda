"""A store that a program writes itself: one holder, whole runs, each line once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.applications import CLIENT
from tests.support.recordings import specs
from tests.support.stores import stored, stored_events
from tests.support.tracing import arrived
from wsmon.config.specs import Configuration
from wsmon.control.ingest import IngestAnswer, IngestGreeting
from wsmon.control.lock import holder
from wsmon.errors import StoreError, StoreHeldError
from wsmon.recorder.local_store import LocalStore

GREETING = IngestGreeting(CLIENT, connection="shop")


def settled(store: LocalStore) -> list[IngestAnswer]:
    """The answers to what was sent, once all of it is committed."""
    answers: list[IngestAnswer] = []
    while not answers or store.is_sending:
        found = store.exchange(1.0)
        assert found is not None
        answers += found
    return answers


def test_lines_are_committed_once_in_runs_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "store.db"
    first = LocalStore(path, GREETING)
    first.send(b'{"seq":1,"name":"e1"}\n{"seq":2,"name":"e2"}\n')
    assert settled(first)[-1] == IngestAnswer(acked=2)
    held = holder(path)
    assert held is not None
    assert held.configuration.startswith("an application (pid ")
    with pytest.raises(StoreHeldError):
        LocalStore(path, GREETING)
    first.close()
    assert holder(path) is None
    second = LocalStore(path, GREETING)
    assert second.acked == 2
    second.send(b'{"seq":2,"name":"e2"}\n{"seq":3,"name":"e3"}\n{"name":7}\n')
    assert settled(second)[0].error == "`name` must be a string (got a number)"
    second.close()
    assert arrived(path) == ["e1", "e2", "e3"]
    assert stored(path, "SELECT end FROM run") == [("clean",), ("clean",)]


def test_the_secrets_of_a_configuration_are_masked(tmp_path: Path) -> None:
    configuration = Configuration(None, "", specs("orders"), secrets=("kr4ken-s3cret",))
    store = LocalStore(tmp_path / "store.db", GREETING, configuration)
    store.send(b'{"seq":1,"name":"x","reason":"kr4ken-s3cret","connection":"orders"}\n')
    settled(store)
    store.close()
    (event,) = (event for event in stored_events(tmp_path / "store.db") if event.name == "trace.log")
    assert (event.reason, event.source.connection) == ("[FILTERED]", "orders.app")


def test_a_place_that_takes_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot make the folder of the store"):
        LocalStore(tmp_path / "file" / "store.db", GREETING)
    (tmp_path / "other.db").write_text("no database")
    with pytest.raises(StoreError, match="is not a wsmon store"):
        LocalStore(tmp_path / "other.db", GREETING)
    assert holder(tmp_path / "other.db") is None
