"""Regular expressions that users type: each look at a text has a time limit, since some patterns never end."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import regex

from wsmon.errors import WsmonError

_GROUP_SIGNS = regex.compile(r"\\.|[()]", regex.DOTALL)
_REPEATING = "*+?{"
SHORT_CHARS = 64
# Names, types and topics are the same in most rows: what was found in them is kept at hand
HELD_TEXTS = 500
# For one look at one text: thousands of times what an ordinary pattern needs for 64 KiB
LIMIT_S = 0.02
# Some milliseconds for a quick pattern, at most: to watch the time costs as much as an ordinary look
QUICK_CHARS = 1_000
MAX_PATTERN_CHARS = 1_000
# As parentheses of queries: each level takes some frames of Python to read
MAX_DEPTH = 30
SLOW_HINT = "nested * and + are slow: say more exactly what is meant"


class PatternTooSlowError(WsmonError):
    """A pattern was at one text for longer than ``LIMIT_S``."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"/{pattern}/ takes longer than {LIMIT_S * 1000:g} ms for one event", SLOW_HINT)


def check(pattern: str) -> None:
    """Raises ``ValueError`` with a sentence where it is no pattern."""
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern has at most {MAX_PATTERN_CHARS:,} characters")
    if _depth(pattern) > MAX_DEPTH:
        raise ValueError(f"groups nest at most {MAX_DEPTH} deep")
    try:
        _compiled(pattern, ignores_case=False)
    except regex.error as error:
        raise ValueError(f"no regular expression: {error}") from None


@lru_cache(maxsize=200)
def finder(pattern: str, *, ignores_case: bool) -> Callable[[str], bool]:
    """Asks whether the pattern finds something in a text; that raises ``PatternTooSlowError``."""
    search = _compiled(pattern, ignores_case=ignores_case).search
    quick_chars = QUICK_CHARS if _is_quick(pattern) else 0

    def look(text: str) -> bool:
        if len(text) <= quick_chars:
            return search(text) is not None
        try:
            return search(text, timeout=LIMIT_S, concurrent=True) is not None
        except TimeoutError:
            raise PatternTooSlowError(pattern) from None

    look_again = lru_cache(maxsize=HELD_TEXTS)(look)
    return lambda text: look_again(text) if len(text) <= SHORT_CHARS else look(text)


def _is_quick(pattern: str) -> bool:
    """Whether the time for a text grows with its square at most: one thing at most repeats, and it is no group."""
    return "(" not in pattern and sum(map(pattern.count, _REPEATING)) <= 1


def _depth(pattern: str) -> int:
    """How deep groups nest, at most."""
    depth = deepest = 0
    for sign in _GROUP_SIGNS.findall(pattern):
        depth += 1 if sign == "(" else -1 if sign == ")" else 0
        deepest = max(deepest, depth)
    return deepest


@lru_cache(maxsize=200)
def _compiled(pattern: str, *, ignores_case: bool) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
