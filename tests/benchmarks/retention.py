"""Retention under load: 5,000 messages a second into a store that may have only so many bytes.

The size of the store's file once it has reached its limit, how long slices of pruning kept a commit waiting, and how
late commits were, beside a recorder whose store has no limit to speak of. What is left must be a stretch of ids without
a hole.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks.table import Options, Row, paired
from tests.benchmarks.timed_recorder import Commits, read
from tests.support.peers import scenario
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

CONNECTIONS = 10
LONGEST_S = 3_600
RECORDER = Path(__file__).with_name("timed_recorder.py")
SAMPLE_S = 0.5
GOAL_SHARE, GOAL_WAIT_MS, GOAL_LATE_MS = 0.10, 50, 150
UNLIMITED_BYTES = 100_000_000_000
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a recording."""

    commits: Commits
    sizes: list[int]
    """Bytes of the store's file, twice a second."""


async def record(limit_bytes: int, rate: int, seconds: int, folder: Path) -> Recorded:
    """Record, watch the file, stop, look."""
    chosen = scenario("load").with_(rate=rate // CONNECTIONS, count=LONGEST_S * rate // CONNECTIONS)
    store, log, config = folder / "store.db", folder / "log", folder / "wsmon.toml"
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(CONNECTIONS)]
        entries = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config.write_text(f"[wsmon]\nretention = {{ size = {limit_bytes} }}\n{''.join(entries)}")
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, RECORDER, log, "record", config, "--store", store, "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
        sizes = await watched(store, seconds)
        recorder.send_signal(signal.SIGTERM)
        assert await recorder.wait() == 0
    check(store)
    return Recorded(read(log), sizes)


async def watched(store: Path, seconds: int) -> list[int]:
    """Bytes of the store, twice a second."""
    sizes = []
    for _ in range(round(seconds / SAMPLE_S)):
        await asyncio.sleep(SAMPLE_S)
        sizes.append(size_of(store))
    return sizes


def size_of(path: Path) -> int:
    """Its bytes; 0 where it is not there yet."""
    return path.stat().st_size if path.exists() else 0


def check(store: Path) -> None:
    """See that what is left is a stretch of ids without a hole, in a sound file."""
    with closing(sqlite3.connect(store)) as database:
        count, oldest, newest = database.execute("SELECT count(*), min(id), max(id) FROM event").fetchone()
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert newest - oldest + 1 == count, f"{newest - oldest + 1 - count} ids are missing"


def rows(options: Options) -> Iterator[Row]:
    """Record with a limit and without, in turns."""
    names = ("file beyond its limit", "pruning, longest slice", "commits while pruning, p99")
    if not any(options.wants(name) for name in names):
        return
    limit_bytes, rate, seconds = options.amount(20_000_000, 2_000_000), options.amount(5_000, 2_000), (60, 8)
    limited: list[Recorded] = []

    def measure(bytes_: int) -> float:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            found = asyncio.run(record(bytes_, rate, options.amount(*seconds), Path(folder)))
        if bytes_ == limit_bytes:
            limited.append(found)
        return found.commits.late(0.99)

    late = paired(options.rounds_or(ROUNDS), partial(measure, limit_bytes), partial(measure, UNLIMITED_BYTES))
    most = tuple(max(found.sizes) / limit_bytes for found in limited)
    slices = tuple(max(found.commits.pruning_ms, default=0.0) for found in limited)
    found = (
        Row(names[0], "× the limit", most, limit=1 + GOAL_SHARE),
        Row(names[1], "ms", slices, limit=GOAL_WAIT_MS, note=f"{limited[-1].commits.largest_slice:,} events at most"),
        Row(names[2], "ms", late[0], "no limit", late[1], limit=GOAL_LATE_MS),
    )
    yield from (row for row in found if options.wants(row.name))
