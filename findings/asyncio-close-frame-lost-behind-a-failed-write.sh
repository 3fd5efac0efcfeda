#!/usr/bin/env bash
# asyncio, and with it the client of websockets (asyncio): a close frame that has already arrived is lost when a write fails before
# it is read. The application learns 1006, "no close frame received", though the server said 1013 and why.
#
# One would expect to read what arrived before the end: the kernel keeps it, and Linux hands it out before it reports the reset,
# as the client of websockets with threads shows here. But a transport of asyncio whose `send()` fails closes at once, and
# never calls `recv()` again. It happens where the server closes while messages of the client are still unread there (TCP then
# answers with a reset), which is what overloaded servers do, and the client's loop writes before it reads: after work that took
# longer than the way of the frame, as here, or when a ping was due.
#
# Prints versions and what both clients, and a plain socket, learn of the same end; exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check websockets==17.4

cat > run.py <<'PYTHON'
import asyncio
import base64
import hashlib
import platform
import re
import socket
import struct
import threading
import time

import websockets
from websockets.asyncio.client import connect as connect_asyncio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

CLOSE = b"\x88" + bytes([2 + 9]) + struct.pack(">H", 1013) + b"try later"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ended = threading.Event()


def serve_once(listener: socket.socket) -> None:
    """Accept one client, read one byte of its first message, say goodbye, and close with the rest unread."""
    client, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    key = re.search(rb"(?i)sec-websocket-key: *(\S+)", head)[1]
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    client.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    client.recv(1)
    client.sendall(CLOSE)
    client.close()
    ended.set()


def started() -> str:
    """Start the server for one client; return its URL."""
    ended.clear()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_once, args=(listener,), daemon=True).start()
    return f"ws://127.0.0.1:{listener.getsockname()[1]}"


def learned(error: ConnectionClosed) -> str:
    return "no close frame" if error.rcvd is None else f"{int(error.rcvd.code)} {error.rcvd.reason}"


async def with_asyncio() -> str:
    async with connect_asyncio(started(), ping_interval=None, compression=None) as connection:
        await connection.send("order 1")
        # The application computes: the loop does not read meanwhile
        ended.wait()
        time.sleep(0.2)
        try:
            await connection.send("order 2")
            await connection.recv()
        except ConnectionClosed as error:
            return learned(error)
    return "nothing"


def with_threads() -> str:
    with connect_sync(started(), ping_interval=None, compression=None) as connection:
        connection.send("order 1")
        ended.wait()
        time.sleep(0.2)
        try:
            connection.send("order 2")
            connection.recv()
        except ConnectionClosed as error:
            return learned(error)
    return "nothing"


def with_a_socket() -> str:
    """The same by hand: a write that fails, and then a read."""
    host, port = started().removeprefix("ws://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        client.sendall(b"\x81\x87\0\0\0\0order 1")
        ended.wait()
        time.sleep(0.2)
        try:
            client.sendall(b"\x81\x87\0\0\0\0order 2")
            wrote = "the write passed"
        except OSError as error:
            wrote = f"the write failed ({type(error).__name__})"
        try:
            return f"{wrote}, then read: {'the close frame' if client.recv(4096) == CLOSE else 'something else'}"
        except OSError as error:
            return f"{wrote}, then the read failed ({type(error).__name__})"


print("Python", platform.python_version(), "on", platform.system(), "| websockets", websockets.__version__)
found = {"a socket": with_a_socket(), "websockets.sync": with_threads(), "websockets.asyncio": asyncio.run(with_asyncio())}
for name, what in found.items():
    print(f"{name:<20}{what}")
expected = found["websockets.sync"] == "1013 try later" and found["websockets.asyncio"] == "no close frame"
print("as found" if expected else "CHANGED")
raise SystemExit(not expected)
PYTHON
venv/bin/python run.py
