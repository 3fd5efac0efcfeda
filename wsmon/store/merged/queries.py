"""Queries of several recordings, translated for one of them: its name, its connections, its ids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from wsmon.model.events import RECORDING_SIGN
from wsmon.query.ast import And, Exact, FieldTerm, Ids, Item, Not, Or, PathTerm, Query, Range, Regex, Term, Word
from wsmon.query.predicate import item_fits

_ALWAYS, _NEVER = And(()), Ids(frozenset())


@dataclass(frozen=True, slots=True)
class RecordingQueries:
    """Translates queries for one recording. Every event matches the translation where it matches the query."""

    recording: str
    """Its name."""
    connections: Callable[[], Iterable[str]]
    """Returns the names of its connections, as it has them."""
    first_from: Callable[[int], int]
    """Returns its first id at or behind an id of the merged order."""
    own_ids: Callable[[Iterable[int]], Iterable[int]]
    """Returns which of these ids of the merged order are its own, by the ids that it has for them."""

    def translated(self, query: Query) -> Query:
        """Return the query for this recording; its text is the same."""
        return Query(tuple(map(self._term, query.terms)), query.text)

    def _term(self, term: Term) -> Term:
        match term:
            case FieldTerm("recording", items):
                return _ALWAYS if any(item_fits(item, self.recording) for item in items) else _NEVER
            case FieldTerm("connection", items):
                return self._connection(term, items)
            case FieldTerm("id", items):
                wanted = tuple(map(self._id, items))
                return wanted[0] if len(wanted) == 1 else Or(wanted)
            case Ids(ids):
                return Ids(frozenset(self.own_ids(ids)))
            case Not(inner):
                return Not(self._term(inner))
            case And(terms):
                return And(tuple(map(self._term, terms)))
            case Or(terms):
                return Or(tuple(map(self._term, terms)))
            case Word() | Regex() | FieldTerm() | PathTerm():
                return term
            case _:
                assert_never(term)

    def _connection(self, term: FieldTerm, items: tuple[Item, ...]) -> Term:
        """The connections may be named with the recording or without."""
        named = tuple(
            Exact(name)
            for name in self.connections()
            if any(item_fits(item, f"{self.recording}{RECORDING_SIGN}{name}") for item in items)
        )
        return Or((term, FieldTerm("connection", named))) if named else term

    def _id(self, item: Item) -> Term:
        if not isinstance(item, Range):
            # A list of values, or a wildcard
            wanted = item.text if isinstance(item, Exact) else ""
            return Ids(frozenset(self.own_ids((int(wanted),)))) if wanted.isdecimal() else FieldTerm("id", (item,))
        low = high = None
        if item.low is not None:
            low = self.first_from(math.floor(item.low) + 1 if item.is_above else math.ceil(item.low))
        if item.high is not None:
            # The last one that is inside comes before the first one behind
            high = self.first_from(math.ceil(item.high) if item.is_below else math.floor(item.high) + 1) - 1
        return FieldTerm("id", (Range(low, high),))
