"""What a query asks of the marks of blocks: a tree whose answer for 64 blocks at once is the bits of one number.

A sieve lets through every block that has a match, and some that have none: what it lets through is looked at. Where
no mark tells, the texts of whole blocks may: reading them together takes a fraction of looking at each row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from wsmon.query.required import Stretch

BLOCKS = 64
# of a segment: the bits of a mask
ALL_BLOCKS = (1 << BLOCKS) - 1


@dataclass(frozen=True, slots=True)
class Marked:
    """Blocks that have all of these marks."""

    marks: frozenset[int]


@dataclass(frozen=True, slots=True)
class Between:
    """Blocks of segments with an event between two wall times (closed; ``None`` is no bound)."""

    low_ns: float | None
    high_ns: float | None


@dataclass(frozen=True, slots=True)
class Holding:
    """Blocks in which a text of one of these columns has a stretch in it."""

    columns: tuple[str, ...]
    stretch: Stretch


@dataclass(frozen=True, slots=True)
class AllOf:
    """Blocks that all of the sieves let through."""

    sieves: tuple[Sieve, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Blocks that one of the sieves lets through."""

    sieves: tuple[Sieve, ...]


Sieve: TypeAlias = "Marked | Between | Holding | AllOf | AnyOf"


class Segment(Protocol):
    """What is known of 64 blocks."""

    @property
    def first_ns(self) -> int:
        """The least wall time."""

    @property
    def last_ns(self) -> int:
        """The greatest wall time."""

    def mask(self, mark: int) -> int:
        """Which blocks have a mark."""

    def holding(self, wanted: Holding, among: int) -> int:
        """Which of some blocks have such a text, and maybe some more of them."""


EVERYWHERE: Sieve = Marked(frozenset())
# lets everything through
NOWHERE: Sieve = AnyOf(())


def marked(*marks: int) -> Sieve:
    """Blocks that have all of these marks."""
    return Marked(frozenset(marks))


def all_of(sieves: Iterable[Sieve]) -> Sieve:
    """What all of the sieves let through."""
    needed = [sieve for sieve in sieves if sieve != EVERYWHERE]
    if NOWHERE in needed:
        return NOWHERE
    return _only(needed, AllOf) if needed else EVERYWHERE


def any_of(sieves: Iterable[Sieve]) -> Sieve:
    """What one of the sieves lets through."""
    possible = [sieve for sieve in sieves if sieve != NOWHERE]
    if EVERYWHERE in possible:
        return EVERYWHERE
    return _only(possible, AnyOf) if possible else NOWHERE


def blocks(sieve: Sieve, segment: Segment, among: int = ALL_BLOCKS) -> int:
    """Those of some blocks that a sieve lets through, as bits."""
    match sieve:
        case Marked(marks):
            found = among
            for mark in marks:
                found &= segment.mask(mark)
                if not found:
                    break
            return found
        case Between(low_ns, high_ns):
            is_before = low_ns is not None and segment.last_ns < low_ns
            is_after = high_ns is not None and segment.first_ns > high_ns
            return 0 if is_before or is_after else among
        case Holding():
            return segment.holding(sieve, among)
        case AllOf(sieves):
            found = among
            for each in sieves:
                found = blocks(each, segment, found) if found else 0
            return found
        case AnyOf(sieves):
            found = 0
            for each in sieves:
                found |= blocks(each, segment, among & ~found)
            return found
        case _:
            assert_never(sieve)


def _only(sieves: list[Sieve], joined: type[AllOf | AnyOf]) -> Sieve:
    """One for several; those that read texts come last, when others have left few blocks for them."""
    return sieves[0] if len(sieves) == 1 else joined(tuple(sorted(sieves, key=_reads_texts)))


def _reads_texts(sieve: Sieve) -> bool:
    match sieve:
        case AllOf(sieves) | AnyOf(sieves):
            return any(map(_reads_texts, sieves))
        case _:
            return isinstance(sieve, Holding)
