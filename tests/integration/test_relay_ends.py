"""Ends of relayed connections: both sides see the same as without ``wsmon relay``, whoever ends how."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from tests.integration.ending_server import outcome, reset
from tests.support.node_peers import RealPeers
from tests.support.processes import DEADLINE_S, Home, stored
from tests.support.relay_processes import relaying

SERVER = Path(__file__).with_name("ending_server.py")
VIAS = ("direct", "relay")


async def close(client: ClientConnection) -> None:
    await client.close(4000, "bye ü")


async def close_normally(client: ClientConnection) -> None:
    await client.close()


async def abort(client: ClientConnection) -> None:
    client.transport.abort()


async def half_close(client: ClientConnection) -> None:
    client.transport.write_eof()


async def reset_it(client: ClientConnection) -> None:
    reset(client)


async def wait(client: ClientConnection) -> None:
    """The server ends it."""


CASES: dict[str, Callable[[ClientConnection], Awaitable[None]]] = {
    "/client-close": close,
    "/client-close-1000": close_normally,
    "/client-abort": abort,
    "/client-half": half_close,
    "/client-reset": reset_it,
    "/close-1012": wait,
    "/close-1000": wait,
    "/close-without-code": wait,
    "/eof": wait,
    "/reset": wait,
}


# What is recorded of each: who closed first, the code, and the error of the socket
RECORDED = {
    "/client-close": ("application", 4000, ""),
    "/client-close-1000": ("application", 1000, ""),
    "/client-abort": ("application", None, "eof"),
    "/client-half": ("application", None, "eof"),
    "/client-reset": ("application", None, "reset"),
    "/terminate": ("application", None, "eof"),
    "/close-1012": ("peer", 1012, ""),
    "/close-1000": ("peer", 1000, ""),
    "/close-without-code": ("peer", 1005, ""),
    "/eof": ("network", None, "eof"),
    "/reset": ("network", None, "reset"),
    # The server that is killed
    "/": ("network", None, "eof"),
}


class EndingServer:
    """The server process, and how it saw the ends."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.ended: dict[tuple[str, str], dict[str, Any]] = {}

    async def line(self) -> dict[str, Any]:
        """Read the next line."""
        assert self.process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            found: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return found

    async def until_ended(self, count: int) -> None:
        """Read until so many connections have ended."""
        while len(self.ended) < count:
            line = await self.line()
            self.ended[line.pop("path"), line.pop("via")] = line


async def seen_by_client(url: str, path: str, via: str) -> dict[str, object]:
    """Connect, end as the case says, and return what the client saw."""
    async with connect(f"{url}{path}?{via}", proxy=None, close_timeout=1, ping_interval=None) as client:
        assert await client.recv() == "ready"
        await CASES[path](client)
        return await outcome(client)


async def test_both_ends_see_the_same_end_as_without_a_relay(home: Home, real_peers: RealPeers) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, str(SERVER), stdout=asyncio.subprocess.PIPE)
    home.own(process)
    server, node = EndingServer(process), await real_peers.start("relayed_clients", 0, "0", "0")
    direct = f"ws://127.0.0.1:{(await server.line())['port']}"
    async with relaying(home, direct) as relay:
        urls = dict(zip(VIAS, (direct, relay.url), strict=True))
        cases = [(path, via) for path in CASES for via in VIAS]
        clients = dict(
            zip(
                cases, await asyncio.gather(*(seen_by_client(urls[via], path, via) for path, via in cases)), strict=True
            )
        )
        for number, via in enumerate(VIAS):
            await node.order("terminate", url=f"{urls[via]}/terminate?{via}")
            terminated = await node.until("terminated", number + 1)
            clients["/terminate", via] = {"code": terminated["code"], "reason": terminated["reason"]}
        await server.until_ended(len(clients))
        for path in {path for path, _ in clients}:
            assert clients[path, "relay"] == clients[path, "direct"], path
            assert server.ended[path, "relay"] == server.ended[path, "direct"], path
        # A server that is killed, one connection each way
        async with (
            connect(direct, proxy=None, ping_interval=None) as first,
            connect(relay.url, proxy=None, ping_interval=None) as second,
        ):
            assert [await first.recv(), await second.recv()] == ["ready", "ready"]
            process.send_signal(signal.SIGKILL)
            killed = await outcome(first), await outcome(second)
        assert killed[0] == killed[1]
        assert await relay.stop() == 0
    events = stored(relay.store)
    paths = {
        event.source.connection_id: urlsplit(str((event.meta or {})["url"])).path
        for event in events
        if event.name == "connection.started"
    }
    ends = [event for event in events if event.name == "connection.disconnected"]
    assert {paths[end.source.connection_id]: (end.close_by, end.close_code, end.error_type) for end in ends} == RECORDED
