"""What a query says about connections alone, for answers that are kept by connection and not by event."""

from __future__ import annotations

from collections.abc import Iterable

from wsmon.query.ast import And, FieldTerm, Not, Or, Query, Term
from wsmon.query.predicate import item_fits


def allows(query: Query, connection: str) -> bool:
    """Whether the terms on connections let one with this name through; other terms say nothing about it."""
    return all(_allows(term, connection) is not False for term in query.terms)


def first_other_term(query: Query) -> Term | None:
    """The first term that is about something else than connections."""
    return next((term for term in query.terms if not _is_about_connections(term)), None)


def _is_about_connections(term: Term) -> bool:
    match term:
        case FieldTerm(field, _):
            return field == "connection"
        case Not(inner):
            return _is_about_connections(inner)
        case And(terms) | Or(terms):
            return all(_is_about_connections(each) for each in terms)
        case _:
            return False


def _allows(term: Term, connection: str) -> bool | None:
    """``None``: the term does not decide it."""
    match term:
        case FieldTerm("connection", items):
            return any(item_fits(item, connection) for item in items)
        case Not(inner):
            inside = _allows(inner, connection)
            return None if inside is None else not inside
        case And(terms):
            return _all(_allows(each, connection) for each in terms)
        case Or(terms):
            some = _all(_opposite(_allows(each, connection)) for each in terms)
            return _opposite(some)
        case _:
            return None


def _all(answers: Iterable[bool | None]) -> bool | None:
    """One ``False`` decides; without it, one ``None`` leaves it open."""
    known = list(answers)
    if False in known:
        return False
    return None if None in known else True


def _opposite(answer: bool | None) -> bool | None:
    return None if answer is None else not answer
