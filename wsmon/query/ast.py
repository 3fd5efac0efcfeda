"""Query terms: the abstract syntax tree of a search, independent of how it was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from wsmon.model.json_path import JsonPath

FieldName = Literal[
    "connection",
    "recording",
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
    """The value equals this text; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class Glob:
    """The value fits a glob: ``*`` matches any characters, ``?`` one; ``*`` alone any value but the empty text."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Contains:
    """The value contains the text; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """A regular expression matches somewhere in the value; as a term, in the places where a ``Word`` is searched."""

    pattern: str
    ignores_case: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """The value is a number between two bounds, in the unit of its field."""

    low: int | float | None = None
    """None = no bound."""
    high: int | float | None = None
    """None = no bound."""
    is_above: bool = False
    """Whether the low bound itself is outside."""
    is_below: bool = False
    """Whether the high bound itself is outside."""

    def holds(self, value: int | float) -> bool:
        """Return whether a number is inside."""
        if self.low is not None and (value <= self.low if self.is_above else value < self.low):
            return False
        return self.high is None or (value < self.high if self.is_below else value <= self.high)


Item: TypeAlias = Exact | Glob | Contains | Regex | Range


@dataclass(frozen=True, slots=True)
class Word:
    """The payload or a field of ``fields.WORD_PLACES`` contains the text; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """The value of a field fits one of the items."""

    field: FieldName
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """The event's id is one of these; ``query/notes.py`` replaces terms on notes with it."""

    ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class PathTerm:
    """The value at a path of the JSON payload fits one of the items."""

    path: JsonPath
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The term does not hold."""

    term: Term


@dataclass(frozen=True, slots=True)
class And:
    """All terms hold."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the terms holds."""

    terms: tuple[Term, ...]


Term: TypeAlias = "Word | Regex | FieldTerm | Ids | PathTerm | Not | And | Or"


@dataclass(frozen=True, slots=True)
class Query:
    """All terms hold; no terms means every event."""

    terms: tuple[Term, ...] = ()
    text: str = ""
    """The query as typed, for showing."""

    def __bool__(self) -> bool:
        return bool(self.terms)

    def also(self, other: Query) -> Query:
        """Return the query for events that match both; its text is this query's."""
        return Query((*self.terms, *other.terms), self.text)

    def within(self, first_id: int, last_id: int) -> Query:
        """Return the query limited to a closed range of event ids."""
        return self.also(Query((FieldTerm("id", (Range(first_id, last_id),)),)))


EVERYTHING = Query()
