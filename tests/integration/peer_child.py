"""A process that is a peer: ``python peer_child.py SCENARIO`` prints its address and serves until it is killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from wsmon.clock import SystemClock
from wsmon.demo.scenario import load_scenario
from wsmon.demo.server import ScenarioServer


async def main(scenario: Path) -> None:
    """Serve until the end of the world."""
    async with ScenarioServer(load_scenario(scenario), SystemClock()) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
