"""Messages without rows that a recorder had counted and not told when it died: what the next one says for it.

Their counts are in the rollups, to the last message committed; the rows that stand for them come a second later. The
difference is what is left to tell.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from wsmon.model.durations import SECOND_NS
from wsmon.model.events import Source
from wsmon.model.profiles import BATCH, PROFILES
from wsmon.store.codec import NAME_CODES

RECENT_S = 10
# before the newest message: a batch is told within two seconds of its own, and a slow commit delays counts as well

_SESSIONS = """
SELECT connection.id, connection.name, connection."group", connection.profile, session.trace_id, session.connection_id
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


class CutOffBatch(NamedTuple):
    """What one session said in one second."""

    source: Source
    second: int
    # wall, since 1970
    counts: Counts


class _Sum(msgspec.Struct):
    count: int
    total_size: int


class _Meta(msgspec.Struct):
    """What a row that stands for messages says of them."""

    since_ns: int
    received: _Sum
    sent: _Sum


def cut_off_batches(connection: sqlite3.Connection, run: int) -> Iterator[CutOffBatch]:
    """What sessions of a run that was cut off had said, and no row stands for; asked before they are marked as such."""
    sessions = connection.execute(_SESSIONS, (run,)).fetchall()
    counted: dict[int, dict[int, Counts]] = {}
    sources: dict[int, Source] = {}
    for number, name, group, profile, trace_id, connection_id in sessions:
        if not PROFILES[profile].keeps_messages:
            recent = {"connection": number, "recent": RECENT_S}
            counted[number] = {second: Counts(*counts) for second, *counts in connection.execute(_COUNTED, recent)}
            sources[number] = Source(name, group, trace_id, connection_id)
    seconds = [second for of in counted.values() for second in of]
    told = _told(connection, min(seconds)) if seconds else {}
    for number, of in counted.items():
        for second, counts in of.items():
            left = Counts(*(max(0, all_ - some) for all_, some in zip(counts, _of(told, number, second), strict=True)))
            if left.received or left.sent:
                yield CutOffBatch(sources[number], second, left)


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
