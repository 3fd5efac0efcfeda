"""What connections cost while nothing happens on them: the recorder's memory and CPU, one connection against many.

    python tests/benchmarks/idle.py [--connections N] [--seconds N] [--store FILE]

Every connection is open and pinged as often as the default says; its peer sends nothing. A viewer shows them in a
terminal of 120×40. With ``--store``, also what a viewer costs on a store that nobody records.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.load import cpu_s, resident_mib
from tests.benchmarks.screen import Screen, spent
from tests.support.peers import script
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

SILENT = script('[[step]]\ndo = "wait"\nfor = "1h"\n')
OPEN_WITHIN_S = 30.0
GOAL_PERCENT = 1.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one recorder."""

    mib: float
    """Resident, at the end."""
    cpu_percent: float
    """Of a core, once all were open."""
    viewer_percent: float
    """Of a core, of a viewer."""


async def idle(connections: int, seconds: int, folder: Path) -> Cost:
    """Record that many silent connections for a while."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScenarioServer(SILENT, SystemClock()))
        config = folder / "wsmon.toml"
        config.write_text("".join(f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n in range(connections)))
        store, environ = folder / "store.db", environ_of(folder)
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(store), "--quiet"), env=environ
        )
        await server.until(lambda: server.sessions == connections, OPEN_WITHIN_S)
        began_s = cpu_s(recorder.pid)
        await asyncio.sleep(seconds)
        mib, percent = resident_mib(recorder.pid), (cpu_s(recorder.pid) - began_s) / seconds * 100
        cost = Cost(mib, percent, await asyncio.to_thread(watched, store, environ, seconds, "attach"))
        recorder.terminate()
        await recorder.wait()
    return cost


def environ_of(folder: Path) -> dict[str, str]:
    """The environment of processes that leave nothing behind, with a terminal that has colours."""
    ours = {"XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": f"{folder}/state"}
    return {**os.environ, **ours, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def watched(store: Path, environ: dict[str, str], seconds: int, command: str) -> float:
    """CPU of a viewer, percent of a core, while nobody touches a key."""
    screen = Screen(store, environ, command)
    try:
        screen.wait("q quit")
        return spent(screen, seconds)[0]
    finally:
        screen.close()


def measure(connections: int, seconds: int) -> Cost:
    """In folders of its own."""
    with tempfile.TemporaryDirectory() as folder:
        cost = asyncio.run(idle(connections, seconds, Path(folder)))
    of_viewer = f"viewer {cost.viewer_percent:5.2f} % of a core (goal {GOAL_PERCENT:g})"
    print(
        f"{connections:4} connections  {cost.mib:6.1f} MiB  {cost.cpu_percent:5.2f} % of a core  {of_viewer}",
        flush=True,
    )
    return cost


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--store", type=Path, help="a large store that nobody records")
    options = parser.parse_args()
    if options.store is not None:
        with tempfile.TemporaryDirectory() as folder:
            percent = watched(options.store, environ_of(Path(folder)), options.seconds, "open")
        print(f"viewer of {options.store.name}: {percent:.2f} % of a core (goal {GOAL_PERCENT:g})", flush=True)
    one, many = measure(1, options.seconds), measure(options.connections, options.seconds)
    print(f"{options.connections} cost {many.mib - one.mib:.1f} MiB more than one")


if __name__ == "__main__":
    main()
