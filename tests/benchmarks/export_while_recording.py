"""Every export, one after the other, of a store of a million events into which 5,000 messages a second are recorded.

    python tests/benchmarks/export_while_recording.py [--events N] [--rate N] [--rounds N] [--folder PATH]

Prints how late commits were without and with an export (the goal: p99 ≤ 150 ms, none later than 250), and whether the
store holds every message that was sent, once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.benchmarks.exports import made
from tests.benchmarks.timed_recorder import read
from tests.support.peers import scenario
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer
from wsmon.export.formats import FORMATS
from wsmon.store.codec import NAME_CODES

CONNECTIONS = 10
QUIET_S = 20
RECORDER = Path(__file__).with_name("timed_recorder.py")
LONGEST_S = 600
_SESSIONS = """
SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM (
    SELECT source, json_extract(payload, '$.seq') AS seq FROM event JOIN source ON source.id = event.source
    WHERE event.name = 1 AND run = (SELECT max(id) FROM run)
) GROUP BY source
"""
GOAL_P99_MS, GOAL_LATEST_MS = 150, 250


async def recorded(folder: Path, store: Path, rate: int, *, rounds: int) -> str:
    """Record while exports run (``rounds`` of all formats; 0 = none, for a while); what came of it."""
    chosen = scenario("load").with_(rate=rate // CONNECTIONS, count=LONGEST_S * rate // CONNECTIONS)
    log = folder / f"commits-{rounds}.jsonl"
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(CONNECTIONS)]
        config = folder / "wsmon.toml"
        entries = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config.write_text('[wsmon]\nretention = { age = "3650d", size = "100GB" }\n' + "".join(entries))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, RECORDER, log, "record", config, "--store", store, "--quiet"), env=environ
        )
        begun_s = time.monotonic()
        began: list[tuple[float, str]] = []
        if rounds:
            began = [(await exported(folder, store, name, environ), name) for name in tuple(FORMATS) * rounds]
        else:
            await asyncio.sleep(QUIET_S)
        took_s = time.monotonic() - begun_s
        recorder.send_signal(signal.SIGINT)
        await recorder.wait()
        sent = sum(server.sent.messages for server in servers)
    commits = read(log)
    kept = commits.late(0.99) <= GOAL_P99_MS and commits.late_ms[-1] <= GOAL_LATEST_MS
    for late_ms, at_s in commits.latest:
        during = next((name for start_s, name in reversed(began) if start_s <= at_s), "none")
        print(f"  {late_ms:.0f} ms late during {during}")
    said = f"{commits} ({'kept' if kept else 'MISSED'}); {sent / took_s:,.0f} messages/s for {took_s:.0f} s"
    return f"{said}\n{counted(store, sent)}"


async def exported(folder: Path, store: Path, name: str, environ: dict[str, str]) -> float:
    """One export, in a process of its own; when it began."""
    target = folder / f"out.{name}"
    begun_s = time.monotonic()
    command = (sys.executable, "-m", "wsmon", "export", "--format", name, "--output", target, "--store", store)
    process = await asyncio.create_subprocess_exec(*command, env=environ, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said
    print(f"  {name:10} {time.monotonic() - begun_s:6.1f} s  {target.stat().st_size / 1e6:8.1f} MB", flush=True)
    target.unlink()
    return begun_s


def counted(store: Path, sent: int) -> str:
    """Whether the newest run has each session's messages 1, 2, 3 … once, and no id is missing."""
    with sqlite3.connect(store) as database:
        sessions = database.execute(_SESSIONS).fetchall()
        all_ids, newest = database.execute("SELECT count(*), max(id) FROM event").fetchone()
        shed = database.execute("SELECT count(*) FROM event WHERE name = ?", (NAME_CODES["self.shed"],)).fetchone()
    database.close()
    torn = [row for row in sessions if row[0] != row[1] or row[0] != row[3] - row[2] + 1]
    assert not torn, f"messages are missing or there twice: {torn}"
    assert all_ids == newest, "ids have a hole"
    assert shed == (0,)
    stored = sum(row[0] for row in sessions)
    return f"  {len(sessions)} sessions, none torn: {stored:,} messages without a gap ({sent:,} written by the servers)"


def main() -> None:
    """Without exports, then with."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--rate", type=int, default=5_000)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--folder", type=Path, default=None)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        store = folder / "store.db"
        made(store, chosen.events)
        print("without an export:", asyncio.run(recorded(folder, store, chosen.rate, rounds=0)), flush=True)
        print("with exports:", asyncio.run(recorded(folder, store, chosen.rate, rounds=chosen.rounds)), flush=True)


if __name__ == "__main__":
    main()
