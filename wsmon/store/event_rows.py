"""The events of a batch as rows, grouped by the columns they fill.

Only columns with a value are bound: ``sqlite3`` tries to adapt every ``None`` before it binds it, 0.2 µs each, so that
a row of 26 columns costs 4.4 µs where the ten of a message cost 0.9.
"""

from __future__ import annotations

import sqlite3
from functools import lru_cache
from itertools import compress

from wsmon.model.events import Event
from wsmon.store.codec import EVENT_COLUMNS, Value, event_row
from wsmon.store.multirow import MultiRow

MESSAGE_COLUMNS = ("id", "ts_ns", "mono_ns", "source", "name", "flags", "opcode", "size", "wire_size", "payload")
# that every message with a payload has
READ_COLUMNS = ("duration_ns", "type", "topic", "ref", "meta")
# that a message may have besides, where its protocol says something: one bit each of a shape, the first the lowest
_SHAPES = 1 << len(READ_COLUMNS)

_Shape = tuple[bool, ...]
# which of EVENT_COLUMNS have a value


class EventRows:
    """Rows on their way into the ``event`` table."""

    def __init__(self) -> None:
        self.messages: tuple[list[Value], ...] = tuple([] for _ in range(_SHAPES))
        # by shape: rows of MESSAGE_COLUMNS and those of READ_COLUMNS, flat; the fold extends them in place
        self._others: dict[_Shape, list[Value]] = {}

    def add(self, event_id: int, source_id: int, event: Event) -> None:
        """Take any event."""
        row = event_row(event_id, source_id, event)
        shape = tuple(value is not None for value in row)
        self._others.setdefault(shape, []).extend(compress(row, shape))

    def write(self, connection: sqlite3.Connection) -> None:
        """Insert what was taken; it stays here, for another try."""
        for statements, messages in zip(_MESSAGES, self.messages, strict=True):
            statements.write(connection, messages)
        for shape, values in self._others.items():
            _statements(shape).write(connection, values)

    def clear(self) -> None:
        """Forget what was taken: it is committed."""
        for messages in self.messages:
            messages.clear()
        self._others.clear()


_MESSAGES = tuple(
    MultiRow(
        "INSERT",
        "event",
        (*MESSAGE_COLUMNS, *(column for bit, column in enumerate(READ_COLUMNS) if shape >> bit & 1)),
    )
    for shape in range(_SHAPES)
)


@lru_cache(maxsize=256)  # a few dozen shapes occur
def _statements(shape: _Shape) -> MultiRow:
    return MultiRow("INSERT", "event", tuple(compress(EVENT_COLUMNS, shape)))
