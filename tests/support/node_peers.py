"""Servers that other people wrote, run by node or ruby from ``tests/real_peers``: started by name, and asked what they
saw.

``async def test(real_peers: RealPeers): server = await real_peers.start("mqtt")``. Where node or the packages are not
there, a test that asks for them is skipped; with ``WSMON_REAL_PEERS=required`` it fails.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

FOLDER = Path(__file__).parent.parent / "real_peers"
# The Python that has packages of others, such as readers of exports
CONSUMERS = Path(__file__).parents[2] / ".ci" / "consumers" / "bin" / "python"
DEADLINE_S = 20.0
REQUIRED = "required"

Seen: TypeAlias = "dict[str, Any]"


class RealPeer:
    """One server process, and what it told so far."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.seen: list[Seen] = []
        # ``what`` and ``at_ms`` (its monotonic clock) of each, and what belongs to it; in the order of the server
        self._process = process
        self._changed = asyncio.Event()
        # kill() awaits it.
        self._listening = asyncio.create_task(self._listen(), name=f"what {name} tells")  # noqa: TID251

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.named("ready")[0]["port"])

    def named(self, what: str) -> list[Seen]:
        """Everything of that name that it told."""
        return [one for one in self.seen if one["what"] == what]

    def values(self, what: str, key: str) -> list[Any]:
        """One value of each."""
        return [one[key] for one in self.named(what)]

    async def until(self, what: str, count: int = 1, within_s: float = DEADLINE_S) -> Seen:
        """What it told for the ``count``-th time, once it has."""
        try:
            async with asyncio.timeout(within_s):
                while len(found := self.named(what)) < count and not self._listening.done():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        assert len(found) >= count, f"{self.name} did not tell {what} × {count}: {self.seen}"
        return found[count - 1]

    async def order(self, do: str, **about: object) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **about}).encode() + b"\n")
        await self._process.stdin.drain()

    async def kill(self) -> None:
        """End it as a crash does."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.seen.append(json.loads(line))
            self._changed.set()
        self._changed.set()


class RealPeers:
    """Starts servers; they end with the test."""

    def __init__(self, node: str, stack: AsyncExitStack) -> None:
        self._node = node
        self._stack = stack

    async def start(self, name: str, port: int = 0, *arguments: str) -> RealPeer:
        """A server that is ready; its file says what further arguments mean."""
        process = await asyncio.create_subprocess_exec(
            *self._command(name),
            str(port),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=FOLDER,
        )
        peer = RealPeer(name, process)
        self._stack.push_async_callback(peer.kill)
        await peer.until("ready")
        return peer

    def _command(self, name: str) -> tuple[str, str]:
        """What runs the file of a server."""
        for suffix, interpreter in ((".rb", "ruby"), (".py", str(CONSUMERS))):
            file = FOLDER / f"{name}{suffix}"
            if file.exists():
                return interpreter, str(file)
        return self._node, str(FOLDER / f"{name}.mjs")


def missing() -> str:
    """What is not there to run the servers; empty where everything is."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (FOLDER / "node_modules").is_dir():
        return "the servers are not installed: npm ci in tests/real_peers"
    return ""


@pytest.fixture
async def real_peers() -> AsyncIterator[RealPeers]:
    """Servers that other people wrote."""
    reason = missing()
    if reason and os.environ.get("WSMON_REAL_PEERS") == REQUIRED:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    async with AsyncExitStack() as stack:
        yield RealPeers(shutil.which("node") or "node", stack)
