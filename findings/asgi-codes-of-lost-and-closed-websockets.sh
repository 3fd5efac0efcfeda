#!/usr/bin/env bash
# ASGI servers: the close code in `websocket.disconnect` often says the opposite of what happened. Under Uvicorn with its
# default protocol (and with wsproto), and under Granian, a client that vanishes has code 1005, as if it had sent a close
# frame without a code; under Hypercorn a client that closes with 1000, or any other code, has 1006, as if it had vanished.
#
# One would expect the code of the client's close frame, 1005 if that has none, and 1006 without a close frame, as in RFC
# 6455, 7.1.5. Another way to run the same Uvicorn (--ws websockets) does just that, and Daphne but for None instead of 1005.
# In Uvicorn's other two protocols, a connection that is lost after it was accepted is 1005. Hypercorn hands on no code at
# all, though it answers with the one that it got: 1000 if the application closed, else 1006. An application that counts lost
# clients by 1006 counts none under the one server, and every client under the other.
#
# Prints the versions, the codes that the same application receives, and exits 1 if they are no longer these.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  'uvicorn==0.54.0' 'websockets==17.4' 'wsproto==1.3.2' 'hypercorn==0.18.0' 'granian==2.8.9' 'daphne==4.2.3'

cat > application.py <<'PYTHON'
"""Accepts a WebSocket, and writes down the code of its end."""

import json


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return
    await receive()
    await send({"type": "websocket.accept"})
    event = await receive()
    with open("codes", "a", encoding="utf-8") as file:
        file.write(json.dumps([scope["path"], event["code"]]) + "\n")
PYTHON

cat > run.py <<'PYTHON'
import asyncio
import json
import os
import platform
import socket
import sys
from importlib.metadata import version

SERVERS = {
    "uvicorn": "uvicorn --port {port} application:application",
    "uvicorn --ws wsproto": "uvicorn --ws wsproto --port {port} application:application",
    "uvicorn --ws websockets": "uvicorn --ws websockets --port {port} application:application",
    "granian": "granian --interface asgi --port {port} application:application",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} application:application",
    "daphne": "daphne --port {port} application:application",
}
# What a client sends last: a close frame (masked with zeros), or nothing before it closes its TCP connection.
ENDS = {
    "/close-1000": b"\x88\x82\0\0\0\0" + (1000).to_bytes(2),
    "/close-4002": b"\x88\x82\0\0\0\0" + (4002).to_bytes(2),
    "/close-without-code": b"\x88\x80\0\0\0\0",
    "/vanish": b"",
}
RIGHT = {"/close-1000": 1000, "/close-4002": 4002, "/close-without-code": 1005, "/vanish": 1006}
FOUND = {
    "uvicorn": RIGHT | {"/vanish": 1005},
    "uvicorn --ws wsproto": RIGHT | {"/vanish": 1005},
    "uvicorn --ws websockets": RIGHT,
    "granian": RIGHT | {"/vanish": 1005},
    "hypercorn": dict.fromkeys(ENDS, 1006),
    "daphne": RIGHT | {"/close-without-code": None},
}


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)


async def one_client(port: int, path: str, last: bytes) -> None:
    reader, writer = await connected(port)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""]
    writer.write("\r\n".join(lines).encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in answer, answer
    if last:
        writer.write(last)
        await reader.readexactly(2)  # the server's close frame
    writer.close()
    await writer.wait_closed()


async def code_received(path: str) -> int | None:
    while True:
        with open("codes", encoding="utf-8") as file:
            codes = dict(json.loads(line) for line in file)
        if path in codes:
            return codes[path]
        await asyncio.sleep(0.05)


async def codes_under(command: str) -> dict[str, int | None]:
    open("codes", "w").close()
    port = unused_port()
    program, *arguments = command.format(port=port).split()
    with open("log", "w") as log:
        server = await asyncio.create_subprocess_exec(
            f"venv/bin/{program}", *arguments, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": "."}
        )
    try:
        async with asyncio.timeout(20):
            codes = {}
            for path, last in ENDS.items():
                await one_client(port, path, last)
                codes[path] = await code_received(path)
            return codes
    finally:
        server.terminate()
        await server.wait()


names = ("uvicorn", "websockets", "wsproto", "granian", "hypercorn", "daphne")
print(", ".join(f"{name} {version(name)}" for name in names), "on Python", platform.python_version())
print(f"{'':<24}", *(f"{path[1:]:<19}" for path in ENDS))
results = {}
for server, command in SERVERS.items():
    results[server] = asyncio.run(codes_under(command))
    print(f"{server:<24}", *(f"{code!s:<19}" for code in results[server].values()), flush=True)
sys.exit(0 if results == FOUND else 1)
PYTHON
timeout 130 venv/bin/python run.py
