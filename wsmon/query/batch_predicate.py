"""Batch predicate: which messages of a batch match each of many queries, decided by column and not by message.

``predicate.matches`` decides one query about one event; here, fifty queries about a thousand messages cost little more
than one. What many messages have in common (connection, name, type) is decided once for each combination, all texts
that queries look for are found in all payloads by one pass, and a value at a path is read once for all queries.
A property test holds both evaluators equal.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate, compress, repeat
from operator import attrgetter
from types import NoneType
from typing import Literal, TypeAlias, assert_never, cast, get_args

from ahocorasick_rs import BytesAhoCorasick, Implementation

from wsmon.model.events import Event
from wsmon.model.json_path import MISSING, JsonPath, members_reader, path_collector
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
from wsmon.query.fields import Value
from wsmon.query.predicate import (
    casefold_utf8,
    item_fits,
    json_number,
    json_numbers,
    json_predicate,
    matches,
)
from wsmon.query.regex_literals import required_texts

# Fields that differ from event to event; an event's other fields, but for the payload, are those of its kind
ColumnField = Literal["id", "ts", "topic", "ref", "size", "wire", "duration", "latency", "seq", "gap", "meta", "url"]
COLUMN_FIELDS: frozenset[FieldName] = frozenset(get_args(ColumnField))

# Rows of a batch, as a number: byte n is 1 where row n is meant, else 0
Mask: TypeAlias = int

# Longer ones are searched for one by one: the automaton of all needles grows with their lengths
MOST_NEEDLE_BYTES = 200

# Part of a text that does not cross the borders of a JSON token, and is in no number
_IN_ONE_TOKEN = re.compile(r"[A-Za-z0-9_.-]*[A-Za-z]{2}[A-Za-z0-9_.-]*", re.ASCII)

# Local numbers of kinds fit into a byte up to this: one call of bytes.translate makes a mask
_MOST_TRANSLATED = 256


@dataclass(frozen=True, slots=True)
class MessageColumns:
    """Events as columns of equal length; they have no status, transition, close, reason, error, span or verdict."""

    kinds: Sequence[Event]
    """Every combination of connection, name, direction, opcode, flags and type met so far; later batches add to it."""
    kind_of: Sequence[int]
    payloads: Sequence[bytes | None]
    fields: Mapping[FieldName, Sequence[Value]]
    """Those of ``COLUMN_FIELDS`` that the queries ask for."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is known of a query about the messages of a batch."""

    possible: Mask
    """The messages that may match."""
    certain: Mask
    """Those of them that match."""


