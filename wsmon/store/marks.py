"""What a block of events is marked with: hashes of pieces of its texts, so that a search can leave out whole blocks.

A text is cut into tokens (letters, digits, bytes beyond ASCII; ASCII case does not count). Of every run without digits
each three bytes make a mark, of every token with a digit each four bytes at an even place. A needle anywhere in a text
has its tokens inside tokens of that text: so its own marks, which it shares with others, are never missing where it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from functools import lru_cache
from itertools import chain
from struct import Struct

from wsmon.store.search.block_filter import Sieve, all_of, any_of, marked

SLOTS_A_PAGE = 504
# masks of 64 bits that fill the one page of 4 KiB that their row has
PAGES = 32
SLOTS = 16_127
# the greatest prime that fits: every byte of a piece counts
BACKSLASH_MARK = SLOTS
# of its own: no text has it by chance
RUN_BYTES = 3
PIECE_BYTES = 4
# of what makes a mark: letters tell enough by threes, of which digits have but a thousand
FEW_RUNS = 4_000
# held at hand: the words that every message has

_DIGITS = b"0123456789"
_BACKSLASH = ord("\\")


def _token_byte(byte: int) -> int:
    char = chr(byte)
    return byte if byte > 127 else ord(char.lower()) if char.isalnum() else ord(" ")


_TOKENS = bytes(_token_byte(byte) for byte in range(256))
# folds case as ``query/fold.py`` does, and puts blanks between tokens
_LETTERS = bytes(ord(" ") if byte in _DIGITS else byte for byte in range(256))
_SLOT_OF = SLOTS.__rmod__
# number % SLOTS, without a frame of Python for each
_SPREADS = (0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D)
# odd, with bits all over
_KIND_SOURCE, _KIND_NAME = range(2)


def tokens_of(text: bytes) -> list[bytes]:
    """The tokens of a text, folded, as often as they are in it."""
    return text.translate(_TOKENS).split()


def text_marks(tokens: Set[bytes]) -> set[int]:
    """The marks of the tokens of a block."""
    marks = set(map(_SLOT_OF, _pieces(tokens, (0, 2))))
    for run in set(b" ".join(tokens).translate(_LETTERS).split()):
        if len(run) >= RUN_BYTES:
            marks |= _run_marks(run)
    return marks


def needle_sieve(needle: bytes) -> Sieve:
    """Where a text can be that has these bytes in it, ASCII case aside."""
    return all_of(_token_sieve(token) for token in tokens_of(needle))


def source_marks(source: int) -> frozenset[int]:
    """The marks of the events of a source (its id)."""
    return _marks_of(_KIND_SOURCE, source)


def name_marks(name: int) -> frozenset[int]:
    """The marks of the events with a name (its code)."""
    return _marks_of(_KIND_NAME, name)


def backslash_marks(texts: Iterable[bytes]) -> set[int]:
    """The mark of texts that may spell something with escapes; none where no text does."""
    return {BACKSLASH_MARK} if any(_BACKSLASH in text for text in texts) else set()


def _token_sieve(token: bytes) -> Sieve:
    runs = all_of(marked(*_run_marks(run)) for run in token.translate(_LETTERS).split())
    if not any(digit in token for digit in _DIGITS):
        return runs
    at_even, at_odd = (marked(*map(_SLOT_OF, _pieces((token,), (first, first + 2)))) for first in (0, 1))
    # where the token begins in the text is not known: at an even place of a token there, or at an odd one
    return all_of((runs, any_of((at_even, at_odd))))


def _pieces(tokens: Iterable[bytes], starts: tuple[int, ...]) -> Iterator[int]:
    """The numbers that adjacent groups of four bytes stand for, from some places on, of tokens that have a digit.

    Tokens of one length go through one format: a call for each would cost twice as much.
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
    """Some, far apart: a text of the same block may have one of them by chance, hardly all."""
    return frozenset((number * 2 + kind + 1) * factor % (1 << 32) % SLOTS for factor in _SPREADS)


assert BACKSLASH_MARK < SLOTS_A_PAGE * PAGES
