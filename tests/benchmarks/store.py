"""What the writer costs a message: take, fold and commit against a bare ``executemany`` of the same rows.

Both are measured in one process, as its CPU time.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.table import Options, Row
from wsmon.bus import BATCH_EVENTS, Bus
from wsmon.clock import SystemClock
from wsmon.model.events import Event, Source
from wsmon.store.codec import SqlValue
from wsmon.store.database import Database, RunStart, open_for_writing
from wsmon.store.fold import MESSAGE_COLUMNS
from wsmon.store.writer import Writer

MESSAGES = 200_000
PAYLOAD = b'{"e":"trade","s":"BTCUSDT","p":"97120.5","q":' + b"x" * 155
ROUNDS = 5


def rows(options: Options) -> Iterator[Row]:
    """Measure the writer with the messages of one connection, and of fifty."""
    count, rounds = options.amount(MESSAGES, 2_000), options.rounds_or(ROUNDS)
    for connections in (1, 50):
        name = f"writer, {connections} connection{'s' if connections > 1 else ''}"
        if options.wants(name):
            found = [
                tuple(cost(work, messages(connections, count)) for work in (through_the_writer, bare_executemany))
                for _ in range(rounds)
            ]
            ours, theirs = zip(*found, strict=True)
            yield Row(name, "µs a message", ours, "executemany of the rows", theirs)


def messages(connections: int, count: int) -> list[Event]:
    """Messages of 200 bytes, the connections taking turns, 5 µs apart."""
    clock = SystemClock()
    ts_ns, mono_ns = clock.wall_ns(), clock.mono_ns()
    sources = [Source(f"feed-{n}", "", "t" * 32, f"{n:016x}") for n in range(connections)]
    return [
        Event(
            sources[n % connections],
            "message.received",
            ts_ns + n * 5_000,
            mono_ns + n * 5_000,
            "in",
            "text",
            200,
            204,
            PAYLOAD,
        )
        for n in range(count)
    ]


def cost(work: Callable[[Database, list[Event]], float], events: list[Event]) -> float:
    """Microseconds of CPU a message, on a new store."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_for_writing(Path(folder) / "store.db")
        database.begin_run(RunStart(1, 1, 1, "benchmark", ""))
        return work(database, events) / len(events) * 1e6


def bare_executemany(database: Database, events: list[Event]) -> float:
    """Seconds of CPU to insert rows that are ready, in batches of the same length."""
    rows: list[tuple[SqlValue, ...]] = [
        (n, event.ts_ns, event.mono_ns, 1, 1, 1, 1, event.size, event.wire_size, PAYLOAD.decode())
        for n, event in enumerate(events, 1)
    ]
    connection = database.connection
    insert = f"INSERT INTO event ({', '.join(MESSAGE_COLUMNS)}) VALUES ({', '.join('?' * len(MESSAGE_COLUMNS))})"
    began = time.process_time()
    for at in range(0, len(rows), BATCH_EVENTS):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows[at : at + BATCH_EVENTS])
        connection.execute("COMMIT")
    database.close()
    return time.process_time() - began


def through_the_writer(database: Database, events: list[Event]) -> float:
    """Seconds of CPU from the first message taken to the truncated log."""
    failures: list[BaseException] = []
    bus = Bus(on_drained=lambda: None, high_water_bytes=sys.maxsize)
    for event in events:
        bus.emit_message(event)
    bus.close()
    path = database.path
    began = time.process_time()
    writer = Writer(database, bus, SystemClock(), on_commit=lambda *_committed: None, on_failure=failures.append)
    writer.start()
    writer.join()
    spent = time.process_time() - began
    assert not failures, failures
    check(path, len(events))
    return spent


def check(path: Path, expected: int) -> None:
    """A benchmark that loses messages measures nothing."""
    connection = sqlite3.connect(path)
    (found,) = connection.execute("SELECT count(*) FROM event").fetchone()
    connection.close()
    assert found == expected, (found, expected)
    assert threading.active_count() == 1
