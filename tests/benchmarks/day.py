"""Statistics over 24 hours of 50 connections: time to the answer, from the rollups alone.

The store is written and pruned by the recorder's own code. The peer is what SQLite takes to count the same events one
by one.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.benchmarks.table import Options, Row, paired
from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS, dialled, event, loss, retry, source, usable
from tests.support.recordings import FixedClock, Recording
from wsmon.clock import SystemClock
from wsmon.config.specs import RetentionSpec
from wsmon.model.events import Event, Source
from wsmon.store.database import open_for_writing
from wsmon.store.reader import Reader
from wsmon.store.retention import Retention

MINUTE_S, HOUR_S = 60, 3600
PING_S = 20
# How long a session lasts
HELD_S = 1800
GOAL_MS = 50
ROUNDS = 7
WHOLE, ANY = "statistics, the whole day", "statistics, from any second to any other"
MS_NS = 1_000_000
COUNT = "SELECT source, name, count(*), sum(size), max(size) FROM event GROUP BY source, name"


def day(connections: int, events: int, hours: int) -> Iterator[tuple[int, list[Event]]]:
    """What is recorded in each minute, and the second it ends at: sizes and times as real feeds have them."""
    chance = random.Random(1)
    a_minute = events // (hours * MINUTE_S)
    sources = [source(f"feed-{n:02}") for n in range(connections)]
    for minute in range(hours * MINUTE_S):
        found = []
        for at_ns in sorted(chance.randrange(MINUTE_S * SECOND_NS) for _ in range(a_minute)):
            size = int(chance.lognormvariate(5.3, 0.8)) + 20
            duration_ns = int(chance.lognormvariate(10, 0.4))
            found.append(_message(chance.choice(sources), minute * MINUTE_S * SECOND_NS + at_ns, size, duration_ns))
        for each in sources:
            for second in range(0, MINUTE_S, PING_S):
                rtt_ns = int(chance.lognormvariate(3, 0.3) * MS_NS)
                found.append(_pong(each, (minute * MINUTE_S + second) * SECOND_NS, rtt_ns))
            if minute * MINUTE_S % HELD_S == 0:
                found += _session(each.connection, minute * MINUTE_S, is_first=minute == 0)
        yield (minute + 1) * MINUTE_S, sorted(found, key=lambda event: event.mono_ns)


def _message(of: Source, at_ns: int, size: int, duration_ns: int) -> Event:
    return Event(
        of, "message.received", T0_NS + at_ns, MONO_0_NS + at_ns, "in", "text", size, size + 4,
        b'{"type":"trade"}', type="trade", duration_ns=duration_ns,
    )  # fmt: skip


def _pong(of: Source, at_ns: int, rtt_ns: int) -> Event:
    ts_ns, mono_ns = T0_NS + at_ns, MONO_0_NS + at_ns
    return Event(of, "heartbeat.received", ts_ns, mono_ns, "in", "pong", 4, 6, b"\0" * 4, duration_ns=rtt_ns)


def _session(connection: str, at_s: float, *, is_first: bool) -> Iterator[Event]:
    """The end of a session, unless there was none, and the beginning of the next."""
    if not is_first:
        yield loss(at_s, connection, open_s=HELD_S - 1)
        yield retry(at_s + 0.001, connection, 1, 0.5)
    yield dialled(at_s + 0.5, connection, 1 if is_first else 2)
    yield event("connection.open", at_s + 0.52, connection, from_status="connecting", to_status="connected")
    yield usable(at_s + 0.54, connection, 40.0)


def build(path: Path, connections: int, events: int, hours: int) -> None:
    """Write the store."""
    with Recording(path, *(f"feed-{n:02}" for n in range(connections))) as recording:
        for end_s, found in day(connections, events, hours):
            recording.write(found, rolled_after_s=end_s)


def prune(path: Path, hours: int) -> None:
    """Forget seconds that are older than the recorder keeps them."""
    with closing(open_for_writing(path)) as database:
        clock = FixedClock(hours * HOUR_S)
        retention = Retention(database.connection, path, clock, RetentionSpec())
        while retention.prune_rollups():
            pass


def ask(path: Path, since_s: float, until_s: float) -> float:
    """Milliseconds to open the store and have the statistics of a period."""
    began = time.perf_counter()
    view = Reader(path, SystemClock())
    found = view.statistics(T0_NS + round(since_s * SECOND_NS), T0_NS + round(until_s * SECOND_NS))
    view.close()
    assert all(connection.messages.received for connection in found.connections)
    return (time.perf_counter() - began) * 1000


def count(path: Path) -> float:
    """Milliseconds to count the events one by one."""
    with closing(sqlite3.connect(path)) as database:
        began = time.perf_counter()
        database.execute(COUNT).fetchall()
        return (time.perf_counter() - began) * 1000


def rows(options: Options) -> Iterator[Row]:
    """Ask for the whole time, and from any second to any other."""
    wanted = [name for name in (WHOLE, ANY) if options.wants(name)]
    if not wanted:
        return
    events, connections = options.amount(1_000_000, 6_000, 10_000_000), options.amount(50, 5)
    hours, chance = options.amount(24, 1), random.Random(2)
    length_s = hours * HOUR_S
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store = Path(folder) / "store.db"
        build(store, connections, events, hours)
        prune(store, hours)

        def any_seconds() -> float:
            edges_s = (chance.random() * length_s / 24 for _ in range(2))
            return ask(store, next(edges_s), length_s - next(edges_s))

        for name in wanted:
            ours = partial(ask, store, 0, length_s) if name == WHOLE else any_seconds
            costs, counted = paired(options.rounds_or(ROUNDS), ours, partial(count, store))
            yield Row(name, "ms", costs, "a count of the events", counted, limit=GOAL_MS)
