"""First matches of many queries: one pass over a range of events for all of them, as alert rules need it.

Most events are decided as columns by ``query/batch_predicate.py``; others, which are few, by the predicate.
What neither decides, as regular expressions, is left to the SQL search of that query, for the events that may match.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from wsmon.model.block import Committed
from wsmon.model.events import Event, Source
from wsmon.model.ranges import FirstMatch
from wsmon.query.ast import Exact, FieldName, FieldTerm, Ids, Not, Query
from wsmon.query.batch_predicate import BatchPredicate, Decision, MessageColumns, has_pattern, rows_of
from wsmon.query.fields import Value
from wsmon.query.notes import asks_notes
from wsmon.query.predicate import matches
from wsmon.store.event_batches import CommittedBatches, EventBatch, KindKey, StoredBatches
from wsmon.store.pages import Pages

# Kinds of messages in memory, about a kilobyte each
HELD_KINDS = 5_000
# More events than this are not named one by one in SQL: all of the range are searched
MOST_NAMED = 200


class FirstMatches:
    """Finds the first match of each query on each connection, in one range of ids after the other."""

    def __init__(self, queries: Mapping[str, Query], pages: Pages, connection: sqlite3.Connection) -> None:
        self._queries = dict(queries)
        self._pages = pages
        # What only the search of the query itself can answer, or refuse
        self._apart = {name for name, query in queries.items() if asks_notes(query)}
        self._columnar = [name for name in queries if name not in self._apart]
        self._predicate = BatchPredicate([queries[name] for name in self._columnar])
        self._has_pattern = {name for name in self._columnar if has_pattern(queries[name])}
        fields = sorted(self._predicate.fields - {"id"})
        self._stored = StoredBatches(connection, fields)
        self._committed = CommittedBatches(fields)
        # Events without what differs from message to message, and the number of each by its columns
        self._kinds: list[Event] = []
        self._kind_numbers: dict[KindKey, int] = {}
        self._known: Mapping[int, Source] = {}

    def is_for(self, queries: Mapping[str, Query]) -> bool:
        """Return whether it was made for these queries."""
        return queries == self._queries

    def collect(self, first_id: int, last_id: int, committed: Sequence[Committed] = ()) -> Mapping[str, PartialMatches]:
        """Go once through a closed range of ids, and return what is known of each query then.

        ``committed`` has all events of the range where it has any; the range is read otherwise.
        """
        found = {name: PartialMatches(query) for name, query in self._queries.items()}
        for name in self._apart:
            found[name].is_unknown = True
        if (known := self._pages.connections()) != self._known:
            # A connection may be in another group now
            self._pages.forget_sources()
            self._known, self._kinds, self._kind_numbers = known, [], {}
        if self._columnar:
            for batch in self._committed.make(committed) if committed else self._stored.read(first_id, last_id):
                if batch.ids:
                    self._decide(batch, found)
                for event in self._pages.by_id(tuple(batch.others)):
                    self._decide_single(event, found)
        return found

    def _decide(self, batch: EventBatch, found: Mapping[str, PartialMatches]) -> None:
        fields: dict[FieldName, Sequence[Value]] = {"id": batch.ids, **batch.fields}
        kind_of = self._kinds_of(batch.ids, batch.kinds)
        columns = MessageColumns(self._kinds, kind_of, batch.payloads, fields)
        connections = _Connections(columns, batch.ids)
        for name, decision in zip(self._columnar, self._predicate.decide(columns), strict=True):
            if decision.possible:
                found[name].take(decision, connections)

    def _kinds_of(self, ids: list[int], keys: list[KindKey]) -> list[int]:
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
