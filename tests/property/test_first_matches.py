"""Many queries at once find, on each connection, the event that the predicate finds for each query by itself.

So they do in what is read from a store, and in what was committed and is still in memory.
"""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import message, source
from tests.support.queries import NOW_NS
from tests.support.random_queries import CONNECTIONS, EVENTS, any_event, any_term
from tests.support.recordings import FixedClock, Recording
from tests.support.thoroughness import times
from wsmon.model.block import Block, PlainColumns, end_of
from wsmon.model.events import Event
from wsmon.model.units import SECOND_NS
from wsmon.query.ast import Query
from wsmon.query.parser import ReferenceTime, parse
from wsmon.query.predicate import matches
from wsmon.store import event_batches, first_matches
from wsmon.store.reader import Reader

STORES = times(4)
QUERIES = 300
AT_ONCE = 50
# Of a feed: what rules ask, and what some of its messages hold
TEXTS = (
    "trade", "type:trade $.qty>=5", "type:trade $.qty>=50", "$.p:10..20", "$.p=11", "$.side:buy,sell $.qty>3",
    "lat>2ms",
    "size>60", "-type:trade", "conn:a.b OR $.side:s*", "seq>=5", "gap:1", "topic:room*", "$.tags:7", "dir:out",
    r"/\d{2}/ type:book", "BOOK -$.qty:7", "text:\"sell\" lat<=2ms", "is:problem", "kind:message NOT (trade OR book)",
    "meta:missing", "ref:1*", "$.p:*", "$:*", "is:redacted", "$.side:sell", "$.side:buy,bu*", "$.side:*EL*",
    "$.side:null", "$.tags:*ab*", "-$.side:sell", "$.p:null OR $.side:bu?", "$.tags:[1e2]",
    "since:-1h", "wire:70..90 $.qty:<9", "name:message.sent",
)  # fmt: skip

OTHER_WORDS = (
    (b"sell", b"s\\u0065ll"),
    (b'"buy"', b"NaN"),
    (b":", b" : "),
    (b"side", b"sid\\u0065"),
    (b"none", b"none"),
)


def feed_message(rolls: random.Random) -> Event:
    """A message as feeds have them, few of their values the same."""
    kind = rolls.choice(("trade", "book", "tick"))
    payload = msgspec.json.encode(
        {
            "type": kind,
            "qty": rolls.choice((rolls.randint(0, 12), str(rolls.randint(0, 60)))),
            "p": rolls.choice((f"{rolls.randint(8, 22)}.0", None, [rolls.randint(1, 30)])),
            "side": rolls.choice(("buy", "sell")),
            "tags": rolls.choice(([], [7, "x"], {"of": ["ab-c", 1e2]})),
        }
    )
    # The same in other words, and no JSON
    words, others = rolls.choice(OTHER_WORDS)
    payload = payload.replace(words, others)
    made = message(payload, ts_ns=NOW_NS, direction=rolls.choice(("in", "in", "out")))
    return msgspec.structs.replace(
        made,
        source=source(rolls.choice(CONNECTIONS)),
        type=kind,
        topic=rolls.choice(("", "room:1", "hall")),
        ref=rolls.choice(("", str(rolls.randint(1, 30)))),
        duration_ns=rolls.choice((None, 1_000, 5_000_000)),
        redacted=rolls.random() < 0.1,
        meta=rolls.choice((None, {"seq": rolls.randint(1, 9)}, {"missing": 1})),
    )


def feed_block(rolls: random.Random) -> Block:
    """Messages as one read of a socket brings them."""
    made = [feed_message(rolls) for _ in range(rolls.randint(1, 20))]
    texts = [(each.payload or b"").decode() for each in made]
    columns = PlainColumns([each.type for each in made], [each.topic for each in made], [each.ref for each in made])
    return Block(
        made[0].source,
        NOW_NS - rolls.choice((0, 7_200 * SECOND_NS)),
        5,
        [len(text) for text in texts],
        [len(text) + rolls.choice((2, 4)) for text in texts],
        texts,
        *rolls.choice(((None, None), (columns, None), (columns, 1_000), (columns, 5_000_000))),
    )


def any_made(rolls: random.Random) -> Event | Block:
    """An event, or a block."""
    roll = rolls.random()
    return any_event(rolls) if roll < 0.3 else feed_block(rolls) if roll < 0.4 else feed_message(rolls)


def expected(events: tuple[Event, ...], query: Query) -> list[tuple[str, int]]:
    """The first match on each connection, by the predicate."""
    first: dict[str, int] = {}
    for event in events:
        if event.source.connection not in first and matches(query, event):
            first[event.source.connection] = event.id
    return sorted(first.items(), key=lambda match: match[1])


@pytest.mark.parametrize("seed", range(STORES))
def test_many_queries_find_what_each_finds_alone(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_batches, "BATCH_EVENTS", 15)
    monkeypatch.setattr(event_batches, "FETCHED_AT_ONCE", 5)
    monkeypatch.setattr(first_matches, "MOST_NAMED", 4)
    rolls = random.Random(seed)
    recording = Recording(tmp_path / "store.db", *CONNECTIONS)
    recording.write([any_made(rolls) for _ in range(2 * EVENTS)])
    recording.end(60)
    committed = recording.committed
    reader = Reader(recording.path, FixedClock())
    events = reader.events_after(0, 100 * EVENTS)
    last_id = reader.bounds().last_id
    assert (committed[0][0], end_of(committed[-1])) == (1, last_id + 1)
    queries = [Query(tuple(any_term(rolls) for _ in range(rolls.randint(1, 3)))) for _ in range(QUERIES)]
    queries += [parse(text, ReferenceTime(NOW_NS)) for text in TEXTS]
    for start in range(0, len(queries), AT_ONCE):
        some = {str(number): query for number, query in enumerate(queries[start : start + AT_ONCE])}
        middle = rolls.randrange(1, len(committed))
        for held in (committed[:middle], committed[middle:]):
            first_id, to_id = held[0][0], end_of(held[-1]) - 1
            within = tuple(event for event in events if first_id <= event.id <= to_id)
            wanted = {name: expected(within, query) for name, query in some.items()}
            for in_memory in ((), held):
                found = reader.first_matches(some, first_id, to_id, in_memory)
                assert found.failed == {}
                for name, query in some.items():
                    ours = [(match.source.connection, match.event_id) for match in found.found[name]]
                    assert ours == wanted[name], (query, bool(in_memory))
    reader.close()
