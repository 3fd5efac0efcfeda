#!/usr/bin/env bash
# websockets (Python): after a process was stopped (SIGSTOP, a suspended machine, a paused container), its keepalive closes
# the connection with 1011 "keepalive ping timeout" although the pong is in the receive buffer of its socket.
#
# One would expect the bytes that wait to be read before the timeout is judged. But epoll_wait is interrupted by SIGCONT,
# select.epoll retries with the time that is left, which is none, and returns no events; then asyncio runs the timers that
# are due, the ping timeout among them, before it looks at the sockets.
#
# Prints the versions, what the client did in each of three runs, and exits 1 if it no longer does so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'websockets==17.4'

cat > client.py <<'PYTHON'
import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed


async def main() -> None:
    async with connect(sys.argv[1], ping_interval=0.5, ping_timeout=1.0) as connection:
        print("open", flush=True)
        try:
            async for _ in connection:
                pass
        except ConnectionClosed as error:
            print("closed by the client:", error.sent, flush=True)


asyncio.run(main())
PYTHON

cat > run.py <<'PYTHON'
"""A server, and a relay before it that hands back what the server says after 0.2 s: time to stop the client in between."""

import asyncio
import platform
import signal
import subprocess
import sys
import time

import websockets
from websockets.asyncio.server import serve

STOPPED_S = 3.0


async def once() -> str:
    upgraded, pinged, answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def idle(connection: websockets.asyncio.server.ServerConnection) -> None:
        upgraded.set()
        await connection.wait_closed()

    async with serve(idle, "127.0.0.1", 0, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", port)

            async def up() -> None:
                while data := await reader.read(65536):
                    if upgraded.is_set():
                        pinged.set()
                    to_server.write(data)

            async def down() -> None:
                while data := await from_server.read(65536):
                    if pinged.is_set():
                        await asyncio.sleep(0.2)
                        answered.set()
                    writer.write(data)
                writer.close()

            await asyncio.gather(up(), down(), return_exceptions=True)

        front = await asyncio.start_server(relay, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{front.sockets[0].getsockname()[1]}"
        client = await asyncio.create_subprocess_exec(sys.executable, "client.py", url, stdout=subprocess.PIPE)
        assert client.stdout is not None
        await client.stdout.readline()
        await pinged.wait()
        await asyncio.sleep(0.05)  # the client has begun to wait for the pong
        client.send_signal(signal.SIGSTOP)
        stopped_s = time.monotonic()
        await answered.wait()
        answered_s = time.monotonic() - stopped_s
        await asyncio.sleep(STOPPED_S - answered_s)
        client.send_signal(signal.SIGCONT)
        try:
            async with asyncio.timeout(1.5):
                said = (await client.stdout.readline()).decode().strip()
        except TimeoutError:
            said = "stayed open"
        client.kill()
        await client.wait()
        front.close()
        return f"pong at its socket {answered_s:.1f} s after the stop, continued after {STOPPED_S:.0f} s: {said}"


print("websockets", websockets.__version__, "on Python", platform.python_version(), platform.system())
results = [asyncio.run(once()) for _ in range(3)]
print(*results, sep="\n")
raise SystemExit(0 if all("1011" in result for result in results) else 1)
PYTHON
timeout 120 venv/bin/python run.py
