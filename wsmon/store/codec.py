"""Codec between events and rows: codes of names and statuses, packed histograms, INSERT statements of many rows.

A code is never changed and never given to another word; a new word gets a new code.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import sys
from array import array
from collections.abc import Container, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from wsmon.model.events import CloseBy, Direction, Event, EventName, Meta, Opcode, Source, Verdict
from wsmon.model.histogram import ZERO_INDEX
from wsmon.model.statuses import ConnectionStatus, Status, is_allowed

# Names with codes from here on are in the index event_by_name; whatever is as frequent as messages has a lower one
FIRST_INDEXED_NAME: Final = 20

NAME_CODES: Final[Mapping[EventName, int]] = {
    "message.received": 1,
    "message.sent": 2,
    "message.decode.started": 3,
    "message.decode.completed": 4,
    "message.encode.started": 5,
    "message.encode.completed": 6,
    "message.process.started": 7,
    "message.process.completed": 8,
    "message.batch_processed": 9,
    "heartbeat.sent": 10,
    "heartbeat.received": 11,
    "heartbeat.responded": 12,
    # Rare events and problems: in the index
    "heartbeat.timeout": 20,
    "heartbeat.failure": 21,
    "connection.started": 30,
    "connection.open": 31,
    "connection.completed": 32,
    "connection.disconnected": 33,
    "connection.reconnect.attempt": 34,
    "connection.reconnect.success": 35,
    "connection.reconnect.failed": 36,
    "connection.transition": 37,
    "connection.protocol": 38,
    "subscription.subscribe.started": 50,
    "subscription.subscribe.completed": 51,
    "subscription.unsubscribe.started": 52,
    "subscription.unsubscribe.completed": 53,
    "subscription.lost": 54,
    "subscription.restored": 55,
    "auth.started": 60,
    "auth.completed": 61,
    "auth.failed": 62,
    "auth.refresh.started": 63,
    "auth.refresh.completed": 64,
    "error.occurred": 70,
    "error.handled": 71,
    "incident.opened": 80,
    "incident.closed": 81,
    "self.backpressure": 90,
    "self.shed": 91,
    "self.pruned": 92,
    "self.config.reloaded": 93,
    "self.clock.stepped": 94,
    "self.run.started": 95,
    "self.run.ended": 96,
    "self.alert.failed": 97,
    "self.suspended": 98,
    "self.lost": 99,
    "self.store.tampered": 100,
    "self.sink.failed": 101,
    "self.plugin.failed": 102,
    "self.alert.delivered": 103,
    "trace.request.start": 110,
    "trace.request.end": 111,
    "trace.downstream": 112,
    "trace.log": 113,
    "trace.span.start": 114,
    "trace.span.end": 115,
    "trace.lost": 116,
}

STATUS_CODES: Final[Mapping[Status, int]] = {
    "initialized": 1,
    "connecting": 2,
    "connected": 3,
    "websocket_connected": 4,
    "disconnected": 5,
    "reconnecting": 6,
    "error": 7,
    "closed": 8,
}

OPCODE_CODES: Final[Mapping[Opcode, int | None]] = {
    "": None,
    # RFC 6455, section 5.2
    "text": 1,
    "binary": 2,
    "close": 8,
    "ping": 9,
    "pong": 10,
}

CLOSE_BY_CODES: Final[Mapping[CloseBy, int | None]] = {
    "": None,
    "peer": 1,
    "us": 2,
    "heartbeat": 3,
    "network": 4,
    "proxy": 5,
    "refusal": 6,
    "application": 7,
}

FLAG_IN: Final = 1
FLAG_OUT: Final = 2
FLAG_TRUNCATED: Final = 4
FLAG_REDACTED: Final = 8
# A transition that the table of statuses (model/statuses.py) does not allow
FLAG_ILLEGAL: Final = 16

DIRECTION_FLAGS: Final[Mapping[Direction, int]] = {"": 0, "in": FLAG_IN, "out": FLAG_OUT}

EVENT_COLUMNS: Final = (
    "id",
    "ts_ns",
    "mono_ns",
    "source",
    "name",
    "flags",
    "opcode",
    "size",
    "wire_size",
    "type",
    "topic",
    "ref",
    "duration_ns",
    "status",
    "from_status",
    "to_status",
    "close_code",
    "close_by",
    "reason",
    "error_type",
    "error",
    "span_id",
    "parent_id",
    "verdict",
    "meta",
    "payload",
)
# Selects rows for event_of; a condition may be appended
SELECT_EVENTS: Final = f"SELECT {', '.join(EVENT_COLUMNS)} FROM event"

# The group of a connection; NULL where there is none
CONNECTION_GROUP: Final = "json_extract(connection.spec, '$.group')"

# Selects rows for source_of; a condition may be appended
SELECT_SOURCES: Final = f"""
SELECT source.id, source.run, source.trace_id, source.connection_id, connection.name, {CONNECTION_GROUP}
FROM source LEFT JOIN connection ON connection.id = source.connection
"""

SqlValue = int | float | str | bytes | None

_Word = TypeVar("_Word", bound=str)


def by_code(codes: Mapping[_Word, int | None]) -> Mapping[int | None, _Word]:
    """Invert a table of codes: words by their code."""
    return {code: word for word, code in codes.items()}


NAMES: Final = by_code(NAME_CODES)
STATUS_OF: Final = by_code(STATUS_CODES)
# Of a row of the table connection; transitions have a status
NO_STATUS: Final = 0
CONNECTION_STATUS_OF: Final[Mapping[int | None, ConnectionStatus]] = {**STATUS_OF, NO_STATUS: ""}
OPCODES: Final = by_code(OPCODE_CODES)
CLOSE_BYS: Final = by_code(CLOSE_BY_CODES)
_VERDICT: Final = msgspec.json.Decoder(Verdict)
_META: Final = msgspec.json.Decoder(dict[str, Any])
# By the two lowest bits of the flags
_DIRECTIONS: Final[Sequence[Direction]] = ("", "in", "out")


def event_row(event_id: int, source_id: int, event: Event) -> tuple[SqlValue, ...]:
    """Encode an event as a row of ``EVENT_COLUMNS``; empty texts become NULL."""
    return (
        event_id,
        event.ts_ns,
        event.mono_ns,
        source_id,
        NAME_CODES[event.name],
        flags_of(event),
        OPCODE_CODES[event.opcode],
        event.size,
        event.wire_size,
        text_value(event.type),
        text_value(event.topic),
        text_value(event.ref),
        event.duration_ns,
        event.status,
        STATUS_CODES[event.from_status] if event.from_status else None,
        STATUS_CODES[event.to_status] if event.to_status else None,
        event.close_code,
        CLOSE_BY_CODES[event.close_by],
        text_value(event.reason),
        text_value(event.error_type),
        text_value(event.error),
        event.span_id or None,
        event.parent_id or None,
        None if event.verdict is None else meta_text(msgspec.to_builtins(event.verdict)),
        None if event.meta is None else meta_text(event.meta),
        None if event.payload is None else payload_value(event.payload),
    )


def event_of(row: Sequence[Any], sources: Mapping[int, Source]) -> Event:
    """Decode a row of ``SELECT_EVENTS``; ``sources`` by id contains at least the source of the row."""
    (event_id, ts_ns, mono_ns, source, name, flags, opcode, size, wire_size, type_, topic, ref, duration_ns) = row[:13]
    (status, before, after, close_code, close_by, reason, error_type, error, span_id, parent_id) = row[13:23]
    verdict, meta, payload = row[23:]
    return Event(
        source=sources[source],
        name=NAMES[name],
        ts_ns=ts_ns,
        mono_ns=mono_ns,
        direction=_DIRECTIONS[flags & (FLAG_IN | FLAG_OUT)],
        opcode=OPCODES[opcode],
        size=size,
        wire_size=wire_size,
        payload=payload.encode() if isinstance(payload, str) else payload,
        truncated=bool(flags & FLAG_TRUNCATED),
        redacted=bool(flags & FLAG_REDACTED),
        type=type_ or "",
        topic=topic or "",
        ref=ref or "",
        duration_ns=duration_ns,
        status=status,
        from_status=None if before is None else STATUS_OF[before],
        to_status=None if after is None else STATUS_OF[after],
        close_code=close_code,
        close_by=CLOSE_BYS[close_by],
        reason=reason or "",
        error_type=error_type or "",
        error=error or "",
        span_id=span_id or "",
        parent_id=parent_id or "",
        verdict=None if verdict is None else _VERDICT.decode(verdict),
        meta=None if meta is None else meta_of(meta),
        id=event_id,
    )


def source_of(row: tuple[int, int, str, str, str | None, str | None]) -> tuple[int, Source]:
    """Decode a row of ``SELECT_SOURCES``: the id, and the source."""
    source_id, run, trace_id, connection_id, connection, group = row
    return source_id, Source(connection or "", group or "", trace_id, connection_id, run)


def flags_of(event: Event) -> int:
    """Encode direction, truncation, redaction and an illegal transition of an event as bits."""
    flags = DIRECTION_FLAGS[event.direction]
    if event.truncated:
        flags |= FLAG_TRUNCATED
    if event.redacted:
        flags |= FLAG_REDACTED
    if event.from_status and event.to_status and not is_allowed(event.from_status, event.to_status):
        flags |= FLAG_ILLEGAL
    return flags


def payload_value(payload: bytes) -> str | bytes:
    """Encode a payload: as text where it is valid UTF-8, so that SQL can search it, else as bytes."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload


