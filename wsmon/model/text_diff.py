"""What differs between two texts, or two runs of bytes, piece by piece: runs that are the same, removed or added."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

MOST_PAIRS = 1_000_000
# of pieces that are compared with each other: some 0.2 s; what is longer is all removed and all added
LONG = 160
# characters of a line that is compared word by word
ROW_BYTES = 16

_WORD = re.compile(rf"[^\s,;&|]{{1,{LONG}}}[\s,;&|]{{0,{LONG}}}|[\s,;&|]{{1,{LONG}}}")

Kind = Literal["same", "removed", "added"]


class Run(NamedTuple):
    """Pieces that follow each other and have the same fate."""

    kind: Kind
    pieces: tuple[str, ...]
    at: int
    # of the first one: in the second text, of what was removed in the first


def pieces(text: str) -> tuple[str, ...]:
    """The lines of a text; the words of lines that are long. Joined with nothing they are the text."""
    found: list[str] = []
    for line in text.splitlines(keepends=True):
        found += [line] if len(line) <= LONG else _WORD.findall(line)
    return tuple(found)


def rows(payload: bytes) -> tuple[str, ...]:
    """Bytes as hexadecimal digits, ``ROW_BYTES`` in a piece."""
    return tuple(payload[at : at + ROW_BYTES].hex(" ") for at in range(0, len(payload), ROW_BYTES))


def runs(before: Sequence[str], after: Sequence[str]) -> Iterator[Run]:
    """What becomes of the pieces; without those that were added it is ``before``, without those removed ``after``."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = tuple(before[head : len(before) - tail]), tuple(after[head : len(after) - tail])
    codes = [("replace", 0, len(old), 0, len(new))]
    if len(old) * len(new) <= MOST_PAIRS:
        codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()  # type: ignore[assignment]  # its Literal
    found = [Run("same", tuple(before[:head]), 0)]
    for tag, old_from, old_to, new_from, new_to in codes:
        if tag == "equal":
            found.append(Run("same", new[new_from:new_to], head + new_from))
        else:
            found.append(Run("removed", old[old_from:old_to], head + old_from))
            found.append(Run("added", new[new_from:new_to], head + new_from))
    found.append(Run("same", tuple(after[len(after) - tail :]), len(after) - tail))
    return (run for run in found if run.pieces)
