"""The ``connection`` rows: what is configured, and how each connection is now."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields
from operator import attrgetter

from wsmon.config.specs import ConnectionSpec
from wsmon.store.codec import STATUS_CODES
from wsmon.store.multirow import MultiRow


@dataclass(slots=True)
class ConnectionRecord:
    """One row of ``connection``, column by column; what the columns mean is in the schema."""

    id: int
    name: str
    position: int = 0
    group: str = ""
    url: str = ""
    enabled: bool = True
    profile: str = "detailed"
    protocol: str = "auto"
    expect_every_s: float = 0.0
    configured: bool = False
    status: int = STATUS_CODES["initialized"]
    since_ns: int = 0
    stalled_since_ns: int | None = None
    attempt: int = 0
    next_attempt_ns: int | None = None
    source: int | None = None
    trace_id: str = ""
    sessions: int = 0
    last_connected_ns: int | None = None
    last_disconnected_ns: int | None = None
    failing_since_ns: int | None = None
    last_message_ns: int | None = None
    rtt_ns: int | None = None
    last_problem_id: int = 0


COLUMNS = tuple(field.name for field in fields(ConnectionRecord))
_CONNECTION = MultiRow("INSERT OR REPLACE", "connection", COLUMNS)
_values = attrgetter(*COLUMNS)
_NAMES = ", ".join(f'"{column}"' for column in COLUMNS)


class Connections:
    """All connections a store has known, by name; a name keeps its id for ever."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._by_name = {
            row[1]: ConnectionRecord(*row) for row in connection.execute(f"SELECT {_NAMES} FROM connection")
        }
        self._next_id = 1 + max((record.id for record in self._by_name.values()), default=0)
        self._changed: dict[int, ConnectionRecord] = {}

    @property
    def has_changed(self) -> bool:
        """Whether there is something to write."""
        return bool(self._changed)

    def get(self, name: str) -> ConnectionRecord:
        """The connection of that name; a new one where the store has none."""
        record = self._by_name.get(name)
        if record is None:
            record = self._by_name[name] = ConnectionRecord(self._next_id, name)
            self._next_id += 1
            self.change(record)
        return record

    def change(self, record: ConnectionRecord) -> None:
        """Say that a record changed."""
        self._changed[record.id] = record

    def configure(self, specs: Iterable[ConnectionSpec], now_ns: int) -> None:
        """Take over what the configuration says; connections it does not name are no longer configured."""
        for record in self._by_name.values():
            if record.configured:
                record.configured = False
                self.change(record)
        for position, spec in enumerate(specs):
            record = self.get(spec.name)
            record.position = position
            record.group = spec.group
            record.url = spec.url.masked
            record.enabled = spec.enabled
            record.profile = spec.profile
            record.protocol = spec.protocol
            record.expect_every_s = spec.expect_every_s
            record.configured = True
            record.since_ns = record.since_ns or now_ns
            self.change(record)

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        _CONNECTION.write(self._connection, [value for record in self._changed.values() for value in _values(record)])

    def committed(self) -> None:
        """Forget the changes."""
        self._changed.clear()
