"""Clients that report events: which lines of each are committed, so that a line that is sent again counts once."""

from __future__ import annotations

import sqlite3

from wsmon.store.validation import Ns, checked

# Clients that a store knows: one for each process that ever reported. A line that is sent again is a few minutes old,
# or as old as a spool file that no recorder has read yet
MOST_CLIENTS = 10_000
_READ = "SELECT client, seq FROM ingest"
_WRITE = "INSERT OR REPLACE INTO ingest (client, seq, last_ns) VALUES (?, ?, ?)"
_FORGET = "DELETE FROM ingest WHERE client NOT IN (SELECT client FROM ingest ORDER BY last_ns DESC LIMIT ?)"


class IngestedLines:
    """The number of the last line of each client, by the client's id."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Of committed lines: written by the writer's thread, read by any
        self.committed_seqs: dict[str, int] = dict(checked(connection.execute(_READ), tuple[str, Ns]))
        # Of lines that the next commit writes, with its wall time
        self._changed: dict[str, tuple[int, int]] = {}

    @property
    def has_changed(self) -> bool:
        """Whether there are rows to write."""
        return bool(self._changed)

    def take(self, client: str, seq: int, ts_ns: int) -> None:
        """Take note of a line that the next commit contains."""
        self._changed[client] = (seq, ts_ns)

    def move_to(self, connection: sqlite3.Connection, ts_ns: int) -> None:
        """Write all rows into another store."""
        self._connection = connection
        self._changed = {client: (seq, ts_ns) for client, seq in self.committed_seqs.items()} | self._changed

    def write(self) -> None:
        """Write the changed rows; they stay marked until ``committed``, since the commit may fail."""
        self._connection.executemany(_WRITE, ((client, *row) for client, row in self._changed.items()))

    def committed(self) -> None:
        """Forget the changes."""
        self.committed_seqs.update((client, seq) for client, (seq, _) in self._changed.items())
        self._changed.clear()


def forget_silent_clients(connection: sqlite3.Connection) -> None:
    """Remove all clients but ``MOST_CLIENTS``, within the caller's transaction."""
    connection.execute(_FORGET, (MOST_CLIENTS,))
