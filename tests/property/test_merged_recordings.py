"""A view of several recordings answers as one of their events, put together in the order of time, would."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.support.merged import merged_view
from tests.support.queries import NOW_NS
from tests.support.random_queries import CONNECTIONS, any_event, any_term
from tests.support.recordings import recorded
from tests.support.thoroughness import times
from wsmon.model.events import Event
from wsmon.query.ast import And, Exact, FieldTerm, Glob, Ids, Not, Or, Query, Range, Term
from wsmon.query.predicate import matches
from wsmon.store.merged import order
from wsmon.store.reader import Reader

QUERIES = times(25)
NAMES = ("eu", "us", "asia")


def own_terms(rolls: random.Random, last_id: int) -> Term:
    """A term on recordings, connections or ids."""
    low = rolls.randint(-1, last_id + 2)
    return rolls.choice(
        (
            FieldTerm("recording", (rolls.choice((Exact("eu"), Glob("*s*"), Exact(""))),)),
            FieldTerm("connection", (rolls.choice((Exact("us/a"), Exact("A.b"), Glob("eu/*"), Glob("*/x?y"))),)),
            FieldTerm("id", (Range(low, low + rolls.randint(0, 30)), Range(low=last_id - 3, is_above=True))),
            FieldTerm("id", (Range(high=low + 0.5, is_below=rolls.random() < 0.5),)),
            Ids(frozenset(rolls.choices(range(last_id + 3), k=4))),
        )
    )


def in_time(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.ts_ns)


def merged_events(stores: dict[str, Path]) -> list[Event]:
    """The events as the merged view should have them, made here from each recording."""
    found: list[tuple[int, int, Event]] = []
    for number, (name, path) in enumerate(stores.items()):
        reader = Reader(path, FixedNow())
        found += [(event.ts_ns, number, named(event, name)) for event in reader.events_after(0, 10_000)]
        reader.close()
    found.sort(key=lambda each: each[:2])
    ids = {(each.source.recording, each.id): event_id for event_id, (_, _, each) in enumerate(found, 1)}

    def renumbered(event: Event) -> Event:
        verdict = event.verdict and msgspec.structs.replace(
            event.verdict, evidence=tuple(ids[event.source.recording, each] for each in event.verdict.evidence)
        )
        return msgspec.structs.replace(event, id=ids[event.source.recording, event.id], verdict=verdict)

    return [renumbered(each) for _, _, each in found]


def named(event: Event, recording: str) -> Event:
    connection = f"{recording}/{event.source.connection}" if event.source.connection else ""
    return msgspec.structs.replace(
        event, source=msgspec.structs.replace(event.source, connection=connection, recording=recording)
    )


class FixedNow:
    def wall_ns(self) -> int:
        return NOW_NS

    def mono_ns(self) -> int:
        return 0


@pytest.mark.parametrize("seed", range(2))
def test_searches_and_pages_find_what_the_predicate_finds(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "SLICE", 12)
    rolls = random.Random(seed)
    stores = {
        name: recorded(tmp_path / f"{name}.db", in_time([any_event(rolls) for _ in range(size)]), *CONNECTIONS)
        for name, size in zip(NAMES, rolls.choice(((30, 60), (15, 0, 60))), strict=False)
    }
    events = merged_events(stores)
    last_id = len(events)
    with merged_view(stores) as view:
        assert view.bounds().last_id == last_id
        assert list(view.events_after(0, last_id + 1)) == events
        assert view.events_by_id(tuple(range(last_id + 2, -2, -1))) == tuple(reversed(events))
        for _ in range(QUERIES):
            own = own_terms(rolls, last_id)
            terms = rolls.choice(
                ((own,), (Not(own),), (any_term(rolls),), (Or((own, any_term(rolls))), And((any_term(rolls),))))
            )
            query = Query(terms)
            expected = [event.id for event in events if matches(query, event)]
            low, high = sorted(rolls.choices(range(1, last_id + 1), k=2)) if last_id else (1, 0)
            inside = [each for each in expected if low <= each <= high]
            for newest_first in (False, True):
                found = list(view.search(query, low, high, newest_first=newest_first))
                in_order = found[::-1] if newest_first else found
                assert [each for part in in_order for each in part.ids] == inside, query
                assert all(before.last_id + 1 == after.first_id for before, after in pairwise(in_order))
                assert not found or (in_order[0].first_id, in_order[-1].last_id) == (low, high)
                glance = view.glance(query, low, high, newest_first=newest_first)
                assert list(glance.ids) == [each for each in inside if glance.first_id <= each <= glance.last_id]
            limit = rolls.randint(1, 9)
            after = view.events_after(low, limit, query)
            assert list(after) == [event for event in events if event.id in expected and event.id > low][:limit]
            before = view.events_before(high, limit, query)
            assert list(before) == [event for event in events[::-1] if event.id in expected and event.id < high][:limit]
