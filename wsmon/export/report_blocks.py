"""What a report is made of, before it is HTML or Markdown: headings, texts, tables and figures of foreign text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Cells: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; 1 is the report's own."""

    level: Literal[1, 2, 3]
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a line of column names; no names = facts, the first column names each."""

    columns: Cells
    rows: tuple[Cells, ...]
    marked: int | None = None
    # the row that the others are around


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that wsmon drew, with the same in words."""

    svg: str
    words: str


Block: TypeAlias = Heading | Text | Table | Figure
