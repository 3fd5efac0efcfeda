"""Block filter: which of 64 blocks of events can contain a match of a query, by their marks (``marks.py``).

A block filter is a tree over marks and times, evaluated for 64 blocks at once as the bits of an integer. It passes
every block with a match, and some without: the rows of passed blocks are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from wsmon.store.search.marks import piece_marks, run_marks, tokens_of

# Of a segment: the bits of a mask
BLOCKS = 64
ALL_BLOCKS = (1 << BLOCKS) - 1


@dataclass(frozen=True, slots=True)
class HasMarks:
    """Pass blocks with all of these marks."""

    marks: frozenset[int]


@dataclass(frozen=True, slots=True)
class InPeriod:
    """Pass blocks of segments with an event between two wall times (inclusive; ``None`` is no bound)."""

    low_ns: float | None
    high_ns: float | None


@dataclass(frozen=True, slots=True)
class AllOf:
    """Pass blocks that pass all of the filters."""

    filters: tuple[BlockFilter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Pass blocks that pass one of the filters."""

    filters: tuple[BlockFilter, ...]


BlockFilter: TypeAlias = "HasMarks | InPeriod | AllOf | AnyOf"


class SegmentMarks(Protocol):
    """What the index knows of 64 blocks."""

    @property
    def first_ns(self) -> int:
        """The least wall time."""

    @property
    def last_ns(self) -> int:
        """The greatest wall time."""

    def mask(self, mark: int) -> int:
        """The blocks with a mark, as bits."""


# Passes every block
ANY_BLOCK: BlockFilter = HasMarks(frozenset())
# Passes no block
NO_BLOCK: BlockFilter = AnyOf(())


def has_marks(*marks: int) -> BlockFilter:
    """A filter that passes blocks with all of these marks."""
    return HasMarks(frozenset(marks))


def all_of(filters: Iterable[BlockFilter]) -> BlockFilter:
    """Combine filters: a block must pass all of them."""
    needed = [block_filter for block_filter in filters if block_filter != ANY_BLOCK]
    if NO_BLOCK in needed:
        return NO_BLOCK
    return _only(needed, AllOf) if needed else ANY_BLOCK


def any_of(filters: Iterable[BlockFilter]) -> BlockFilter:
    """Combine filters: a block must pass one of them."""
    possible = [block_filter for block_filter in filters if block_filter != NO_BLOCK]
    if ANY_BLOCK in possible:
        return ANY_BLOCK
    return _only(possible, AnyOf) if possible else NO_BLOCK


def matching_blocks(block_filter: BlockFilter, segment: SegmentMarks, among: int = ALL_BLOCKS) -> int:
    """Evaluate a filter: those of some blocks of a segment that pass it, as bits."""
    match block_filter:
        case HasMarks(marks):
            found = among
            for mark in marks:
                found &= segment.mask(mark)
                if not found:
                    break
            return found
        case InPeriod(low_ns, high_ns):
            is_before = low_ns is not None and segment.last_ns < low_ns
            is_after = high_ns is not None and segment.first_ns > high_ns
            return 0 if is_before or is_after else among
        case AllOf(filters):
            found = among
            for each in filters:
                found = matching_blocks(each, segment, found) if found else 0
            return found
        case AnyOf(filters):
            found = 0
            for each in filters:
                found |= matching_blocks(each, segment, among & ~found)
            return found
        case _:
            assert_never(block_filter)


def _only(filters: list[BlockFilter], joined: type[AllOf | AnyOf]) -> BlockFilter:
    return filters[0] if len(filters) == 1 else joined(tuple(filters))


def needle_filter(needle: bytes) -> BlockFilter:
    """A filter for texts that contain these bytes, in any ASCII case."""
    return all_of(map(_token_filter, tokens_of(needle)))


def _token_filter(token: bytes) -> BlockFilter:
    # Where the needle's token begins inside a token of the text is unknown: at an even place, or at an odd one
    pieces = any_of(has_marks(*piece_marks(token, first)) for first in (0, 1))
    return all_of((has_marks(*run_marks(token)), pieces))