class BatchPredicate:
    """Decides queries about batches of messages."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self._queries = [_ordered(And(query.terms)) for query in queries]
        parts = [part for term in self._queries for part in _parts(term)]
        fields = {part.field for part in parts if isinstance(part, FieldTerm) and part.field in COLUMN_FIELDS}
        fields |= {"topic"} if any(isinstance(part, Word | Regex) for part in parts) else set()
        # Of COLUMN_FIELDS, those that the queries ask for
        self.fields: frozenset[FieldName] = frozenset(fields | {"id"})
        # By the identity of the term
        path_texts = {id(term): texts for query in self._queries for term, texts in _path_texts(query)}
        self._path_texts: Mapping[int, tuple[bytes, ...]] = path_texts
        found = {needle for part in parts for needle in _needles(part) if needle}
        needles = sorted(found.union(*path_texts.values()))
        self._long_needles = [needle for needle in needles if len(needle) > MOST_NEEDLE_BYTES]
        self._needles = [needle for needle in needles if len(needle) <= MOST_NEEDLE_BYTES]
        self._search = BytesAhoCorasick(self._needles, implementation=Implementation.DFA) if self._needles else None
        paths = dict.fromkeys(part.path for part in parts if isinstance(part, PathTerm))
        self._members, self._path_readers = _path_readers(tuple(paths))
        self._tables = _KindTables(self._queries)

    def decide(self, columns: MessageColumns) -> list[Decision]:
        """Return what is known of each query; ``columns.kinds`` are those of the batch before, and perhaps more."""
        self._tables.extend(columns.kinds)
        found = self._found(columns.payloads)
        batch = _Batch(columns, found, self._tables, self._members, self._path_readers, self._path_texts)
        return [batch.decide(term, batch.all) for term in self._queries]

    def _found(self, payloads: Sequence[bytes | None]) -> Mapping[bytes, Mask]:
        """The rows whose payload contains each needle; ASCII case does not count."""
        if self._search is None and not self._long_needles:
            return {}
        texts = [payload or b"" for payload in payloads]
        found: dict[bytes, Mask] = {}
        for long in self._long_needles:
            found[long] = int.from_bytes(bytes(long in text.lower() for text in texts), "little")
        if self._search is not None:
            ends = list(accumulate(map(len, texts)))
            rows: dict[int, list[int]] = {}
            for needle, start, end in self._search.find_matches_as_indexes(b"".join(texts).lower(), overlapping=True):
                row = bisect_right(ends, start)
                if end <= ends[row]:
                    rows.setdefault(needle, []).append(row)
            found.update((self._needles[needle], mask_of(within, len(texts))) for needle, within in rows.items())
        return found


def mask_of(rows: Iterable[int], count: int) -> Mask:
    """Return rows of a batch of ``count`` as a mask."""
    found = bytearray(count)
    for row in rows:
        found[row] = 1
    return int.from_bytes(found, "little")


def rows_of(mask: Mask, count: int) -> Iterator[int]:
    """Return the rows of a mask, ascending."""
    return compress(range(count), mask.to_bytes(count, "little"))


class _KindTables:
    """Whether each kind matches, by the number of the kind: for terms that kinds decide, and for words.

    Terms are told apart by identity: to hash one takes as long as to look through a batch.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._kinds: Sequence[Event] = ()
        self.of_term: dict[int, bytearray] = {}
        self.of_word: dict[str, bytearray] = {}
        self._queries: list[tuple[Query, bytearray]] = []
        for term in terms:
            self._add(term)

    def extend(self, kinds: Sequence[Event]) -> None:
        """Decide kinds that are new; all are, where it is another list."""
        if kinds is not self._kinds:
            self._kinds = kinds
            for _, table in self._queries:
                table.clear()
        for query, table in self._queries:
            if len(table) < len(kinds):
                table.extend(matches(query, kind) for kind in kinds[len(table) :])

    def _add(self, term: Term) -> None:
        if _is_of_kind(term):
            self.of_term[id(term)] = self._table(term)
            return
        match term:
            case And(terms) | Or(terms):
                for each in terms:
                    self._add(each)
            case Not(inner):
                self._add(inner)
            case Word(text):
                self.of_word[text] = self._table(term)
            case Regex():
                self.of_word.update((text, self._table(Word(text))) for text in required_texts(term))

    def _table(self, term: Term) -> bytearray:
        table = bytearray()
        self._queries.append((Query((term,)), table))
        return table


