"""Block filter and n-gram marks: which of 64 blocks of events can contain a match of a query.

A block is marked with hashes of pieces of its texts. A text is cut into tokens (letters, digits, bytes beyond ASCII, in
lower ASCII case). Of every run without digits each three bytes make a mark, of every token with a digit each four bytes
at an even place. A needle anywhere in a text has its tokens inside tokens of that text, so none of its marks is missing
there; other blocks may have them by chance.

A block filter is a tree over marks and times, evaluated for 64 blocks at once as the bits of an integer. It passes
every block with a match, and some without: the rows of passed blocks are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from struct import Struct
from typing import Protocol, TypeAlias, assert_never

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


# Masks of 64 bits in one row of search_page: they fill one page of 4 KiB
SLOTS_A_PAGE = 504
PAGES = 32
# Marks of texts. The greatest prime that fits, so that every byte of a piece counts
SLOTS = 16_127
# The first slot beyond: no text has it by chance
BACKSLASH_MARK = SLOTS
RUN_BYTES = 3
# Pieces with digits are longer than runs of letters: there are but a thousand groups of three digits
PIECE_BYTES = 4
# Cached runs: the words that every message has
FEW_RUNS = 4_000

_DIGITS = b"0123456789"
_BACKSLASH = ord("\\")


def _token_byte(byte: int) -> int:
    char = chr(byte)
    return byte if byte > 127 else ord(char.lower()) if char.isalnum() else ord(" ")


# Folds case as ``casefold_utf8`` does, and puts blanks between tokens
_TOKENS = bytes(_token_byte(byte) for byte in range(256))
_LETTERS = bytes(ord(" ") if byte in _DIGITS else byte for byte in range(256))
# number % SLOTS, without a Python frame for each number
_SLOT_OF = SLOTS.__rmod__
# Odd factors with bits all over, which spread the few numbers of sources and names
_SPREADS = (0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D)
_KIND_SOURCE, _KIND_NAME = range(2)


def tokens_of(text: bytes) -> list[bytes]:
    """Cut a text into folded tokens, with repetitions."""
    return text.translate(_TOKENS).split()


def text_marks(tokens: Set[bytes]) -> set[int]:
    """The marks of the tokens of a block."""
    marks = set(map(_SLOT_OF, _pieces(tokens, (0, 2))))
    for run in set(b" ".join(tokens).translate(_LETTERS).split()):
        if len(run) >= RUN_BYTES:
            marks |= _run_marks(run)
    return marks


def needle_filter(needle: bytes) -> BlockFilter:
    """A filter for texts that contain these bytes, in any ASCII case."""
    return all_of(_token_filter(token) for token in tokens_of(needle))


def source_marks(source: int) -> frozenset[int]:
    """The marks of the events of a source, by its id."""
    return _marks_of(_KIND_SOURCE, source)


def name_marks(name: int) -> frozenset[int]:
    """The marks of the events with a name, by its code."""
    return _marks_of(_KIND_NAME, name)


def backslash_marks(texts: Iterable[bytes]) -> set[int]:
    """The mark of texts with a backslash, which may escape characters of JSON; empty where no text has one."""
    return {BACKSLASH_MARK} if any(_BACKSLASH in text for text in texts) else set()


def _token_filter(token: bytes) -> BlockFilter:
    runs = all_of(has_marks(*_run_marks(run)) for run in token.translate(_LETTERS).split())
    if not any(digit in token for digit in _DIGITS):
        return runs
    at_even, at_odd = (has_marks(*map(_SLOT_OF, _pieces((token,), (first, first + 2)))) for first in (0, 1))
    # Where the needle's token begins inside a token of the text is unknown: at an even place, or at an odd one
    return all_of((runs, any_of((at_even, at_odd))))


def _pieces(tokens: Iterable[bytes], starts: tuple[int, ...]) -> Iterator[int]:
    """Yield adjacent groups of four bytes as integers, from each of ``starts`` on, of the tokens with a digit.

    Tokens of one length are unpacked with one format: a call for each token would cost twice as much.
    """
    by_length: defaultdict[int, list[bytes]] = defaultdict(list)
    for token in tokens:
        if not token.isalpha():
            by_length[len(token)].append(token)
    for length, alike in by_length.items():
        joined = b"".join(alike)
        for start in starts:
            if length - start >= PIECE_BYTES:
                yield from chain.from_iterable(_groups(length, start).iter_unpack(joined))


@lru_cache(maxsize=256)
def _groups(length: int, start: int) -> Struct:
    count, left = divmod(length - start, PIECE_BYTES)
    return Struct(f"<{start}x{count}I{left}x")


@lru_cache(maxsize=FEW_RUNS)
def _run_marks(run: bytes) -> frozenset[int]:
    return frozenset(
        int.from_bytes(run[at : at + RUN_BYTES], "little") % SLOTS for at in range(len(run) - RUN_BYTES + 1)
    )


@lru_cache(maxsize=FEW_RUNS)
def _marks_of(kind: int, number: int) -> frozenset[int]:
    """Several slots, far apart: texts of a block may have one of them by chance, hardly all."""
    return frozenset((number * 2 + kind + 1) * factor % (1 << 32) % SLOTS for factor in _SPREADS)


assert BACKSLASH_MARK < SLOTS_A_PAGE * PAGES
