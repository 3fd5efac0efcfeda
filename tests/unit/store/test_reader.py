"""What a reader answers: pages, searches, ids by time, and how it is interrupted."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from tests.support.builders import SESSION, T0_NS, at_ns, dialled, event, loss, message, ping, pong, stall, usable
from tests.support.queries import found_ids
from tests.support.queries import query as parse
from tests.support.recordings import FixedClock, Recording, recorded
from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.model.ranges import SearchProgress, SessionRange, StoreBounds
from wsmon.store.pages import FIRST_NS
from wsmon.store.reader import Reader

# More than three windows of a search
MANY = 70_000


def ids(events: tuple[Event, ...]) -> list[int]:
    return [event.id for event in events]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    events = [message(f"m{number}", number, "a" if number % 2 else "b") for number in range(10)]
    with Recording(tmp_path / "store.db", "a", "b") as recording:
        recording.write(events)
        found = Reader(tmp_path / "store.db", FixedClock())
        yield found
        found.close()


def test_an_event_comes_back_as_it_was_written(tmp_path: Path) -> None:
    whole = msgspec.structs.replace(
        message(b"\xff\x00", 1.5, truncated=True, redacted=True, type="t", topic="x", ref="7"),
        span_id="0" * 16,
        parent_id="1" * 16,
        meta={"fragments": 3},
    )
    written = [dialled(), usable(0.2), whole, ping(2), pong(2.1), stall(3), loss(4, code=None, by="network")]
    path = recorded(tmp_path / "store.db", written, "binance-spot")
    reader = Reader(path, FixedClock())
    found = reader.events_after(0, 100)
    reader.close()
    assert [msgspec.structs.replace(each, id=0, verdict=None) for each in found] == written
    assert ids(found) == [1, 2, 3, 4, 5, 6, 7]


def test_pages_go_both_ways_by_id(reader: Reader) -> None:
    assert ids(reader.events_after(0, 3)) == [1, 2, 3]
    assert ids(reader.events_after(3, 100)) == [4, 5, 6, 7, 8, 9, 10]
    assert ids(reader.events_before(11, 3)) == [10, 9, 8]
    assert ids(reader.events_before(2**63 - 1, 1)) == [10]
    assert ids(reader.events_after(-7, 1)) == [1]
    assert reader.events_after(10, 3) == reader.events_before(1, 3) == reader.events_after(0, 0) == ()


def test_pages_of_a_query(reader: Reader) -> None:
    query = parse("conn:b")
    assert ids(reader.events_after(0, 3, query)) == [1, 3, 5]
    assert ids(reader.events_before(9, 2, query)) == [7, 5]
    assert found_ids(reader, query, 2, 8) == [3, 5, 7]
    assert found_ids(reader, parse(""), 8, 99) == [8, 9, 10]
    assert found_ids(reader, parse("id:3..4,9"), 1, 10) == [3, 4, 9]


def test_events_by_id_keep_the_order_asked_for(reader: Reader) -> None:
    assert ids(reader.events_by_id((7, 2, 99, 7))) == [7, 2, 7]
    assert len(reader.events_by_id(tuple(range(1, 1_200)))) == 10


def test_bounds_and_the_poll_token_follow_the_commits(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path) as recording:
        reader = Reader(path, FixedClock())
        assert (reader.bounds().oldest_id, reader.bounds().last_id, reader.bounds().events) == (0, 0, 0)
        version = reader.data_version()
        assert reader.data_version() == version
        recording.write([message("1"), message("2")])
        assert reader.data_version() != version
        bounds = reader.bounds()
        size_bytes = sum(file.stat().st_size for file in (path, path.with_name("store.db-wal")))
        assert bounds == StoreBounds(oldest_id=1, last_id=2, run=1, size_bytes=size_bytes)
        reader.close()


def test_pruned_events_are_neither_read_nor_found(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message(str(number), number) for number in range(9)])
        recording.execute("DELETE FROM event WHERE id < 5")
        recording.execute("UPDATE meta SET value = 5 WHERE key = 'oldest_id'")
        reader = Reader(tmp_path / "store.db", FixedClock())
        assert ids(reader.events_after(0, 2)) == [5, 6]
        assert ids(reader.events_before(7, 9)) == [6, 5]
        assert found_ids(reader, parse(""), 1, 6) == [5, 6]
        assert (reader.id_at(at_ns(0)), reader.id_at(at_ns(6.5))) == (5, 8)
        reader.close()


@pytest.mark.parametrize(("after_s", "expected"), [(-5, 1), (0, 1), (0.5, 2), (4, 5), (9, 10), (9.1, 11)])
def test_a_time_is_the_first_event_at_or_after_it(reader: Reader, after_s: float, expected: int) -> None:
    assert reader.id_at(at_ns(after_s)) == expected


def test_days_begin_with_their_first_event(tmp_path: Path) -> None:
    day_s = 86_400
    times = (0.0, 1.0, 0.5 * day_s, 0.5 * day_s + 5, 3 * day_s)
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message(str(after_s), after_s) for after_s in times])
        reader = Reader(tmp_path / "store.db", FixedClock())
        whole = reader.day_starts(0, UTC)

        assert [(start.first_id, start.day.day) for start in whole] == [(1, 10), (3, 11), (5, 13)]
        assert reader.day_starts(4, UTC) == (whole[1]._replace(first_id=4), whole[2])
        east = timezone(timedelta(hours=10))
        assert [start.first_id for start in reader.day_starts(0, east)] == [1, 5]
        assert reader.day_starts(6, UTC) == ()
        reader.close()


def test_what_is_in_no_window_is_found_in_a_later_one(tmp_path: Path) -> None:
    events: list[Event] = [message("x")] * MANY
    events[0] = message("needle", connection="rare")
    events[-1] = message("NEEDLE")
    events[MANY // 2] = event("error.occurred", error="a needle")
    with Recording(tmp_path / "store.db") as recording:
        recording.write(events)
        reader = Reader(tmp_path / "store.db", FixedClock())
        expected = [1, MANY // 2 + 1, MANY]
        assert found_ids(reader, parse("needle"), 1, MANY) == expected
        assert ids(reader.events_after(0, 9, parse("needle"))) == expected
        assert ids(reader.events_before(MANY + 1, 9, parse("needle"))) == expected[::-1]
        assert ids(reader.events_before(MANY + 1, 9, parse("name:error.*"))) == expected[1:2]
        assert ids(reader.events_after(0, 9, parse("conn:rare"))) == [1]
        reader.close()


class InterruptingClock(FixedClock):
    """Interrupts a reader, from another thread, while it looks at its clock."""

    def __init__(self) -> None:
        super().__init__()
        self.reader: Reader | None = None

    def mono_ns(self) -> int:
        if self.reader is not None:
            thread = threading.Thread(target=self.reader.interrupt)
            thread.start()
            thread.join()
        return super().mono_ns()


def test_an_interrupt_ends_a_search_and_nothing_after_it(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x")] * MANY)
        clock = InterruptingClock()
        reader = Reader(tmp_path / "store.db", clock)
        clock.reader = reader
        with pytest.raises(InterruptedError):
            found_ids(reader, parse("nothing"), 1, MANY)
        clock.reader = None
        assert len(found_ids(reader, parse("x"), 1, MANY)) == MANY
        reader.interrupt()
        assert ids(reader.events_after(0, 1)) == [1]
        reader.close()


def test_an_interrupt_ends_the_statement_that_runs(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x" * 4_000)] * 20_000)
        reader = Reader(tmp_path / "store.db", FixedClock())
        done = threading.Event()

        def interrupt_until_done() -> None:
            while not done.is_set():
                reader.interrupt()

        thread = threading.Thread(target=interrupt_until_done)
        thread.start()
        with pytest.raises(InterruptedError):
            found_ids(reader, parse("xyz"), 1, 20_000)
        done.set()
        thread.join()
        reader.close()


def test_an_interrupt_while_a_cursor_is_half_read_leaves_the_reader_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a cursor has SQLite interrupt the end of the transaction too."""
    path = recorded(tmp_path / "store.db", [message("x")] * MANY)
    reader = Reader(path, FixedClock())
    half_read: list[sqlite3.Cursor] = []

    def cut(connection: sqlite3.Connection, *_: object) -> None:
        half_read.append(connection.execute("SELECT id FROM event"))
        reader.interrupt()
        connection.execute("SELECT id FROM event").fetchall()

    with monkeypatch.context() as patch:
        patch.setattr("wsmon.store.timeline.lanes", cut)
        with pytest.raises(InterruptedError):
            reader.lanes(T0_NS, at_ns(10))
    half_read.clear()
    assert reader.lanes(T0_NS, at_ns(10)) == ()
    reader.close()


