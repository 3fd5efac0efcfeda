"""What a query means: terms that must all hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FieldName = Literal["connection", "name", "direction", "id"]


@dataclass(frozen=True, slots=True)
class Exact:
    """The value is this text; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class Glob:
    """The value fits a pattern: ``*`` stands for any characters, ``?`` for one; ``*`` alone for any value at all."""

    pattern: str


@dataclass(frozen=True, slots=True)
class IdRange:
    """An id in a closed range."""

    first: int
    last: int


Item: TypeAlias = Exact | Glob | IdRange


@dataclass(frozen=True, slots=True)
class Word:
    """A text somewhere in an event (``fields.WORD_PLACES``); ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """A field has one of these values; the items of ``id`` are ranges, those of other fields never."""

    field: FieldName
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a term."""

    term: Term


Term: TypeAlias = "Word | FieldTerm | Not"


@dataclass(frozen=True, slots=True)
class Query:
    """All terms hold; no terms means every event."""

    terms: tuple[Term, ...] = ()
    text: str = ""
    # as typed

    def __bool__(self) -> bool:
        return bool(self.terms)

    def within(self, first_id: int, last_id: int) -> Query:
        """The same query, of the events in a closed range of ids only."""
        return Query((*self.terms, FieldTerm("id", (IdRange(first_id, last_id),))), self.text)


EVERYTHING = Query()
