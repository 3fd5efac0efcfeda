"""How long a frame takes until a viewer can read it from the store, committed: from its arrival to the row in hand.

    python tests/benchmarks/visible.py [--seconds N] [--connections N] [--rate N]

The viewer is a process's worth of the screen: woken by the recorder after each commit, it reads what is new.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.support.background import background
from tests.support.peers import scenario
from wsmon.cli.stores import greeting
from wsmon.clock import SystemClock
from wsmon.config.locate import socket_of
from wsmon.control.client import RecorderClient
from wsmon.demo.server import ScenarioServer
from wsmon.store.reader import Reader

WARM_UP_S = 2
PAGE_EVENTS = 5_000
NS_PER_MS = 1e6


async def watch(store: Path, socket: Path, seconds: int) -> list[float]:
    """Milliseconds of each event that came within that time, after the warm-up."""
    changed = asyncio.Event()
    client = RecorderClient(socket, greeting())
    view = Reader(store, SystemClock())
    seen, last_id, begins_at = [], 0, time.monotonic() + WARM_UP_S
    async with background(client.run(changed.set), "viewer"):
        while (now := time.monotonic()) < begins_at + seconds:
            await changed.wait()
            changed.clear()
            while page := view.events_after(last_id, PAGE_EVENTS):
                read_ns = time.time_ns()
                last_id = page[-1].id
                if now > begins_at:
                    seen += [(read_ns - event.ts_ns) / NS_PER_MS for event in page]
    view.close()
    return seen


async def run(seconds: int, connections: int, rate: int, folder: Path) -> None:
    """Start servers, a recorder and a viewer; print what the viewer saw."""
    chosen = scenario("load").with_(rate=rate // connections, count=rate // connections * (seconds + WARM_UP_S * 2))
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(ScenarioServer(chosen, SystemClock())) for _ in range(connections)]
        config, store = folder / "wsmon.toml", folder / "store.db"
        lines = (f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n, server in enumerate(servers))
        config.write_text("".join(lines))
        environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"), env=environ
        )
        for server in servers:
            await server.until(lambda server=server: server.sent.messages > 0)  # type: ignore[misc]
        delays = sorted(await watch(store, socket_of(store, environ), seconds))
        recorder.terminate()
        await recorder.wait()
    p50, p95, p99 = (delays[int(len(delays) * share)] for share in (0.5, 0.95, 0.99))
    print(f"{len(delays):,} events at {rate:,}/s: p50 {p50:.0f}  p95 {p95:.0f}  p99 {p99:.0f}  max {delays[-1]:.0f} ms")


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rate", type=int, default=1_000, help="messages a second, all connections together")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options.seconds, options.connections, options.rate, Path(folder)))


if __name__ == "__main__":
    main()
