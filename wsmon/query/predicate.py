"""Query predicate: whether an event matches a query, evaluated in Python; ``store/search/sql.py`` does the same in SQL.

How one value is compared (``item_fits``, ``glob_match``, ``path_predicate``) is defined here for both evaluators: SQL
calls these functions for everything that it cannot express itself. Here, too, is what can be known of a query without
reading events: which connections it allows, which period it covers, whether it can match at all.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import assert_never, cast

import msgspec

from wsmon.model.events import Event, split_connection
from wsmon.model.json_path import MISSING, path_collector
from wsmon.model.statuses import ALLOWED, LABELS, STATUSES, Status
from wsmon.query.ast import (
    And,
    Contains,
    Exact,
    FieldName,
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

# The glob that any value matches except nothing and the empty text
ANY = "*"
ONE = "?"

_NUMERIC = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NUMERIC_LINES = re.compile(rf"(?:{_NUMERIC.pattern}\n)*+", re.ASCII)
# More digits than a floating-point number holds
_LONG = re.compile(r"-?\d{16,40}", re.ASCII)
_LONG_CHARS = 16
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def matches(query: Query, event: Event) -> bool:
    """Return whether all terms of the query hold for the event; raises ``patterns.PatternTooSlowError``."""
    return all(_holds(term, event) for term in query.terms)


def _holds(term: Term, event: Event) -> bool:
    match term:
        case Word(text):
            return _contains(event, casefold_utf8(text))
        case Regex():
            return any(item_fits(term, text) for text in _texts(event))
        case FieldTerm("is", items):
            return any(item_fits(item, flag) for flag, is_so in FLAGS.items() if is_so(event) for item in items)
        case FieldTerm("connection", items):
            return connection_fits(items, event.source.connection)
        case FieldTerm(field, items):
            value = FIELDS[field].read(event)
            return any(item_fits(item, value) for item in items)
        case Ids(ids):
            return event.id in ids
        case PathTerm():
            return path_predicate(term)(event.payload)
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
    return any(needle in casefold_utf8(read(event)) for read in WORD_PLACES.values())


def _texts(event: Event) -> Iterable[str]:
    """The texts of an event that a regular expression is tried on; empty ones are left out."""
    if event.payload is not None:
        yield text_of(event.payload)
    yield from filter(None, (read(event) for read in WORD_PLACES.values()))


def item_fits(item: Item, value: Value) -> bool:
    """Return whether a value fits one item of a term; raises ``patterns.PatternTooSlowError``."""
    if isinstance(item, Range):
        return isinstance(value, int | float) and item.holds(value)
    text = "" if value is None else str(value)
    match item:
        case Exact(wanted):
            return casefold_utf8(text) == casefold_utf8(wanted)
        case Glob(pattern):
            return bool(text) if pattern == ANY else glob_match(pattern, text)
        case Contains(part):
            return casefold_utf8(part) in casefold_utf8(text)
        case Regex(pattern, ignores_case):
            return finder(pattern, ignores_case=ignores_case)(text)
        case _:
            assert_never(item)


def connection_fits(items: Iterable[Item], name: str) -> bool:
    """Return whether the name of a connection fits one of the items: whole, or without the recording before it."""
    names = {name, split_connection(name)[1]}
    return any(item_fits(item, each) for item in items for each in names)


def is_glob(text: str) -> bool:
    """Return whether a text contains a wildcard."""
    return ANY in text or ONE in text


def glob_match(pattern: str, text: str) -> bool:
    """Return whether the whole text matches a glob of ``*`` and ``?``; ASCII case does not count.

    The time is at most proportional to the lengths of both multiplied, whatever the pattern: 0.2 s for 1,000
    characters on a text of 64 KiB made to be slow, 1 µs for ``binance-*`` on a name.
    """
    return _glob_regex(pattern).match(text) is not None


@lru_cache(maxsize=256)
def _glob_regex(pattern: str) -> re.Pattern[str]:
    # fnmatch puts what stands between two stars into an atomic group, so the expression never backtracks into it. It
    # knows sets as well, which globs of this language do not have: "[" stands for itself.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")), re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=256)
def path_predicate(term: PathTerm) -> Callable[[bytes | str | None], bool]:
    """Return a function of a payload: whether the value at the term's path, or an item of an array there, is wanted.

    A search calls it for every row, so whatever depends on the term alone is decided once, here.
    """
    read = path_collector(term.path)
    predicates = tuple(json_predicate(item) for item in term.items)
    is_wanted = predicates[0] if len(predicates) == 1 else lambda value: any(fits(value) for fits in predicates)

    def holds(document: bytes | str | None) -> bool:
        if document is None or (found := read(document)) is MISSING:
            return False
        return is_wanted(found) or (type(found) is list and any(map(is_wanted, found)))

    return holds


def json_predicate(item: Item) -> Callable[[object], bool]:
    """Return a function of a JSON value: whether it fits an item. Numbers may be texts, as prices often are."""
    match item:
        case Range():
            return partial(_is_inside, item)
        case Glob(pattern) if pattern == ANY:
            return lambda _value: True
        case Exact(text) if is_number(text):
            return partial(_equals, item, float(text))
    return partial(_reads_as, item)


def is_number(text: str) -> bool:
    """Return whether a text of a query is compared with numbers of JSON as a number."""
    return _NUMERIC.fullmatch(text) is not None


def json_number(value: object) -> int | float | None:
    """Return a JSON value as a number, also where it is a text, as prices often are; ``None`` where it is none."""
    if type(value) is float or type(value) is int:
        return value
    if not isinstance(value, str):
        return None
    if len(value) >= _LONG_CHARS and _LONG.fullmatch(value):
        return int(value)
    return float(value) if _NUMERIC.fullmatch(value) else None


def json_numbers(values: Sequence[object]) -> Sequence[int | float] | None:
    """Return JSON values as ``json_number`` does, all at once; ``None`` where it has to decide one by one."""
    types = set(map(type, values))
    if types <= {int, float}:
        return cast("Sequence[int | float]", values)
    if types != {str}:
        return None
    texts = cast("Sequence[str]", values)
    lines = "\n".join(texts) + "\n"
    if max(map(len, texts)) < _LONG_CHARS and lines.count("\n") == len(texts) and _NUMERIC_LINES.fullmatch(lines):
        return list(map(float, texts))
    return None


def _is_inside(wanted: Range, value: object) -> bool:
    number = json_number(value)
    return number is not None and wanted.holds(number)


def _equals(item: Exact, wanted: float, value: object) -> bool:
    return value == wanted if type(value) is float or type(value) is int else _reads_as(item, value)


def _reads_as(item: Item, value: object) -> bool:
    return item_fits(item, value if isinstance(value, str) else msgspec.json.encode(value).decode())


# SQLite's LIKE folds the case of ASCII letters alone. The two evaluators must agree on every text, so here, too,
# nothing but ASCII is folded.


def casefold_ascii(text: str) -> str:
    """Return the text with its ASCII letters in lower case; it keeps its number of characters."""
    return text.translate(_ASCII_LOWER)


def casefold_utf8(text: str) -> bytes:
    """Return the UTF-8 bytes of a text with its ASCII letters in lower case."""
    return utf8(text).lower()


def utf8(text: str) -> bytes:
    """Return the UTF-8 bytes of a text; bytes of the command line that were not UTF-8 come back as typed."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # Half of a surrogate pair that does not stand for a byte
        return text.encode("utf-8", "surrogatepass")


