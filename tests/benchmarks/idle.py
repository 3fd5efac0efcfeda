"""What connections cost while nothing happens on them: the recorder's memory and CPU, one connection against many.

    python tests/benchmarks/idle.py [--connections N] [--seconds N]

Every connection is open and pinged as often as the default says; its peer sends nothing.
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
from tests.support.peers import script
from wsmon.clock import SystemClock
from wsmon.demo.server import ScenarioServer

SILENT = script('[[step]]\ndo = "wait"\nfor = "1h"\n')
OPEN_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one recorder."""

    mib: float
    """Resident, at the end."""
    cpu_percent: float
    """Of a core, once all were open."""


async def idle(connections: int, seconds: int, folder: Path) -> Cost:
    """Record that many silent connections for a while."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(ScenarioServer(SILENT, SystemClock()))
        config = folder / "wsmon.toml"
        config.write_text("".join(f'[[connection]]\nname = "c{n}"\nurl = "{server.url}"\n' for n in range(connections)))
        recorder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wsmon", "record", str(config), "--store", str(folder / "store.db"), "--quiet"),
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        )
        await server.until(lambda: server.sessions == connections, OPEN_WITHIN_S)
        began_s = cpu_s(recorder.pid)
        await asyncio.sleep(seconds)
        cost = Cost(resident_mib(recorder.pid), (cpu_s(recorder.pid) - began_s) / seconds * 100)
        recorder.terminate()
        await recorder.wait()
    return cost


def measure(connections: int, seconds: int) -> Cost:
    """In folders of its own."""
    with tempfile.TemporaryDirectory() as folder:
        cost = asyncio.run(idle(connections, seconds, Path(folder)))
    print(f"{connections:4} connections  {cost.mib:6.1f} MiB  {cost.cpu_percent:5.2f} % of a core", flush=True)
    return cost


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    one, many = measure(1, options.seconds), measure(options.connections, options.seconds)
    print(f"{options.connections} cost {many.mib - one.mib:.1f} MiB more than one")


if __name__ == "__main__":
    main()
