"""Marks of texts: what the search index keeps of the texts of a block, and what a needle in one of them requires.

A text is cut into tokens (letters, digits, bytes beyond ASCII, in lower ASCII case). Of every run without digits each
three bytes make a mark, of every token with a digit each four bytes at an even place. A needle anywhere in a text has
its tokens inside tokens of that text, so none of its marks is missing there; other blocks may have them by chance.

The optional package ``wsmon_marks`` (``native/``) computes the same marks in C, in a tenth of the time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from struct import Struct
from typing import Protocol

from wsmon.store.schema import INDEX_VERSION

try:
    import wsmon_marks
except ModuleNotFoundError:
    wsmon_marks = None

# Masks of 64 bits in one row of search_page: they fill one page of 4 KiB
SLOTS_A_PAGE = 504
PAGES = 32
# Marks of pieces: a prime, so that every byte of a piece counts. No piece has a slot beyond
SLOTS = 16_111
BACKSLASH_MARK = SLOTS
EXPONENT_MARK = SLOTS + 1
RUN_BYTES = 3
# Pieces with digits are longer than runs of letters: there are but a thousand groups of three digits
PIECE_BYTES = 4
# Cached runs: the words that every message has
FEW_RUNS = 4_000

_DIGITS = b"0123456789"


def _token_byte(byte: int) -> int:
    char = chr(byte)
    return byte if byte > 127 else ord(char.lower()) if char.isalnum() else ord(" ")


# Folds case as ``casefold_utf8`` does, and puts blanks between tokens
_TOKENS = bytes(_token_byte(byte) for byte in range(256))
_LETTERS = bytes(ord(" ") if byte in _DIGITS else byte for byte in range(256))
# number % SLOTS, without a Python frame for each number
_SLOT_OF = SLOTS.__rmod__
# A number of JSON that is written with an exponent; inside of strings only after a blank, bracket, colon or comma
_EXPONENT = re.compile(rb"(?:^|[\[:,\s])-?[0-9]+(?:\.[0-9]+)?[eE][-+]?[0-9]+(?![0-9A-Za-z\x80-\xff])")
_LONE_E = b" e "


def tokens_of(text: bytes) -> list[bytes]:
    """Cut a text into folded tokens, with repetitions."""
    return text.translate(_TOKENS).split()


class TextMarks(Protocol):
    """The marks of the texts of one block after the other."""

    def add(self, texts: list[str], /) -> int:
        """Add texts of the block; returns how many distinct tokens it has so far."""

    def take(self, lane: bytearray, bit: int, /) -> None:
        """Set a bit in the bytes of a lane at the place of each mark of the block, and begin the next block."""


class PythonTextMarks:
    """``TextMarks`` without a compiled helper."""

    def __init__(self) -> None:
        self._tokens: set[bytes] = set()
        # What was added, joined
        self._texts: list[bytes] = []

    def add(self, texts: list[str], /) -> int:
        """See ``TextMarks``."""
        joined = " ".join(texts).encode("utf-8", "surrogateescape")
        self._texts.append(joined)
        self._tokens.update(joined.translate(_TOKENS).split())
        return len(self._tokens)

    def take(self, lane: bytearray, bit: int, /) -> None:
        """See ``TextMarks``."""
        numbered = [token for token in self._tokens if not token.isalpha()]
        slots = SLOTS
        for pieces in _pieces(numbered, (0, 2)):
            # A loop costs half of what sets of pieces and of their slots cost
            for piece in pieces:
                lane[piece % slots] |= bit
        for run in set(b" ".join(self._tokens).translate(_LETTERS).split()):
            if len(run) >= RUN_BYTES:
                for mark in _run_marks(run):
                    lane[mark] |= bit
        if any(b"\\" in text for text in self._texts):
            lane[BACKSLASH_MARK] |= bit
        # Of the tokens of such a number, one is of digits and one "e"
        letters = b"".join((b" ", b" ".join(numbered), b" ")).translate(None, _DIGITS)
        if _LONE_E in letters and any(map(_EXPONENT.search, self._texts)):
            lane[EXPONENT_MARK] |= bit
        self._tokens.clear()
        self._texts.clear()


# A helper of another version computes other marks
IS_INSTALLED = wsmon_marks is not None
IS_COMPILED = IS_INSTALLED and wsmon_marks.INDEX_VERSION == INDEX_VERSION
new_text_marks: Callable[[], TextMarks] = wsmon_marks.TextMarks if IS_COMPILED else PythonTextMarks


def run_marks(token: bytes) -> set[int]:
    """The marks of the runs without digits in a token."""
    runs = (run for run in token.translate(_LETTERS).split() if len(run) >= RUN_BYTES)
    return set(chain.from_iterable(map(_run_marks, runs)))


def piece_marks(token: bytes, first: int) -> set[int]:
    """The marks of a token with a digit that begins at an even (``first`` = 0) or an odd place (1) of one in a text."""
    if not any(digit in token for digit in _DIGITS):
        return set()
    return set(map(_SLOT_OF, chain.from_iterable(_pieces((token,), (first, first + 2)))))


def _pieces(tokens: Iterable[bytes], starts: tuple[int, ...]) -> Iterator[Iterable[int]]:
    """Yield adjacent groups of four bytes as integers, from each of ``starts`` on, some at a time.

    Tokens of one length are unpacked with one format: a call for each token would cost twice as much.
    """
    by_length: defaultdict[int, list[bytes]] = defaultdict(list)
    for token in tokens:
        by_length[len(token)].append(token)
    for length, alike in by_length.items():
        joined = b"".join(alike)
        for start in starts:
            if length - start >= PIECE_BYTES:
                yield chain.from_iterable(_groups(length, start).iter_unpack(joined))


@lru_cache(maxsize=256)
def _groups(length: int, start: int) -> Struct:
    count, left = divmod(length - start, PIECE_BYTES)
    return Struct(f"<{start}x{count}I{left}x")


@lru_cache(maxsize=FEW_RUNS)
def _run_marks(run: bytes) -> frozenset[int]:
    return frozenset(
        int.from_bytes(run[at : at + RUN_BYTES], "little") % SLOTS for at in range(len(run) - RUN_BYTES + 1)
    )


# Odd factors with bits all over, which spread the few numbers of sources and names
_SPREADS = (0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D)
_KIND_SOURCE, _KIND_NAME = range(2)


def source_marks(source: int) -> frozenset[int]:
    """The marks of the events of a source, by its id."""
    return _marks_of(_KIND_SOURCE, source)


def name_marks(name: int) -> frozenset[int]:
    """The marks of the events with a name, by its code."""
    return _marks_of(_KIND_NAME, name)


@lru_cache(maxsize=FEW_RUNS)
def _marks_of(kind: int, number: int) -> frozenset[int]:
    """Several slots, far apart: texts of a block may have one of them by chance, hardly all."""
    return frozenset((number * 2 + kind + 1) * factor % (1 << 32) % SLOTS for factor in _SPREADS)


assert EXPONENT_MARK < SLOTS_A_PAGE * PAGES
