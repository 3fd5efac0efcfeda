"""The event of a greatest value, and the sizes and times of message types."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.builders import at_ns, dialled, event, message, pong, usable
from tests.support.stores import recording
from wsmon.clock import SystemClock
from wsmon.model.events import Event
from wsmon.model.statistics import Extreme, MessageType
from wsmon.store.reader import Reader

NAME = "binance-spot"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    with recording(path) as run:
        run.commit(dialled(0), usable(0.2))
        run.commit(
            message("x" * 300, 1, type="book"),
            pong(2, rtt_ms=9),
            event("message.process.completed", 20, duration_ns=40_000_000, size=9),
            event("message.process.completed", 21, duration_ns=7_000_000, size=9),
            message("x" * 900, 70, type="book"),
            message("x" * 5_000, 71, "another", type="trade"),
            pong(75, rtt_ms=90),
            message("x" * 100, 140, type="trade"),
            pong(150, rtt_ms=5),
            now_s=200,
        )
        run.end(200)
    return path


def extreme(path: Path, metric: Extreme, since_s: float = 0, until_s: float = 300) -> Event | None:
    with closing(Reader(path, SystemClock())) as reader:
        return reader.extreme(NAME, metric, at_ns(since_s), at_ns(until_s))


@pytest.mark.parametrize(
    ("metric", "name", "after_s"),
    [
        ("size", "message.received", 70),
        ("rtt", "heartbeat.responded", 75),
        ("process", "message.process.completed", 20),
        ("connect", "connection.completed", 0.2),
    ],
)
def test_a_maximum_leads_to_its_event(path: Path, metric: Extreme, name: str, after_s: float) -> None:
    found = extreme(path, metric)
    assert found is not None
    assert (found.name, found.ts_ns, found.source.connection) == (name, at_ns(after_s), NAME)


def test_only_the_period_counts(path: Path) -> None:
    early = extreme(path, "rtt", until_s=60)
    assert (early.ts_ns if early else 0, extreme(path, "rtt", since_s=200)) == (at_ns(2), None)


def test_what_was_not_measured_or_is_unknown_has_no_event(path: Path) -> None:
    assert extreme(path, "reconnect") is None
    with closing(Reader(path, SystemClock())) as reader:
        assert reader.extreme("nobody", "rtt", at_ns(0), at_ns(300)) is None


def test_types_have_their_mean_size_and_when_they_were_last_seen(path: Path) -> None:
    with closing(Reader(path, SystemClock())) as reader:
        assert reader.trend(NAME, at_ns(0), at_ns(300), 10).types == (
            MessageType("book", 2, 600.0, at_ns(70)),
            MessageType("trade", 1, 100.0, at_ns(140)),
        )
