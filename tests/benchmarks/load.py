"""Fifty connections, 5,000 messages a second in all: every message exactly once, and the recorder's memory over time.

    python tests/benchmarks/load.py [--seconds N] [--connections N] [--rate N]

Prints the recorder's resident memory every 5 s, its CPU, and the difference between what the servers sent and what the
store holds, which must be 0.
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

from tests.support.peers import scenario
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

WARM_UP_S = 10
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") / 1024
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_KIB / 1024


def cpu_s(pid: int) -> float:
    """CPU time of a process, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


async def run(seconds: int, connections: int, rate: int, folder: Path) -> None:
    """Start servers and a recorder, watch it, stop it, count."""
    per_connection = rate // connections
    chosen = scenario("load").with_(rate=per_connection, count=per_connection * seconds)
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(connections)]
        lines = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config, store = folder / "wsmon.toml", folder / "recording" / "store.db"
        config.write_text("".join(lines))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
        warm_mib = 0.0
        for second in range(0, seconds + 5, 5):
            await asyncio.sleep(5)
            mib = resident_mib(recorder.pid)
            warm_mib = mib if second + 5 == WARM_UP_S else warm_mib
            print(f"{second + 5:4} s  {mib:7.1f} MiB  {sum(s.sent.messages for s in servers):9,} sent", flush=True)
        used_s, last_mib = cpu_s(recorder.pid), resident_mib(recorder.pid)
        recorder.send_signal(signal.SIGTERM)
        code = await recorder.wait()
        report(store, [server.sent.messages for server in servers], code)
        sent = sum(server.sent.messages for server in servers)
        print(f"memory after the first {WARM_UP_S} s: {last_mib - warm_mib:+.1f} MiB")
        print(f"CPU: {used_s / seconds * 100:.1f} % of a core, {used_s / sent * 1e6:.2f} µs a message, start included")


def report(store: Path, sent: list[int], code: int) -> None:
    """Count the store against the servers."""
    with sqlite3.connect(store) as database:
        rows = database.execute(
            "SELECT connection.name, count(*), count(DISTINCT payload) "
            "FROM event JOIN source ON source.id = event.source "
            "JOIN connection ON connection.id = source.connection WHERE event.name = 1 GROUP BY 1"
        ).fetchall()
        integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
    database.close()
    stored = {name: (count, distinct) for name, count, distinct in rows}
    wrong = {n: (count, stored.get(f"c{n}")) for n, count in enumerate(sent) if stored.get(f"c{n}") != (count, count)}
    print(f"exit code {code}, integrity {integrity}, sent {sum(sent):,}, stored {sum(c for c, _ in stored.values()):,}")
    print(f"connections that differ: {wrong or 'none'}")


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--rate", type=int, default=5_000, help="messages a second, all connections together")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "wsmon").mkdir(mode=0o700)
        asyncio.run(run(options.seconds, options.connections, options.rate, Path(folder)))


if __name__ == "__main__":
    main()
