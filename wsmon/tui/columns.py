"""Blocks of lines side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.cells import cell_len

from wsmon.tui.palette import Line, Span, width_of
from wsmon.tui.text import clip

GAP = 2


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
