"""A query as a condition over the ``event`` table; says in SQL what ``query/predicate.py`` says in Python.

Texts of users only travel as parameters. What has few values, as names and connections, is compared in Python, once a
query, by the predicate's own function; texts in a row by SQLite (``sql_text``); JSON and regular expressions by the
predicate's functions, called from SQL (``functions``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from wsmon.model.events import EVENT_NAMES, EventName, Source
from wsmon.query.ast import (
    And,
    Contains,
    FieldName,
    FieldTerm,
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
from wsmon.query.fields import WORD_PLACES, notes_missing
from wsmon.query.predicate import item_fits
from wsmon.store.codec import FIRST_INDEXED_NAME, NAME_CODES, Value
from wsmon.store.field_columns import CHOICES, CONNECTION, FACTS, NUMBERS, RECORDER_ID, TEXTS
from wsmon.store.narrowing import ALL_NAMES, id_bounds, is_settled, names_of, told_names
from wsmon.store.search.functions import LEAF
from wsmon.store.search.sql import (
    ALWAYS,
    NEVER,
    Number,
    Sql,
    all_of,
    any_of,
    number_fits,
    opposite,
    path,
    regex,
    text_fits,
    word,
)

_RESOLVED_PLACES = ("connection", "name")
# word places that are no text in the row
_TEXT_COLUMNS = tuple(place for place in WORD_PLACES if place not in _RESOLVED_PLACES)


@dataclass(frozen=True, slots=True)
class Condition:
    """What follows WHERE, with its parameters; never NULL, so that it can be negated."""

    where: str
    parameters: tuple[Value, ...]
    first_id: int
    last_id: int
    # no event outside this range matches; it is empty where none can
    is_indexed: bool
    # the index event_by_name finds the rows

    @property
    def is_everything(self) -> bool:
        """Whether every event in the range of ids matches."""
        return not self.where


_NOTHING = Condition("0", (), 1, 0, is_indexed=False)


def compile_query(query: Query, connections: Mapping[int, Source], number: Number) -> Condition:
    """The condition of a query.

    ``connections`` are those of the store by id, of each its name and group; ``number`` names leaves to SQLite.
    """
    whole = And(query.terms)
    names = names_of(whole)
    first_id, last_id = id_bounds(whole)
    compiler = _Compiler(connections, number)
    parts = [compiler.term(term) for term in query.terms if not is_settled(term)]
    if not names or NEVER in parts or first_id > last_id:
        return _NOTHING
    codes = sorted(NAME_CODES[name] for name in names)
    is_indexed = codes[0] >= FIRST_INDEXED_NAME
    if names != ALL_NAMES:
        parts.insert(0, Sql(f"name IN ({', '.join(map(str, codes))})"))
    if is_indexed:
        parts.insert(0, Sql(f"name >= {FIRST_INDEXED_NAME}"))  # what lets SQLite use the partial index
    needed = [part for part in parts if part != ALWAYS]
    parameters = tuple(parameter for part in needed for parameter in part.parameters)
    return Condition(" AND ".join(part.text for part in needed), parameters, first_id, last_id, is_indexed)


class _Compiler:
    def __init__(self, connections: Mapping[int, Source], number: Number) -> None:
        self._connections = {RECORDER_ID: Source(), **connections}
        self._number = number

    def term(self, term: Term) -> Sql:
        match term:
            case Word(text):
                return any_of((*self._resolved(Contains(text)), word(term, _TEXT_COLUMNS)))
            case Regex():
                return any_of((*self._resolved(term), regex(term, _TEXT_COLUMNS, self._number)))
            case FieldTerm(field, items):
                return any_of(self._item(field, item) for item in items)
            case Ids(ids):
                return Sql(f"id IN ({', '.join(map(str, sorted(ids)))})") if ids else NEVER
            case PathTerm():
                return path(term, self._number)
            case Not(inner):
                return opposite(self.term(inner))
            case And(terms):
                return all_of(self.term(each) for each in terms)
            case Or(terms):
                return any_of(self.term(each) for each in terms)
            case _:
                assert_never(term)

    def _resolved(self, item: Item) -> tuple[Sql, Sql]:
        """Whether an item fits what has few values: the name, or the connection where there is one."""
        names = self._name_in(name for name in EVENT_NAMES if item_fits(item, name))
        return names, self._connection_in(lambda source: bool(source.connection) and item_fits(item, source.connection))

    def _item(self, field: FieldName, item: Item) -> Sql:
        if column := TEXTS.get(field):
            return text_fits(column, item, self._number)
        if column := NUMBERS.get(field):
            return number_fits(column, item, self._number)
        if field in CHOICES:
            return _choice(*CHOICES[field], item)
        match field:
            case "connection":
                return self._connection_in(lambda source: item_fits(item, source.connection))
            case "group":
                return self._connection_in(lambda source: item_fits(item, source.group))
            case "name" | "kind":
                return self._name_in(told_names(FieldTerm(field, (item,))) or ())
            case "status":
                return self._status(item)
            case "is":
                return any_of(Sql(condition) for fact, condition in FACTS.items() if item_fits(item, fact))
            case "verdict":
                leaf = self._number(FieldTerm(field, (item,)))
                return Sql(f"CASE WHEN verdict IS NULL THEN {item_fits(item, ''):d} ELSE {LEAF}({leaf}, verdict) END")
            case "mark" | "note" | "tag":
                raise notes_missing(field)
            case _:
                raise AssertionError(f"no SQL for {field}")

    def _status(self, item: Item) -> Sql:
        if isinstance(item, Range):
            return all_of((Sql("typeof(status) = 'integer'"), number_fits("status", item, self._number)))
        return text_fits("CAST(status AS TEXT)", item, self._number)

    def _name_in(self, names: Iterable[EventName]) -> Sql:
        codes = sorted(NAME_CODES[name] for name in names)
        return Sql(f"name IN ({', '.join(map(str, codes))})") if codes else NEVER

    def _connection_in(self, is_wanted: Callable[[Source], bool]) -> Sql:
        """A look-up by row, not a list of sources: a storm leaves a hundred thousand sessions."""
        found = sorted(id_ for id_, source in self._connections.items() if is_wanted(source))
        if len(found) == len(self._connections):
            return ALWAYS
        return Sql(f"{CONNECTION} IN ({', '.join(map(str, found))})") if found else NEVER


def _choice(column: str, codes: Iterable[tuple[str, int | None]], item: Item) -> Sql:
    wanted = sorted(code or 0 for choice, code in codes if item_fits(item, choice))
    return Sql(f"{column} IN ({', '.join(map(str, wanted))})") if wanted else NEVER