def test_damage_is_said_and_not_hidden(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("x" * 500)] * 4_000)
    content = bytearray(path.read_bytes())
    half = len(content) // 8192 * 4096
    content[half:] = b"\x99" * (len(content) - half)
    path.write_bytes(content)
    reader = Reader(path, FixedClock())
    with pytest.raises(StoreError, match=r"the store .* is damaged \(database disk image is malformed\)"):
        reader.events_after(0, 4_000)
    reader.close()


def test_a_reader_never_writes_nor_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Recording(path) as recording:
        recording.write([message("x")] * 100)
        before, log = path.read_bytes(), path.with_name("store.db-wal").read_bytes()
        reader = Reader(path, FixedClock())
        reader.statistics(None, None)
        reader.snapshot(at_ns(1))
        reader.close()
        assert (path.read_bytes(), path.with_name("store.db-wal").read_bytes()) == (before, log)


def test_a_session_knows_its_events_and_when_it_became_usable(tmp_path: Path) -> None:
    written = [dialled(), usable(0.2), message("a", 1), loss(4, "binance-spot", code=None, by="network")]
    reader = Reader(recorded(tmp_path / "store.db", written, "binance-spot"), FixedClock())
    lives = reader.sessions((SESSION, "f" * 16))
    nothing = reader.sessions(())
    reader.close()

    assert lives == (SessionRange(SESSION, 1, 4, 2, written[1].mono_ns),)
    assert nothing == ()


