"""Verdicts at work: each end is judged as it is folded, by what the store remembers of its connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from wsmon.model.events import Event, EventName, Source
from wsmon.model.statuses import OPEN
from wsmon.model.verdict import Histories, judge
from wsmon.model.verdict.history import KEPT_ENDS
from wsmon.store.codec import NAME_CODES, SELECT_EVENTS, STATUS_CODES, event_of
from wsmon.store.connections import ConnectionRecord

READ_BACK: Final = 2_000
# transitions of an earlier run in which a connection's last losses are looked for
TIMEOUT: Final[EventName] = "heartbeat.timeout"
_OPEN = STATUS_CODES[OPEN]
_LOST = STATUS_CODES["disconnected"]
_STARTED = NAME_CODES["connection.started"]
_NEWEST = "SELECT event_id, source, from_status, to_status, name FROM transition WHERE connection = ? "
_NEWEST += "ORDER BY ts_ns DESC, event_id DESC LIMIT ?"
_LOGIN = "SELECT max(id) FROM event WHERE name IN (?, ?) AND id BETWEEN ? AND ? AND source = ?"
_LOGINS = (NAME_CODES["auth.completed"], NAME_CODES["auth.refresh.completed"])
_EVENT = f"{SELECT_EVENTS} WHERE id = ?"

_Transition = tuple[int, int, int, int, int]
# event, source, status before and after, name


class Verdicts:
    """Judges ends; remembers what verdicts need, across restarts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._histories = Histories()

    def judged(self, event: Event, record: ConnectionRecord) -> Event:
        """The event, with its verdict where it is due one; what was judged when it was recorded stays as it was."""
        if event.size is not None:
            return event
        if record.name not in self._histories:
            self._read_back(record)
        if event.to_status is None or event.verdict is not None:
            return event
        verdict = judge(event, self._histories.of(record.name))
        return event if verdict is None else msgspec.structs.replace(event, verdict=verdict)

    def observe(self, event: Event, event_id: int) -> None:
        """Remember an event for verdicts to come; ``event_id`` is 0 where it became no row."""
        if event.size is None or event.name == TIMEOUT:
            self._histories.observe(msgspec.structs.replace(event, id=event_id))

    def _read_back(self, record: ConnectionRecord) -> None:
        """What an earlier run told of the connection."""
        self._histories.of(record.name)
        newest: list[_Transition] = self._connection.execute(_NEWEST, (record.id, READ_BACK)).fetchall()
        source = Source(record.name)
        for event_id in sorted(self._told(newest)):
            row = self._connection.execute(_EVENT, (event_id,)).fetchone()
            if row is not None:  # pruned meanwhile
                self._histories.observe(event_of(row, {row[3]: source}))

    def _told(self, newest: Sequence[_Transition]) -> Iterable[int]:
        """Ids of the events that make up a history: the last losses, with the begin and the login of their sessions,
        and what failed since it was usable; ``newest`` is in falling order."""
        starts = {source: event_id for event_id, source, _, _, name in newest if name == _STARTED}
        losses = [each for each in newest if each[2] == _OPEN and each[3] == _LOST][:KEPT_ENDS]
        usable_id = max((event_id for event_id, _, _, after, _ in newest if after == _OPEN), default=0)
        for event_id, source, *_ in losses:
            yield event_id
            if source in starts:
                yield starts[source]
                login = self._connection.execute(_LOGIN, (*_LOGINS, starts[source], event_id, source)).fetchone()[0]
                if login is not None:
                    yield login
        failures = [each[0] for each in newest if each[3] == _LOST and each[2] != _OPEN and each[0] > usable_id]
        yield from failures[:KEPT_ENDS]
