"""A SignalR server (aiosignalr): methods, a stream, an error, an answer that it asks of the client, its own stop.

Like the other peers, it tells what it sees as JSON lines on stdout, takes orders on stdin, and ends with it. Its first
argument is the port, 0 for any.
"""

# mypy: ignore-errors
# Its package is in an environment of its own

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from aiosignalr.messages import CloseMessage, PingMessage
from aiosignalr.server import Hub, ServerOptions, SignalRServer
from aiosignalr.server.context import HubConnectionContext


def tell(what: str, **about: object) -> None:
    """One thing that was seen; times are milliseconds of this process's monotonic clock."""
    print(json.dumps({"what": what, "at_ms": time.monotonic() * 1e3, **about}), flush=True)


class House(Hub):
    """What clients may ask for."""

    async def on_connected(self) -> None:
        tell("connection", protocol=self.context.query_string.get("access_token", ""))

    async def on_disconnected(self, exception: BaseException | None) -> None:
        tell("close", why=type(exception).__name__)

    async def add(self, left: int, right: int) -> int:
        tell("request", method="add")
        return left + right

    async def login(self, name: str, password: str) -> bool:
        tell("auth", ok=password == "correct horse")
        return password == "correct horse"

    async def refuse(self) -> None:
        tell("request", method="refuse")
        raise ValueError("not today")

    async def count(self, upto: int) -> AsyncIterator[int]:
        tell("stream", upto=upto)
        for number in range(upto):
            yield number

    async def ask(self) -> str:
        tell("asking")
        # The caller may not answer; the task ends with the process
        asking = asyncio.ensure_future(self.clients.caller.invoke("Name"))  # noqa: TID251
        asking.add_done_callback(lambda done: tell("answer", failed=done.exception() is not None))
        return "asked"


def watch() -> None:
    """Tell of the pings, of which a server has no event."""
    send = HubConnectionContext.send

    async def sent(self: Any, message: Any, *rest: Any) -> Any:
        if isinstance(message, PingMessage):
            tell("ping.sent")
        return await send(self, message, *rest)

    HubConnectionContext.send = sent


async def main() -> None:
    watch()
    server = SignalRServer(House, options=ServerOptions(keep_alive_interval=0.4, enable_detailed_errors=True))
    _, port = await server.serve("127.0.0.1", int(sys.argv[1]))
    tell("ready", port=port)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        if order["do"] == "emit":
            await server.lifetime.send_all(order["target"], tuple(order["arguments"]))
            tell("emit")
        if order["do"] == "close":
            for record in list(server._records.values()):
                await record.ctx.send(CloseMessage(error=order["error"], allow_reconnect=True))
                await record.ctx.abort()


asyncio.run(main())