def test_a_session_that_never_was_usable_says_so(tmp_path: Path) -> None:
    written = [dialled(), loss(0.4, "binance-spot")]
    reader = Reader(recorded(tmp_path / "store.db", written, "binance-spot"), FixedClock())
    lives = reader.sessions((SESSION,))
    reader.close()

    assert lives == (SessionRange(SESSION, 1, 2),)


def test_a_session_has_the_spans_that_ended_in_it(tmp_path: Path) -> None:
    written = [dialled(), usable(0.2), loss(4, "binance-spot", code=None, by="network")]
    reader = Reader(recorded(tmp_path / "store.db", written, "binance-spot"), FixedClock())
    spans = reader.spans(SESSION, 100)
    some, none = reader.spans(SESSION, 1), reader.spans("f" * 16, 100)
    reader.close()

    assert SESSION in {span.span_id for span in spans}
    assert all(span.duration_ns is not None for span in spans)
    assert (some, none) == (spans[:1], ())


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_search_says_how_far_it_has_come(tmp_path: Path, newest_first: bool) -> None:
    events: list[Event] = [message("x")] * MANY
    wanted = [7, MANY // 2, MANY - 5_000]
    for event_id in wanted:
        events[event_id - 1] = message("needle")
    with Recording(tmp_path / "store.db") as recording:
        recording.write(events)
        reader = Reader(tmp_path / "store.db", PassingClock())
        answers = list(reader.search(parse("needle"), 1, MANY, newest_first=newest_first))
        reader.close()
    ascending = sorted(answers, key=lambda each: each.first_id)
    assert answers == (ascending[::-1] if newest_first else ascending)
    assert (ascending[0].first_id, ascending[-1].last_id) == (1, MANY)
    assert all(before.last_id + 1 == after.first_id for before, after in pairwise(ascending))
    assert [event_id for each in ascending for event_id in each.ids] == wanted
    assert len(answers) >= 3
    assert {each.reached_ns for each in answers} == {T0_NS}


def test_a_search_that_nobody_wants_any_more_leaves_the_reader_free(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message("x")] * MANY)
        reader = Reader(tmp_path / "store.db", PassingClock())
        answers = reader.search(parse("x"), 1, MANY, newest_first=True)
        assert len(next(answers).ids) > 0
        answers.close()
        assert ids(reader.events_after(0, 1)) == [1]
        assert list(reader.search(parse("x"), 5, 4, newest_first=True)) == []
        reader.close()


