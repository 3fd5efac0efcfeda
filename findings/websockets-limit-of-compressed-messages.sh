#!/usr/bin/env bash
# websockets: with compression, `max_size` also limits the compressed size. A message that is exactly as large as allowed is
# received when the peer sends it plainly, and is refused with 1009 when the peer compresses it, if it does not compress.
#
# One would expect that the limit is on the message, as documented ("maximum size of incoming messages in bytes"), whichever way
# it travels. But the frame parser compares the length in the frame header with the limit before it decompresses, and DEFLATE
# makes random bytes, images and encrypted payloads a little longer. So between two peers with the same limit, a feed that sends
# such messages of almost the limit loses its connection only where permessage-deflate was negotiated.
#
# Prints the versions and what a client with a limit receives, with and without compression, and exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'websockets==17.4'

cat > run.py <<'PYTHON'
import asyncio
import platform
import random

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.version import version

LIMIT = 64 * 1024
MESSAGES = {"random bytes": random.Random(1).randbytes(LIMIT), "zeros": bytes(LIMIT)}


async def received(message: bytes, compression: str | None) -> str:
    """What a client with the limit gets of a message that is as large as the limit."""

    async def handle(connection: ServerConnection) -> None:
        await connection.send(message)
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", 0, compression=compression) as server:
        port = server.sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/", max_size=LIMIT, compression=compression) as client:
            try:
                return f"{len(await client.recv())} bytes"
            except ConnectionClosed as closed:
                return f"closed with {closed.sent.code if closed.sent else None}"


async def main() -> int:
    print("websockets", version, "on Python", platform.python_version(), "- max_size", LIMIT)
    found = {}
    for name, message in MESSAGES.items():
        for compression in (None, "deflate"):
            found[name, compression] = await received(message, compression)
            print(f"{len(message)} {name:12}  compression {compression!s:8} {found[name, compression]}")
    whole = f"{LIMIT} bytes"
    expected = {
        ("random bytes", None): whole, ("random bytes", "deflate"): "closed with 1009",
        ("zeros", None): whole, ("zeros", "deflate"): whole,
    }
    return 0 if found == expected else 1


raise SystemExit(asyncio.run(main()))
PYTHON
timeout 60 venv/bin/python run.py
