"""Terms on what somebody has written down, ``mark:`` ``note:`` ``tag:``: looked up, and replaced by the events marked.

Notes are in a file of their own, which neither SQL over events nor the predicate of one event can see. So a query is
given them before it is asked; then both evaluators see ids, and agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from wsmon.model.notes import Bookmark
from wsmon.query.ast import And, FieldTerm, Ids, Not, Or, Query, Term
from wsmon.query.fields import FIELDS, Value
from wsmon.query.predicate import item_fits

_TAG = re.compile(r"(?<!\w)#(\w[\w.-]*)")


def asks_notes(query: Query) -> bool:
    """Whether a term of the query is about notes."""
    return any(_asks(term) for term in query.terms)


def with_notes(query: Query, bookmarks: Iterable[Bookmark]) -> Query:
    """The same query, its terms on notes answered from these; raises ``patterns.PatternTooSlowError``."""
    if not asks_notes(query):
        return query
    known = tuple(bookmarks)
    return Query(tuple(_answered(term, known) for term in query.terms), query.text)


def tags(note: str) -> tuple[str, ...]:
    """The words of a note that begin with ``#``, without it."""
    return tuple(_TAG.findall(note))


def _asks(term: Term) -> bool:
    match term:
        case FieldTerm(field, _):
            return FIELDS[field].is_of_notes
        case Not(inner):
            return _asks(inner)
        case And(terms) | Or(terms):
            return any(map(_asks, terms))
        case _:
            return False


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