def text_of(value: bytes | str) -> str:
    """Return a value of a row as text; bytes that are not UTF-8 become lone surrogates, so they stay distinct."""
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")


def allows_connection(query: Query, connection: str) -> bool:
    """Return whether events of a connection with this name can match, by the terms on connections alone.

    For results that are kept by connection and not by event; all other terms count as undecided.
    """
    return all(_decide(term, connection) is not False for term in query.terms)


def _decide(term: Term, connection: str) -> bool | None:
    """The value of a term for all events of a connection; ``None`` where it depends on the event."""
    match term:
        case FieldTerm("connection", items):
            return connection_fits(items, connection)
        case FieldTerm("recording", items):
            return any(item_fits(item, split_connection(connection)[0]) for item in items)
        case Not(inner):
            return _not(_decide(inner, connection))
        case And(terms):
            return _and(_decide(each, connection) for each in terms)
        case Or(terms):
            return _not(_and(_not(_decide(each, connection)) for each in terms))
        case _:
            return None


def _and(answers: Iterable[bool | None]) -> bool | None:
    """Conjunction in three-valued logic."""
    known = list(answers)
    if False in known:
        return False
    return None if None in known else True


def _not(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


def is_about_connections(query: Query) -> bool:
    """Return whether every term of the query is about the connection's name."""
    return all(map(_is_about_connections, query.terms))


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


def uses_field(query: Query, is_wanted: Callable[[FieldName], bool]) -> bool:
    """Return whether a term of the query, or of a group or a negation in it, is about one of these fields."""
    return any(_uses_field(term, is_wanted) for term in query.terms)


def _uses_field(term: Term, is_wanted: Callable[[FieldName], bool]) -> bool:
    match term:
        case FieldTerm(field, _):
            return is_wanted(field)
        case Not(inner):
            return _uses_field(inner, is_wanted)
        case And(terms) | Or(terms):
            return any(_uses_field(each, is_wanted) for each in terms)
        case _:
            return False


def split_period(query: Query) -> tuple[Query, int | None, int | None]:
    """Split a query into its other terms and the half-open period of its ``since:`` and ``until:``, as wall times.

    ``None`` stands for a bound that the query does not have. Times inside of other terms stay there.
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


def unsatisfiable(query: Query) -> str:
    """Return why no event can match, as a sentence; empty where events may match.

    The one reason recognised is a transition that connections do not make.
    """
    before, after = _status(query, "from"), _status(query, "to")
    if before is None or after is None or after in ALLOWED[before]:
        return ""
    follow = [LABELS[status] for status in STATUSES if status in ALLOWED[before]]
    return f"{LABELS[before]} can only be followed by {', '.join(follow[:-1])} or {follow[-1]}"


def _status(query: Query, field: str) -> Status | None:
    """The one status that every match must have in a field."""
    for term in query.terms:
        if isinstance(term, FieldTerm) and term.field == field and len(term.items) == 1:
            (item,) = term.items
            if isinstance(item, Exact) and item.text in STATUSES:
                return item.text
    return None
