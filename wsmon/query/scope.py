"""What a query says about connections alone, for answers that are kept by connection and not by event."""

from __future__ import annotations

from wsmon.query.ast import Exact, FieldTerm, Glob, Not, Query, Term
from wsmon.query.predicate import item_fits


def allows(query: Query, connection: str) -> bool:
    """Whether the terms on connections let one with this name through; other terms say nothing about it."""
    return all(_allows(term, connection) is not False for term in query.terms)


def first_other_term(query: Query) -> Term | None:
    """The first term that is about something else than connections."""
    return next((term for term in query.terms if _allows(term, "") is None), None)


def _allows(term: Term, connection: str) -> bool | None:
    match term:
        case FieldTerm("connection", items):
            return any(item_fits(item, connection) for item in items if isinstance(item, Exact | Glob))
        case Not(inner):
            inside = _allows(inner, connection)
            return None if inside is None else not inside
        case _:
            return None
