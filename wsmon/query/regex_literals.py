"""Literal extraction: texts that every match of a regular expression contains, which a search can look for first.

Only constructs whose meaning is certain are used: of a pattern with any other construct nothing is known.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TypeAlias

from wsmon.query.ast import Regex

# Every match contains one of them; empty: nothing is known
Texts: TypeAlias = tuple[str, ...]

# Characters in a row; an empty one stands for a character that may be one of several
_Run: TypeAlias = tuple[str, ...]
# Every match contains one of these runs; empty: nothing is known
_Runs: TypeAlias = tuple[_Run, ...]

# Alternatives: to look for more texts would take as long as to try the expression
MOST_RUNS = 20
# Repeats of a character that are told apart
MOST_REPEATS = 64

# Without case, these letters equal letters beyond ASCII: the Kelvin sign, the long s, the dotless i
_RELATIVES = "kKsSiI"
# Letters that stand, after a backslash, for a position; other letters and digits may take more of the pattern
_POSITIONS = frozenset("bBAZ")
# Letters that stand, after a backslash, for a class of characters
_CLASSES = frozenset("dwsDWS")
# What else a brace may begin is a literal, or an extension of one dialect
_COUNT = re.compile(r"\{(?=,?\d)(\d{0,4})(,\d{0,4})?\}")
# Between sets, in some dialects
_SET_OPERATIONS = ("--", "&&", "~~", "||")


def required_texts(expression: Regex) -> Texts:
    """Texts of which every match contains one, as long as they can be; empty where none is known.

    Where the expression ignores case, ASCII case does not count in the texts either.
    """
    return tuple("".join(run) for run in _PatternReader(expression).required_runs())


class _UnknownConstructError(Exception):
    """A construct whose meaning is not certain."""


class _PatternReader:
    """Reads a pattern from its start to its end, once."""

    def __init__(self, expression: Regex) -> None:
        self._pattern = expression.pattern
        self._ignores_case = expression.ignores_case
        self._at = 0

    def required_runs(self) -> _Runs:
        """The runs of which every match contains one; they have no empty characters."""
        try:
            return self._alternatives()
        except _UnknownConstructError:
            return ()

    def _alternatives(self) -> _Runs:
        """Of the rest of the pattern, or of the group whose inside begins here."""
        branches = [self._branch()]
        while self._takes("|"):
            branches.append(self._branch())
        runs = tuple(dict.fromkeys(run for branch in branches for run in branch))
        return runs if all(branches) and len(runs) <= MOST_RUNS else ()

    def _branch(self) -> _Runs:
        """Of a sequence up to the next ``|`` or the end of the group."""
        # The last one is a single run, which the next character continues
        known: list[_Runs] = [((),)]
        is_behind_group = False
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            if (count := self._count()) is not None:
                least, is_exact = count
                if is_behind_group:
                    known[-2] = known[-2] if least else ()
                else:
                    known[-1] = (_repeated(known[-1][0], least),)
                if not is_exact:
                    known.append(((),))
                is_behind_group = False
                continue
            char = self._pattern[self._at]
            self._at += 1
            if char == "(":
                known += [self._group(), ((),)]
            elif (atom := self._atom(char)) is not None:
                known[-1] = ((*known[-1][0], atom),)
            else:
                known.append(((),))
            is_behind_group = char == "("
        best = max((choice for runs in known for choice in _choices(runs)), key=_shortest, default=())
        return best if _shortest(best) else ()

    def _count(self) -> tuple[int, bool] | None:
        """Read a quantifier, if one comes next: the least number of repeats, and whether it is the greatest too."""
        sign = self._pattern[self._at]
        if sign not in "*+?{":
            return None
        count = _COUNT.match(self._pattern, self._at)
        if count is not None:
            least, is_exact = int(count[1] or 0), not count[2]
            self._at = count.end()
        elif sign == "{":
            raise _UnknownConstructError
        else:
            least, is_exact = int(sign == "+"), False
            self._at += 1
        self._at += self._pattern[self._at : self._at + 1] in ("?", "+")
        if self._pattern[self._at : self._at + 1] in ("*", "+", "?", "{"):
            raise _UnknownConstructError
        return least, is_exact and least <= MOST_REPEATS

    def _atom(self, char: str) -> str | None:
        """The character that one of the pattern matches, empty for one of several; ``None`` for a position."""
        if char == "[":
            self._skip_set()
            return ""
        if char == ".":
            return ""
        if char in "^$":
            return None
        if char != "\\":
            return self._literal(char)
        escaped = self._escaped()
        if escaped in _POSITIONS:
            return None
        return "" if escaped in _CLASSES else self._literal(escaped)

    def _literal(self, char: str) -> str:
        has_relatives = self._ignores_case and (not char.isascii() or char in _RELATIVES)
        return "" if has_relatives else char

    def _escaped(self) -> str:
        escaped = self._pattern[self._at : self._at + 1]
        self._at += 1
        if not escaped.isascii() or not escaped:
            raise _UnknownConstructError
        if escaped.isalnum() and escaped not in _POSITIONS and escaped not in _CLASSES:
            raise _UnknownConstructError
        return escaped

    def _group(self) -> _Runs:
        """Of a group whose parenthesis is read; flags and look-arounds are not certain."""
        if self._takes("?") and not self._takes(":"):
            raise _UnknownConstructError
        runs = self._alternatives()
        if not self._takes(")"):
            raise _UnknownConstructError
        return runs

    def _skip_set(self) -> None:
        """Go past a set whose bracket is read."""
        self._takes("^")
        is_first = True
        while is_first or not self._takes("]"):
            is_class = self._skip_member()
            is_range = self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at)
            if is_range and not is_class:
                self._at += 1
                if self._skip_member():
                    raise _UnknownConstructError
            is_first = False

    def _skip_member(self) -> bool:
        """Go past the next character or class of a set; whether it was a class."""
        if self._pattern.startswith(_SET_OPERATIONS, self._at) or self._at >= len(self._pattern):
            raise _UnknownConstructError
        char = self._pattern[self._at]
        self._at += 1
        if char == "[":
            raise _UnknownConstructError
        if char != "\\":
            return False
        escaped = self._escaped()
        if escaped in _POSITIONS:
            raise _UnknownConstructError
        return escaped in _CLASSES

    def _takes(self, sign: str) -> bool:
        """Go past a sign, if it comes next."""
        is_there = self._pattern.startswith(sign, self._at)
        self._at += is_there
        return is_there


def _choices(runs: _Runs) -> list[_Runs]:
    """What can be looked for: of one run each part without an empty character, else all of the runs together."""
    if len(runs) != 1:
        return [runs]
    return [(tuple(chars),) for is_known, chars in groupby(runs[0], bool) if is_known]


def _repeated(run: _Run, least: int) -> _Run:
    """The run with its last character repeated."""
    return run[:-1] + run[-1:] * min(least, MOST_REPEATS)


def _shortest(runs: _Runs) -> int:
    return min(map(len, runs), default=0)
