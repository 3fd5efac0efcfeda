"""A query as a condition over the ``event`` table; says in SQL what ``query/predicate.py`` says in Python.

Texts of users only travel as parameters. Names of events and connections are compared in Python, once a query, by the
same function as in the predicate; text in a row by SQLite: LIKE, which folds ASCII alone and is the fastest (12 million
rows a second where ``instr(lower())`` does 3). But LIKE ends at a NUL and reads bytes that are not UTF-8 in its own
way; there ``instr`` answers, which does neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import assert_never

from wsmon.model.events import EVENT_NAMES, EventName
from wsmon.query.ast import FieldName, FieldTerm, IdRange, Not, Query, Term, Word
from wsmon.query.fields import WORD_PLACES
from wsmon.query.fold import fold
from wsmon.query.parser import MAX_ID
from wsmon.query.predicate import item_fits
from wsmon.store.codec import DIRECTION_FLAGS, FIRST_INDEXED_NAME, FLAG_IN, FLAG_OUT, NAME_CODES, Value

RECORDER_ID = 0
# stands for the connection of the recorder's own events, which have none

_MOST_LIKE_BYTES = 20_000
# SQLite takes patterns up to 50,000 bytes; escaping at most doubles one
_RESOLVED_PLACES = ("connection", "name")
# word places that are no text in the row
_TEXT_COLUMNS = tuple(place for place in WORD_PLACES if place not in _RESOLVED_PLACES)
_ALL_NAMES = frozenset(EVENT_NAMES)
_CONNECTION = f"coalesce((SELECT connection FROM source WHERE source.id = event.source), {RECORDER_ID})"
_LIKE_SIGNS = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})

_LIKE_TEXT = r"""({column} LIKE ? ESCAPE '\' OR (instr({column}, char(0)) AND instr(lower({column}), ?)))"""
_LIKE_PAYLOAD = rf"""CASE typeof(payload)
    WHEN 'text' THEN {_LIKE_TEXT.format(column="payload")} WHEN 'blob' THEN instr(lower(payload), ?) END"""
_BYTES_IN = "instr(CAST(lower({column}) AS BLOB), ?)"


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


@dataclass(frozen=True, slots=True)
class _Sql:
    text: str
    parameters: tuple[Value, ...] = ()


_NEVER = _Sql("0")
_ALWAYS = _Sql("1")


_NOTHING = Condition("0", (), 1, 0, is_indexed=False)


def compile_query(query: Query, connections: Mapping[int, str]) -> Condition:
    """The condition of a query; ``connections`` are the names of all connections, by id."""
    names = _names(query.terms)
    first_id, last_id = _id_bounds(query.terms)
    parts = [_term(term, connections) for term in query.terms if not _is_settled(term)]
    if not names or _NEVER in parts:
        return _NOTHING
    codes = sorted(NAME_CODES[name] for name in names)
    is_indexed = codes[0] >= FIRST_INDEXED_NAME
    if names != _ALL_NAMES:
        parts.insert(0, _Sql(f"name IN ({', '.join(map(str, codes))})"))
    if is_indexed:
        parts.insert(0, _Sql(f"name >= {FIRST_INDEXED_NAME}"))  # what lets SQLite use the partial index
    parameters = tuple(parameter for part in parts for parameter in part.parameters)
    return Condition(" AND ".join(part.text for part in parts), parameters, first_id, last_id, is_indexed)


def _names(terms: Iterable[Term]) -> frozenset[EventName]:
    """The event names that all terms on names allow."""
    allowed = (found for term in terms if (found := _named(term)) is not None)
    return reduce(frozenset.intersection, allowed, _ALL_NAMES)


def _named(term: Term) -> frozenset[EventName] | None:
    """The names a term allows; ``None`` where it is about something else."""
    match term:
        case FieldTerm("name", items):
            return frozenset(
                name
                for name in EVENT_NAMES
                if any(not isinstance(item, IdRange) and item_fits(item, name) for item in items)
            )
        case Not(inner):
            found = _named(inner)
            return None if found is None else _ALL_NAMES - found
        case _:
            return None


def _id_bounds(terms: Iterable[Term]) -> tuple[int, int]:
    """The range of ids that all terms on ids allow; ranges within a term may leave holes in it."""
    first_id, last_id = 0, MAX_ID
    for term in terms:
        if isinstance(term, FieldTerm) and term.field == "id":
            ranges = _ranges(term)
            first_id = max(first_id, min(each.first for each in ranges))
            last_id = min(last_id, max(each.last for each in ranges))
    return first_id, last_id


def _is_settled(term: Term) -> bool:
    """Whether the names or the range of ids say everything about a term."""
    is_one_range = isinstance(term, FieldTerm) and term.field == "id" and len(term.items) == 1
    return is_one_range or _named(term) is not None


def _term(term: Term, connections: Mapping[int, str]) -> _Sql:
    match term:
        case Word(text):
            return _word(text, connections)
        case FieldTerm():
            return _field(term, connections)
        case Not(inner):
            sql = _term(inner, connections)
            if sql in (_NEVER, _ALWAYS):
                return _ALWAYS if sql == _NEVER else _NEVER
            return _Sql(f"NOT ({sql.text})", sql.parameters)
        case _:
            assert_never(term)


def _field(term: FieldTerm, connections: Mapping[int, str]) -> _Sql:
    field: FieldName = term.field
    match field:
        case "connection":
            return _connection_in(id_ for id_, name in _with_recorder(connections) if _fits(term, name))
        case "name":
            return _name_in(_named(term) or ())
        case "direction":
            flags = [flag for direction, flag in DIRECTION_FLAGS.items() if _fits(term, direction)]
            return _Sql(f"flags & {FLAG_IN | FLAG_OUT} IN ({', '.join(map(str, flags))})") if flags else _NEVER
        case "id":
            ranges = _ranges(term)
            bounds = tuple(bound for each in ranges for bound in (each.first, each.last))
            return _Sql(f"({' OR '.join(['id BETWEEN ? AND ?'] * len(ranges))})", bounds)
        case _:
            assert_never(field)


def _word(text: str, connections: Mapping[int, str]) -> _Sql:
    needle = fold(text)
    parts = [_name_in(name for name in EVENT_NAMES if needle in fold(name))]
    parts.append(_connection_in(id_ for id_, name in _with_recorder(connections) if needle in fold(name)))
    try:
        folded = needle.decode()
    except UnicodeDecodeError:
        folded = ""
    if not folded or "\0" in folded or len(needle) > _MOST_LIKE_BYTES:
        parts.append(_Sql(_BYTES_IN.format(column="payload"), (needle,)))
        parts.append(_in_columns(_BYTES_IN, (needle,)))
    else:
        pattern = f"%{folded.translate(_LIKE_SIGNS)}%"
        parts.append(_Sql(_LIKE_PAYLOAD, (pattern, folded, folded)))
        parts.append(_in_columns(_LIKE_TEXT, (pattern, folded)))
    possible = [part for part in parts if part.text != _NEVER.text]
    whole = " OR ".join(part.text for part in possible)
    return _Sql(f"(({whole}) IS TRUE)", tuple(parameter for part in possible for parameter in part.parameters))


def _in_columns(template: str, parameters: tuple[Value, ...]) -> _Sql:
    """A text in one of the columns; asked once whether there is any, since messages mostly have none."""
    found = " OR ".join(template.format(column=column) for column in _TEXT_COLUMNS)
    return _Sql(f"(coalesce({', '.join(_TEXT_COLUMNS)}) IS NOT NULL AND ({found}))", parameters * len(_TEXT_COLUMNS))


def _name_in(names: Iterable[EventName]) -> _Sql:
    codes = sorted(NAME_CODES[name] for name in names)
    return _Sql(f"name IN ({', '.join(map(str, codes))})") if codes else _NEVER


def _connection_in(ids: Iterable[int]) -> _Sql:
    """A look-up by row, not a list of sources: a storm leaves a hundred thousand sessions."""
    found = sorted(ids)
    return _Sql(f"{_CONNECTION} IN ({', '.join(map(str, found))})") if found else _NEVER


def _with_recorder(connections: Mapping[int, str]) -> Iterable[tuple[int, str]]:
    return ((RECORDER_ID, ""), *connections.items())


def _fits(term: FieldTerm, value: str) -> bool:
    return any(not isinstance(item, IdRange) and item_fits(item, value) for item in term.items)


def _ranges(term: FieldTerm) -> list[IdRange]:
    return [item for item in term.items if isinstance(item, IdRange)]
