"""How late commits are while a store is exported in every format, one after the other; beside the same without.

The store has a million events, and 5,000 messages a second are recorded into it. Afterwards it must hold every message
that was sent, once.
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
from pathlib import Path

from tests.benchmarks.exports import made, removed
from tests.benchmarks.table import Options, Row
from tests.benchmarks.timed_recorder import Commits, read
from tests.support.peers import scenario
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer
from wsmon.export.formats import FORMATS
from wsmon.store.codec import NAME_CODES

CONNECTIONS = 10
QUIET_S = 20
OPEN_WITHIN_S = 30.0
ROUNDS = 3
RECORDER = Path(__file__).with_name("timed_recorder.py")
LONGEST_S = 600
_SESSIONS = """
SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM (
    SELECT source, json_extract(payload, '$.seq') AS seq FROM event JOIN source ON source.id = event.source
    WHERE event.name = 1 AND run = (SELECT max(id) FROM run)
) GROUP BY source
"""
GOAL_P99_MS, GOAL_LATEST_MS = 150, 250


async def recorded(folder: Path, store: Path, rate: int, quiet_s: float | None) -> Commits:
    """Record while all exports run; ``quiet_s``: for so long, without exports."""
    chosen = scenario("load").with_(rate=rate // CONNECTIONS, count=LONGEST_S * rate // CONNECTIONS)
    log = folder / "commits.jsonl"
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(CONNECTIONS)]
        config = folder / "wsmon.toml"
        entries = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config.write_text('[wsmon]\nretention = { age = "3650d", size = "100GB" }\n' + "".join(entries))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, RECORDER, log, "record", config, "--store", store, "--quiet"), env=environ
        )
        for server in servers:
            await server.until(lambda server=server: server.sessions > 0, OPEN_WITHIN_S)  # type: ignore[misc]
        if quiet_s is None:
            for name in FORMATS:
                await exported(folder, store, name, environ)
        else:
            await asyncio.sleep(quiet_s)
        recorder.send_signal(signal.SIGINT)
        assert await recorder.wait() == 0
    check(store)
    return read(log)


async def exported(folder: Path, store: Path, name: str, environ: dict[str, str]) -> None:
    """One export, in a process of its own."""
    target = folder / f"out{FORMATS[name].suffix}"
    command = (sys.executable, "-m", "wsmon", "export", "--format", name, "--output", target, "--store", store)
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    removed(target)


def check(store: Path) -> None:
    """See that the newest run has each session's messages 1, 2, 3 … once, and that no id is missing."""
    with closing(sqlite3.connect(store)) as database:
        sessions = database.execute(_SESSIONS).fetchall()
        all_ids, newest = database.execute("SELECT count(*), max(id) FROM event").fetchone()
        shed = database.execute("SELECT count(*) FROM event WHERE name = ?", (NAME_CODES["self.shed"],)).fetchone()
    torn = [row for row in sessions if row[0] != row[1] or row[0] != row[3] - row[2] + 1]
    assert not torn, f"messages are missing or there twice: {torn}"
    assert all_ids == newest, "ids have a hole"
    assert shed == (0,)


def rows(options: Options) -> Iterator[Row]:
    """Record with exports and without, in turns."""
    limits = {"p99": GOAL_P99_MS, "latest": GOAL_LATEST_MS}
    wanted = [each for each in limits if options.wants(f"commits during exports, {each}")]
    if not wanted:
        return
    rate, quiet_s = options.amount(5_000, 500), options.amount(QUIET_S, 1)
    found: dict[bool, list[Commits]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        store = folder / "store.db"
        made(store, options.amount(1_000_000, 1_000))
        for number in range(options.rounds_or(ROUNDS)):
            for is_exported in (True, False) if number % 2 else (False, True):
                commits = asyncio.run(recorded(folder, store, rate, None if is_exported else quiet_s))
                found[is_exported].append(commits)
    for each in wanted:
        share = 0.99 if each == "p99" else 1.0
        ours, theirs = (tuple(commits.late(share) for commits in found[with_exports]) for with_exports in (True, False))
        yield Row(f"commits during exports, {each}", "ms", ours, "no export", theirs, limit=limits[each])
