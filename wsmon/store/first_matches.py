"""First matches of many queries: one pass over a range of events for all of them, as alert rules need it.

Messages are read as columns and decided by ``query/batch_predicate.py``; other events, which are few, by the predicate.
What neither decides, as regular expressions, is left to the SQL search of that query, for the events that may match.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from wsmon.model.events import Event, Source
from wsmon.model.ranges import FirstMatch
from wsmon.query.ast import Exact, FieldName, FieldTerm, Ids, Not, Query
from wsmon.query.batch_predicate import BatchPredicate, Decision, MessageColumns, has_pattern, rows_of
from wsmon.query.fields import Value
from wsmon.query.notes import asks_notes
from wsmon.query.predicate import matches
from wsmon.store.codec import NAME_CODES
from wsmon.store.pages import Pages
from wsmon.store.search.sql import NUMBERS, TEXTS
from wsmon.store.validation import Id, checked

# A batch is in memory as a whole: its events and the bytes of their payloads, at most
BATCH_EVENTS = 2_000
BATCH_BYTES = 4 * 1024 * 1024
FETCHED_AT_ONCE = 100
# Kinds of messages in memory, about a kilobyte each
HELD_KINDS = 5_000
# More events than this are not named one by one in SQL: all of the range are searched
MOST_NAMED = 200

_MESSAGES = ", ".join(str(NAME_CODES[name]) for name in ("message.received", "message.sent"))
# Keys of the JSON in the column meta, which the recorder writes without escapes
META_KEYS: Mapping[FieldName, str] = {"latency": "latency_ms", "seq": "seq", "gap": "missing", "url": "url"}

# A message in which one of these has a value is not read as columns
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
id, CAST(payload AS BLOB), name IN ({_MESSAGES}) AND coalesce({", ".join(_RARE)}) IS NULL,
source, name, flags, opcode, type
""".strip()
_Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
_COLUMN_TYPES = (Id, bytes | None, _Byte, Id, _Byte, _Byte, _Byte | None, str | None)
_KIND = slice(3, len(_COLUMN_TYPES))


class FirstMatches:
    """Finds the first match of each query on each connection, in one range of ids after the other."""

    def __init__(self, queries: Mapping[str, Query], pages: Pages, connection: sqlite3.Connection) -> None:
        self._queries = dict(queries)
        self._pages = pages
        self._connection = connection
        # What only the search of the query itself can answer, or refuse
        self._apart = {name for name, query in queries.items() if asks_notes(query)}
        self._columnar = [name for name in queries if name not in self._apart]
        self._predicate = BatchPredicate([queries[name] for name in self._columnar])
        self._has_pattern = {name for name in self._columnar if has_pattern(queries[name])}
        fields = sorted(self._predicate.fields - {"id"})
        self._fields: tuple[FieldName, ...] = tuple(fields)
        asked = (f", {_expression(field)}" for field in fields)
        self._select = f"SELECT {_COLUMNS}{''.join(asked)} FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
        self._types: tuple[Any, ...] = (*_COLUMN_TYPES, *[int | float | str | None] * len(fields))
        # Events without what differs from message to message, and the number of each by its columns
        self._kinds: list[Event] = []
        self._kind_numbers: dict[tuple[Any, ...], int] = {}
        self._known: Mapping[int, Source] = {}

    def is_for(self, queries: Mapping[str, Query]) -> bool:
        """Return whether it was made for these queries."""
        return queries == self._queries

    def collect(self, first_id: int, last_id: int) -> Mapping[str, PartialMatches]:
        """Go once through a closed range of ids, and return what is known of each query then."""
        found = {name: PartialMatches(query) for name, query in self._queries.items()}
        for name in self._apart:
            found[name].is_unknown = True
        if (known := self._pages.connections()) != self._known:
            # A connection may be in another group now
            self._pages.forget_sources()
            self._known, self._kinds, self._kind_numbers = known, [], {}
        while self._columnar and first_id <= last_id:
            messages, others, first_id = self._read(first_id, last_id)
            if messages:
                self._decide(messages, found)
            for event in self._pages.by_id(tuple(others)):
                self._decide_single(event, found)
        return found

    def _read(self, first_id: int, last_id: int) -> tuple[list[tuple[Any, ...]], list[int], int]:
        """Read the next batch: rows of messages, ids of other events, and the id to go on with."""
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
        messages = [row for row in rows if row[2]]
        others = [row[0] for row in rows if not row[2]] if len(messages) < len(rows) else []
        return messages, others, rows[-1][0] + 1 if some else last_id + 1

    def _decide(self, rows: list[tuple[Any, ...]], found: Mapping[str, PartialMatches]) -> None:
        found_columns = zip(*rows, strict=True)
        checked_columns = [checked(column, kind) for column, kind in zip(found_columns, self._types, strict=True)]
        ids, payloads = checked_columns[:2]
        fields: dict[FieldName, Sequence[Value]] = {"id": ids}
        fields.update(zip(self._fields, checked_columns[len(_COLUMN_TYPES) :], strict=True))
        kind_of = self._kinds_of(ids, list(zip(*checked_columns[_KIND], strict=True)))
        columns = MessageColumns(self._kinds, kind_of, payloads, fields)
        batch = _Connections(columns, ids)
        for name, decision in zip(self._columnar, self._predicate.decide(columns), strict=True):
            if decision.possible:
                found[name].take(decision, batch)

    def _kinds_of(self, ids: list[int], keys: list[tuple[Any, ...]]) -> list[int]:
        """The number of each row's kind; unknown ones are added, read as any event is."""
        if len(self._kinds) > HELD_KINDS:
            self._kinds, self._kind_numbers = [], {}
        numbers = self._kind_numbers
        missing = {key: event_id for key, event_id in zip(keys, ids, strict=True) if key not in numbers}
        for key, event in zip(missing, self._pages.by_id(tuple(missing.values())), strict=True):
            numbers[key] = len(self._kinds)
            self._kinds.append(
                msgspec.structs.replace(
                    event, payload=None, topic="", ref="", size=None, wire_size=None, duration_ns=None, meta=None
                )
            )
        return list(map(numbers.__getitem__, keys))

    def _decide_single(self, event: Event, found: Mapping[str, PartialMatches]) -> None:
        for name in self._columnar:
            if name in self._has_pattern:
                found[name].may_match(event.id, event.source.connection)
            elif matches(self._queries[name], event):
                found[name].match(event.id, event.source)


