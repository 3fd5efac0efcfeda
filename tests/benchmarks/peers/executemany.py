"""Peer: the short script that stores messages by ``executemany``. Arguments: URL, folder, number of connections."""

import asyncio
import sqlite3
import sys
import time

from websockets.asyncio.client import connect

BATCH = 1_000


async def store(url: str, database: sqlite3.Connection) -> int:
    """Return how many messages were stored."""
    count, rows = 0, []
    async with connect(url) as connection:
        async for message in connection:
            rows.append((time.time_ns(), message))
            count += 1
            if len(rows) == BATCH:
                with database:
                    database.executemany("INSERT INTO message (ts_ns, payload) VALUES (?, ?)", rows)
                rows = []
    with database:
        database.executemany("INSERT INTO message (ts_ns, payload) VALUES (?, ?)", rows)
    return count


def main(url: str, folder: str, _connections: str) -> None:
    """Print how many messages were stored."""
    database = sqlite3.connect(f"{folder}/messages.db")
    database.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE message (id INTEGER PRIMARY KEY, ts_ns INTEGER, payload TEXT)"
    )
    print(asyncio.run(store(url, database)))


main(*sys.argv[1:])
