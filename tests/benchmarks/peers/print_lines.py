"""Peer: prints each message as a line, for programs that read lines. Arguments: URL, folder, number of connections."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def main(url: str, _folder: str, _connections: str) -> None:
    """Print the messages."""
    async with connect(url) as connection:
        async for message in connection:
            print(message)


asyncio.run(main(*sys.argv[1:]))
