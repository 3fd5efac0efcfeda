"""INSERT statements of many rows each.

Measured here: ``executemany`` lets the interpreter lock go once a row, and while the event loop is busy each row then
waits for the switch interval: 1,580 µs a row at 5 ms. A statement of 128 rows costs 0.8 µs a row on an idle machine
(``executemany`` 1.1) and 20 µs beside a busy loop at 0.5 ms.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from wsmon.store.codec import Value

LARGEST_CHUNK = 128
# rows: 64 costs 4 % more, 256 gains 2 %; at 26 columns far below SQLite's limit of 32,766 variables
CHUNKS = tuple(1 << power for power in range(LARGEST_CHUNK.bit_length()))
# powers of two, so that any number of rows needs few statements and the statement cache holds them all


class MultiRow:
    """Writes rows of one table and one set of columns; the values come flat, row after row."""

    def __init__(self, verb: str, table: str, columns: Sequence[str], conflict: str = "") -> None:
        """``verb`` is INSERT or INSERT OR REPLACE; ``conflict`` an ON CONFLICT clause."""
        self._width = len(columns)
        names = ", ".join(f'"{column}"' for column in columns)
        head = f"{verb} INTO {table} ({names}) VALUES "
        row = f"({','.join('?' * self._width)})"
        self._statements = {rows: f"{head}{','.join([row] * rows)} {conflict}" for rows in CHUNKS}

    def write(self, connection: sqlite3.Connection, values: list[Value]) -> None:
        """Execute the statements for all rows in ``values``."""
        width = self._width
        waiting = len(values) // width
        at, chunk = 0, LARGEST_CHUNK
        while waiting:
            while chunk > waiting:
                chunk >>= 1
            end = at + chunk * width
            connection.execute(self._statements[chunk], values[at:end])
            at = end
            waiting -= chunk
