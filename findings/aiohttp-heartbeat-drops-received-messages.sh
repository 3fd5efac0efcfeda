#!/usr/bin/env bash
# aiohttp: a client with `heartbeat` that is busy for longer than that, while a fast server sends, loses the connection with
# 1006, though the server answers each ping at once. Thousands of messages that it had already received are lost with it, and
# `async for` over the WebSocket ends as after a normal close: nothing is raised.
#
# One would expect that the server's answer counts, and that what was received before the end can be read, as it can without a
# heartbeat. But past a limit of waiting messages the client reads no more from its socket, in which the pong then stands
# behind further messages. When the pong is overdue, the WebSocket becomes closed, and a closed one answers "closed" without
# looking into its buffer; the reason is in `exception()` alone.
#
# Prints the versions, what a client could read after the same pause without and with a heartbeat, and exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'aiohttp==3.14.5'

cat > run.py <<'PYTHON'
import asyncio
import platform
from contextlib import suppress

import aiohttp
from aiohttp import web

HEARTBEAT_S = 1.0
BUSY_S = 4.0
MESSAGE = "x" * 100


async def endless(request: web.Request) -> web.WebSocketResponse:
    """Sends as fast as the client reads, and answers pings meanwhile."""
    websocket = web.WebSocketResponse()
    await websocket.prepare(request)

    async def send() -> None:
        with suppress(ConnectionError):
            while True:
                await websocket.send_str(MESSAGE)

    sending = asyncio.create_task(send())
    async for _ in websocket:
        pass
    sending.cancel()
    return websocket


def waiting_in(websocket: aiohttp.ClientWebSocketResponse) -> int:
    """The number of messages that receive() returns at once, without the event loop: those in memory."""
    count = 0
    while True:
        receiving = websocket.receive()
        try:
            receiving.send(None)
        except StopIteration as received:
            if received.value.type is not aiohttp.WSMsgType.TEXT:
                return count
            count += 1
        else:
            receiving.close()
            return count


async def main() -> int:
    application = web.Application()
    application.router.add_get("/", endless)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    print("aiohttp", aiohttp.__version__, "on Python", platform.python_version())

    async with aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(url)
        await websocket.receive()
        await asyncio.sleep(BUSY_S)
        without = waiting_in(websocket)
        print(f"without a heartbeat, after {BUSY_S} s: {without} messages in memory, closed: {websocket.closed}")

    async with aiohttp.ClientSession() as session:
        websocket = await session.ws_connect(url, heartbeat=HEARTBEAT_S)
        await websocket.receive()
        await asyncio.sleep(BUSY_S)
        with_heartbeat = 0
        async for _ in websocket:
            with_heartbeat += 1
        print(
            f"with heartbeat={HEARTBEAT_S}, after {BUSY_S} s: {with_heartbeat} messages, then the loop ended; "
            f"close code {websocket.close_code}, exception() {websocket.exception()!r}"
        )
        as_found = without > 1000 and with_heartbeat == 0 and websocket.close_code == 1006
    await runner.cleanup()
    return 0 if as_found else 1


raise SystemExit(asyncio.run(main()))
PYTHON
timeout 60 venv/bin/python run.py
