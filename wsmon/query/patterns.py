"""Regular expressions of queries: checked, compiled, and matched within a time limit, since some never end."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

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
SLOW_HINT = "nested * and + are slow: say more exactly what is meant"


class PatternTooSlowError(WsmonError):
    """Matching a pattern against one text took longer than ``LIMIT_S``."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"/{pattern}/ takes longer than {LIMIT_S * 1000:g} ms for one event", SLOW_HINT)


def check(pattern: str) -> None:
    """Raise ``ValueError`` with a sentence for users where the pattern cannot be used."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern has at most {MAX_PATTERN_CHARS:,} characters")
    if _depth(pattern) > MAX_DEPTH:
        raise ValueError(f"groups nest at most {MAX_DEPTH} deep")
    import regex

    try:
        _compiled(pattern, ignores_case=False)
    except regex.error as error:
        raise ValueError(f"no regular expression: {error}") from None


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

    find_cached = lru_cache(maxsize=CACHED_TEXTS)(find)
    return lambda text: find_cached(text) if len(text) <= SHORT_CHARS else find(text)


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