class _Batch:
    """One batch, and what is known of it so far."""

    def __init__(
        self,
        columns: MessageColumns,
        found: Mapping[bytes, Mask],
        tables: _KindTables,
        members: Callable[[bytes], object] | None,
        path_readers: Mapping[JsonPath, _PathReader],
        path_texts: Mapping[int, tuple[bytes, ...]],
    ) -> None:
        self._path_texts = path_texts
        self._columns = columns
        self._found = found
        self._tables = tables
        self._count = len(columns.kind_of)
        self.all = int.from_bytes(b"\1" * self._count, "little")
        # The kinds in this batch, and for each row which of them it has
        self._kinds = list(dict.fromkeys(columns.kind_of))
        places = {kind: place for place, kind in enumerate(self._kinds)}
        self._places = list(map(places.__getitem__, columns.kind_of))
        self._place_bytes = bytes(self._places) if len(self._kinds) <= _MOST_TRANSLATED else b""
        self._members = _Members(members, columns.payloads)
        self._path_readers = path_readers
        self._paths: dict[JsonPath, _PathValues] = {}
        self._extremes: dict[FieldName, tuple[float, float] | None] = {}

    def decide(self, term: Term, within: Mask) -> Decision:
        """Decide a term for some rows."""
        if (table := self._tables.of_term.get(id(term))) is not None:
            return _exactly(self._kind_mask(table) & within)
        match term:
            case And(terms):
                return self._all_of(terms, within)
            case Or(terms):
                possible = certain = 0
                for each in terms:
                    found = self.decide(each, within & ~certain)
                    possible, certain = possible | found.possible, certain | found.certain
                return Decision(possible, certain)
            case Not(inner):
                found = self.decide(inner, within)
                return Decision(within ^ found.certain, within ^ found.possible)
            case Word(text):
                return _exactly(self._word(text) & within)
            case Regex():
                texts = required_texts(term)
                return Decision(within & self._any(map(self._word, texts)) if texts else within, 0)
            case FieldTerm("text", items):
                return self._any_item(items, within, self._text)
            case FieldTerm(field, items) if field in COLUMN_FIELDS:
                return self._any_item(items, within, partial(self._field, field))
            case PathTerm() if not _is_pattern(term):
                return _exactly(self._path(term, within))
            case Ids(ids):
                return _exactly(self._mask(value in ids for value in self._columns.fields["id"]) & within)
            case FieldTerm() | PathTerm():
                # It has a regular expression
                return Decision(within, 0)
            case _:
                assert_never(term)

    def _all_of(self, terms: tuple[Term, ...], within: Mask) -> Decision:
        possible = certain = within
        for each in terms:
            if not possible:
                break
            found = self.decide(each, possible)
            possible, certain = found.possible, certain & found.certain
        return Decision(possible, certain & possible)

    def _kind_mask(self, table: bytearray) -> Mask:
        """The rows of the kinds that match."""
        wanted = bytes(map(table.__getitem__, self._kinds))
        if 0 not in wanted:
            return self.all
        if 1 not in wanted:
            return 0
        if self._place_bytes:
            return int.from_bytes(self._place_bytes.translate(wanted.ljust(_MOST_TRANSLATED, b"\0")), "little")
        return int.from_bytes(bytes(map(wanted.__getitem__, self._places)), "little")

    def _word(self, text: str) -> Mask:
        """The rows that have a text in the payload or in another of the places that words are searched in."""
        return self._kind_mask(self._tables.of_word[text]) | self._contains(text) | self._fits("topic", Contains(text))

    def _contains(self, text: str) -> Mask:
        """The rows whose payload contains a text."""
        return self._found.get(casefold_utf8(text), 0) if text else self.all

    def _any_item(self, items: tuple[Item, ...], within: Mask, decide: Callable[[Item], Decision]) -> Decision:
        found = [decide(item) for item in items]
        return Decision(
            self._any(each.possible for each in found) & within, self._any(each.certain for each in found) & within
        )

    def _text(self, item: Item) -> Decision:
        """Decide an item about the payload."""
        match item:
            case Contains(text):
                return _exactly(self._contains(text))
            case Range():
                return Decision(0, 0)
            case Regex():
                texts = required_texts(item)
                return Decision(self._any(map(self._contains, texts)) if texts else self.all, 0)
            case _:
                return Decision(self.all, 0)

    def _field(self, field: FieldName, item: Item) -> Decision:
        """Decide an item about one of the columns."""
        if isinstance(item, Regex):
            return Decision(self.all, 0)
        return _exactly(self._fits(field, item))

    def _fits(self, field: FieldName, item: Item) -> Mask:
        values = self._columns.fields[field]
        if not isinstance(item, Range):
            known: dict[Value, bool] = {}
            for value in set(values):
                known[value] = item_fits(item, value)
            return self._mask(map(known.__getitem__, values)) if any(known.values()) else 0
        if field not in self._extremes:
            numbers = _numbers(values)
            self._extremes[field] = (min(numbers), max(numbers)) if numbers else None
        extremes = self._extremes[field]
        if extremes is None or _is_beyond(item, *extremes):
            return 0
        return self._mask(item_fits(item, value) for value in values)

    def _path(self, term: PathTerm, within: Mask) -> Mask:
        """The rows of some that have a wanted value at a path."""
        if texts := self._path_texts.get(id(term)):
            within &= self._any(self._found.get(text, 0) for text in texts) | self._escaped
            if not within:
                return 0
        values = self._paths.get(term.path)
        if values is None:
            values = self._paths[term.path] = _PathValues(self._path_readers[term.path], self._members)
        values.read(within)
        rows = {row for item in term.items for row in values.rows(item)}
        return mask_of(rows, self._count) & within if rows else 0

    @cached_property
    def _escaped(self) -> Mask:
        """The rows whose JSON has an escape: any text may be written with it."""
        payloads = self._columns.payloads
        if b"\\" not in b"".join(filter(None, payloads)):
            return 0
        return self._mask(payload is not None and b"\\" in payload for payload in payloads)

    def _mask(self, flags: Iterable[bool]) -> Mask:
        return int.from_bytes(bytes(flags), "little")

    @staticmethod
    def _any(masks: Iterable[Mask]) -> Mask:
        found = 0
        for mask in masks:
            found |= mask
        return found


