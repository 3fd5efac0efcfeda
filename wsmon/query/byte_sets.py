"""Sets of bytes, as the bits of a number: which bytes of UTF-8 a character of a regular expression can be.

All bytes beyond ASCII stand for each other: a character there is several of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

HIGH = ((1 << 256) - 1) ^ ((1 << 128) - 1)
# any character beyond ASCII
ANYTHING = (1 << 256) - 1
RELATIVES = "kKsSiI"
# equal, without case, to letters beyond ASCII


def of_range(first: str, last: str) -> int:
    """Of the characters from one to another."""
    low, high = min(ord(first), 128), min(ord(last), 127)
    return of_bytes(range(low, high + 1)) | (HIGH if last >= "\x80" else 0)


def of_bytes(values: Iterable[int]) -> int:
    """Of bytes of ASCII."""
    bits = 0
    for value in values:
        bits |= 1 << value
    return bits


_ASCII = of_bytes(range(128))
_LETTERS = of_bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_WITH_RELATIVES = of_bytes(RELATIVES.encode())
_DIGITS = of_bytes(b"0123456789")
_WORDS = _DIGITS | _LETTERS | of_bytes(b"_")
_BLANKS = of_bytes(b"\t\n\v\f\r\x1c\x1d\x1e\x1f ")
CLASSES = {
    "d": _DIGITS | HIGH,
    "w": _WORDS | HIGH,
    "s": _BLANKS | HIGH,
    "D": ANYTHING ^ _DIGITS,
    "W": ANYTHING ^ _WORDS,
    "S": ANYTHING ^ _BLANKS,
}
# what stands after a backslash


def without_case(bits: int) -> int:
    """The same with what equals it when case does not count."""
    upper, lower = (_LETTERS & of_bytes(range(first, first + 26)) for first in (65, 97))
    bits |= (bits & upper) << 32 | (bits & lower) >> 32
    if bits & _WITH_RELATIVES:
        bits |= HIGH
    return bits | _WITH_RELATIVES if bits & HIGH else bits


def all_but(bits: int, *, ignores_case: bool) -> int:
    """What is not in a set; with case that does not count, letters are not held to be out."""
    return ANYTHING ^ (bits & _ASCII & ~(_LETTERS if ignores_case else 0))


@lru_cache(maxsize=64)
def table(bits: int) -> bytes:
    """For ``bytes.translate``: makes 1 of the bytes in a set, and 0 of others."""
    return bytes(bits >> value & 1 for value in range(256))
