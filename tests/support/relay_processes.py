"""``wsmon relay`` in a process of its own, between an application and its server."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.processes import DEADLINE_S, Home


class Relay:
    """A running relay: where applications connect, and what it records to."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, store: Path) -> None:
        self.process = process
        self.url = url
        self.store = store

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.split("/")[2].rpartition(":")[2])

    async def stop(self) -> int:
        """End it, and return its exit code once all is stored."""
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


@asynccontextmanager
async def relaying(home: Home, upstream: str, *options: str) -> AsyncIterator[Relay]:
    """A relay to a server, until the block ends."""
    store = home.folder / "relay.db"
    command = ("-m", "wsmon", "relay", "--listen", "127.0.0.1:0", upstream, "--store", str(store), "--quiet", *options)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=home.environ
    )
    home.own(process)
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        url = (await process.stdout.readline()).decode().strip().rstrip("/")
    assert url.startswith("ws://"), url
    yield Relay(process, url, store)
    if process.returncode is None:
        await Relay(process, url, store).stop()