def _numbers(values: Sequence[Value]) -> Sequence[int | float]:
    """The numbers of a column."""
    types = set(map(type, values))
    if str in types:
        return [value for value in values if isinstance(value, int | float)]
    numbers = cast("Sequence[int | float | None]", values)
    return [value for value in numbers if value is not None] if types != {NoneType} else ()


class _Members:
    """The members of JSON payloads that paths begin with, all decoded at once, as far as they were needed."""

    def __init__(self, decode: Callable[[bytes], object] | None, payloads: Sequence[bytes | None]) -> None:
        self._decode = decode
        self.payloads = payloads
        # None where it is not decoded yet, or cannot be
        self._decoded: list[object] = [None] * len(payloads)
        self._is_read: Mask = 0
        # Rows with a payload
        self.present = int.from_bytes(bytes([payload is not None for payload in payloads]), "little")
        # Every payload that was read is an object
        self.are_objects = decode is not None

    def decoded(self, within: Mask) -> Sequence[object]:
        """Return what has the members of each message as attributes; ``None`` where a payload is no JSON object.

        All of the rows have a payload.
        """
        decode = self._decode
        if decode is not None and (missing := within & ~self._is_read):
            self._is_read |= missing
            for row in rows_of(missing, len(self.payloads)):
                try:
                    self._decoded[row] = decode(self.payloads[row] or b"")
                except (ValueError, RecursionError):
                    # Each path is read by itself there, as in any payload
                    self.are_objects = False
        return self._decoded


