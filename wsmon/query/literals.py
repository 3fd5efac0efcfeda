"""The text without which a regular expression finds nothing: what a search looks for before it tries the expression.

Only what is plain to see is taken: of a pattern with anything doubtful in it nothing is known.
"""

from __future__ import annotations

from wsmon.query.ast import Regex

_CLASSES = frozenset("dDwWsSbBAZ")
# letters that stand, after a backslash, for characters or places; other letters and digits may take more of the pattern
_SIGNS = frozenset(".^$")
_DROPPING = frozenset("*?{")
# after these the character before may be missing
_HAS_RELATIVES = frozenset("kKsSiI")
# equal, without case, to letters beyond ASCII


class _DoubtError(Exception):
    """Something that is not plain to see."""


def required_text(regex: Regex) -> str:
    """The longest text that is in every match, ASCII case aside where case does not count; empty: not known."""
    try:
        runs = _runs(regex.pattern)
    except _DoubtError:
        return ""
    if regex.ignores_case:
        runs = [part for run in runs for part in _certain_parts(run)]
    return max(runs, key=len, default="")


def _runs(pattern: str) -> list[str]:
    """Texts side by side outside groups and sets, each of which is in every match."""
    runs = [""]
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            escaped = pattern[at : at + 1]
            at += 1
            if escaped in _CLASSES:
                runs.append("")
            elif escaped and escaped.isascii() and not escaped.isalnum():
                runs[-1] += escaped
            else:
                raise _DoubtError
        elif char == "|":
            raise _DoubtError
        elif char in "([":
            at = _after_group(pattern, at) if char == "(" else _after_set(pattern, at)
            runs.append("")
        elif char in _DROPPING:
            runs[-1] = runs[-1][:-1]
            runs.append("")
            at = _after_braces(pattern, at) if char == "{" else at
        elif char == "+" or char in _SIGNS:
            runs.append("")
        else:
            runs[-1] += char
    return runs


def _after_group(pattern: str, at: int) -> int:
    """The place behind a group, whose inside tells nothing, but may set flags for the rest."""
    if pattern.startswith("?", at) and not pattern.startswith("?:", at):
        raise _DoubtError
    depth = 1
    while depth and at < len(pattern):
        char = pattern[at]
        at += 1
        match char:
            case ")":
                depth -= 1
            case "(":
                depth += 1
                if pattern.startswith("?", at) and not pattern.startswith("?:", at):
                    raise _DoubtError
            case "[":
                at = _after_set(pattern, at)
            case "\\":
                at += 1
    if depth:
        raise _DoubtError
    return at


def _after_set(pattern: str, at: int) -> int:
    end = at + 1 if pattern.startswith("^", at) else at
    end = pattern.find("]", end + 1)
    # the first character is never the end of the set
    if end < 0 or "[" in pattern[at:end] or "\\" in pattern[at:end]:
        raise _DoubtError
    return end + 1


def _after_braces(pattern: str, at: int) -> int:
    end = pattern.find("}", at)
    if end < 0:
        raise _DoubtError
    return end + 1


def _certain_parts(run: str) -> list[str]:
    """What is left of a text whose case does not count, where only ASCII case is known to the search."""
    return "".join(char if char.isascii() and char not in _HAS_RELATIVES else "\0" for char in run).split("\0")
