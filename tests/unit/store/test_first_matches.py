"""First matches: what is asked of a store, batch by batch, and queries that it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import loss, message
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, recorded
from wsmon.store import event_batches, first_matches
from wsmon.store.reader import Reader

EVENTS = [
    message('{"qty":1}', connection="a"),
    message('{"qty":9}', connection="b"),
    loss(1, connection="a", reason="rate limit"),
    message('{"qty":9}', connection="a"),
    message("a" * 60 + "!", connection="a"),
    message("a" * 60 + "!", connection="b"),
    message("a" * 60 + "!", connection="b"),
]


# SQLite notices an interrupt a few events later
EVENTS += [message("a" * 60 + "!", connection="b")] * 3


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    view = Reader(recorded(tmp_path / "store.db", EVENTS, "a", "b"), FixedClock())
    yield view
    view.close()


def found(reader: Reader, first_id: int, last_id: int, **texts: str) -> dict[str, list[tuple[str, int]]]:
    """Connections and ids, by name of the query."""
    answer = reader.first_matches({name: parse(text) for name, text in texts.items()}, first_id, last_id)
    assert answer.failed == {}
    return {name: [(each.source.connection, each.event_id) for each in first] for name, first in answer.found.items()}


def test_each_connection_has_its_first_match_within_the_range(reader: Reader) -> None:
    big, lost, pattern = "$.qty>=5", "kind:connection limit", "/a{60}/"
    assert found(reader, 1, 99, big=big, lost=lost, pattern=pattern) == {
        "big": [("b", 2), ("a", 4)],
        "lost": [("a", 3)],
        "pattern": [("a", 5), ("b", 6)],
    }
    assert found(reader, 3, 3, big=big, lost=lost) == {"big": [], "lost": [("a", 3)]}


@pytest.mark.parametrize("named", [0, 100])
def test_batches_of_any_size_find_the_same(reader: Reader, monkeypatch: pytest.MonkeyPatch, named: int) -> None:
    monkeypatch.setattr(first_matches, "MOST_NAMED", named)
    texts = {"all": "kind:message", "pattern": "/!/ -conn:a"}
    for size in (1, 2, 3, 100):
        monkeypatch.setattr(event_batches, "BATCH_EVENTS", size)
        monkeypatch.setattr(event_batches, "FETCHED_AT_ONCE", 1)
        monkeypatch.setattr(first_matches, "HELD_KINDS", size - 1)
        assert found(reader, 1, 7, **texts) == {"all": [("a", 1), ("b", 2)], "pattern": [("b", 6)]}


def test_a_query_that_cannot_be_searched_for_is_refused_and_others_are_not(reader: Reader) -> None:
    texts = {"noted": "mark:*", "slow": "text~/(a|aa)+$/", "big": "$.qty:9"}
    answer = reader.first_matches({name: parse(text) for name, text in texts.items()}, 1, 99)
    assert {name: error.what for name, error in answer.failed.items()} == {
        "noted": "mark: needs the notes of a recording, which are not available here",
        "slow": "a pattern took longer than 20 ms at each of 3 events",
    }
    assert list(answer.found) == ["big"]
