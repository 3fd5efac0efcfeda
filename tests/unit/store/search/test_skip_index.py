"""The index of texts: what is indexed, what a search leaves out, what goes with retention, and what stores lack it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import SECOND_NS, T0_NS, event, message
from tests.support.fake_ports import FakeClock
from tests.support.queries import query
from tests.support.recordings import FixedClock, recorded
from tests.support.stores import Recording, as_schema_6, recording, stored
from wsmon.config.specs import RetentionSpec
from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.store import pages
from wsmon.store import retention as pruning
from wsmon.store.database import open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.retention import NOTHING, Retention
from wsmon.store.search import skip_index
from wsmon.store.search.block_filter import needle_filter
from wsmon.store.search.skip_index import SearchIndexer, SkipIndex

BLOCK, BLOCKS = 4, 3
SEGMENT = BLOCK * BLOCKS


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skip_index, "BLOCK_EVENTS", BLOCK)
    monkeypatch.setattr(skip_index, "BLOCKS", BLOCKS)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Recording]:
    with recording(tmp_path / "store.db") as one:
        yield one


def index(run: Recording, last_id: int) -> SearchIndexer:
    indexer = SearchIndexer(run.database.connection, run.path)
    assert not indexer.index(last_id, lambda: False)
    return indexer


def segments(run: Recording) -> list[tuple[object, ...]]:
    return list(run.rows("SELECT first_id, last_id, first_ns - ?, last_ns - ? FROM search_segment", T0_NS, T0_NS))


def where(run: Recording, needle: str, first_id: int = 1, last_id: int = 1_000) -> list[tuple[int, int]]:
    return SkipIndex(run.database.connection).candidates(needle_filter(needle.encode()), first_id, last_id)


def test_whole_segments_are_indexed_and_the_tail_is_let_through(run: Recording) -> None:
    run.commit(*(message("margin call" if n == 6 else "fine", after_s=n) for n in range(2 * SEGMENT + 5)))
    index(run, 2 * SEGMENT + 5)
    assert segments(run) == [(1, 12, 0, 11 * SECOND_NS), (13, 24, 12 * SECOND_NS, 23 * SECOND_NS)]
    assert where(run, "margin", last_id=29) == [(5, 8), (25, 29)]
    assert where(run, "margin", 7, 7) == [(7, 7)]
    assert where(run, "margin", 9, 20) == []
    assert where(run, "fine", last_id=29) == [(1, 29)]
    assert where(run, "quasar", last_id=24) == []


def test_texts_beside_the_payload_are_indexed_too(run: Recording) -> None:
    columns = ("type", "topic", "ref", "reason", "error_type", "error", "span_id", "parent_id")
    plain = [message("x")] * BLOCK
    words = {column: letter * 5 for column, letter in zip(columns, "abcdefgh", strict=True)}
    for column, word in words.items():
        run.commit(msgspec.structs.replace(message("x"), **{column: word}), *plain[1:])
    run.commit(*plain * SEGMENT)
    index(run, run.fold.assigned_id)
    found = [where(run, word, last_id=8 * BLOCK) for word in words.values()]
    assert found == [[(place * BLOCK + 1, place * BLOCK + BLOCK)] for place in range(8)]


def test_indexing_goes_on_where_it_was_in_slices_and_after_a_restart(run: Recording) -> None:
    run.commit(*[message("fine")] * (3 * SEGMENT))
    indexer = SearchIndexer(run.database.connection, run.path)
    assert [indexer.index(3 * SEGMENT, lambda: True) for _ in range(BLOCKS + 1)] == [True] * (BLOCKS + 1)
    assert [first for first, *_ in segments(run)] == [1]  # and one block of the next one, in memory
    assert not SearchIndexer(run.database.connection, run.path).index(3 * SEGMENT, lambda: False)
    assert [first for first, *_ in segments(run)] == [1, 13, 25]


def test_nothing_past_what_is_committed_is_indexed(run: Recording) -> None:
    run.commit(*[message("fine")] * (2 * SEGMENT))
    index(run, SEGMENT + 3)
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, SEGMENT)]


def test_a_block_with_many_tokens_ends_early(run: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skip_index, "BLOCK_TOKENS", 3)
    monkeypatch.setattr(skip_index, "STEP_EVENTS", 1)
    run.commit(*[message("one two three")] * 6)
    index(run, 6)
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, BLOCKS), (BLOCKS + 1, 2 * BLOCKS)]


def test_ids_with_holes_are_indexed_as_they_are(run: Recording) -> None:
    run.commit(*[message("fine")] * 40)
    run.rows("DELETE FROM event WHERE id % 3 = 0")
    index(run, 40)
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, 17), (18, 35)]
    assert where(run, "quasar", last_id=40) == [(36, 40)]


def test_a_segment_that_the_disk_does_not_take_is_written_with_the_next_slice(run: Recording) -> None:
    run.commit(*[message("fine")] * SEGMENT)
    indexer = SearchIndexer(run.database.connection, run.path)
    run.rows("PRAGMA query_only = ON")
    with pytest.raises(StoreError):
        indexer.index(SEGMENT, lambda: False)
    run.rows("PRAGMA query_only = OFF")
    indexer.index(SEGMENT, lambda: False)
    assert [first for first, *_ in segments(run)] == [1]


def test_retention_takes_the_index_of_what_it_removes(run: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "NEWEST_EVENTS", 2)
    run.commit(*(message("fine", after_s=n) for n in range(3 * SEGMENT)))
    indexer = index(run, 3 * SEGMENT)
    clock = FakeClock(T0_NS + (1_000 + SEGMENT + 3) * SECOND_NS)
    one = Retention(run.database.connection, run.path, clock, RetentionSpec(age_s=1_000))
    while one.prune_events() != NOTHING:
        pass
    assert [first for first, *_ in segments(run)] == [13, 25]
    assert run.rows("SELECT min(id) / 32 FROM search_page") == [(13,)]
    assert where(run, "quasar", 16, 36) == []
    run.commit(*[message("fine", after_s=99)] * SEGMENT)
    indexer.index(4 * SEGMENT, lambda: False)
    assert [first for first, *_ in segments(run)] == [13, 25, 37]


def test_an_index_that_fell_behind_retention_goes_on_with_what_is_kept(
    run: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "NEWEST_EVENTS", 2)
    run.commit(*(message("fine", after_s=n) for n in range(4 * SEGMENT)))
    clock = FakeClock(T0_NS + (1_000 + 20) * SECOND_NS)
    one = Retention(run.database.connection, run.path, clock, RetentionSpec(age_s=1_000))
    while one.prune_events() != NOTHING:
        pass
    index(run, 4 * SEGMENT)
    assert [(first, last) for first, last, *_ in segments(run)] == [(21, 32), (33, 44)]


def feed(run: Recording, indexer: SearchIndexer, *events: Event) -> None:
    run.fold.fold(events)
    committed = run.fold.uncommitted
    run.write()
    indexer.feed(committed)


def test_what_is_handed_over_is_indexed_without_a_look_at_the_table(run: Recording) -> None:
    indexer = SearchIndexer(run.database.connection, run.path)
    run.fold.fold([message("margin call" if n == 6 else "fine", after_s=n) for n in range(SEGMENT + 1)])
    committed = run.fold.uncommitted
    run.write()
    run.rows("DELETE FROM event")
    indexer.feed(committed)
    assert segments(run) == [(1, 12, 0, 11 * SECOND_NS)]
    assert where(run, "margin", last_id=12) == [(5, 8)]


def test_the_few_events_before_what_is_handed_over_are_read(run: Recording) -> None:
    run.commit(*[message("fine")] * (SEGMENT - 1))
    feed(run, SearchIndexer(run.database.connection, run.path), *[message("margin call")] * (SEGMENT + 1))
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, 12), (13, 24)]
    assert where(run, "margin", last_id=24) == [(9, 24)]


def test_many_events_before_what_is_handed_over_are_read_in_slices(run: Recording) -> None:
    run.commit(*[message("margin call")] * (2 * SEGMENT + 5))
    indexer = SearchIndexer(run.database.connection, run.path)
    feed(run, indexer, *[message("fine")] * (SEGMENT + 1))
    assert [(first, last) for first, last, *_ in segments(run)] == [(30, 41)]
    last_id = run.fold.assigned_id
    assert [indexer.index(last_id, lambda: True) for _ in range(8)] == [True] * 7 + [False]
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, 12), (13, 24), (25, 29), (30, 41)]
    feed(run, indexer, *[message("fine")] * SEGMENT)
    assert [first for first, *_ in segments(run)][4:] == [42]


def test_what_an_earlier_recorder_left_out_between_segments_is_read(run: Recording) -> None:
    run.commit(*[message("margin call")] * (2 * SEGMENT))
    feed(run, SearchIndexer(run.database.connection, run.path), *[message("fine")] * SEGMENT)
    run.rows("DELETE FROM search_segment WHERE first_id < 25")
    index(run, 3 * SEGMENT)
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, 12), (13, 24), (25, 36)]


def test_events_that_are_in_no_segment_when_many_after_them_are_missed_are_read_with_those(run: Recording) -> None:
    indexer = SearchIndexer(run.database.connection, run.path)
    feed(run, indexer, *[message("margin call")] * (SEGMENT + BLOCK + 1))
    run.commit(*[message("fine")] * (SEGMENT + 1))
    feed(run, indexer, *[message("quasar")] * SEGMENT)
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, 12), (31, 42)]
    indexer.index(run.fold.assigned_id, lambda: False)
    assert [(first, last) for first, last, *_ in segments(run)] == [(1, 12), (13, 24), (25, 30), (31, 42)]
    assert [where(run, word, last_id=42) for word in ("margin", "quasar")] == [[(1, 20)], [(31, 42)]]


def test_what_is_handed_over_while_the_disk_takes_nothing_is_indexed_later(run: Recording) -> None:
    indexer = SearchIndexer(run.database.connection, run.path)
    for _ in range(4):
        run.fold.fold([message("margin call")] * SEGMENT)
        committed = run.fold.uncommitted
        run.write()
        run.rows("PRAGMA query_only = ON")
        with pytest.raises(StoreError):
            indexer.feed(committed)
        run.rows("PRAGMA query_only = OFF")
    feed(run, indexer, *[message("fine")] * SEGMENT)
    indexer.index(run.fold.assigned_id, lambda: False)
    assert [(first, last) for first, last, *_ in segments(run)] == [(n + 1, n + 12) for n in range(0, 60, 12)]


def test_secrets_that_were_masked_are_in_no_mark(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message('{"token":"[redacted]"}', redacted=True)] * SEGMENT)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        SearchIndexer(connection, path).index(SEGMENT, lambda: False)
        marks = SkipIndex(connection)
        assert marks.candidates(needle_filter(b"redacted"), 1, SEGMENT) == [(1, SEGMENT)]
        assert marks.candidates(needle_filter(b"hunter2secret"), 1, SEGMENT) == []


def version_5(path: Path) -> Path:
    """A store as the wsmon before this index left it."""
    recorded(path, [message("margin call"), *[message("fine")] * SEGMENT])
    with closing(sqlite3.connect(path)) as connection:
        as_schema_6(connection)
        connection.executescript("DROP TABLE search_segment; DROP TABLE search_page; PRAGMA user_version = 5;")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name >= 'm006'")
        connection.commit()
    return path


def test_an_index_with_marks_of_before_is_not_asked(run: Recording) -> None:
    run.commit(*[message("fine")] * SEGMENT)
    index(run, SEGMENT)
    assert SkipIndex(run.database.connection).exists
    run.rows("PRAGMA user_version = 7")
    assert not SkipIndex(run.database.connection).exists


def test_a_store_of_before_is_read_as_it_is_and_searched_through(tmp_path: Path) -> None:
    path = version_5(tmp_path / "store.db")
    reader = Reader(path, FixedClock())
    found = [each.id for each in reader.events_after(0, 9, query("margin"))]
    reader.close()
    assert found == [1]
    assert stored(path, "PRAGMA user_version") == [(5,)]


def test_a_store_of_before_gets_its_index_from_the_recorder(tmp_path: Path) -> None:
    path = version_5(tmp_path / "store.db")
    database = open_for_writing(path)
    SearchIndexer(database.connection, path).index(SEGMENT + 1, lambda: False)
    database.close()
    assert stored(path, "SELECT first_id, last_id FROM search_segment") == [(1, SEGMENT)]


class HastyClock(FixedClock):
    """Each look at it is a while after the one before."""

    def __init__(self) -> None:
        super().__init__()
        self._mono_ns = 0

    def mono_ns(self) -> int:
        self._mono_ns += 200_000_000
        return self._mono_ns


@pytest.mark.parametrize(("newest_first", "reached"), [(True, [25, 13, 1]), (False, [12, 24, 36])])
def test_a_search_says_how_far_it_came_where_the_index_leaves_everything_out(
    newest_first: bool, reached: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "FILTERED_AT_ONCE", SEGMENT)
    path = recorded(tmp_path / "store.db", [message("fine")] * (3 * SEGMENT))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        SearchIndexer(connection, path).index(3 * SEGMENT, lambda: False)
    with closing(Reader(path, HastyClock())) as reader:
        found = list(reader.search(query("margin"), 1, 3 * SEGMENT, newest_first=newest_first))
    assert [each.first_id if newest_first else each.last_id for each in found] == reached
    assert not any(each.ids for each in found)


def test_a_search_looks_at_no_more_than_the_index_lets_through(tmp_path: Path) -> None:
    events = [message("margin call" if n == 1 else "fine", after_s=n) for n in range(2 * SEGMENT)]
    path = recorded(tmp_path / "store.db", [*events, event("self.run.ended")])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        SearchIndexer(connection, path).index(2 * SEGMENT, lambda: False)
        connection.execute("UPDATE event SET payload = 'margin' WHERE id = 20")  # behind the back of the index
    reader = Reader(path, FixedClock())
    found = [each.id for each in reader.events_after(0, 9, query("margin"))]
    reader.close()
    assert found == [2]
