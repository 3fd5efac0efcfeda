"""Whether an event is what a query means, in Python; ``store/compile_sql.py`` says the same in SQL."""

from __future__ import annotations

from typing import assert_never

from wsmon.model.events import Event
from wsmon.query.ast import Exact, FieldTerm, Glob, IdRange, Item, Not, Query, Term, Word
from wsmon.query.fields import FIELDS, WORD_PLACES
from wsmon.query.fold import fold
from wsmon.query.glob import ANY, fits


def matches(query: Query, event: Event) -> bool:
    """Whether all terms of the query hold for the event."""
    return all(_holds(term, event) for term in query.terms)


def item_fits(item: Exact | Glob, value: str) -> bool:
    """Whether a text is what one value of a term asks for; ``*`` alone asks for any text but the empty one."""
    match item:
        case Exact(text):
            return fold(value) == fold(text)
        case Glob(pattern):
            return bool(value) if pattern == ANY else fits(pattern, value)
        case _:
            assert_never(item)


def _holds(term: Term, event: Event) -> bool:
    match term:
        case Word(text):
            return _contains(event, fold(text))
        case FieldTerm():
            return any(_item_holds(term, item, event) for item in term.items)
        case Not(inner):
            return not _holds(inner, event)
        case _:
            assert_never(term)


def _item_holds(term: FieldTerm, item: Item, event: Event) -> bool:
    if isinstance(item, IdRange):
        return item.first <= event.id <= item.last
    return item_fits(item, FIELDS[term.field].read(event))


def _contains(event: Event, needle: bytes) -> bool:
    if event.payload is not None and needle in event.payload.lower():
        return True
    return any(needle in fold(read(event)) for read in WORD_PLACES.values())
