#!/usr/bin/env bash
# websockets: a server that ends a compressed message with a final DEFLATE block makes every later compressed message arrive
# empty, as "" and without an error, where the compression context goes on from message to message.
#
# RFC 7692, section 7.2.3.4, gives such a message as an example that a receiver has to understand. One would expect that it is
# decoded and the next one, too, or that the connection fails with 1007. But a zlib decompressor that has seen the final block
# is at the end of its stream: it puts what follows aside as `unused_data` and returns nothing, and the extension looks only at
# what it returns. A feed then seems to send empty messages, for as long as the connection lives.
#
# Prints the versions, what a client received of two messages, with and without the final block, and exits 1 if that changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'websockets==17.4'

cat > run.py <<'PYTHON'
import asyncio
import base64
import hashlib
import platform
import zlib

from websockets.asyncio.client import connect
from websockets.version import version

MESSAGES = (b'{"price":1}', b'{"price":2}')


def frame(payload: bytes) -> bytes:
    """A whole compressed text message."""
    return bytes([0xC1, len(payload)]) + payload


def compressed(*, is_final: bool) -> bytes:
    """Both messages; the first one with a final block, or both as usual."""
    first = zlib.compressobj(wbits=-15)
    if is_final:
        # RFC 7692, section 7.2.3.4: the final block, and an empty block that is not final, without its last four bytes
        begin = first.compress(MESSAGES[0]) + first.flush(zlib.Z_FINISH) + b"\x00"
        second = zlib.compressobj(wbits=-15, zdict=MESSAGES[0])
    else:
        begin = (first.compress(MESSAGES[0]) + first.flush(zlib.Z_SYNC_FLUSH))[:-4]
        second = first
    return frame(begin) + frame((second.compress(MESSAGES[1]) + second.flush(zlib.Z_SYNC_FLUSH))[:-4])


async def received(frames: bytes) -> list[str]:
    """What a client gets of these frames."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n" + frames + b"\x88\x02\x03\xe8"
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as connection:
        return [message async for message in connection]


async def main() -> int:
    print("websockets", version, "on Python", platform.python_version())
    usual = await received(compressed(is_final=False))
    final = await received(compressed(is_final=True))
    print("two messages, as usual:                       ", usual)
    print("two messages, the first with a final block:   ", final)
    as_found = usual == [each.decode() for each in MESSAGES] and final == [MESSAGES[0].decode(), ""]
    return 0 if as_found else 1


raise SystemExit(asyncio.run(main()))
PYTHON
timeout 60 venv/bin/python run.py
