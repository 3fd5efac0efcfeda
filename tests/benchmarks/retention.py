"""Retention under load: 5,000 messages a second into a store that may have only so many bytes, or so many seconds.

    python tests/benchmarks/retention.py [--size MB] [--age SECONDS] [--rate N] [--seconds N] [--folder PATH]

Prints the size of the store's file over time (the goal: within 10 % of its limit once that is reached), how long slices
of pruning kept a commit waiting (no more than 50 ms), how late commits were, and whether ids have a hole.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from tests.benchmarks.timed_recorder import Commits, read
from tests.support.peers import scenario
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer
from wsmon.store.codec import NAME_CODES

CONNECTIONS = 10
LONGEST_S = 3_600
RECORDER = Path(__file__).with_name("timed_recorder.py")
SAMPLE_S = 0.5
GOAL_SHARE, GOAL_WAIT_MS = 0.10, 50


async def run(limit_bytes: int, age_s: int, rate: int, seconds: int, folder: Path) -> None:
    """Record, watch the file, stop, look."""
    chosen = scenario("load").with_(rate=rate // CONNECTIONS, count=LONGEST_S * rate // CONNECTIONS)
    store, log, config = folder / "store.db", folder / "log", folder / "wsmon.toml"
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(CONNECTIONS)]
        entries = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config.write_text(f'[wsmon]\nretention = {{ age = "{age_s}s", size = {limit_bytes} }}\n{"".join(entries)}')
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, RECORDER, log, "record", config, "--store", store, "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
        sizes = await watched(store, seconds)
        recorder.send_signal(signal.SIGTERM)
        assert await recorder.wait() == 0
        sent = sum(server.sent.messages for server in servers)
    print(f"{sent:,} messages sent, {sent / seconds:,.0f} a second")
    judge_sizes(sizes, limit_bytes)
    judge_waits(read(log))
    judge_store(store)


async def watched(store: Path, seconds: int) -> list[tuple[int, int]]:
    """Bytes of the store and of its write-ahead log, twice a second."""
    sizes = []
    for number in range(round(seconds / SAMPLE_S)):
        await asyncio.sleep(SAMPLE_S)
        sizes.append((size_of(store), size_of(store.with_name("store.db-wal"))))
        if number % 20 == 19:
            print(f"{(number + 1) * SAMPLE_S:5.0f} s  {sizes[-1][0] / 1e6:7.1f} MB  log {sizes[-1][1] / 1e6:5.1f} MB")
    return sizes


def size_of(path: Path) -> int:
    """Its bytes; 0 where it is not there yet."""
    return path.stat().st_size if path.exists() else 0


def judge_sizes(sizes: list[tuple[int, int]], limit_bytes: int) -> None:
    """From when the file had reached nine tenths of its limit."""
    first = next((n for n, (size, _) in enumerate(sizes) if size >= limit_bytes * (1 - GOAL_SHARE)), len(sizes))
    full = sizes[first:]
    if not full:
        print(f"size: the limit of {limit_bytes / 1e6:.0f} MB was not reached")
        return
    least, most = min(size for size, _ in full), max(size for size, _ in full)
    kept = most <= limit_bytes * (1 + GOAL_SHARE)
    print(
        f"size: limit {limit_bytes / 1e6:.1f} MB, reached after {first * SAMPLE_S:.0f} s; from then on "
        f"{least / 1e6:.1f} to {most / 1e6:.1f} MB ({most / limit_bytes - 1:+.1%}), log at most "
        f"{max(log for _, log in full) / 1e6:.1f} MB: {'kept' if kept else 'MISSED'}"
    )


def judge_waits(commits: Commits) -> None:
    """How long a commit waited for a slice of pruning."""
    slices = commits.pruning_ms
    if slices:
        p99 = slices[int(len(slices) * 0.99)]
        kept = slices[-1] <= GOAL_WAIT_MS
        print(f"pruning: {len(slices):,} slices, p50 {slices[len(slices) // 2]:.1f} ms, p99 {p99:.1f} ms, ", end="")
        print(f"longest {slices[-1]:.1f} ms: {'kept' if kept else 'MISSED'}", end="; ")
        worked = commits.pruning_cpu_ms
        print(f"of CPU p99 {worked[int(len(worked) * 0.99)]:.1f}, most {worked[-1]:.1f} ms; ", end="")
        print(f"at most {commits.largest_slice:,} events a slice")
    print(f"late: {commits}")


def judge_store(store: Path) -> None:
    """What is left is a stretch of ids without a hole; what went is said."""
    with sqlite3.connect(store) as database:
        count, oldest, newest, span_ns = database.execute(
            "SELECT count(*), min(id), max(id), max(ts_ns) - min(ts_ns) FROM event"
        ).fetchone()
        (told,) = database.execute(
            "SELECT sum(json_extract(meta, '$.events')) FROM event WHERE name = ?", (NAME_CODES["self.pruned"],)
        ).fetchone()
        used = (
            database.execute("PRAGMA page_count").fetchone()[0]
            - database.execute("PRAGMA freelist_count").fetchone()[0]
        )
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    print(
        f"store: {count:,} events of {span_ns / 1e9:.0f} s, ids {oldest:,}..{newest:,}, {newest - oldest + 1 - count} "
        f"missing; events that tell of pruning name {told or 0:,}; {used * 4096 / 1e6:.1f} MB in use"
    )


def main() -> None:
    """Parse the options and run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=20, help="MB the store may have")
    options.add_argument("--age", type=int, default=14 * 86_400, help="seconds that events stay")
    options.add_argument("--rate", type=int, default=5_000, help="messages a second, all connections together")
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--folder", type=Path, default=None)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        asyncio.run(run(chosen.size * 1_000_000, chosen.age, chosen.rate, chosen.seconds, Path(name)))


if __name__ == "__main__":
    main()
