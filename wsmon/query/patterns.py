"""Regular expressions of queries: checked, compiled, and matched within a time limit, since some never end."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from wsmon.errors import WsmonError

# Most queries have no pattern, and the library takes as long to load as the query language itself
if TYPE_CHECKING:
    import regex

_GROUP_SIGNS = re.compile(r"\\.|[()]", re.DOTALL)
_REPEATING = "*+?{"
SHORT_CHARS = 64
# Names, types and topics are the same in most rows: results for short texts are cached
CACHED_TEXTS = 500
# For one text: thousands of times what an ordinary pattern needs for 64 KiB
LIMIT_S = 0.02
# A quick pattern takes a few milliseconds at most for so many; the time limit itself costs as much as a match
QUICK_CHARS = 1_000
MAX_PATTERN_CHARS = 1_000
# As of parentheses in queries: each level takes some frames of Python to parse
MAX_DEPTH = 30
SLOW_HINT = "nested * and + are too slow; use a more specific pattern"


class PatternTooSlowError(WsmonError):
    """Matching a pattern against one text took longer than ``LIMIT_S``."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"/{pattern}/ takes more than {LIMIT_S * 1000:g} ms for one event", SLOW_HINT)


def check(pattern: str) -> None:
    """Raise ``ValueError`` with a sentence for users where the pattern cannot be used."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"pattern too long (maximum {MAX_PATTERN_CHARS:,} characters)")
    if _depth(pattern) > MAX_DEPTH:
        raise ValueError(f"groups can be nested at most {MAX_DEPTH} levels deep")
    import regex

    try:
        _compiled(pattern, ignores_case=False)
    except regex.error as error:
        raise ValueError(f"invalid regular expression: {error}") from None


@lru_cache(maxsize=200)
def finder(pattern: str, *, ignores_case: bool) -> Callable[[str], bool]:
    """Return a function of a text: whether the pattern matches somewhere in it; it raises ``PatternTooSlowError``."""
    search = _compiled(pattern, ignores_case=ignores_case).search
    quick_chars = QUICK_CHARS if _is_quick(pattern) else 0

    def find(text: str) -> bool:
        if len(text) <= quick_chars:
            return search(text) is not None
        try:
            return search(text, timeout=LIMIT_S, concurrent=True) is not None
        except TimeoutError:
            raise PatternTooSlowError(pattern) from None

    if (needed := required_run(pattern, ignores_case=ignores_case)) is not None:
        return _find_run(needed, find)
    find_cached = lru_cache(maxsize=CACHED_TEXTS)(find)
    return lambda text: find_cached(text) if len(text) <= SHORT_CHARS else find(text)


@lru_cache(maxsize=200)
def group_finder(pattern: str) -> Callable[[str], str | None]:
    """Return a function of a text: what the first group of the first match has, ``None`` without a match.

    Where the pattern has no group, it is the whole match. The function raises ``PatternTooSlowError``.
    """
    compiled = _compiled(pattern, ignores_case=False)
    group = min(compiled.groups, 1)

    def find(text: str) -> str | None:
        try:
            found = compiled.search(text, timeout=LIMIT_S, concurrent=True)
        except TimeoutError:
            raise PatternTooSlowError(pattern) from None
        return None if found is None else found[group]

    return find


@lru_cache(maxsize=200)
def group_collector(pattern: str, limit: int) -> Callable[[str], list[str]]:
    """Return a function that does what ``group_finder`` says, but of all matches, ``limit`` at most."""
    compiled = _compiled(pattern, ignores_case=False)
    group = min(compiled.groups, 1)

    def find(text: str) -> list[str]:
        try:
            matches = compiled.finditer(text, timeout=LIMIT_S, concurrent=True)
            return [found[group] for found in islice(matches, limit) if found[group]]
        except TimeoutError:
            raise PatternTooSlowError(pattern) from None

    return find


# Parts of the patterns that are looked into: a set of letters, digits and ranges, \d, or a plain character, each with
# the number of its repeats at least. What stands for itself here does so in every dialect
_PART = re.compile(
    r"""(\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_])+\]|\\d|[A-Za-z0-9_ :,"'/=-])(?:\{(\d{1,3})(?:,\d{0,3})?\}|\+)?"""
)
_SET_MEMBER = re.compile("(.)-(.)|(.)")
# A shorter run is in most texts
LEAST_RUN = 4
_IN, _OUT = b"x", b" "


class CharRun(NamedTuple):
    """Adjacent characters of one set that every match of a pattern contains.

    To look for them takes a tenth of the time of the pattern: the expression engine tries each place of a text.
    """

    table: bytes
    """For each byte of UTF-8, whether it may be of such a character; those beyond ASCII may."""
    run: bytes
    is_whole: bool
    """The pattern is nothing but this, so an ASCII text with the run matches."""


def required_run(pattern: str, *, ignores_case: bool) -> CharRun | None:
    """Return the most selective run of characters of one set in a pattern; ``None`` where none is known or long."""
    runs: list[tuple[frozenset[str], int]] = []
    at = 0
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None:
            return None
        at = part.end()
        chars, count = _chars_of(part[1], ignores_case=ignores_case), int(part[2] or 1)
        if runs and runs[-1][0] == chars:
            chars, before = runs.pop()
            count += before
        runs.append((chars, count))
    if not runs:
        return None
    # The most selective one: of many characters of few
    chars, count = max(runs, key=lambda run: run[1] * (128 - len(run[0])))
    if count < LEAST_RUN:
        return None
    table = b"".join(_IN if byte > 127 or chr(byte) in chars else _OUT for byte in range(256))
    return CharRun(table, _IN * count, len(runs) == 1)


def _find_run(needed: CharRun, find: Callable[[str], bool]) -> Callable[[str], bool]:
    """Return a function that looks for a run, and asks ``find`` only of texts that have it."""
    table, run, is_whole = needed
    least = len(run)

    def find_run(text: str) -> bool:
        # Types and topics are short
        if len(text) < least or run not in text.encode("utf-8", "surrogatepass").translate(table):
            return False
        return (is_whole and text.isascii()) or find(text)

    return find_run


def _chars_of(part: str, *, ignores_case: bool) -> frozenset[str]:
    """The ASCII characters that a part of a pattern matches."""
    if part == r"\d":
        return frozenset("0123456789")
    members = _SET_MEMBER.findall(part[1:-1]) if part.startswith("[") else [("", "", part)]
    chars = {chr(code) for low, high, one in members for code in range(ord(low or one), ord(high or one) + 1)}
    return frozenset(chars | {char.swapcase() for char in chars} if ignores_case else chars)


def _is_quick(pattern: str) -> bool:
    """Whether time grows with the square of the text at most: no group, and at most one repetition."""
    return "(" not in pattern and sum(map(pattern.count, _REPEATING)) <= 1


def _depth(pattern: str) -> int:
    """The greatest depth of nested groups."""
    depth = deepest = 0
    for sign in _GROUP_SIGNS.findall(pattern):
        depth += 1 if sign == "(" else -1 if sign == ")" else 0
        deepest = max(deepest, depth)
    return deepest


@lru_cache(maxsize=200)
def _compiled(pattern: str, *, ignores_case: bool) -> regex.Pattern[str]:
    import regex

    return regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