def _expression(field: FieldName) -> str:
    """The value of a field, as SQL."""
    value = TEXTS.get(field) or NUMBERS[field]
    # SQLite parses JSON three times for a number in it; few messages have one beside the sequence number
    return f"CASE WHEN instr(meta, '{META_KEYS[field]}') THEN {value} END" if field in META_KEYS else value


class _Connections:
    """The connections of a batch."""

    def __init__(self, columns: MessageColumns, ids: list[int]) -> None:
        self._columns = columns
        self.ids = ids
        self._sources: list[Source] = []
        self.number = 0

    @property
    def sources(self) -> list[Source]:
        """The source of each row."""
        if not self._sources:
            kinds = [kind.source for kind in self._columns.kinds]
            self._sources = [kinds[number] for number in self._columns.kind_of]
            self.number = len({source.connection for source in self._sources})
        return self._sources


class PartialMatches:
    """What is known of one query in a range of ids."""

    def __init__(self, query: Query) -> None:
        self.query = query
        # Nothing is known: the whole range is searched
        self.is_unknown = False
        # By connection
        self._first: dict[str, FirstMatch] = {}
        # Connections of events that may match, by id
        self._possible: dict[int, str] = {}

    def take(self, decision: Decision, batch: _Connections) -> None:
        """Add what is known of a batch, the next in order of ids."""
        sources, count = batch.sources, len(batch.ids)
        before, seen = set(self._first), set(self._first)
        for row in rows_of(decision.certain, count):
            if sources[row].connection not in seen:
                self.match(batch.ids[row], sources[row])
                seen.add(sources[row].connection)
                if len(seen) - len(before) == batch.number:
                    break
        for row in rows_of(decision.possible & ~decision.certain, count):
            if sources[row].connection not in before:
                self.may_match(batch.ids[row], sources[row].connection)

    def match(self, event_id: int, source: Source) -> None:
        """Add a match."""
        known = self._first.get(source.connection)
        if known is None or event_id < known.event_id:
            self._first[source.connection] = FirstMatch(source, event_id)

    def may_match(self, event_id: int, connection: str) -> None:
        """Add an event that only the search of the query decides."""
        self._possible[event_id] = connection

    @property
    def undecided(self) -> frozenset[int]:
        """The events that may be the first match of their connection."""
        return frozenset(
            event_id
            for event_id, connection in self._possible.items()
            if (known := self._first.get(connection)) is None or event_id < known.event_id
        )

    @property
    def is_decided(self) -> bool:
        """Whether nothing needs to be searched for."""
        return not self.is_unknown and not self.undecided

    def search(self, pages: Pages, first_id: int, last_id: int) -> None:
        """Search for what is undecided."""
        ids = self.undecided
        rest = self.query
        if not self.is_unknown and len(ids) <= MOST_NAMED:
            rest = Query((*rest.terms, Ids(ids)), rest.text)
        while first_id <= last_id and (found := pages.page(first_id, last_id, 1, rest, newest_first=False)):
            (event,) = found
            self.match(event.id, event.source)
            others = Not(FieldTerm("connection", (Exact(event.source.connection),)))
            rest = Query((*rest.terms, others), rest.text)
            first_id = event.id + 1

    def in_order(self) -> tuple[FirstMatch, ...]:
        """Return the first match on each connection, in the order of ids."""
        return tuple(sorted(self._first.values(), key=lambda match: match.event_id))
