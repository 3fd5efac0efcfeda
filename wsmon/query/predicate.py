"""Whether an event is what a query means, in Python; ``store/compile_sql.py`` says the same in SQL.

What a value must be like is said once, here, for both: SQL calls these functions for all that it cannot do alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import assert_never

import msgspec

from wsmon.model.events import Event
from wsmon.model.json_path import MISSING, path_reader
from wsmon.model.statuses import ALLOWED, LABELS, STATUSES, Status
from wsmon.query.ast import (
    And,
    Contains,
    Exact,
    FieldTerm,
    Glob,
    Ids,
    Item,
    Not,
    Or,
    PathTerm,
    Query,
    Range,
    Regex,
    Term,
    Word,
)
from wsmon.query.fields import FIELDS, FLAGS, WORD_PLACES, Value
from wsmon.query.patterns import finder

# How text is compared: as UTF-8 bytes, ASCII letters without their case.
#
# Only ASCII is folded, since SQLite's LIKE folds no more: the predicate and SQL must agree on every text.


def utf8(text: str) -> bytes:
    """The bytes of a text; what the command line could not decode comes back as it was typed."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair that stands for no byte
        return text.encode("utf-8", "surrogatepass")


def fold(text: str) -> bytes:
    """The bytes that two texts have in common when only ASCII case tells them apart."""
    return utf8(text).lower()


def fold_ascii(text: str) -> str:
    """The same as a text, for patterns that count characters."""
    return text.translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


# Patterns with ``*`` and ``?``, in linear time: no pattern that a user types can hang a search.

ANY = "*"
ONE = "?"


def is_glob(text: str) -> bool:
    """Whether a text has a character that stands for others."""
    return ANY in text or ONE in text


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern; ASCII case does not count."""
    return _fits(fold_ascii(pattern), fold_ascii(text))


def _fits(pattern: str, text: str) -> bool:
    """Walk both once; where they part, let the last ``*`` take one character more.

    The pattern is read left to right, and only its last star is ever taken up again: an earlier one could not help.
    """
    at_pattern = at_text = 0
    star = -1
    star_text = 0
    while at_text < len(text):
        char = pattern[at_pattern] if at_pattern < len(pattern) else ""
        if char == ANY:
            star, star_text = at_pattern, at_text
            at_pattern += 1
        elif char and char in (ONE, text[at_text]):
            at_pattern += 1
            at_text += 1
        elif star >= 0:
            star_text += 1
            at_pattern, at_text = star + 1, star_text
        else:
            return False
    return not pattern[at_pattern:].strip(ANY)


_NUMERIC = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def matches(query: Query, event: Event) -> bool:
    """Whether all terms of the query hold for the event; raises ``patterns.PatternTooSlowError``."""
    return all(_holds(term, event) for term in query.terms)


def item_fits(item: Item, value: Value) -> bool:
    """Whether a value is what one item of a term asks for; ``*`` alone asks for any but nothing and the empty text."""
    if isinstance(item, Range):
        return isinstance(value, int | float) and item.holds(value)
    text = "" if value is None else str(value)
    match item:
        case Exact(wanted):
            return fold(text) == fold(wanted)
        case Glob(pattern):
            return bool(text) if pattern == ANY else fits(pattern, text)
        case Contains(part):
            return fold(part) in fold(text)
        case Regex(pattern, ignores_case):
            return finder(pattern, ignores_case=ignores_case)(text)
        case _:
            assert_never(item)


def text_of(value: bytes | str) -> str:
    """A value of a row as text; bytes that are not UTF-8 keep their difference."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


@lru_cache(maxsize=256)
def path_question(term: PathTerm) -> Callable[[bytes | str | None], bool]:
    """Asks whether what a payload has at a path is one of the wanted values; of an array, whether one of its items is.

    It is asked of every row of a search: what the term decides is decided here.
    """
    read = path_reader(term.path)
    questions = tuple(_json_question(item) for item in term.items)
    is_wanted = questions[0] if len(questions) == 1 else lambda value: any(asks(value) for asks in questions)

    def holds(document: bytes | str | None) -> bool:
        if document is None or (found := read(document)) is MISSING:
            return False
        return is_wanted(found) or (type(found) is list and any(map(is_wanted, found)))

    return holds


def _json_question(item: Item) -> Callable[[object], bool]:
    """Asks whether a value of JSON is what an item asks for; a number may be written as text, as prices often are."""
    match item:
        case Range():
            return partial(_is_inside, item)
        case Glob(pattern) if pattern == ANY:
            return lambda _value: True
        case Exact(text) if _NUMERIC.fullmatch(text):
            return partial(_is_number, item, float(text))
    return partial(_reads_as, item)


def _is_inside(wanted: Range, value: object) -> bool:
    if type(value) is float or type(value) is int:
        return wanted.holds(value)
    return isinstance(value, str) and bool(_NUMERIC.fullmatch(value)) and wanted.holds(float(value))


def _is_number(item: Exact, wanted: float, value: object) -> bool:
    return value == wanted if type(value) is float or type(value) is int else _reads_as(item, value)


def _reads_as(item: Item, value: object) -> bool:
    return item_fits(item, value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _holds(term: Term, event: Event) -> bool:
    match term:
        case Word(text):
            return _contains(event, fold(text))
        case Regex():
            return any(item_fits(term, text) for text in _texts(event))
        case FieldTerm("is", items):
            return any(item_fits(item, flag) for flag, is_so in FLAGS.items() if is_so(event) for item in items)
        case FieldTerm(field, items):
            value = FIELDS[field].read(event)
            return any(item_fits(item, value) for item in items)
        case Ids(ids):
            return event.id in ids
        case PathTerm():
            return path_question(term)(event.payload)
        case Not(inner):
            return not _holds(inner, event)
        case And(terms):
            return all(_holds(each, event) for each in terms)
        case Or(terms):
            return any(_holds(each, event) for each in terms)
        case _:
            assert_never(term)


def _contains(event: Event, needle: bytes) -> bool:
    if event.payload is not None and needle in event.payload.lower():
        return True
    return any(needle in fold(read(event)) for read in WORD_PLACES.values())


def _texts(event: Event) -> Iterable[str]:
    """Where a regular expression is looked for: what is empty has nothing to find."""
    if event.payload is not None:
        yield text_of(event.payload)
    yield from filter(None, (read(event) for read in WORD_PLACES.values()))


# Queries that no event can match, and why: said where a search has found nothing.


def why_never(query: Query) -> str:
    """A sentence about a transition that connections do not make; empty for every other query."""
    before, after = _status(query, "from"), _status(query, "to")
    if before is None or after is None or after in ALLOWED[before]:
        return ""
    follow = [LABELS[status] for status in STATUSES if status in ALLOWED[before]]
    return f"what follows {LABELS[before]} is {', '.join(follow[:-1])} or {follow[-1]}"


def _status(query: Query, field: str) -> Status | None:
    """The one status that the whole query asks of a field."""
    for term in query.terms:
        if isinstance(term, FieldTerm) and term.field == field and len(term.items) == 1:
            (item,) = term.items
            if isinstance(item, Exact) and item.text in STATUSES:
                return item.text
    return None


# What a query says about connections alone, for answers that are kept by connection and not by event.


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
