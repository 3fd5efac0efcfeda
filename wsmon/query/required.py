"""What is in every match of a regular expression: what a search looks for before it tries the expression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from math import log2
from typing import TypeAlias

from wsmon.query import byte_sets
from wsmon.query.ast import Regex
from wsmon.query.byte_sets import RELATIVES
from wsmon.query.regex_literals import MOST_ATOMS, Atom, Reading, Run, Runs

Texts: TypeAlias = tuple[str, ...]
# one of them is in every match; empty: not known

LEAST_BITS = 8.0
# of what a stretch tells: two digits in a row are everywhere
_PRINTABLE = byte_sets.of_range(" ", "~")
_ODD_WEIGHT = 0.1
# of a byte that is not printable, beside one that is


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes in a row, all of one set."""

    bits: int
    # the set (``byte_sets``)
    length: int

    def is_in(self, text: bytes) -> bool:
        """Whether there are as many in a text."""
        return b"\x01" * self.length in text.translate(byte_sets.table(self.bits))


def required_texts(regex: Regex) -> Texts:
    """Texts of which every match has one, ASCII case aside where case does not count; as long as they can be."""

    def is_plain(atom: Atom) -> bool:
        return bool(atom.char) and not (regex.ignores_case and (not atom.char.isascii() or atom.char in RELATIVES))

    def parts(run: Run) -> Iterator[Run]:
        return (tuple(atoms) for is_text, atoms in groupby(run, is_plain) if is_text)

    return tuple("".join(atom.char for atom in run) for run in Reading(regex, parts, _shortest).needed())


def required_stretches(regex: Regex) -> tuple[Stretch, ...]:
    """Stretches of which every match has one, each as telling as can be; empty: not known, or not telling."""
    runs = Reading(regex, _most_telling, _least_telling).needed()
    return tuple(Stretch(_union(run), len(run)) for run in runs)


def _shortest(runs: Runs) -> int:
    return min(map(len, runs), default=0)


def _most_telling(run: Run) -> Runs:
    """The part of a run that is least likely to be in a text that does not match."""
    run = run[:MOST_ATOMS]
    best: Runs = ()
    best_told = 0.0
    for first in range(len(run)):
        bits = 0
        for after, atom in enumerate(run[first:], first + 1):
            bits |= atom.bits
            if (told := _told_bits(bits, after - first)) > best_told:
                best, best_told = (run[first:after],), told
    return best


def _least_telling(runs: Runs) -> float:
    told = min((_told_bits(_union(run), len(run)) for run in runs), default=0.0)
    return told if told >= LEAST_BITS else 0.0


def _told_bits(bits: int, length: int) -> float:
    """How much is known of a text that has such bytes in a row; as if all printable characters came as often."""
    printable = (bits & _PRINTABLE).bit_count()
    weight = printable + _ODD_WEIGHT * (bits.bit_count() - printable)
    return length * max(0.0, log2(_PRINTABLE.bit_count() / weight)) if weight else 0.0


def _union(atoms: Iterable[Atom]) -> int:
    bits = 0
    for atom in atoms:
        bits |= atom.bits
    return bits
