"""How long a frame takes until a viewer can read it from the store, committed: from its arrival to the row in hand.

The viewer is a process's worth of the screen: woken by the recorder after each commit, it reads what is new. The peer
is the same at a hundred messages a second.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from tests.benchmarks.table import Options, Row, paired
from tests.support.background import background
from tests.support.peers import scenario
from wsmon.cli.stores import greeting
from wsmon.clock import SystemClock
from wsmon.config.locate import socket_of
from wsmon.control.client import RecorderClient
from wsmon.demo.server import ScenarioServer
from wsmon.store.reader import Reader

WARM_UP_S = 2
OPEN_WITHIN_S = 30.0
PAGE_EVENTS = 5_000
NS_PER_MS = 1e6
ROUNDS = 3
FEW = 100
GOAL_MS = 150


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


async def run(seconds: int, connections: int, rate: int, folder: Path) -> list[float]:
    """Start servers, a recorder and a viewer; the sorted delays in milliseconds."""
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
            await server.until(lambda server=server: server.sent.messages > 0, OPEN_WITHIN_S)  # type: ignore[misc]
        delays = sorted(await watch(store, socket_of(store, environ), seconds))
        recorder.terminate()
        await recorder.wait()
    return delays


def rows(options: Options) -> Iterator[Row]:
    """Watch at each rate."""
    seconds, connections = options.amount(20, 1), 10
    for rate in (1_000, 10_000):
        name = f"frame to visible, {rate:,}/s"
        if options.wants(name):
            measure = partial(_p99_ms, seconds, connections, options.folder)
            ours, theirs = paired(
                options.rounds_or(ROUNDS), partial(measure, options.amount(rate, 500)), partial(measure, FEW)
            )
            yield Row(name, "ms, p99", ours, f"{FEW}/s", theirs, limit=GOAL_MS)


def _p99_ms(seconds: int, connections: int, where: Path | None, rate: int) -> float:
    with tempfile.TemporaryDirectory(dir=where) as folder:
        delays = asyncio.run(run(seconds, connections, rate, Path(folder)))
    return delays[int(len(delays) * 0.99)]
