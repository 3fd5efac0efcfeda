"""The library's own client, to meet scripted servers with."""

from __future__ import annotations

import asyncio

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from wsmon.demo.server import ScenarioServer

# A deadline, not a duration
SOON_S = 5.0

# A request for an upgrade, for tests that read bytes
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def dial(server: ScenarioServer, **options: object) -> connect:
    """A connection to the server, to be awaited or entered: no keepalive, no proxy, no limit; ``options`` win."""
    standard: dict[str, object] = {"ping_interval": None, "proxy": None, "close_timeout": 0.2, "max_size": None}
    return connect(server.url, **(standard | options))  # type: ignore[arg-type]  # names are the library's


async def receive(client: ClientConnection, count: int) -> list[str | bytes]:
    """The next messages."""
    async with asyncio.timeout(SOON_S):
        return [await client.recv() for _ in range(count)]


async def end_of(client: ClientConnection) -> tuple[list[str | bytes], ConnectionClosed]:
    """All that arrives until the connection is closed, and how it was closed."""
    messages: list[str | bytes] = []
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                messages.append(await client.recv())
            except ConnectionClosed as closed:
                return messages, closed
