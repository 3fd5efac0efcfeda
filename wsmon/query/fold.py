"""How text is compared: as UTF-8 bytes, ASCII letters without their case.

Only ASCII is folded, since SQLite's LIKE folds no more: the predicate and SQL must agree on every text.
"""

from __future__ import annotations


def utf8(text: str) -> bytes:
    """The bytes of a text; what the command line could not decode comes back as it was typed."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair that stands for no byte
        return text.encode("utf-8", "surrogatepass")


def fold(text: str) -> bytes:
    """The bytes that two texts have in common when only ASCII case tells them apart."""
    return utf8(text).lower()


def fold_ascii(text: str) -> str:
    """The same as a text, for patterns that count characters."""
    return text.translate(_ASCII_LOWER)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
