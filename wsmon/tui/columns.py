"""Blocks of lines side by side, and lines that are broken. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len

from wsmon.tui.palette import Span, width_of
from wsmon.tui.wrap import clip

Line = tuple[Span, ...]
GAP = 2
LEAST_ROOM = 16
# cells
_WORD = re.compile(r"\S+\s*|\s+")


def beside(first: Sequence[Line], second: Sequence[Line], width: int) -> Iterator[Line]:
    """Two blocks, each in half of ``width``; lines that are too long are cut, and say so."""
    half = (width - GAP) // 2
    for one, other in zip_longest(first, second, fillvalue=()):
        yield (*fitted(one, half, is_filled=True), (" " * GAP, "text"), *fitted(other, width - GAP - half))


def fitted(line: Line, width: int, *, is_filled: bool = False) -> Line:
    """A line in at most (or exactly) ``width`` cells."""
    used = width_of(line)
    if used <= width:
        return (*line, (" " * (width - used), "text")) if is_filled and used < width else line
    found: list[Span] = []
    for text, meaning in line:
        found.append((clip(text, width), meaning))
        width -= cell_len(found[-1][0])
        if found[-1][0] != text:
            break
    return tuple(found)


def broken(line: Line, width: int, indent: int) -> Iterator[Line]:
    """A line, broken between words where it is too long; what goes on is indented.

    Where that leaves too little room for words, the line stays as it is.
    """
    if width_of(line) <= width or width - indent < LEAST_ROOM:
        yield line
        return
    found: list[Span] = []
    used = 0
    for text, meaning in line:
        for word in _WORD.findall(text):
            if not word.isspace() and used > indent and used + cell_len(word.rstrip()) > width:
                yield _stripped(found)
                found, used = [(" " * indent, "text")], indent
            found.append((word, meaning))
            used += cell_len(word)
    yield _stripped(found)


def _stripped(found: list[Span]) -> Line:
    text, meaning = found[-1]
    return (*found[:-1], (text.rstrip(), meaning))
