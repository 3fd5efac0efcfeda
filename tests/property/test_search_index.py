"""A search with the index finds what the predicate finds: whatever is indexed, up to which event, and pruned or not.

The index is fed with what was committed, or reads it back: it is the same, bit for bit.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import regex

from tests.support.queries import found_ids
from tests.support.random_queries import CONNECTIONS, any_event, any_term
from tests.support.recordings import FixedClock, recorded
from tests.support.stores import Recording, stored
from tests.support.thoroughness import times
from wsmon.model.block import Block, PlainColumns
from wsmon.model.events import Event
from wsmon.query.ast import Contains, Exact, FieldTerm, Glob, Item, PathTerm, Query, Regex, Term, Word
from wsmon.query.predicate import matches, text_of
from wsmon.store.reader import Reader
from wsmon.store.search import skip_index
from wsmon.store.search.skip_index import SearchIndexer, forget_segments

STORES = times(4)
EVENTS = 120
QUERIES = 120
WORDS = (
    "rejected",
    "BTC-USD",
    "order_id",
    "btcusdt2",
    "Überlauf",
    "9f0c2d1e8b7a6543",
    "97120.55",
    "e1e5",
    "null",
    "tom\\u0061te",
)
# Of a few numbers, as JSON may spell them
NUMBERS = ("12345678", "97120.55", "1e3", "1000", "-0.00012345", "123456789012345")
SPELLINGS = (
    *("12345678", "12345678.000", "1.2345678e7", "123456780E-1", "12345677.9999999999", "12345678.00000000001"),
    *("97120.55", "97120.5500", "9.712055E+4", "97120.5499999999999999", "97120.55000000000000001", "9712055e-2"),
    *("1000", "1e3", "1000.0", "0.1e4", "999.999999999999999", "1000.00000000000000001", "-1000"),
    *("-0.00012345", "-1.2345e-4", "-0.000123450", "-0.00012344999999999999999", "123456789012345.0"),
)
KEYS = ("type", "orderId", "p\u00e4r", "q 1", "tags")
COLUMNS: tuple[Literal["type", "topic", "ref", "reason", "error_type", "error"], ...] = (
    "type",
    "topic",
    "ref",
    "reason",
    "error_type",
    "error",
)


def any_value(rolls: random.Random) -> object:
    match rolls.randrange(8):
        case 0:
            return rolls.choice((None, True, 12345678, 1e22, 0.5, -7, float(rolls.randrange(10**9))))
        case 3:
            return msgspec.Raw(rolls.choice(SPELLINGS).encode())
        case 1:
            return [any_value(rolls) for _ in range(rolls.randint(0, 3))]
        case 2:
            return {rolls.choice(KEYS): any_value(rolls) for _ in range(rolls.randint(0, 2))}
    return " ".join(rolls.choices(WORDS, k=rolls.randint(1, 2)))


def document(rolls: random.Random) -> bytes:
    written = msgspec.json.encode({key: any_value(rolls) for key in rolls.sample(KEYS, 3)})
    return written.replace(b'"orderId"', b'"order\\u0049d"') if rolls.random() < 0.1 else written


def wordy_event(rolls: random.Random) -> Event:
    if rolls.random() < 0.2:
        return any_event(rolls)
    words = {column: rolls.choice(WORDS) for column in rolls.sample(COLUMNS, 2)} if rolls.random() < 0.5 else {}
    return msgspec.structs.replace(
        any_event(rolls), payload=rolls.choice((None, document(rolls), rolls.randbytes(20), b"1e400")), **words
    )


def wordy_block(rolls: random.Random) -> Block:
    """Plain messages of one read."""
    first = any_event(rolls)
    texts = [document(rolls).decode() for _ in range(rolls.randint(1, 9))]
    sizes = [len(text.encode()) for text in texts]
    columns = PlainColumns(*([rolls.choice(("", *WORDS)) for _ in texts] for _ in range(3)))
    is_read = rolls.random() < 0.8
    return Block(
        first.source,
        first.ts_ns,
        first.mono_ns,
        sizes,
        [size + 2 for size in sizes],
        texts if rolls.random() < 0.9 else [],
        columns if is_read else None,
        1_000 if is_read else None,
    )


def piece_of(text: str, rolls: random.Random) -> str:
    """A part of a text, now and then with another case or with a character that is not there."""
    first = rolls.randrange(max(1, len(text) - 2))
    part = text[first : first + rolls.choice((3, 5, 8, 17, 40))]
    return rolls.choice((part, part, part.upper(), part.swapcase(), part + rolls.choice("xZ7 ")))


def wordy_item(text: str, rolls: random.Random) -> Item:
    part = piece_of(text, rolls)
    return rolls.choice((Contains(part), Exact(text), Exact(part), Glob(f"*{part}*"), Glob(f"{part[:4]}*{part[-3:]}")))


def shape_of(text: str, rolls: random.Random) -> Regex:
    """A regular expression that a part of a text fits, mostly by the kinds of its characters."""
    return Regex("".join(_kind_of(char, rolls) for char in piece_of(text, rolls)), rolls.random() < 0.5)


def _kind_of(char: str, rolls: random.Random) -> str:
    if not char.isascii() or rolls.random() < 0.1:
        return regex.escape(char)
    return r"\d" if char.isdigit() else "[a-f]" if char in "abcdef" else "[g-z]" if char.islower() else r"[^a-z\d]"


def wordy_term(events: tuple[Event, ...], rolls: random.Random) -> Term:
    event = rolls.choice(events)
    payload = text_of(event.payload or b"") or "nothing"
    match rolls.randrange(9):
        case 8:
            number = rolls.choice((*NUMBERS, *SPELLINGS))
            return PathTerm((rolls.choice(KEYS),), (Exact(rolls.choice((number, number.upper()))),))
        case 5:
            return shape_of(rolls.choice((payload, event.reason or event.name)), rolls)
        case 6:
            return FieldTerm(rolls.choice(("text", "error", "type")), (shape_of(payload, rolls),))
        case 0 | 1:
            return Word(piece_of(rolls.choice((payload, event.reason or "reason", event.name)), rolls))
        case 2:
            return FieldTerm("text", (wordy_item(payload, rolls),))
        case 3:
            return FieldTerm(
                rolls.choice(("type", "topic", "ref", "reason", "error")), (wordy_item(event.type or "a", rolls),)
            )
        case 4:
            return PathTerm((rolls.choice(KEYS),), (wordy_item(rolls.choice((*WORDS, payload, "12345678")), rolls),))
    return any_term(rolls)


def index(path: Path, last_id: int) -> int:
    """Index a store up to an event; returns how many segments there are."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        SearchIndexer(connection, path).index(last_id, lambda: False)
        (segments,) = connection.execute("SELECT count(*) FROM search_segment").fetchone()
        return int(segments)


