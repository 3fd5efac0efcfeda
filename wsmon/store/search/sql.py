"""Compile a query to a SQL condition over the event table: in SQL what ``query/predicate.py`` decides in Python.

Texts of users are parameters, never SQL. Values with few variants, as names and connections, are compared in Python
once a query, by the predicate's own functions; texts of a row by SQLite; JSON and regular expressions by the
predicate's functions, called from SQL (``functions.py``). Conditions are never NULL, so that they can be negated.

Case folds as in ``casefold_utf8``: ASCII alone. LIKE does that too and is the fastest (12 million rows a second, where
``instr(lower())`` reads 3). But LIKE ends at a NUL and reads bytes that are not UTF-8 in its own way; ``instr`` does
neither, and is used there. ``length`` ends at a NUL too: a text with as many characters as bytes has none.

SQLite evaluates AND and OR lazily where they decide on a row, but not where they make a value, as within CASE: no CASE
encloses them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import assert_never

from wsmon.model.events import DISCONNECTED, EVENT_NAMES, FAULTLESS_CODES, PROBLEM_NAMES, EventName, Source
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
from wsmon.query.fields import FLAGS, UNANSWERED, WORD_PLACES, notes_missing
from wsmon.query.parser import MAX_INT
from wsmon.query.predicate import ANY, casefold_utf8, item_fits
from wsmon.query.regex_literals import required_texts
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
    SqlValue,
)
from wsmon.store.search.functions import LEAF, Leaf

# Registers a leaf and returns its number, the first argument of the SQL function LEAF
Number = Callable[[Leaf], int]

# SQLite accepts patterns of up to 50,000 bytes; escaping at most doubles one
_MOST_LIKE_BYTES = 20_000
_LIKE_SIGNS = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})
_GLOB_SIGNS = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\", "*": "%", "?": "_"})
_ODD = "length({column}) <> length(CAST({column} AS BLOB))"
_LIKE_TEXT = rf"""({{column}} LIKE ? ESCAPE '\' OR ({_ODD} AND instr(lower({{column}}), ?)))"""
_LIKE_PAYLOAD = rf"""((payload LIKE ? ESCAPE '\' AND typeof(payload) = 'text')
    OR ((typeof(payload) = 'blob' OR {_ODD.format(column="payload")}) AND instr(lower(payload), ?)))"""
_BYTES_IN = "instr(CAST(lower({column}) AS BLOB), ?)"
_PAYLOAD = "payload"
# Columns that most messages have
_OF_MESSAGES = ("type", "topic")


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition in SQL, and its parameters."""

    text: str
    parameters: tuple[SqlValue, ...] = ()


NEVER = Sql("0")
ALWAYS = Sql("1")


def any_of(parts: Iterable[Sql]) -> Sql:
    """Join conditions with OR."""
    possible = [part for part in parts if part != NEVER]
    if ALWAYS in possible:
        return ALWAYS
    return _joined(possible, " OR ") if possible else NEVER


def all_of(parts: Iterable[Sql]) -> Sql:
    """Join conditions with AND."""
    needed = [part for part in parts if part != ALWAYS]
    if NEVER in needed:
        return NEVER
    return _joined(needed, " AND ") if needed else ALWAYS


def negation(sql: Sql) -> Sql:
    """Negate a condition."""
    if sql in (NEVER, ALWAYS):
        return ALWAYS if sql == NEVER else NEVER
    return Sql(f"NOT ({sql.text})", sql.parameters)


def text_fits(column: str, item: Item, number: Number) -> Sql:
    """Compile whether a text column, NULL where it is empty, matches an item of a term."""
    match item:
        case Exact(text):
            return Sql(f"CAST(lower(coalesce({column}, '')) AS BLOB) = ?", (casefold_utf8(text),))
        case Glob(pattern):
            return _glob(column, pattern, number)
        case Contains(text):
            if not text:
                return ALWAYS
            part = _contains(column, casefold_utf8(text))
            return Sql(f"({part.text} IS TRUE)", part.parameters)
        case Regex():
            return _empty_too(item, _finds(item, column, number(item)), column)
        case Range():
            return NEVER


def number_fits(column: str, item: Item, number: Number) -> Sql:
    """Compile whether a number column, which may be NULL, matches an item; all but ranges are compared as text."""
    if not isinstance(item, Range):
        return text_fits(f"CAST({column} AS TEXT)", item, number)
    bounds: list[Sql] = []
    if item.low is not None:
        bounds.append(Sql(f"{column} {'>' if item.is_above else '>='} ?", (item.low,)))
    if item.high is not None:
        bounds.append(Sql(f"{column} {'<' if item.is_below else '<='} ?", (item.high,)))
    whole = all_of(bounds) if bounds else Sql(f"{column} IS NOT NULL")
    # IS binds weaker than a comparison
    return Sql(f"({whole.text} IS TRUE)", whole.parameters)


def word(found: Word, columns: tuple[str, ...]) -> Sql:
    """Compile whether the payload or one of the columns contains a text."""
    needle = casefold_utf8(found.text)
    of_messages = [_contains(column, needle) for column in columns if column in _OF_MESSAGES]
    rare = [column for column in columns if column not in _OF_MESSAGES]
    # One test excludes most messages, which have none of these
    one_of = any_of(_contains(column, needle) for column in rare)
    guarded = Sql(f"(coalesce({', '.join(rare)}) IS NOT NULL AND {one_of.text})", one_of.parameters)
    whole = any_of((_contains(_PAYLOAD, needle), *of_messages, guarded))
    return Sql(f"({whole.text} IS TRUE)", whole.parameters)


def regex(found: Regex, columns: tuple[str, ...], number: Number) -> Sql:
    """Compile whether a regular expression matches in the payload or in one of the columns.

    It is tried only where one of its required texts occurs.
    """
    leaf = number(found)
    of_messages = [column for column in columns if column in _OF_MESSAGES]
    rare = ", ".join(column for column in columns if column not in _OF_MESSAGES)
    # A call costs more with values that most messages lack
    call = Sql(
        f"({LEAF}({leaf}, {', '.join((_PAYLOAD, *of_messages))}) "
        f"OR (coalesce({rare}) IS NOT NULL AND {LEAF}({leaf}, {rare})))"
    )
    required = required_texts(found)
    return all_of((any_of(word(Word(text), columns) for text in required), call)) if required else call


def path(term: PathTerm, number: Number) -> Sql:
    """Compile whether a JSON payload has one of the values at a path.

    A payload is parsed only where it contains the name of the last member, or a backslash, which may escape it.
    """
    call = f"{LEAF}({number(term)}, payload)"
    names = [step for step in term.path if isinstance(step, str) and step]
    if not names or not names[-1].isascii():
        return Sql(f"(payload IS NOT NULL AND {call})")
    return Sql(rf"((instr(payload, ?) OR instr(payload, '\')) IS TRUE AND {call})", (names[-1],))


def _glob(column: str, pattern: str, number: Number) -> Sql:
    if pattern == ANY:
        return Sql(f"coalesce({column}, '') <> ''")
    glob = Glob(pattern)
    call = f"{LEAF}({number(glob)}, {column})"
    if column == _PAYLOAD or not (pattern.isprintable() and pattern.isascii()):
        return _empty_too(glob, Sql(f"coalesce({call}, 0)"), column)
    like = rf"CASE WHEN instr({column}, char(0)) THEN {call} ELSE {column} LIKE ? ESCAPE '\' END"
    return _empty_too(glob, Sql(f"coalesce({like}, 0)", (pattern.translate(_GLOB_SIGNS),)), column)


def _finds(pattern: Regex, column: str, leaf: int) -> Sql:
    """Compile whether a pattern matches a column; it is tried only where one of its required texts occurs."""
    call = Sql(f"({column} IS NOT NULL AND {LEAF}({leaf}, {column}))")
    if not (required := required_texts(pattern)):
        return call
    there = any_of(_contains(column, casefold_utf8(text)) for text in required)
    return Sql(f"({there.text} IS TRUE AND {call.text})", there.parameters)


def _empty_too(item: Glob | Regex, sql: Sql, column: str) -> Sql:
    """Extend a condition to rows without the text, where the item matches the empty text."""
    return any_of((sql, Sql(f"{column} IS NULL"))) if item_fits(item, "") else sql


def _contains(column: str, needle: bytes) -> Sql:
    try:
        folded = needle.decode()
    except UnicodeDecodeError:
        folded = ""
    if not folded or "\0" in folded or len(needle) > _MOST_LIKE_BYTES:
        return Sql(_BYTES_IN.format(column=column), (needle,))
    pattern = f"%{folded.translate(_LIKE_SIGNS)}%"
    if column == _PAYLOAD:
        return Sql(_LIKE_PAYLOAD, (pattern, folded))
    return Sql(_LIKE_TEXT.format(column=column), (pattern, folded))


def _joined(parts: list[Sql], by: str) -> Sql:
    if len(parts) == 1:
        return parts[0]
    text = by.join(part.text for part in parts)
    return Sql(f"({text})", tuple(parameter for part in parts for parameter in part.parameters))


# Stands for the connection of the recorder's own events, which have none
RECORDER_ID = 0

_SOURCE = "(SELECT {column} FROM source WHERE source.id = event.source)"
CONNECTION = f"coalesce({_SOURCE.format(column='connection')}, {RECORDER_ID})"
_META_NUMBER = """
CASE WHEN json_type(meta, '$.{key}') IN ('integer', 'real') THEN json_extract(meta, '$.{key}') END
""".strip()
_META_URL = "CASE json_type(meta, '$.url') WHEN 'text' THEN json_extract(meta, '$.url') END"

# Columns, as SQL, of fields whose value is a text
TEXTS: Mapping[FieldName, str] = {
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
# Columns, as SQL, of fields whose value is a number
NUMBERS: Mapping[FieldName, str] = {
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
# Columns, as SQL, of fields with few values, and their codes
CHOICES: Mapping[FieldName, tuple[str, tuple[tuple[str, int | None], ...]]] = {
    "direction": (f"flags & {FLAG_IN | FLAG_OUT}", tuple(DIRECTION_FLAGS.items())),
    "opcode": ("coalesce(opcode, 0)", tuple(OPCODE_CODES.items())),
    "from": ("coalesce(from_status, 0)", _STATUSES),
    "to": ("coalesce(to_status, 0)", _STATUSES),
    "by": ("coalesce(close_by, 0)", tuple(CLOSE_BY_CODES.items())),
}
_PROBLEM_CODES = ", ".join(str(NAME_CODES[name]) for name in sorted(PROBLEM_NAMES))
# As ``Event.is_problem`` decides
_WANTED_END = (
    f"name = {NAME_CODES[DISCONNECTED]} AND to_status IS {STATUS_CODES['closed']} "
    f"AND (close_code IS NULL OR close_code IN {FAULTLESS_CODES})"
)
# Conditions of the values of the field ``is``
FACTS: Mapping[str, str] = {
    "redacted": f"flags & {FLAG_REDACTED} <> 0",
    "truncated": f"flags & {FLAG_TRUNCATED} <> 0",
    "illegal": f"flags & {FLAG_ILLEGAL} <> 0",
    "problem": f"(error_type IS NOT NULL OR (name IN ({_PROBLEM_CODES}) AND NOT ({_WANTED_END})))",
    "unanswered": f"coalesce(error_type IN ({', '.join(repr(word) for word in UNANSWERED)}), 0)",
}
assert FACTS.keys() == FLAGS.keys()


ALL_NAMES = frozenset(EVENT_NAMES)


def names_of(term: Term) -> frozenset[EventName]:
    """The event names that a match of the term can have."""
    match term:
        case And(terms):
            return reduce(frozenset.intersection, map(names_of, terms), ALL_NAMES)
        case Or(terms):
            return reduce(frozenset.union, map(names_of, terms), frozenset())
        case _:
            named = decided_names(term)
            return ALL_NAMES if named is None else named


def decided_names(term: Term) -> frozenset[EventName] | None:
    """The event names that match a term about names alone; ``None`` where the term is about something else."""
    match term:
        case FieldTerm("name" | "kind" as field, items):
            part = slice(None) if field == "name" else slice(1)
            return frozenset(
                name for name in EVENT_NAMES if any(item_fits(item, ".".join(name.split(".")[part])) for item in items)
            )
        case Not(inner):
            found = decided_names(inner)
            return None if found is None else ALL_NAMES - found
        case _:
            return None


def id_bounds(term: Term) -> tuple[int, int]:
    """The closed range of ids outside of which the term cannot match; it may contain ids that do not match."""
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
    """Whether the condition on names, or the range of ids, covers a term completely."""
    match term:
        case FieldTerm("id", (Range(_, _, False, False) as only,)):
            return isinstance(only.low, int | None) and isinstance(only.high, int | None)
        case _:
            return decided_names(term) is not None


# Places of a word that are no text of the row
_RESOLVED_PLACES = ("connection", "name")
_TEXT_COLUMNS = tuple(place for place in WORD_PLACES if place not in _RESOLVED_PLACES)


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled query: what follows WHERE, with its parameters, and the range of ids of the matches."""

    where: str
    parameters: tuple[SqlValue, ...]
    first_id: int
    last_id: int
    """No event outside of the closed range matches; it is empty where none can."""
    is_indexed: bool
    """SQLite can find the rows by the index event_by_name."""

    @property
    def is_everything(self) -> bool:
        """Whether every event in the range of ids matches."""
        return not self.where


_NOTHING = Condition("0", (), 1, 0, is_indexed=False)


def compile_query(query: Query, connections: Mapping[int, Source], number: Number) -> Condition:
    """Compile a query.

    ``connections`` are those of the store by id, with name and group; ``number`` registers leaves for the SQL function.
    """
    whole = And(query.terms)
    names = names_of(whole)
    first_id, last_id = id_bounds(whole)
    compiler = _ConditionCompiler(connections, number)
    parts = [compiler.term(term) for term in query.terms if not is_settled(term)]
    if not names or NEVER in parts or first_id > last_id:
        return _NOTHING
    codes = sorted(NAME_CODES[name] for name in names)
    is_indexed = codes[0] >= FIRST_INDEXED_NAME
    if names != ALL_NAMES:
        parts.insert(0, Sql(f"name IN ({', '.join(map(str, codes))})"))
    if is_indexed:
        # Without this condition SQLite does not use the partial index
        parts.insert(0, Sql(f"name >= {FIRST_INDEXED_NAME}"))
    needed = [part for part in parts if part != ALWAYS]
    parameters = tuple(parameter for part in needed for parameter in part.parameters)
    return Condition(" AND ".join(part.text for part in needed), parameters, first_id, last_id, is_indexed)


class _ConditionCompiler:
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
                return negation(self.term(inner))
            case And(terms):
                return all_of(self.term(each) for each in terms)
            case Or(terms):
                return any_of(self.term(each) for each in terms)
            case _:
                assert_never(term)

    def _resolved(self, item: Item) -> tuple[Sql, Sql]:
        """Compile whether an item matches the name of the event, or that of its connection."""
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
            case "recording":
                # A store does not know under which name it was opened
                return ALWAYS if item_fits(item, "") else NEVER
            case "name" | "kind":
                return self._name_in(decided_names(FieldTerm(field, (item,))) or ())
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
        """Compile a look-up by row, not a list of sources: a reconnect storm leaves a hundred thousand of them."""
        found = sorted(id_ for id_, source in self._connections.items() if is_wanted(source))
        if len(found) == len(self._connections):
            return ALWAYS
        return Sql(f"{CONNECTION} IN ({', '.join(map(str, found))})") if found else NEVER


def _choice(column: str, codes: Iterable[tuple[str, int | None]], item: Item) -> Sql:
    wanted = sorted(code or 0 for choice, code in codes if item_fits(item, choice))
    return Sql(f"{column} IN ({', '.join(map(str, wanted))})") if wanted else NEVER