class _PathValues:
    """The values at one path of the messages of a batch, as far as they were needed."""

    def __init__(self, reader: _PathReader, members: _Members) -> None:
        self._reader = reader
        self._members = members
        self._is_read: Mask = 0
        # Of an array, its items too; and the row of each
        self._values: list[object] = []
        self._rows: list[int] = []
        # How many of the values are in these; the rest comes when it is asked for
        self._numbered = self._grouped = 0
        self._numbers: list[int | float] = []
        self._number_rows: list[int] = []
        self._extremes: tuple[float, float] | None = None
        # Rows by text: texts repeat often
        self._texts: dict[str, list[int]] = {}
        self._others: list[tuple[int, object]] = []

    def read(self, within: Mask) -> None:
        """Read the values of some rows, if not done yet."""
        missing = within & self._members.present & ~self._is_read
        if not missing:
            return
        self._is_read |= missing
        rows = list(rows_of(missing, len(self._members.payloads)))
        values = self._found(rows, self._members.decoded(missing))
        is_there = [value is not MISSING for value in values]
        self._rows += compress(rows, is_there)
        self._values += compress(values, is_there)
        if list in set(map(type, values)):
            for row, value in zip(rows, values, strict=True):
                if type(value) is list:
                    self._rows += repeat(row, len(value))
                    self._values += value

    def _found(self, rows: list[int], decoded: Sequence[object]) -> list[object]:
        """The value in each of some rows, ``MISSING`` where it has none."""
        reader = self._reader
        if not reader.member:
            return [self._read_singly(row) for row in rows]
        member, rest = attrgetter(reader.member), reader.rest
        if not self._members.are_objects:
            return [
                self._read_singly(row) if members is None else _below(rest, member(members))
                for row, members in zip(rows, map(decoded.__getitem__, rows), strict=True)
            ]
        values = list(map(member, map(decoded.__getitem__, rows)))
        return values if rest is None else [_below(rest, value) for value in values]

    def _read_singly(self, row: int) -> object:
        return self._reader.read(self._members.payloads[row] or b"")

    def rows(self, item: Item) -> Iterable[int]:
        """The rows, of those read, with a value that fits an item."""
        if isinstance(item, Range):
            self._number()
            if self._extremes is None or _is_beyond(item, *self._extremes):
                return ()
            return [row for row, number in zip(self._number_rows, self._numbers, strict=True) if item.holds(number)]
        self._group()
        fits = json_predicate(item)
        found = [row for row, value in self._others if fits(value)]
        for text, rows in self._texts.items():
            if fits(text):
                found += rows
        return found

    def _number(self) -> None:
        """Find the numbers among the values."""
        rows, values = self._rows[self._numbered :], self._values[self._numbered :]
        self._numbered = len(self._values)
        numbers = json_numbers(values)
        if numbers is None:
            found = [
                (row, number)
                for row, value in zip(rows, values, strict=True)
                if (number := json_number(value)) is not None
            ]
            rows, numbers = [row for row, _ in found], [number for _, number in found]
        if numbers:
            self._number_rows += rows
            self._numbers += numbers
            least, greatest = self._extremes or (numbers[0], numbers[0])
            self._extremes = min(least, *numbers), max(greatest, *numbers)

    def _group(self) -> None:
        """Group the values by text."""
        for row, value in zip(self._rows[self._grouped :], self._values[self._grouped :], strict=True):
            if type(value) is str:
                self._texts.setdefault(value, []).append(row)
            else:
                self._others.append((row, value))
        self._grouped = len(self._values)


@dataclass(frozen=True, slots=True)
class _PathReader:
    """How the value at a path is read."""

    read: Callable[[bytes], object]
    """Of any payload."""
    member: str = ""
    """The attribute of decoded members that has the path's first step; empty where there is none."""
    rest: Callable[[object], object] | None = None
    """Reads the rest of the path in that member; None where the path has one step."""


def _path_readers(paths: Sequence[JsonPath]) -> tuple[Callable[[bytes], object] | None, Mapping[JsonPath, _PathReader]]:
    """Return a decoder of all members that paths begin with, and how each path is read."""
    names = list(dict.fromkeys(path[0] for path in paths if path and isinstance(path[0], str)))
    decode = members_reader(names) if names else None
    readers = {}
    for path in paths:
        read = path_collector(path)
        if decode is None or not path or not isinstance(path[0], str):
            readers[path] = _PathReader(read)
        else:
            rest = partial(_value_below, path[1:]) if len(path) > 1 else None
            readers[path] = _PathReader(read, f"v{names.index(path[0])}", rest)
    return decode, readers


def _below(rest: Callable[[object], object] | None, value: object) -> object:
    """What the rest of a path reads in a value."""
    return value if rest is None or value is MISSING else rest(value)