def test_what_is_pruned_counts_as_searched(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db") as recording:
        recording.write([message(str(number), number) for number in range(9)])
        recording.execute("DELETE FROM event WHERE id < 5")
        recording.execute("UPDATE meta SET value = 5 WHERE key = 'oldest_id'")
        reader = Reader(tmp_path / "store.db", FixedClock())
        answers = list(reader.search(parse(""), 1, 7, newest_first=True))
        reader.close()
    assert answers == [
        SearchProgress(array("q", [5, 6, 7]), 5, 7, at_ns(4)),
        SearchProgress(array("q"), 1, 4, at_ns(4)),
    ]


class PassingClock(FixedClock):
    """Time passes whenever somebody looks."""

    def mono_ns(self) -> int:
        self.after_s += 0.03
        return super().mono_ns()


class SlowClock(FixedClock):
    """Every look at it takes a third of a moment."""

    def mono_ns(self) -> int:
        self.after_s += FIRST_NS / 3 / 1e9
        return super().mono_ns()


@pytest.mark.parametrize(("newest_first", "expected"), [(True, (MANY - 47, MANY)), (False, (1, 48))])
def test_a_glance_ends_when_time_is_up_and_says_how_far_it_looked(
    tmp_path: Path, newest_first: bool, expected: tuple[int, int]
) -> None:
    path = recorded(tmp_path / "store.db", [message("x")] * MANY)
    slow, quick = Reader(path, SlowClock()), Reader(path, FixedClock())
    first_id, last_id = expected
    seen = slow.glance(parse("x"), 1, MANY, newest_first=newest_first)
    whole = quick.glance(parse("x"), 1, MANY, newest_first=newest_first)
    nothing = quick.glance(parse("x"), 2, 1, newest_first=newest_first)
    slow.close()
    quick.close()
    assert (list(seen.ids), seen.first_id, seen.last_id) == ([*range(first_id, last_id + 1)], first_id, last_id)
    assert (len(whole.ids), whole.first_id, whole.last_id) == (MANY, 1, MANY)
    assert (list(nothing.ids), nothing.first_id, nothing.last_id) == ([], 2, 1)


def test_s3_a_reader_goes_on_in_the_store_that_took_the_place_of_another(tmp_path: Path) -> None:
    path = recorded(tmp_path / "store.db", [message("old")] * 3)
    other = recorded(tmp_path / "other.db", [message("new")] * 2)
    reader = Reader(path, FixedClock())
    assert len(reader.events_after(0, 10)) == 3
    path.unlink()
    assert len(reader.events_after(0, 10)) == 3
    other.rename(path)
    assert [each.payload for each in reader.events_after(0, 10)] == [b"new", b"new"]
    path.write_bytes(b"x" * 100)
    path.rename(other)
    path.write_bytes(b"y" * 100)
    with pytest.raises(StoreError, match="it is not an SQLite database"):
        reader.bounds()
    reader.close()
