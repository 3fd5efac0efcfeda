"""Messages without rows of their own: counted by session and second; one event stands for each such second."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import msgspec

from wsmon.model.events import Event, Json, Source
from wsmon.model.profiles import BATCH_PROCESSED, PROFILES
from wsmon.model.units import SECOND_NS
from wsmon.store.codec import NAME_CODES
from wsmon.store.connections import spec_of
from wsmon.store.sessions import SourceStream
from wsmon.store.validation import Count, Id, Ns, Second, checked

_RECEIVED, _SENT, _COUNTED_SECOND = (NAME_CODES[name] for name in ("message.received", "message.sent", BATCH_PROCESSED))


class Counts(NamedTuple):
    """Messages and their uncompressed bytes, in both directions."""

    received: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0


@dataclass(slots=True)
class CountedSecond:
    """Messages of one session in one second."""

    stream: SourceStream
    second: int
    """Unix time."""
    received: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    is_growing: bool = True
    """Messages were added since the last call of ``take_over``."""

    def event(self, ts_ns: int, mono_ns: int) -> Event:
        """Their event; ``meta`` has ``count`` and ``total_size`` (uncompressed), and both by direction.

        ``since_ns`` is the wall time at which its second began. ``size`` is 0, as for everything in the category
        ``message`` that is no message: a sum of sizes counts no byte twice.
        """
        meta: dict[str, Json] = {
            "count": self.received + self.sent,
            "total_size": self.received_bytes + self.sent_bytes,
            "received": {"count": self.received, "total_size": self.received_bytes},
            "sent": {"count": self.sent, "total_size": self.sent_bytes},
            "since_ns": self.second * SECOND_NS,
        }
        return Event(self.stream.source, BATCH_PROCESSED, ts_ns, mono_ns, size=0, meta=meta)


class CountedSeconds:
    """The seconds that no event stands for yet."""

    def __init__(self) -> None:
        # By stream and second, oldest first
        self._open: dict[tuple[int, int], CountedSecond] = {}
        # Which of them are of a connection, oldest first: a thousand sessions may end at once
        self._of_connection: defaultdict[int, dict[tuple[int, int], None]] = defaultdict(dict)

    def add(self, stream: SourceStream, second: int, received: Sequence[int], sent: Sequence[int]) -> None:
        """Take the sizes of messages of a second."""
        key = (stream.id, second)
        counted = self._open.get(key)
        if counted is None:
            counted = self._open_second(CountedSecond(stream, second))
        counted.received += len(received)
        counted.received_bytes += sum(received)
        counted.sent += len(sent)
        counted.sent_bytes += sum(sent)
        counted.is_growing = True

    def restore(self, stream: SourceStream, second: int, counts: Counts) -> None:
        """Add the counts of a past second, of which no more messages come."""
        self._open_second(CountedSecond(stream, second, *counts, is_growing=False))

    def take_over(self, now_s: int) -> list[CountedSecond]:
        """Remove the past seconds; those that grew since the last call stay, for more may be on its way."""
        growing = {key for key, counted in self._open.items() if counted.is_growing}
        for key in growing:
            self._open[key].is_growing = False
        return self._take([key for key in self._open if key[1] < now_s and key not in growing])

    def take_of(self, connection_id: int) -> list[CountedSecond]:
        """Remove the seconds of a connection: its session is over, or its messages are rows from now on."""
        return self._take(list(self._of_connection.get(connection_id, ())))

    def take_all(self) -> list[CountedSecond]:
        """Remove all seconds: no message comes any more."""
        return self._take(list(self._open))

    def _open_second(self, counted: CountedSecond) -> CountedSecond:
        key = (counted.stream.id, counted.second)
        self._open[key] = counted
        if counted.stream.connection is not None:
            self._of_connection[counted.stream.connection.id][key] = None
        return counted

    def _take(self, keys: list[tuple[int, int]]) -> list[CountedSecond]:
        taken = []
        for key in keys:
            counted = self._open.pop(key)
            taken.append(counted)
            if counted.stream.connection is not None:
                del self._of_connection[counted.stream.connection.id][key]
        return taken


# Seconds before the newest message in which their events are looked for: one is written within two seconds after its
# own, and a slow commit delays the counters as well
RECENT_S = 10
# Events that are read at once
PAGE = 200

_SESSIONS = """
SELECT connection.id, connection.name, connection.spec, session.trace_id, session.connection_id
FROM session JOIN connection ON connection.id = session.connection
WHERE session.end IS NULL AND session.run = ? ORDER BY session.id
"""
_COUNTED = """
SELECT bucket, messages_in, bytes_in, messages_out, bytes_out FROM rollup
WHERE level = 1 AND connection = :connection AND messages_in + messages_out > 0
AND bucket >= (SELECT max(bucket) FROM rollup WHERE level = 1 AND connection = :connection) - :recent
"""
_NEWEST_EVENTS = """
SELECT event.ts_ns, event.name, event.size, event.error_type, event.meta, source.connection
FROM event JOIN source ON source.id = event.source ORDER BY event.id DESC
"""


# The connection is NULL for what is about the recorder itself
_NEWEST_ROW = tuple[Ns, int, Count | None, str | None, str | None, Id | None]


class LostSecond(NamedTuple):
    """Messages of one session in one second that an earlier recorder counted and no row stands for."""

    source: Source
    second: int
    """Unix time."""
    counts: Counts


class _Sum(msgspec.Struct):
    count: int
    total_size: int


class _Meta(msgspec.Struct):
    """The ``meta`` of ``message.batch_processed``, as far as it is read."""

    since_ns: int
    received: _Sum
    sent: _Sum


def lost_seconds(connection: sqlite3.Connection, run: int) -> Iterator[LostSecond]:
    """Find the messages of a run that was cut off which no row stands for; called before its sessions are ended.

    They are in the rollups up to the newest commit, while the rows that stand for them come a second later: what is
    lost is the difference.
    """
    sessions = checked(connection.execute(_SESSIONS, (run,)), tuple[Id, str, str, str, str])
    counted: dict[int, dict[int, Counts]] = {}
    sources: dict[int, Source] = {}
    for number, name, column, trace_id, connection_id in sessions:
        spec = spec_of(column)
        if not PROFILES[spec.profile].keeps_messages:
            recent = {"connection": number, "recent": RECENT_S}
            rows = checked(connection.execute(_COUNTED, recent), tuple[Second, Count, Count, Count, Count])
            counted[number] = {second: Counts(*counts) for second, *counts in rows}
            sources[number] = Source(name, spec.group, trace_id, connection_id)
    seconds = [second for of in counted.values() for second in of]
    stored = _stored(connection, min(seconds)) if seconds else {}
    for number, of in counted.items():
        for second, counts in of.items():
            in_rows = Counts(**stored.get((number, second), Counter()))
            left = Counts(*(max(0, all_ - some) for all_, some in zip(counts, in_rows, strict=True)))
            if left.received or left.sent:
                yield LostSecond(sources[number], second, left)


def _stored(connection: sqlite3.Connection, since_s: int) -> Mapping[tuple[int, int], Counter[str]]:
    """Count the messages since a second that rows stand for, by connection and second."""
    found: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    cursor = connection.execute(_NEWEST_EVENTS)
    pages = iter(lambda: checked(cursor.fetchmany(PAGE), _NEWEST_ROW), [])
    for ts_ns, name, size, error_type, meta, of in chain.from_iterable(pages):
        if ts_ns < since_s * SECOND_NS:
            break
        if name == _COUNTED_SECOND:
            said = msgspec.json.decode(meta or "", type=_Meta)
            found[of, said.since_ns // SECOND_NS].update(
                received=said.received.count,
                received_bytes=said.received.total_size,
                sent=said.sent.count,
                sent_bytes=said.sent.total_size,
            )
        elif name in (_RECEIVED, _SENT) and error_type is None:
            # A message with an error is a row, and counted in its second as well
            way = "received" if name == _RECEIVED else "sent"
            found[of, ts_ns // SECOND_NS].update({way: 1, f"{way}_bytes": size or 0})
    return found
