"""A client with a common bug: it connects again at once, however often the server closes. ``impatient_client.py URL``

It gives up after 50 connections, so that a test of it ends. docs/serve.md shows how ``wsmon assert`` finds the bug.
"""

import asyncio
import sys
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

ATTEMPTS = 50


async def main(url: str) -> None:
    """Connect, print what comes, and connect again at the end of the connection."""
    for _ in range(ATTEMPTS):
        with suppress(OSError, WebSocketException):
            async with connect(url) as connection:
                async for message in connection:
                    print(message)
        # The bug: nothing waits here


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
