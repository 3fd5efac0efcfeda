"""Query terms on bookmarks and notes (``mark:``, ``note:``, ``tag:``), replaced by the ids of the events they match.

Notes are in a file of their own, which neither SQL over events nor the predicate of one event can read. So these terms
are replaced before the search; then both evaluators see ids, and agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wsmon.model.notes import Bookmark
from wsmon.query.ast import And, FieldTerm, Ids, Not, Or, Query, Term
from wsmon.query.fields import FIELDS, Value
from wsmon.query.predicate import item_fits, uses_field

_TAG = re.compile(r"(?<!\w)#(\w[\w.-]*)")


def asks_notes(query: Query) -> bool:
    """Return whether a term of the query is about notes."""
    return uses_field(query, lambda field: FIELDS[field].is_of_notes)


def with_notes(query: Query, bookmarks: Iterable[Bookmark]) -> Query:
    """Return the query with its terms on notes replaced by event ids; raises ``patterns.PatternTooSlowError``."""
    if not asks_notes(query):
        return query
    known = tuple(bookmarks)
    return Query(tuple(_answered(term, known) for term in query.terms), query.text)


def tags(note: str) -> tuple[str, ...]:
    """Return the words of a note that begin with ``#``, without the sign."""
    return tuple(_TAG.findall(note))


def _answered(term: Term, bookmarks: tuple[Bookmark, ...]) -> Term:
    match term:
        case FieldTerm(field, _) if FIELDS[field].is_of_notes:
            return Ids(frozenset(each.event.id for each in bookmarks if _fits(term, each)))
        case Not(inner):
            return Not(_answered(inner, bookmarks))
        case And(terms):
            return And(tuple(_answered(each, bookmarks) for each in terms))
        case Or(terms):
            return Or(tuple(_answered(each, bookmarks) for each in terms))
        case _:
            return term


def _fits(term: FieldTerm, bookmark: Bookmark) -> bool:
    return any(item_fits(item, value) for item in term.items for value in _values(term, bookmark))


def _values(term: FieldTerm, bookmark: Bookmark) -> tuple[Value, ...]:
    match term.field:
        case "mark":
            return (bookmark.made_ns,)
        case "tag":
            return tags(bookmark.text)
    return (bookmark.text,)
