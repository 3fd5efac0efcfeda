"""Regular expressions that users type: each look at a text has a time limit, since some patterns never end."""

from __future__ import annotations

from functools import lru_cache

import regex

from wsmon.errors import WsmonError

_GROUP_SIGNS = regex.compile(r"\\.|[()]", regex.DOTALL)
SHORT_CHARS = 64
# names, types and topics are the same in most rows: what was found in them is kept at hand
LIMIT_S = 0.02
# for one look at one text: thousands of times what an ordinary pattern needs for 64 KiB
MAX_PATTERN_CHARS = 1_000
MAX_DEPTH = 30
# as parentheses of queries: each level takes some frames of Python to read
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


def finds(pattern: str, text: str, *, ignores_case: bool) -> bool:
    """Whether the pattern finds something in the text; raises ``PatternTooSlowError``."""
    look = _look_again if len(text) <= SHORT_CHARS else _look
    return look(pattern, text, ignores_case=ignores_case)


def _look(pattern: str, text: str, *, ignores_case: bool) -> bool:
    try:
        return _compiled(pattern, ignores_case=ignores_case).search(text, timeout=LIMIT_S, concurrent=True) is not None
    except TimeoutError:
        raise PatternTooSlowError(pattern) from None


def _depth(pattern: str) -> int:
    """How deep groups nest, at most."""
    depth = deepest = 0
    for sign in _GROUP_SIGNS.findall(pattern):
        depth += 1 if sign == "(" else -1 if sign == ")" else 0
        deepest = max(deepest, depth)
    return deepest


_look_again = lru_cache(maxsize=2_000)(_look)


@lru_cache(maxsize=200)
def _compiled(pattern: str, *, ignores_case: bool) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
