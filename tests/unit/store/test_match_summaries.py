from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.builders import at_ns, event, loss, message, numbered, pong, retry, usable
from tests.support.queries import query
from tests.support.recordings import FixedClock, Recording
from wsmon.model.events import Event, EventName
from wsmon.model.ranges import Ranking
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.store.reader import Reader

REPLY: EventName = "message.process.completed"


def reply(after_s: float, took_ms: int, connection: str = "a") -> Event:
    return event(REPLY, after_s, connection, size=0, duration_ns=took_ms * MS_NS, status="ok")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    events = [
        usable(0),
        message("x" * 30, 1, "a", duration_ns=9 * SECOND_NS),
        reply(2, 40),
        reply(3, 900),
        message("x" * 300, 4, "b"),
        reply(5, 900, "b"),
        pong(6, "a", rtt_ms=18),
        loss(7),
        retry(8),
        message("x" * 3, 9, "a"),
    ]
    with Recording(tmp_path / "store.db", "a", "b", "deribit", "binance-spot") as recording:
        recording.write(numbered(events))
        found = Reader(tmp_path / "store.db", FixedClock())
        yield found
        found.close()


@pytest.mark.parametrize(
    ("ranking", "text", "limit", "expected"),
    [
        ("duration", "", 3, (6, 4, 1)),
        ("duration", "", 100, (6, 4, 1, 3, 7)),
        ("duration", "conn:a name:message.process.completed", 100, (4, 3)),
        ("size", "", 2, (5, 2)),
        ("size", "conn:a", 100, (2, 10)),
        ("size", "conn:nowhere", 100, ()),
    ],
)
def test_the_greatest_come_first_and_only_operations_have_durations(
    reader: Reader, ranking: Ranking, text: str, limit: int, expected: tuple[int, ...]
) -> None:
    *_, found = reader.top(query(text), ranking, limit)

    assert (found.ids, found.searched, found.is_complete) == (expected, 10, True)


def test_matches_are_counted_by_their_time(reader: Reader) -> None:
    *_, found = reader.histogram(query(""), at_ns(0), 2 * SECOND_NS, 4)
    assert (found.counts, found.searched, found.is_complete) == ((2, 2, 2, 2), 10, True)

    *_, found = reader.histogram(query("name:message.received"), at_ns(1), 4 * SECOND_NS, 3)
    assert found.counts == (2, 0, 1)


def test_an_empty_store_has_neither(tmp_path: Path) -> None:
    with Recording(tmp_path / "store.db", "a"):
        reader = Reader(tmp_path / "store.db", FixedClock())
        assert [found.ids for found in reader.top(query(""), "size", 5)] == [()]
        assert [found.counts for found in reader.histogram(query(""), 0, 1, 2)] == [(0, 0)]
        reader.close()


def test_many_windows_have_the_greatest_of_all(tmp_path: Path) -> None:
    sizes = [(number * 7919) % 10_007 + 1 for number in range(5_000)]
    with Recording(tmp_path / "store.db", "a") as recording:
        recording.write([message("x" * size if size < 50 else "y", size=size) for size in sizes])
        reader = Reader(tmp_path / "store.db", FixedClock())
        *_, found = reader.top(query(""), "size", 50)
        reader.close()

    ranked = sorted(((size, number) for number, size in enumerate(sizes, 1)), reverse=True)
    assert found.ids == tuple(number for _, number in ranked[:50])
