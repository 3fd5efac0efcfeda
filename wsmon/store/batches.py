"""Messages that become no row: counted by session and second, until one ``message.batch_processed`` stands for them."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from wsmon.model.events import Event, Json, Source
from wsmon.model.profiles import BATCH, PROFILES
from wsmon.model.units import SECOND_NS
from wsmon.store.codec import NAME_CODES
from wsmon.store.connections import spec_of
from wsmon.store.sessions import SourceStream

# Messages without rows that a recorder had counted and not told when it died: what the next one says for it.
#
# Their counts are in the rollups, to the last message committed; the rows that stand for them come a second later. The
# difference is what is left to tell.

# Before the newest message: a batch is told within two seconds of its own, and a slow commit delays counts as well
RECENT_S = 10

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
_TOLD = """
SELECT event.ts_ns, event.name, event.size, event.error_type, event.meta, source.connection
FROM event JOIN source ON source.id = event.source ORDER BY event.id DESC
"""
_RECEIVED, _SENT, _BATCH = (NAME_CODES[name] for name in ("message.received", "message.sent", BATCH))


class Counts(NamedTuple):
    """Messages and bytes, plain, both ways."""

    received: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0


class LostBatch(NamedTuple):
    """What one session said in one second."""

    source: Source
    second: int
    """Wall, since 1970."""
    counts: Counts


class _Sum(msgspec.Struct):
    count: int
    total_size: int


class _Meta(msgspec.Struct):
    """What a row that stands for messages says of them."""

    since_ns: int
    received: _Sum
    sent: _Sum


def lost_batches(connection: sqlite3.Connection, run: int) -> Iterator[LostBatch]:
    """What sessions of a run that was cut off had said, and no row stands for; asked before they are marked as such."""
    sessions = connection.execute(_SESSIONS, (run,)).fetchall()
    counted: dict[int, dict[int, Counts]] = {}
    sources: dict[int, Source] = {}
    for number, name, column, trace_id, connection_id in sessions:
        spec = spec_of(column)
        if not PROFILES[spec.profile].keeps_messages:
            recent = {"connection": number, "recent": RECENT_S}
            counted[number] = {second: Counts(*counts) for second, *counts in connection.execute(_COUNTED, recent)}
            sources[number] = Source(name, spec.group, trace_id, connection_id)
    seconds = [second for of in counted.values() for second in of]
    told = _told(connection, min(seconds)) if seconds else {}
    for number, of in counted.items():
        for second, counts in of.items():
            left = Counts(*(max(0, all_ - some) for all_, some in zip(counts, _of(told, number, second), strict=True)))
            if left.received or left.sent:
                yield LostBatch(sources[number], second, left)


def _of(told: Mapping[tuple[int, int], Counter[str]], connection: int, second: int) -> Counts:
    return Counts(**told.get((connection, second), Counter()))


def _told(connection: sqlite3.Connection, since_s: int) -> Mapping[tuple[int, int], Counter[str]]:
    """What rows say of the messages since then, by connection and second: batches, and messages that are rows."""
    found: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for ts_ns, name, size, error_type, meta, of in connection.execute(_TOLD):
        if ts_ns < since_s * SECOND_NS:
            break
        if name == _BATCH:
            said = msgspec.json.decode(meta, type=_Meta)
            found[of, said.since_ns // SECOND_NS].update(
                received=said.received.count,
                received_bytes=said.received.total_size,
                sent=said.sent.count,
                sent_bytes=said.sent.total_size,
            )
        elif name in (_RECEIVED, _SENT) and error_type is None:  # one that tells of an error is in its batch as well
            way = "received" if name == _RECEIVED else "sent"
            found[of, ts_ns // SECOND_NS].update({way: 1, f"{way}_bytes": size or 0})
    return found


@dataclass(slots=True)
class MessageBatch:
    """What one session said in one second."""

    stream: SourceStream
    second: int
    """Wall, since 1970."""
    received: int = 0
    received_bytes: int = 0
    sent: int = 0
    sent_bytes: int = 0
    is_growing: bool = True
    """Messages were added since somebody looked whether its second is over."""

    def event(self, ts_ns: int, mono_ns: int) -> Event:
        """Its row; ``meta`` has ``count`` and ``total_size`` (bytes, plain), and the same for each direction.

        ``since_ns`` is the wall time at which its second began. ``size`` is 0, as of everything in the category
        ``message`` that is none: whoever adds sizes up counts no byte twice.
        """
        meta: dict[str, Json] = {
            "count": self.received + self.sent,
            "total_size": self.received_bytes + self.sent_bytes,
            "received": {"count": self.received, "total_size": self.received_bytes},
            "sent": {"count": self.sent, "total_size": self.sent_bytes},
            "since_ns": self.second * SECOND_NS,
        }
        return Event(self.stream.source, BATCH, ts_ns, mono_ns, size=0, meta=meta)


class OpenBatches:
    """The batches that are open."""

    def __init__(self) -> None:
        # By stream and second, oldest first
        self._open: dict[tuple[int, int], MessageBatch] = {}

    def add(self, stream: SourceStream, second: int, received: Sequence[int], sent: Sequence[int]) -> None:
        """Take the sizes of messages of a second."""
        key = (stream.id, second)
        batch = self._open.get(key)
        if batch is None:
            batch = self._open[key] = MessageBatch(stream, second)
        batch.received += len(received)
        batch.received_bytes += sum(received)
        batch.sent += len(sent)
        batch.sent_bytes += sum(sent)
        batch.is_growing = True

    def restore(self, stream: SourceStream, second: int, counts: Counts) -> None:
        """Take what was counted of a second that is over, and of which no more comes."""
        self._open[stream.id, second] = MessageBatch(stream, second, *counts, is_growing=False)

    def take_over(self, now_s: int) -> list[MessageBatch]:
        """Those whose second is over, unless more came since the last call: then more of it may be on its way."""
        growing = {key for key, batch in self._open.items() if batch.is_growing}
        for key in growing:
            self._open[key].is_growing = False
        return self._take(lambda batch: batch.second < now_s and (batch.stream.id, batch.second) not in growing)

    def take_of(self, connection_id: int) -> list[MessageBatch]:
        """Those of a connection: its session is over, or its messages are rows from now on."""
        return self._take(
            lambda batch: batch.stream.connection is not None and batch.stream.connection.id == connection_id
        )

    def take_all(self) -> list[MessageBatch]:
        """All of them: no message comes any more."""
        return self._take(lambda _: True)

    def _take(self, is_due: Callable[[MessageBatch], bool]) -> list[MessageBatch]:
        due = [(key, batch) for key, batch in self._open.items() if is_due(batch)]
        for key, _ in due:
            del self._open[key]
        return [batch for _, batch in due]
