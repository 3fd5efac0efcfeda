"""What a query says about connections alone, for answers that are kept by connection and not by event."""

from __future__ import annotations

from collections.abc import Iterable

from wsmon.query.ast import And, FieldTerm, Not, Or, Query, Range, Term
from wsmon.query.predicate import item_fits


def allows(query: Query, connection: str) -> bool:
    """Whether the terms on connections let one with this name through; other terms say nothing about it."""
    return all(_allows(term, connection) is not False for term in query.terms)


def is_about_connections(query: Query) -> bool:
    """Whether the query says nothing about anything else."""
    return all(map(_is_about_connections, query.terms))


def split_period(query: Query) -> tuple[Query, int | None, int | None]:
    """What a query asks for beside its ``since:`` and ``until:``, and these: wall times, the second not included.

    ``None`` where it has no such bound; times within other terms stay there.
    """
    terms: list[Term] = []
    since, until = [], []
    for term in query.terms:
        match term:
            case FieldTerm("ts", (Range(low, high, is_above, is_below),)):
                since += [] if low is None else [int(low) + is_above]
                until += [] if high is None else [int(high) + (not is_below)]
            case _:
                terms.append(term)
    return Query(tuple(terms), query.text), max(since, default=None), min(until, default=None)


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
