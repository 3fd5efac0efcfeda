"""What somebody types finds the same events by SQL and by the predicate: every field, every operator, notes too."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.queries import found_ids
from tests.support.queries import query as parse
from tests.support.random_queries import CONNECTIONS, EVENTS, any_event
from tests.support.random_query_texts import comparisons, field_text, marked, query_text
from tests.support.recordings import FixedClock, recorded
from tests.support.thoroughness import times
from wsmon.model.events import Event
from wsmon.query.fields import FIELDS
from wsmon.query.notes import with_notes
from wsmon.query.predicate import matches
from wsmon.store.reader import Reader

STORES = times(2)
TEXTS = 300
# Of each field with each operator
TRIES = 12


class Searched:
    """A store whose events are known, and marked."""

    def __init__(self, reader: Reader, rolls: random.Random) -> None:
        self._reader = reader
        self.events: tuple[Event, ...] = reader.events_after(0, 2 * EVENTS)
        self._bookmarks = marked(self.events, rolls)

    def found(self, text: str) -> list[int]:
        """The ids of what matches, by both."""
        query = with_notes(parse(text), self._bookmarks)
        expected = [event.id for event in self.events if matches(query, event)]
        assert found_ids(self._reader, query, 1, self._reader.bounds().last_id) == expected, text
        return expected


@pytest.fixture(params=range(STORES))
def rolls(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


@pytest.fixture
def searched(rolls: random.Random, tmp_path: Path) -> Iterator[Searched]:
    path = recorded(tmp_path / "store.db", [any_event(rolls) for _ in range(EVENTS)], *CONNECTIONS)
    with closing(Reader(path, FixedClock())) as reader:
        yield Searched(reader, rolls)


def test_every_field_with_every_operator_finds_the_same_by_both(searched: Searched, rolls: random.Random) -> None:
    some_found, some_left = set(), set()
    for field, operator in comparisons():
        for _ in range(TRIES):
            found = searched.found(field_text(field, operator, rolls.choice(searched.events), rolls))
            if found:
                some_found.add(field.name)
            if len(found) < len(searched.events):
                some_left.add(field.name)
    assert (set(FIELDS) - some_found, set(FIELDS) - some_left) == (set(), set())


def test_whole_queries_find_the_same_by_both(searched: Searched, rolls: random.Random) -> None:
    for _ in range(TEXTS):
        searched.found(query_text(searched.events, rolls))
