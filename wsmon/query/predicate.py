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
from wsmon.query.fold import fold
from wsmon.query.glob import ANY, fits
from wsmon.query.patterns import finder

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
