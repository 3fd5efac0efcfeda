"""Peer: websockets' ``async for`` that discards what it receives. Arguments: URL, folder, number of connections."""

import asyncio
import sys

from websockets.asyncio.client import connect


async def discard(url: str) -> int:
    """Return how many messages came."""
    count = 0
    # Behind a proxy that lags by half a minute, answers to pings come too late
    async with connect(url, open_timeout=None, ping_interval=None) as connection:
        async for _ in connection:
            count += 1
    return count


async def main(url: str, _folder: str, connections: str) -> None:
    """Print how many messages came."""
    print(sum(await asyncio.gather(*(discard(url) for _ in range(int(connections))))))


asyncio.run(main(*sys.argv[1:]))