def small_blocks(monkeypatch: pytest.MonkeyPatch, rolls: random.Random) -> int:
    """Set sizes that make a few segments; returns the greatest number of events in one."""
    blocks, block_events = rolls.randint(1, 6), rolls.randint(1, 5)
    monkeypatch.setattr(skip_index, "BLOCKS", blocks)
    monkeypatch.setattr(skip_index, "BLOCK_EVENTS", block_events)
    monkeypatch.setattr(skip_index, "BLOCK_TOKENS", rolls.choice((3, 800)))
    monkeypatch.setattr(skip_index, "STEP_EVENTS", rolls.randint(1, 5))
    monkeypatch.setattr(skip_index, "STEP_CHARS", rolls.choice((50, 16_384)))
    return blocks * block_events


SEGMENTS = "SELECT first_id, last_id, first_ns, last_ns, starts FROM search_segment ORDER BY first_id"
PAGES = "SELECT id, masks FROM search_page ORDER BY id"


def record_and_feed(path: Path, rolls: random.Random) -> bool:
    """Record events and blocks in commits of any size, and feed them to the index.

    Now and then the recorder is cut off and begins anew, a commit is not handed over, or a slice of what is missing is
    read. Returns whether none of this happened.
    """
    is_whole = rolls.random() < 0.5
    makers = (wordy_event, wordy_event, wordy_event, wordy_event, wordy_block)
    events = [rolls.choice(makers)(rolls) for _ in range(EVENTS * 2 // 3)]
    run = Recording(path)
    indexer = SearchIndexer(run.database.connection, path)
    at = 0
    while at < len(events):
        some = events[at : at + rolls.choice((1, 3, 10, 40))]
        at += len(some)
        run.fold.fold(some)
        committed = run.fold.uncommitted
        run.write()
        roll = 1.0 if is_whole else rolls.random()
        if roll > 0.1:
            indexer.feed(committed)
        elif roll > 0.05:
            indexer.index(run.fold.assigned_id - rolls.randrange(3), lambda: rolls.random() < 0.5)
        elif roll > 0.02:
            run.cut_off()
            run = Recording(path)
            indexer = SearchIndexer(run.database.connection, path)
    run.cut_off()
    return is_whole


@pytest.mark.parametrize("seed", range(10 * STORES))
def test_an_index_that_is_fed_is_the_one_that_is_read_back(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolls = random.Random(seed)
    segment_events = small_blocks(monkeypatch, rolls)
    path = tmp_path / "store.db"
    is_whole = record_and_feed(path, rolls)
    fed = stored(path, SEGMENTS), stored(path, PAGES)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (last_id,) = connection.execute("SELECT max(id) FROM event").fetchone()
        assert SearchIndexer(connection, path).index(last_id, lambda: False) is False
        after = stored(path, SEGMENTS)
        if is_whole:
            assert after == fed[0]
        covered = [event_id for first, last, *_ in after for event_id in range(int(str(first)), int(str(last)) + 1)]
        assert covered == list(range(1, len(covered) + 1))
        assert last_id - len(covered) < segment_events
        if is_whole:
            connection.executescript("DELETE FROM search_segment; DELETE FROM search_page;")
            SearchIndexer(connection, path).index(last_id, lambda: False)
            assert (stored(path, SEGMENTS), stored(path, PAGES)) == fed


@pytest.mark.parametrize("seed", range(STORES))
def test_with_the_index_sql_finds_what_the_predicate_finds(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolls = random.Random(seed)
    small_blocks(monkeypatch, rolls)
    path = tmp_path / "store.db"
    if rolls.random() < 0.5:
        recorded(path, [wordy_event(rolls) for _ in range(EVENTS)], *CONNECTIONS)
        assert index(path, rolls.randint(EVENTS // 2, EVENTS)) > 0
    else:
        record_and_feed(path, rolls)
    if rolls.random() < 0.5:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            forget_segments(connection, rolls.randrange(EVENTS // 2))  # of events that are there: not indexed then
    reader = Reader(path, FixedClock())
    events = reader.events_after(0, 2 * EVENTS)
    last_id = reader.bounds().last_id
    for _ in range(QUERIES):
        query = Query(tuple(wordy_term(events, rolls) for _ in range(rolls.randint(1, 2))))
        expected = [event.id for event in events if matches(query, event)]
        assert found_ids(reader, query, 1, last_id) == expected, query
        first, last = sorted(rolls.choices(range(1, last_id + 1), k=2))
        within = [event_id for event_id in expected if first <= event_id <= last]
        assert found_ids(reader, query, first, last) == within, query
        assert [event.id for event in reader.events_after(0, 5, query)] == expected[:5], query
        assert [event.id for event in reader.events_before(last_id + 1, 5, query)] == expected[::-1][:5], query
    reader.close()
