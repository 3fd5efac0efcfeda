"""Predicate and SQL find the same events: whatever is in the store, whatever is asked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.queries import found_ids
from tests.support.random_queries import CONNECTIONS, EVENTS, any_event, any_term
from tests.support.recordings import FixedClock, recorded
from tests.support.thoroughness import times
from wsmon.query.ast import Query
from wsmon.query.predicate import matches
from wsmon.store.reader import Reader

STORES = times(4)
QUERIES = 250


@pytest.mark.parametrize("seed", range(STORES))
def test_sql_finds_what_the_predicate_finds(seed: int, tmp_path: Path) -> None:
    rolls = random.Random(seed)
    path = recorded(tmp_path / "store.db", [any_event(rolls) for _ in range(EVENTS)], *CONNECTIONS)
    reader = Reader(path, FixedClock())
    events = reader.events_after(0, 2 * EVENTS)
    last_id = reader.bounds().last_id
    assert len(events) == last_id >= EVENTS
    for _ in range(QUERIES):
        query = Query(tuple(any_term(rolls) for _ in range(rolls.randint(1, 3))))
        expected = [event.id for event in events if matches(query, event)]
        assert found_ids(reader, query, 1, last_id) == expected, query
        assert [event.id for event in reader.events_after(0, 5, query)] == expected[:5], query
        assert [event.id for event in reader.events_before(last_id + 1, 5, query)] == expected[::-1][:5], query
    reader.close()