def text_value(text: str) -> str | None:
    """Encode a text; ``None`` where it is empty."""
    return storable(text) if text else None


def storable(text: str) -> str:
    """Escape lone surrogates in a text: SQLite refuses them."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def meta_text(meta: Meta) -> str:
    """Encode metadata as JSON."""
    try:
        return msgspec.json.encode(meta, enc_hook=dict).decode()
    except UnicodeEncodeError:
        # A lone surrogate: msgspec has no error handler for it
        return json.dumps(meta, ensure_ascii=False, default=dict).encode("utf-8", "replace").decode()


def meta_of(text: str) -> Meta:
    """Decode metadata."""
    meta: Meta = _META.decode(text)
    return meta


# Packed histograms (rollup_metric.hist).
#
# A packed histogram is a header (bytes a lane, index of the first lane, count of zeros) and one lane for each index
# from the first to the last that was counted: unsigned, little-endian, as wide as the greatest count needs. Thousands
# of them are added as integers of 64-bit lanes, with one addition a histogram.

_HEADER = struct.Struct("<BhI")
# Type codes of ``array`` by bytes a lane
_TYPECODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_LANE_BYTES = 8
# Indexes of the smallest and the greatest number of 64 bits, with room
_LEAST_INDEX, _GREATEST_INDEX = -4_096, 4_096
_LANE_BITS = 8 * _LANE_BYTES


def pack(counts: Mapping[int, int]) -> bytes:
    """Pack a histogram (``model.histogram``): counts by index."""
    zeros = counts.get(ZERO_INDEX, 0)
    if zeros:
        counts = {index: count for index, count in counts.items() if index != ZERO_INDEX}
    if not counts:
        return _HEADER.pack(1, 0, zeros)
    first = min(counts)
    width = _width(max(counts.values()))
    size = max(counts) - first + 1
    # Those of single seconds: a third of the time
    if width == 1:
        small = bytearray(size)
        for index, count in counts.items():
            small[index - first] = count
        return _HEADER.pack(1, first, zeros) + small
    lanes = array(_TYPECODES[width], bytes(width * size))
    for index, count in counts.items():
        lanes[index - first] = count
    return _HEADER.pack(width, first, zeros) + _little_endian(lanes).tobytes()


def unpack(packed: bytes) -> dict[int, int]:
    """Unpack a histogram; indexes without a count are left out."""
    total = PackedSum()
    total.add(packed)
    return total.counts()


class PackedSum:
    """The sum of packed histograms, usable as an aggregate function of SQLite. No count may reach 2**64."""

    __slots__ = ("_first", "_lanes", "_zeros")

    def __init__(self) -> None:
        # An integer of 64-bit lanes, the lowest one for the index ``_first``
        self._lanes = 0
        self._first: int | None = None
        self._zeros = 0

    def add(self, *histograms: bytes) -> None:
        """Add histograms; of thousands at once each costs a microsecond."""
        total, first, header = self._lanes, self._first, _HEADER.size
        for packed in histograms:
            if len(packed) < header:
                raise msgspec.ValidationError("a histogram without its header")
            width, start, zeros = _HEADER.unpack_from(packed)
            lanes, rest = divmod(len(packed) - header, width) if width in _TYPECODES else (0, 1)
            if rest or start < _LEAST_INDEX or start + lanes > _GREATEST_INDEX:
                raise msgspec.ValidationError("a histogram with a header that does not fit it")
            self._zeros += zeros
            if width == _LANE_BYTES:
                wide: bytes | bytearray = packed[header:]
            else:
                wide = bytearray((len(packed) - header) // width * _LANE_BYTES)
                for byte in range(width):
                    wide[byte::_LANE_BYTES] = packed[header + byte :: width]
            if first is None:
                first = start
            elif start < first:
                total <<= (first - start) * _LANE_BITS
                first = start
            total += int.from_bytes(wide, "little") << ((start - first) * _LANE_BITS)
        self._lanes, self._first = total, first

    step = add

    def finalize(self) -> bytes:
        """The sum, packed."""
        return pack(self.counts())

    def counts(self) -> dict[int, int]:
        """The sum, by index."""
        lanes = array("Q")
        width_bytes = -(-self._lanes.bit_length() // _LANE_BITS) * _LANE_BYTES
        lanes.frombytes(self._lanes.to_bytes(width_bytes, "little"))
        first = self._first or 0
        found = {first + place: count for place, count in enumerate(_little_endian(lanes)) if count}
        return {ZERO_INDEX: self._zeros, **found} if self._zeros else found


def _width(greatest: int) -> int:
    """Bytes of a lane that can hold a count."""
    return next(width for width in _TYPECODES if greatest < 1 << 8 * width)


def _little_endian(lanes: array[int]) -> array[int]:
    """Convert lanes from or to the byte order of the machine, in place."""
    if sys.byteorder == "big":
        lanes.byteswap()
    return lanes


# INSERT statements of many rows each.
#
# ``executemany`` releases the interpreter lock once a row, and while the event loop is busy each row then waits for the
# switch interval: 1,580 µs a row at a switch interval of 5 ms (measured). A statement of 128 rows costs 0.8 µs a row on
# an idle machine (``executemany`` 1.1), and 20 µs beside a busy loop at a switch interval of 0.5 ms.

# Rows. 64 costs 4 % more, 256 gains 2 %; 26 columns stay far below SQLite's limit of 32,766 variables
LARGEST_CHUNK = 128
# The same of messages, which come in thousands: each statement hands the lock over, and back. In a flood on two free
# cores, a message costs the whole recorder 10.3 µs with 128 and 9.0 to 9.3 with 512
LARGEST_CHUNK_OF_MESSAGES = 512


class MultiRowInsert:
    """Inserts rows into one table, for one set of columns; the values are flat, row after row."""

    def __init__(
        self,
        verb: str,
        table: str,
        columns: Sequence[str],
        conflict: str = "",
        may_be_empty: Container[str] = (),
        largest: int = LARGEST_CHUNK,
    ) -> None:
        """``verb`` is INSERT or INSERT OR REPLACE; ``conflict`` an ON CONFLICT clause, or empty.

        An empty text in a column that ``may_be_empty`` becomes NULL. ``largest`` is the most rows of one statement, a
        power of two.
        """
        self._width = len(columns)
        names = ", ".join(f'"{column}"' for column in columns)
        head = f"{verb} INTO {table} ({names}) VALUES "
        values = ("nullif(?, '')" if column in may_be_empty else "?" for column in columns)
        row = f"({','.join(values)})"
        self._largest = largest
        chunks = (1 << power for power in range(largest.bit_length()))
        self._statements = {rows: f"{head}{','.join([row] * rows)} {conflict}" for rows in chunks}

    def write(self, connection: sqlite3.Connection, values: list[SqlValue]) -> None:
        """Insert all rows of ``values``."""
        width = self._width
        waiting = len(values) // width
        at, chunk = 0, self._largest
        while waiting:
            while chunk > waiting:
                chunk >>= 1
            end = at + chunk * width
            connection.execute(self._statements[chunk], values[at:end])
            at = end
            waiting -= chunk
