"""A relay of bytes with asyncio streams, as small as it can be: what relaying costs where nothing is read or recorded.

byte_relay.py PORT: connects to that port of this machine; prints the URL at which it listens.
"""

from __future__ import annotations

import asyncio
import sys

READ_BYTES = 64 * 1024


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


async def main(port: int) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.TaskGroup() as group:
            group.create_task(copy(reader, server_writer))
            group.create_task(copy(server_reader, writer))
        writer.close()
        server_writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=1_024)
    print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
