"""Search plan: compile a query to a block filter that passes every block with a match; find the sources it is about.

A term that no mark can decide passes every block (``ANY_BLOCK``): the condition of ``sql.py`` is evaluated for every
event of the passed blocks, and it alone decides.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import assert_never

from wsmon.model.events import EVENT_NAMES, EventName
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
from wsmon.query.fields import WORD_PLACES
from wsmon.query.predicate import casefold_utf8, is_number, item_fits, utf8
from wsmon.query.regex_literals import required_texts
from wsmon.store.codec import CONNECTION_GROUP, NAME_CODES
from wsmon.store.search.block_filter import (
    ANY_BLOCK,
    BlockFilter,
    InPeriod,
    all_of,
    any_of,
    has_marks,
    needle_filter,
)
from wsmon.store.search.marks import BACKSLASH_MARK, EXPONENT_MARK, name_marks, source_marks, tokens_of
from wsmon.store.search.skip_index import TEXT_COLUMNS
from wsmon.store.search.sql import RECORDER_ID, Number, Sql, decided_names, number_fits, text_fits

# Sources that are looked for by their marks: more are most likely in every block
MOST_SOURCES = 32

# Returns the ids of the sources whose field matches an item; None where there are more than ``MOST_SOURCES``
SourcesOf = Callable[[FieldName, Item], Iterable[int] | None]

_TEXT_COLUMNS = frozenset(("payload", *TEXT_COLUMNS))
_COLUMN_FIELDS = {"text": "payload", "span": "span_id", "parent": "parent_id"}
_OF_SOURCES = frozenset(("connection", "group", "session", "trace", "run"))
# Blanks are in no token: a token beside a wildcard may continue in the text
_GLOB_SIGNS = str.maketrans("*?", "  ")
_OF_NUMBERS = frozenset(b"0123456789e")
_NULL = b"null"
# Decimal digits that a floating-point number always holds
_SURE_DIGITS = 15
assert _TEXT_COLUMNS | {"connection", "name"} >= WORD_PLACES.keys()


def compile_block_filter(query: Query, sources_of: SourcesOf) -> BlockFilter:
    """Compile a query; ``ANY_BLOCK`` where the marks cannot decide. ``sources_of`` finds sources by a field."""
    return _BlockFilterCompiler(sources_of).term(And(query.terms))


class _BlockFilterCompiler:
    def __init__(self, sources_of: SourcesOf) -> None:
        self._sources_of = sources_of

    def term(self, term: Term) -> BlockFilter:
        match term:
            case Word(text):
                part = Contains(text)
                return any_of(
                    (needle_filter(casefold_utf8(text)), self._names(part), self._sources("connection", part))
                )
            case FieldTerm(field, items):
                return any_of(self._item(field, item) for item in items)
            case PathTerm():
                return _path(term)
            case And(terms):
                return all_of(self.term(each) for each in terms)
            case Or(terms):
                return any_of(self.term(each) for each in terms)
            case Regex():
                return any_of((_text(term), self._names(term), self._sources("connection", term)))
            case Not() | Ids():
                return ANY_BLOCK
            case _:
                assert_never(term)

    def _item(self, field: FieldName, item: Item) -> BlockFilter:
        if field in _OF_SOURCES:
            return self._sources(field, item)
        if _COLUMN_FIELDS.get(field, field) in _TEXT_COLUMNS:
            return _text(item)
        if (names := decided_names(FieldTerm(field, (item,)))) is not None:
            return _named(names)
        if field == "ts" and isinstance(item, Range):
            return InPeriod(item.low, item.high)
        return ANY_BLOCK

    def _names(self, item: Item) -> BlockFilter:
        return _named(name for name in EVENT_NAMES if item_fits(item, name))

    def _sources(self, field: FieldName, item: Item) -> BlockFilter:
        sources = self._sources_of(field, item)
        return ANY_BLOCK if sources is None else any_of(has_marks(*source_marks(source)) for source in sources)


def _named(names: Iterable[EventName]) -> BlockFilter:
    return any_of(has_marks(*name_marks(NAME_CODES[name])) for name in names)


def _text(item: Item) -> BlockFilter:
    """A filter for the texts that match an item."""
    match item:
        case Exact(text) | Contains(text):
            return needle_filter(casefold_utf8(text))
        case Glob(pattern):
            return needle_filter(casefold_utf8(pattern.translate(_GLOB_SIGNS)))
        case Regex():
            texts = required_texts(item)
            return any_of(needle_filter(casefold_utf8(text)) for text in texts) if texts else ANY_BLOCK
        case Range():
            return ANY_BLOCK
        case _:
            assert_never(item)


def _path(term: PathTerm) -> BlockFilter:
    """The payload contains the names of members as they are written, unless it escapes characters."""
    names = all_of(needle_filter(utf8(step)) for step in term.path if isinstance(step, str))
    values = any_of(_json_value(item) for item in term.items)
    return any_of((has_marks(BACKSLASH_MARK), all_of((names, values))))


def _json_value(item: Item) -> BlockFilter:
    """The payload contains texts as they are; numbers and ``null`` may be spelled otherwise than in the query."""
    match item:
        case Exact(text) if is_number(text):
            return _json_number(text)
        case Exact(text) | Contains(text):
            wanted = casefold_utf8(text)
        case Glob(pattern):
            wanted = casefold_utf8(pattern.translate(_GLOB_SIGNS))
        case Regex() | Range():
            return ANY_BLOCK
        case _:
            assert_never(item)
    if b"\\" in wanted:
        return ANY_BLOCK
    certain = (token for token in tokens_of(wanted) if not _OF_NUMBERS.issuperset(token) and token not in _NULL)
    return all_of(map(needle_filter, certain))


def _json_number(text: str) -> BlockFilter:
    """A filter for payloads with a number, however it is spelled, or with a string that reads as this text.

    A spelling without an exponent begins with the digits of the number; what follows is zeros, or digits after the
    fifteenth, which a floating-point number does not hold. Or it is less by so little that the same number is read:
    then its digits are those of the number less one at the fifteenth digit, with nines between.
    """
    number = Decimal(text)
    digits = len(number.normalize().as_tuple().digits)
    if not number or digits > _SURE_DIGITS or abs(number.adjusted()) >= _SURE_DIGITS:
        return ANY_BLOCK
    # Exact: the digits fit into the precision
    below = abs(number) - Decimal((0, (1,), number.adjusted() - _SURE_DIGITS + 1))
    spellings = dict.fromkeys((text.lower(), f"{abs(number.normalize()):f}", f"{below:f}"))
    return any_of((has_marks(EXPONENT_MARK), *(needle_filter(spelling.encode()) for spelling in spellings)))


_IDS: Mapping[FieldName, str] = {"session": "connection_id", "trace": "trace_id"}
_CONNECTIONS: Mapping[FieldName, str] = {
    "connection": "SELECT id, name FROM connection",
    "group": f"SELECT id, coalesce({CONNECTION_GROUP}, '') FROM connection",
}
_NEWEST = "SELECT coalesce(max(id), 0) FROM source"
_FOUND = "SELECT id FROM source WHERE {where} LIMIT ?"


class SourceSearch:
    """Finds the sources that a term about session, trace, run, connection or group matches; cached."""

    def __init__(self, connection: sqlite3.Connection, number: Number) -> None:
        self._connection = connection
        self._number = number
        self._newest = 0
        self._known: dict[tuple[FieldName, Item], tuple[int, ...] | None] = {}

    def ids(self, field: FieldName, item: Item) -> tuple[int, ...] | None:
        """Read the ids of the sources whose field matches an item; ``None`` for more than ``MOST_SOURCES``."""
        (newest,) = self._connection.execute(_NEWEST).fetchone()
        if newest != self._newest:
            self._known.clear()
            self._newest = newest
        if (field, item) not in self._known:
            self._known[field, item] = self._find(field, item)
        return self._known[field, item]

    def _find(self, field: FieldName, item: Item) -> tuple[int, ...] | None:
        where = self._where(field, item)
        rows = self._connection.execute(
            _FOUND.format(where=where.text), (*where.parameters, MOST_SOURCES + 1)
        ).fetchall()
        return None if len(rows) > MOST_SOURCES else tuple(source for (source,) in rows)

    def _where(self, field: FieldName, item: Item) -> Sql:
        if field == "run":
            return number_fits("run", item, self._number)
        if column := _IDS.get(field):
            fits = text_fits(f"nullif({column}, '')", item, self._number)
            if not isinstance(item, Exact):
                return fits
            # A sieve that an index answers: it takes texts for equal up to a NUL
            sieve = f"{column} = CAST(? AS TEXT) COLLATE NOCASE"
            return Sql(f"({sieve} AND {fits.text})", (casefold_utf8(item.text), *fits.parameters))
        known = [(RECORDER_ID, ""), *self._connection.execute(_CONNECTIONS[field])]
        wanted = ", ".join(str(id_) for id_, text in known if item_fits(item, text))
        return Sql(f"coalesce(connection, {RECORDER_ID}) IN ({wanted})")
