"""What a query means: terms that must all hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FieldName = Literal["connection", "name", "direction", "id"]


@dataclass(frozen=True, slots=True)
class Word:
    """A text somewhere in payload, reason, error or one of the names; ASCII case does not count."""

    text: str


@dataclass(frozen=True, slots=True)
class FieldTerm:
    """A field has one of these values; ``*`` and ``?`` stand for other characters."""

    field: FieldName
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdRange:
    """An id in a closed range."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a term."""

    term: Term


Term: TypeAlias = "Word | FieldTerm | IdRange | Not"


@dataclass(frozen=True, slots=True)
class Query:
    """All terms hold; no terms means every event."""

    terms: tuple[Term, ...] = ()
    text: str = ""
    # as typed

    def __bool__(self) -> bool:
        return bool(self.terms)


EVERYTHING = Query()
