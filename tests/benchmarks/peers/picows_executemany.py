"""Peer: picows, a client in C, with ``executemany``. Arguments: URL, folder, number of connections."""

import asyncio
import sqlite3
import sys
import time

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

BATCH = 1_000


class Store(WSListener):  # type: ignore[misc]  # picows is not installed where types are checked
    """Stores the messages of a connection."""

    def __init__(self, database: sqlite3.Connection) -> None:
        super().__init__()
        self.count = 0
        self._database = database
        self._rows: list[tuple[int, str]] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message, since the server cuts none into fragments; or the end."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        if frame.msg_type != WSMsgType.TEXT:
            return
        self._rows.append((time.time_ns(), frame.get_payload_as_utf8_text()))
        self.count += 1
        if len(self._rows) == BATCH:
            self.flush()

    def flush(self) -> None:
        """Commit what is at hand."""
        with self._database:
            self._database.executemany("INSERT INTO message (ts_ns, payload) VALUES (?, ?)", self._rows)
        self._rows = []


async def store(url: str, database: sqlite3.Connection) -> int:
    """Return how many messages were stored."""
    transport, listener = await ws_connect(lambda: Store(database), url)
    await transport.wait_disconnected()
    listener.flush()
    return int(listener.count)


def main(url: str, folder: str, _connections: str) -> None:
    """Print how many messages were stored."""
    database = sqlite3.connect(f"{folder}/messages.db")
    database.executescript(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "CREATE TABLE message (id INTEGER PRIMARY KEY, ts_ns INTEGER, payload TEXT)"
    )
    print(asyncio.run(store(url, database)))


main(*sys.argv[1:])
