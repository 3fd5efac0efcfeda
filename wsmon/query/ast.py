"""What a query means: a tree of terms, in values that know nothing of how they were typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from wsmon.model.json_path import JsonPath

FieldName = Literal[
    "connection",
    "group",
    "session",
    "run",
    "trace",
    "span",
    "parent",
    "id",
    "name",
    "kind",
    "status",
    "from",
    "to",
    "code",
    "by",
    "reason",
    "direction",
    "opcode",
    "type",
    "topic",
    "ref",
    "size",
    "wire",
    "duration",
    "latency",
    "seq",
    "gap",
    "text",
    "error_type",
    "error",
    "meta",
    "url",
    "is",
    "ts",
    "verdict",
    "mark",
    "note",
    "tag",
]


@dataclass(frozen=True, slots=True)
class Exact:
    """The value is this text; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class Glob:
    """The value fits a pattern: ``*`` stands for any characters, ``?`` for one; ``*`` alone for any value at all."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The text stands somewhere in the value; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression finds something in the value; as a term, where a ``Word`` is looked for."""

    pattern: str
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two bounds, in the unit of its field; ``None`` is no bound."""

    low: int | float | None = None
    high: int | float | None = None
    is_above: bool = False
    """The low bound itself is outside."""
    is_below: bool = False
    """The high bound itself is outside."""

    def holds(self, value: int | float) -> bool:
        """Whether a number is inside."""
        if self.low is not None and (value <= self.low if self.is_above else value < self.low):
            return False
        return self.high is None or (value < self.high if self.is_below else value <= self.high)


Item: TypeAlias = Exact | Glob | Contains | Regex | Range


@dataclass(frozen=True, slots=True)
class Word:
    """A text somewhere in an event (``fields.WORD_PLACES``); ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """A field has one of these values."""

    field: FieldName
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """The event is one of these: what ``query/notes.py`` makes of terms on notes."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class PathTerm:
    """What a JSON payload has at a path is one of these values."""

    path: JsonPath
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a term."""

    term: Term


@dataclass(frozen=True, slots=True)
class And:
    """All of the terms hold."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of the terms holds."""

    terms: tuple[Term, ...]


Term: TypeAlias = "Word | Regex | FieldTerm | Ids | PathTerm | Not | And | Or"


@dataclass(frozen=True, slots=True)
class Query:
    """All terms hold; no terms means every event."""

    terms: tuple[Term, ...] = ()
    text: str = ""
    """As typed."""

    def __bool__(self) -> bool:
        return bool(self.terms)

    def also(self, other: Query) -> Query:
        """The events that match both; the text stays this one's."""
        return Query((*self.terms, *other.terms), self.text)

    def within(self, first_id: int, last_id: int) -> Query:
        """The same query, of the events in a closed range of ids only."""
        return self.also(Query((FieldTerm("id", (Range(first_id, last_id),)),)))


EVERYTHING = Query()
