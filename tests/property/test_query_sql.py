"""Predicate and SQL find the same events: whatever is in the store, whatever is asked."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from tests.builders import message, source
from tests.recordings import FixedClock, recorded
from wsmon.model.events import EVENT_NAMES, RECORDER, Event
from wsmon.query.ast import Exact, FieldTerm, Glob, IdRange, Not, Query, Term, Word
from wsmon.query.predicate import matches
from wsmon.store.reader import Reader

STORES = 12
EVENTS = 40
QUERIES = 120
CONNECTIONS = ("a", "A.b", "ab_c", "x%y", "kraken-book")
BYTES = b"aAbB%_\\\x00\xc3\xa9\xc3\x89\xff\xef\xbf\xbd\xe9 *?["
CHARS = "aAbB%_\\\x00éÉ�\udcff\ud800 *?[İK"
LONG = "x" * 30_000


def foreign(rolls: random.Random) -> str:
    return "".join(rolls.choices(CHARS, k=rolls.randint(0, 4)))


def valid(rolls: random.Random) -> str:
    return foreign(rolls).encode("utf-8", "replace").decode()


def any_event(rolls: random.Random) -> Event:
    payload = rolls.choice(
        (
            None,
            bytes(rolls.choices(BYTES, k=rolls.randint(0, 6))),
            foreign(rolls).encode("utf-8", "replace"),
            b"q" + LONG.upper().encode() + b"\x00end",
        )
    )
    name = rolls.choice(EVENT_NAMES)
    made = message(payload or b"", direction=rolls.choice(("in", "out")))
    if not name.startswith(("message.", "heartbeat.")):
        made = msgspec.structs.replace(made, size=None, wire_size=None, direction="", opcode="")
    return msgspec.structs.replace(
        made,
        name=name,
        source=rolls.choice((RECORDER, *(source(connection) for connection in CONNECTIONS))),
        payload=payload,
        type=valid(rolls),
        topic=foreign(rolls),
        reason=valid(rolls) if name.startswith("incident.") else foreign(rolls),
        error_type=rolls.choice(("", "dns", valid(rolls))),
        error=foreign(rolls),
    )


def any_term(rolls: random.Random) -> Term:
    kind = rolls.randrange(9)
    if kind < 4:
        return Word(rolls.choice((foreign(rolls) or "a", foreign(rolls) or "\x00", "CONN", "xX", LONG, "\0end", "dns")))
    if kind == 4:
        first = rolls.randint(0, EVENTS)
        ranges = (IdRange(first, first + rolls.randint(0, 9)), IdRange(rolls.randint(0, EVENTS), EVENTS))
        return FieldTerm("id", ranges[: rolls.randint(1, 2)])
    if kind == 5:
        return Not(any_term(rolls))
    field, values = rolls.choice(
        (
            ("connection", ("A", "ab?c", "x%Y", "*", "*b*", "??", "")),
            ("name", ("message.*", "CONNECTION.*", "*.occurred", "error.occurred", "*", "self.?un.*")),
            ("direction", ("in", "OUT", "*", "i?")),
        )
    )
    picked = rolls.choices(values, k=rolls.randint(1, 3))
    items = tuple(Glob(value) if rolls.random() < 0.8 else Exact(value) for value in picked)
    return FieldTerm(field, items)  # type: ignore[arg-type]  # mypy widens the names in the tuple


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
        assert list(reader.matching_ids(query, 1, last_id)) == expected, query
        assert [event.id for event in reader.events_after(0, 5, query)] == expected[:5], query
        assert [event.id for event in reader.events_before(last_id + 1, 5, query)] == expected[::-1][:5], query
    reader.close()
