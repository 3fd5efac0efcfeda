"""What a query says before any row is read: which names its events have, and between which ids they are."""

from __future__ import annotations

from functools import reduce

from wsmon.model.events import EVENT_NAMES, EventName
from wsmon.query.ast import And, FieldTerm, Ids, Not, Or, Range, Term
from wsmon.query.predicate import item_fits
from wsmon.query.values import MAX_INT

ALL_NAMES = frozenset(EVENT_NAMES)


def names_of(term: Term) -> frozenset[EventName]:
    """Event names without which the term does not hold."""
    match term:
        case And(terms):
            return reduce(frozenset.intersection, map(names_of, terms), ALL_NAMES)
        case Or(terms):
            return reduce(frozenset.union, map(names_of, terms), frozenset())
        case _:
            named = told_names(term)
            return ALL_NAMES if named is None else named


def told_names(term: Term) -> frozenset[EventName] | None:
    """The names of which a term is about names alone; ``None`` where it is about something else."""
    match term:
        case FieldTerm("name" | "kind" as field, items):
            part = slice(None) if field == "name" else slice(1)
            return frozenset(
                name for name in EVENT_NAMES if any(item_fits(item, ".".join(name.split(".")[part])) for item in items)
            )
        case Not(inner):
            found = told_names(inner)
            return None if found is None else ALL_NAMES - found
        case _:
            return None


def id_bounds(term: Term) -> tuple[int, int]:
    """The range of ids outside which the term does not hold; there may be holes in it."""
    match term:
        case FieldTerm("id", items):
            ranges = [item if isinstance(item, Range) else Range() for item in items]
            lows = [0 if each.low is None else int(each.low) for each in ranges]
            highs = [MAX_INT if each.high is None else int(each.high) for each in ranges]
            return min(lows), max(highs)
        case Ids(ids):
            return min(ids, default=1), max(ids, default=0)
        case And(terms):
            bounds = [id_bounds(each) for each in terms]
            return max((low for low, _ in bounds), default=0), min((high for _, high in bounds), default=MAX_INT)
        case Or(terms):
            bounds = [id_bounds(each) for each in terms]
            return min(low for low, _ in bounds), max(high for _, high in bounds)
        case _:
            return 0, MAX_INT


def is_settled(term: Term) -> bool:
    """Whether the names or the range of ids say everything about a term."""
    match term:
        case FieldTerm("id", (Range(_, _, False, False) as only,)):
            return isinstance(only.low, int | None) and isinstance(only.high, int | None)
        case _:
            return told_names(term) is not None