def _value_below(path: JsonPath, value: object) -> object:
    """The value at a path in a decoded one; ``MISSING`` where there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step, MISSING)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return MISSING
    return value


def _exactly(rows: Mask) -> Decision:
    return Decision(rows, rows)


def _is_beyond(item: Range, least: float, greatest: float) -> bool:
    """Whether no number between two is inside of a range."""
    if item.low is not None and not Range(item.low, None, item.is_above).holds(greatest):
        return True
    return item.high is not None and not Range(None, item.high, is_below=item.is_below).holds(least)


def has_pattern(query: Query) -> bool:
    """Return whether a query has a regular expression: it may be slow, and is left to the store."""
    return any(map(_is_pattern, _parts(And(query.terms))))


def _is_pattern(part: Term) -> bool:
    items = part.items if isinstance(part, FieldTerm | PathTerm) else (part,)
    return any(isinstance(item, Regex) for item in items)


def _parts(term: Term) -> Iterator[Term]:
    """The terms that a term consists of."""
    match term:
        case And(terms) | Or(terms):
            for each in terms:
                yield from _parts(each)
        case Not(inner):
            yield from _parts(inner)
        case _:
            yield term


def _is_of_kind(term: Term) -> bool:
    """Whether the kind of a message decides the term."""
    match term:
        case And(terms) | Or(terms):
            return all(map(_is_of_kind, terms))
        case Not(inner):
            return _is_of_kind(inner)
        case FieldTerm(field, _):
            return field not in COLUMN_FIELDS and field != "text" and not _is_pattern(term)
        case _:
            return False


def _ordered(term: Term) -> Term:
    """The same term, its parts in the order of what they cost; those that the kind decides are joined to one."""
    match term:
        case And(terms):
            of_kind = tuple(each for each in terms if _is_of_kind(each))
            others = sorted((_ordered(each) for each in terms if not _is_of_kind(each)), key=_cost)
            return And((And(of_kind), *others) if of_kind else tuple(others))
        case Or(terms):
            return Or(tuple(sorted(map(_ordered, terms), key=_cost)))
        case Not(inner):
            return Not(_ordered(inner))
        case _:
            return term


def _cost(term: Term) -> int:
    """How much a term costs: least without a path, less for ranges than for texts at a path.

    A range is decided for a whole batch by its least and greatest number.
    """
    return max(
        (0 if not isinstance(part, PathTerm) else 1 if _is_range(part) else 2 for part in _parts(term)), default=0
    )


def _is_range(term: PathTerm) -> bool:
    return all(isinstance(item, Range) for item in term.items)


def _path_texts(query: Term) -> Iterator[tuple[PathTerm, tuple[bytes, ...]]]:
    """Terms about texts at a path, and texts of which the payload has one wherever they match, but for escapes.

    Not beside a range at a path, which comes first and seldom leaves much to decide: texts cost more where many
    messages have them.
    """
    terms = query.terms if isinstance(query, And) else ()
    paths = [term for term in terms if isinstance(term, PathTerm)]
    if not any(map(_is_range, paths)):
        for term in paths:
            texts = [_certain_text(item) for item in term.items]
            if all(texts):
                yield term, tuple(map(casefold_utf8, texts))


def _certain_text(item: Item) -> str:
    """A text that stands in JSON without an escape wherever a value fits an item; empty where there is none.

    Numbers, arrays and objects are compared as JSON that is written anew: numbers may change then, but have no two
    letters in a row, and what is within a string stays. What is not JSON, as NaN, is read as ``null``.
    """
    if not isinstance(item, Exact | Contains | Glob):
        return ""
    text = item.pattern if isinstance(item, Glob) else item.text
    certain = max(_IN_ONE_TOKEN.findall(text), key=len, default="")
    return "" if certain.lower() in "null" else certain


def _needles(part: Term) -> Iterator[bytes]:
    """The texts that the payload is searched for, in lower case."""
    match part:
        case Word(text):
            yield casefold_utf8(text)
        case Regex():
            yield from map(casefold_utf8, required_texts(part))
        case FieldTerm("text", items):
            for item in items:
                if isinstance(item, Contains):
                    yield casefold_utf8(item.text)
                elif isinstance(item, Regex):
                    yield from map(casefold_utf8, required_texts(item))
