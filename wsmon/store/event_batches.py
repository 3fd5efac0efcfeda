"""Event batches: adjacent events as columns, made of what was just committed, or read from the event table.

Both ways give the same batches, as ``store/first_matches.py`` needs them. Reading costs SQLite and the interpreter lock
several microseconds an event; the recorder, which has just written them, hands them over instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Annotated, Any, TypeAlias

import msgspec

from wsmon.model.block import Block, Committed
from wsmon.model.events import Event, Meta
from wsmon.query.ast import FieldName
from wsmon.query.fields import FIELDS, Value
from wsmon.store.codec import FLAG_IN, NAME_CODES, OPCODE_CODES, flags_of, meta_of, meta_text, storable
from wsmon.store.search.sql import NUMBERS, TEXTS
from wsmon.store.validation import Id, checked

# A batch is in memory as a whole: its events and the bytes of their payloads, at most
BATCH_EVENTS = 2_000
BATCH_BYTES = 4 * 1024 * 1024
FETCHED_AT_ONCE = 100

# Keys of the JSON in the column meta, which the recorder writes without escapes
META_KEYS: Mapping[FieldName, str] = {"latency": "latency_ms", "seq": "seq", "gap": "missing", "url": "url"}

# An event in which one of these has a value is not among the columns; no sound message or heartbeat has one
_RARE = (
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
)
_COLUMNS = f"""
id, CAST(payload AS BLOB), coalesce({", ".join(_RARE)}) IS NULL,
source, name, flags, opcode, type
""".strip()
_Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
_COLUMN_TYPES = (Id, bytes | None, _Byte, Id, _Byte, _Byte, _Byte | None, str | None)
_KIND = slice(3, len(_COLUMN_TYPES))

_RECEIVED = NAME_CODES["message.received"]
_TEXT = OPCODE_CODES["text"]

# Source, name, flags, opcode and type of an event, as its row has them
KindKey: TypeAlias = tuple[Any, ...]


@dataclass(slots=True)
class EventBatch:
    """Adjacent events: plain ones as columns of equal length, and the ids of the others."""

    fields: dict[FieldName, list[Value]]
    """Those that were asked for."""
    ids: list[int] = field(default_factory=list)
    payloads: list[bytes | None] = field(default_factory=list)
    kinds: list[KindKey] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    """Events with a status, transition, close, reason, error, span or verdict."""


class StoredBatches:
    """Reads batches from the event table."""

    def __init__(self, connection: sqlite3.Connection, fields: Sequence[FieldName]) -> None:
        self._connection = connection
        self._fields = fields
        asked = (f", {_expression(each)}" for each in fields)
        self._select = f"SELECT {_COLUMNS}{''.join(asked)} FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
        self._types: tuple[Any, ...] = (*_COLUMN_TYPES, *[int | float | str | None] * len(fields))

    def read(self, first_id: int, last_id: int) -> Iterator[EventBatch]:
        """Read a closed range of ids."""
        while first_id <= last_id:
            rows, first_id = self._rows(first_id, last_id)
            plain = [row for row in rows if row[2]]
            batch = EventBatch({})
            if len(plain) < len(rows):
                batch.others = [row[0] for row in rows if not row[2]]
            if plain:
                found = zip(*plain, strict=True)
                columns = [checked(column, kind) for column, kind in zip(found, self._types, strict=True)]
                batch.ids, batch.payloads = columns[:2]
                batch.kinds = list(zip(*columns[_KIND], strict=True))
                batch.fields = dict(zip(self._fields, columns[len(_COLUMN_TYPES) :], strict=True))
            yield batch

    def _rows(self, first_id: int, last_id: int) -> tuple[list[tuple[Any, ...]], int]:
        """Read the rows of the next batch; returns the id to go on with, too."""
        rows: list[tuple[Any, ...]] = []
        size_bytes = 0
        cursor = self._connection.execute(self._select, (first_id, last_id))
        try:
            while some := cursor.fetchmany(FETCHED_AT_ONCE):
                rows += some
                size_bytes += sum(len(row[1] or b"") for row in some)
                if len(rows) >= BATCH_EVENTS or size_bytes >= BATCH_BYTES:
                    break
        finally:
            cursor.close()
        return rows, rows[-1][0] + 1 if some else last_id + 1


def _expression(name: FieldName) -> str:
    """The value of a field, as SQL."""
    value = TEXTS.get(name) or NUMBERS[name]
    # SQLite parses JSON three times for a number in it; few messages have one beside the sequence number
    return f"CASE WHEN instr(meta, '{META_KEYS[name]}') THEN {value} END" if name in META_KEYS else value


class CommittedBatches:
    """Makes batches of committed events and blocks that are in memory."""

    def __init__(self, fields: Sequence[FieldName]) -> None:
        self._fields = fields

    def make(self, committed: Sequence[Committed]) -> Iterator[EventBatch]:
        """Make batches of events in the order of their ids."""
        batch, size_bytes = self._begin(), 0
        for first_id, event, source in committed:
            if isinstance(event, Block):
                self._add_block(batch, first_id, event, source)
            elif _is_plain(event):
                self._add_event(batch, first_id, event, source)
            else:
                batch.others.append(first_id)
            size_bytes += event.size or 0
            if len(batch.ids) + len(batch.others) >= BATCH_EVENTS or size_bytes >= BATCH_BYTES:
                yield batch
                batch, size_bytes = self._begin(), 0
        yield batch

    def _begin(self) -> EventBatch:
        return EventBatch({name: [] for name in self._fields})

    def _add_block(self, batch: EventBatch, first_id: int, block: Block, source: int) -> None:
        count = block.count
        batch.ids += range(first_id, first_id + count)
        batch.payloads += map(str.encode, block.texts) if block.texts else repeat(None, count)
        columns = block.columns
        nothing = ("",) * count
        types = columns.types if columns else nothing
        kinds = {text: (source, _RECEIVED, FLAG_IN, _TEXT, text) for text in set(types)}
        batch.kinds += map(kinds.__getitem__, types)
        for name, values in batch.fields.items():
            match name:
                case "ts":
                    values += repeat(block.ts_ns, count)
                case "topic":
                    values += columns.topics if columns else nothing
                case "ref":
                    values += columns.refs if columns else nothing
                case "size":
                    values += block.sizes
                case "wire":
                    values += block.wire_sizes
                case "duration":
                    values += repeat(block.duration_ns, count)
                case _:
                    values += repeat(None, count)

    def _add_event(self, batch: EventBatch, event_id: int, event: Event, source: int) -> None:
        batch.ids.append(event_id)
        batch.payloads.append(event.payload)
        name, opcode = NAME_CODES[event.name], OPCODE_CODES[event.opcode]
        batch.kinds.append((source, name, flags_of(event), opcode, storable(event.type)))
        for field_name, values in batch.fields.items():
            values.append(_READ[field_name](event))


def _is_plain(event: Event) -> bool:
    """Whether a committed event is decided as columns."""
    return not (
        event.status is not None
        or event.from_status
        or event.to_status
        or event.close_code is not None
        or event.close_by
        or event.reason
        or event.error_type
        or event.error
        or event.span_id
        or event.parent_id
        or event.verdict is not None
    )


def _of_meta(name: FieldName) -> Callable[[Event], Value]:
    """A reader of a value in the metadata, as it is when it was stored and read again."""
    key, read = META_KEYS[name], FIELDS[name].read

    def value(event: Event) -> Value:
        meta: Meta | None = event.meta
        if meta is None or key not in meta:
            return None
        return read(msgspec.structs.replace(event, meta=meta_of(meta_text(meta))))

    return value


# How the value of a column is read from an event that was committed
_READ: Mapping[FieldName, Callable[[Event], Value]] = {
    "ts": FIELDS["ts"].read,
    "topic": lambda event: storable(event.topic),
    "ref": lambda event: storable(event.ref),
    "size": FIELDS["size"].read,
    "wire": FIELDS["wire"].read,
    "duration": FIELDS["duration"].read,
    "meta": lambda event: None if event.meta is None else meta_text(event.meta),
    **{name: _of_meta(name) for name in META_KEYS},
}
