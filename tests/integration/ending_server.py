"""A server of websockets that ends each connection as its path says, and prints how it saw the end, one JSON a line.

``/eof?relay`` ends without a close frame; ``/`` and paths of the client wait for the client. The query is repeated.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import suppress

from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


def reset(connection: Connection) -> None:
    """End a connection as a network does that is cut: with a TCP reset."""
    tcp = connection.transport.get_extra_info("socket")
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


async def outcome(connection: Connection) -> dict[str, object]:
    """How a side saw the end: both close frames, and the error of the socket."""
    with suppress(ConnectionClosed):
        while True:
            await connection.recv()
    await connection.wait_closed()
    frames = connection.protocol.close_rcvd, connection.protocol.close_sent
    received, sent = ([frame.code, frame.reason] if frame else None for frame in frames)
    error = connection.connection_exc
    return {"received": received, "sent": sent, "error": type(error).__name__ if error else None}


async def end(connection: ServerConnection) -> None:
    """End a connection."""
    assert connection.request is not None
    path, _, via = connection.request.path.partition("?")
    await connection.send("ready")
    match path:
        case "/close-1012":
            await connection.close(1012, "restart")
        case "/close-1000":
            await connection.close()
        case "/close-without-code":
            connection.transport.write(b"\x88\x00")
        case "/eof":
            connection.transport.close()
        case "/reset":
            reset(connection)
    print(json.dumps({"path": path, "via": via, **await outcome(connection)}), flush=True)


async def main() -> None:
    """Serve until killed."""
    async with serve(end, "127.0.0.1", 0, close_timeout=1) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
