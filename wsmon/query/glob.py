"""Patterns with ``*`` and ``?``, in linear time: no pattern that a user types can hang a search."""

from __future__ import annotations

from wsmon.query.fold import fold_ascii

ANY = "*"
ONE = "?"


def is_glob(text: str) -> bool:
    """Whether a text has a character that stands for others."""
    return ANY in text or ONE in text


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text fits the pattern; ASCII case does not count."""
    return _fits(fold_ascii(pattern), fold_ascii(text))


def _fits(pattern: str, text: str) -> bool:
    """Walk both once; where they part, let the last ``*`` take one character more.

    The pattern is read left to right, and only its last star is ever taken up again: an earlier one could not help.
    """
    at_pattern = at_text = 0
    star = -1
    star_text = 0
    while at_text < len(text):
        char = pattern[at_pattern] if at_pattern < len(pattern) else ""
        if char == ANY:
            star, star_text = at_pattern, at_text
            at_pattern += 1
        elif char and char in (ONE, text[at_text]):
            at_pattern += 1
            at_text += 1
        elif star >= 0:
            star_text += 1
            at_pattern, at_text = star + 1, star_text
        else:
            return False
    return not pattern[at_pattern:].strip(ANY)
