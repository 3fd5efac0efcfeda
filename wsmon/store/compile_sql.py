"""A query as a condition over the ``event`` table; says in SQL what ``query/predicate.py`` says in Python.

Texts of users only travel as parameters. What has few values, as names and connections, is compared in Python, once a
query, by the predicate's own function; texts in a row by SQLite (``sql_text``); JSON and regular expressions by the
predicate's functions, called from SQL (``functions``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import assert_never

from wsmon.model.events import EVENT_NAMES, PROBLEM_NAMES, EventName, Source
from wsmon.query.ast import And, FieldName, FieldTerm, Ids, Item, Not, Or, PathTerm, Query, Range, Regex, Term, Word
from wsmon.query.fields import FLAGS, UNANSWERED, WORD_PLACES, notes_missing
from wsmon.query.fold import fold
from wsmon.query.predicate import item_fits
from wsmon.query.values import MAX_INT
from wsmon.store.codec import (
    CLOSE_BY_CODES,
    DIRECTION_FLAGS,
    FIRST_INDEXED_NAME,
    FLAG_ILLEGAL,
    FLAG_IN,
    FLAG_OUT,
    FLAG_REDACTED,
    FLAG_TRUNCATED,
    NAME_CODES,
    OPCODE_CODES,
    STATUS_CODES,
    Value,
)
from wsmon.store.functions import LEAF
from wsmon.store.sql_text import ALWAYS, NEVER, Number, Sql, all_of, any_of, opposite, path, regex, text_fits, word

RECORDER_ID = 0
# stands for the connection of the recorder's own events, which have none

_RESOLVED_PLACES = ("connection", "name")
# word places that are no text in the row
_TEXT_COLUMNS = tuple(place for place in WORD_PLACES if place not in _RESOLVED_PLACES)
_ALL_NAMES = frozenset(EVENT_NAMES)
_SOURCE = "(SELECT {column} FROM source WHERE source.id = event.source)"
_CONNECTION = f"coalesce({_SOURCE.format(column='connection')}, {RECORDER_ID})"
_META_NUMBER = """
CASE WHEN json_type(meta, '$.{key}') IN ('integer', 'real') THEN json_extract(meta, '$.{key}') END
""".strip()
_META_URL = "CASE json_type(meta, '$.url') WHEN 'text' THEN json_extract(meta, '$.url') END"

_TEXTS: Mapping[FieldName, str] = {
    "session": f"nullif({_SOURCE.format(column='connection_id')}, '')",
    "trace": f"nullif({_SOURCE.format(column='trace_id')}, '')",
    "span": "span_id",
    "parent": "parent_id",
    "reason": "reason",
    "type": "type",
    "topic": "topic",
    "ref": "ref",
    "text": "payload",
    "error_type": "error_type",
    "error": "error",
    "meta": "meta",
    "url": _META_URL,
}
_NUMBERS: Mapping[FieldName, str] = {
    "run": _SOURCE.format(column="run"),
    "id": "id",
    "ts": "ts_ns",
    "code": "close_code",
    "size": "size",
    "wire": "wire_size",
    "duration": "duration_ns",
    "latency": _META_NUMBER.format(key="latency_ms"),
    "seq": _META_NUMBER.format(key="seq"),
    "gap": _META_NUMBER.format(key="missing"),
}
_STATUSES = (("", 0), *STATUS_CODES.items())
_CHOICES: Mapping[FieldName, tuple[str, tuple[tuple[str, int | None], ...]]] = {
    "direction": (f"flags & {FLAG_IN | FLAG_OUT}", tuple(DIRECTION_FLAGS.items())),
    "opcode": ("coalesce(opcode, 0)", tuple(OPCODE_CODES.items())),
    "from": ("coalesce(from_status, 0)", _STATUSES),
    "to": ("coalesce(to_status, 0)", _STATUSES),
    "by": ("coalesce(close_by, 0)", tuple(CLOSE_BY_CODES.items())),
}
# the column, and what its codes stand for
_PROBLEM_CODES = ", ".join(str(NAME_CODES[name]) for name in sorted(PROBLEM_NAMES))
_FACTS: Mapping[str, str] = {
    "redacted": f"flags & {FLAG_REDACTED} <> 0",
    "truncated": f"flags & {FLAG_TRUNCATED} <> 0",
    "illegal": f"flags & {FLAG_ILLEGAL} <> 0",
    "problem": f"(error_type IS NOT NULL OR name IN ({_PROBLEM_CODES}))",
    "unanswered": f"coalesce(error_type IN ({', '.join(repr(word) for word in UNANSWERED)}), 0)",
}
assert _FACTS.keys() == FLAGS.keys()


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
    names = _names(whole)
    first_id, last_id = _id_bounds(whole)
    compiler = _Compiler(connections, number)
    parts = [compiler.term(term) for term in query.terms if not _is_settled(term)]
    if not names or NEVER in parts or first_id > last_id:
        return _NOTHING
    codes = sorted(NAME_CODES[name] for name in names)
    is_indexed = codes[0] >= FIRST_INDEXED_NAME
    if names != _ALL_NAMES:
        parts.insert(0, Sql(f"name IN ({', '.join(map(str, codes))})"))
    if is_indexed:
        parts.insert(0, Sql(f"name >= {FIRST_INDEXED_NAME}"))  # what lets SQLite use the partial index
    needed = [part for part in parts if part != ALWAYS]
    parameters = tuple(parameter for part in needed for parameter in part.parameters)
    return Condition(" AND ".join(part.text for part in needed), parameters, first_id, last_id, is_indexed)


def _names(term: Term) -> frozenset[EventName]:
    """Event names without which the term does not hold."""
    match term:
        case And(terms):
            return reduce(frozenset.intersection, map(_names, terms), _ALL_NAMES)
        case Or(terms):
            return reduce(frozenset.union, map(_names, terms), frozenset())
        case _:
            named = _named(term)
            return _ALL_NAMES if named is None else named


def _named(term: Term) -> frozenset[EventName] | None:
    """The names of which a term is about names alone; ``None`` where it is about something else."""
    match term:
        case FieldTerm("name" | "kind" as field, items):
            part = slice(None) if field == "name" else slice(1)
            return frozenset(
                name for name in EVENT_NAMES if any(item_fits(item, ".".join(name.split(".")[part])) for item in items)
            )
        case Not(inner):
            found = _named(inner)
            return None if found is None else _ALL_NAMES - found
        case _:
            return None


def _id_bounds(term: Term) -> tuple[int, int]:
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
            bounds = [_id_bounds(each) for each in terms]
            return max((low for low, _ in bounds), default=0), min((high for _, high in bounds), default=MAX_INT)
        case Or(terms):
            bounds = [_id_bounds(each) for each in terms]
            return min(low for low, _ in bounds), max(high for _, high in bounds)
        case _:
            return 0, MAX_INT


def _is_settled(term: Term) -> bool:
    """Whether the names or the range of ids say everything about a term."""
    match term:
        case FieldTerm("id", (Range(_, _, False, False) as only,)):
            return isinstance(only.low, int | None) and isinstance(only.high, int | None)
        case _:
            return _named(term) is not None


class _Compiler:
    def __init__(self, connections: Mapping[int, Source], number: Number) -> None:
        self._connections = {RECORDER_ID: Source(), **connections}
        self._number = number

    def term(self, term: Term) -> Sql:
        match term:
            case Word(text):
                needle = fold(text)
                names = self._name_in(name for name in EVENT_NAMES if needle in fold(name))
                known = self._connection_in(lambda source: needle in fold(source.connection))
                return any_of((names, known, word(term, _TEXT_COLUMNS)))
            case Regex():
                names = self._name_in(name for name in EVENT_NAMES if item_fits(term, name))
                known = self._connection_in(
                    lambda source: bool(source.connection) and item_fits(term, source.connection)
                )
                return any_of((names, known, regex(term, _TEXT_COLUMNS, self._number)))
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

    def _item(self, field: FieldName, item: Item) -> Sql:
        if column := _TEXTS.get(field):
            return text_fits(column, item, self._number)
        if column := _NUMBERS.get(field):
            return number_fits(column, item, self._number)
        if field in _CHOICES:
            return _choice(*_CHOICES[field], item)
        match field:
            case "connection":
                return self._connection_in(lambda source: item_fits(item, source.connection))
            case "group":
                return self._connection_in(lambda source: item_fits(item, source.group))
            case "name" | "kind":
                return self._name_in(_named(FieldTerm(field, (item,))) or ())
            case "status":
                return self._status(item)
            case "is":
                return any_of(Sql(condition) for fact, condition in _FACTS.items() if item_fits(item, fact))
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
        return Sql(f"{_CONNECTION} IN ({', '.join(map(str, found))})") if found else NEVER


def _choice(column: str, codes: Iterable[tuple[str, int | None]], item: Item) -> Sql:
    wanted = sorted(code or 0 for choice, code in codes if item_fits(item, choice))
    return Sql(f"{column} IN ({', '.join(map(str, wanted))})") if wanted else NEVER


def number_fits(column: str, item: Item, number: Number) -> Sql:
    """A number of the row, or NULL; what is no range is a question about its text."""
    if not isinstance(item, Range):
        return text_fits(f"CAST({column} AS TEXT)", item, number)
    bounds: list[Sql] = []
    if item.low is not None:
        bounds.append(Sql(f"{column} {'>' if item.is_above else '>='} ?", (item.low,)))
    if item.high is not None:
        bounds.append(Sql(f"{column} {'<' if item.is_below else '<='} ?", (item.high,)))
    whole = all_of(bounds) if bounds else Sql(f"{column} IS NOT NULL")
    return Sql(f"({whole.text} IS TRUE)", whole.parameters)  # IS binds weaker than a comparison
