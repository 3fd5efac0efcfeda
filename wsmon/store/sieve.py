"""What a query asks of the marks of blocks: a tree whose answer for 64 blocks at once is the bits of one number.

A sieve lets through every block that has a match, and some that have none: what it lets through is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TypeAlias, assert_never

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
class AllOf:
    """Blocks that all of the sieves let through."""

    sieves: tuple[Sieve, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Blocks that one of the sieves lets through."""

    sieves: tuple[Sieve, ...]


Sieve: TypeAlias = "Marked | Between | AllOf | AnyOf"

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


def blocks(sieve: Sieve, mask_of: Callable[[int], int], first_ns: int, last_ns: int) -> int:
    """The blocks of a segment that a sieve lets through, as bits.

    ``mask_of`` says which blocks have a mark; ``first_ns`` and ``last_ns`` are the least and the greatest wall time.
    """
    match sieve:
        case Marked(marks):
            found = ALL_BLOCKS
            for mark in marks:
                found &= mask_of(mark)
                if not found:
                    break
            return found
        case Between(low_ns, high_ns):
            is_outside = (low_ns is not None and last_ns < low_ns) or (high_ns is not None and first_ns > high_ns)
            return 0 if is_outside else ALL_BLOCKS
        case AllOf(sieves):
            found = ALL_BLOCKS
            for each in sieves:
                found &= blocks(each, mask_of, first_ns, last_ns) if found else 0
            return found
        case AnyOf(sieves):
            return reduce(or_, (blocks(each, mask_of, first_ns, last_ns) for each in sieves), 0)
        case _:
            assert_never(sieve)


def _only(sieves: list[Sieve], joined: type[AllOf | AnyOf]) -> Sieve:
    return sieves[0] if len(sieves) == 1 else joined(tuple(sieves))
