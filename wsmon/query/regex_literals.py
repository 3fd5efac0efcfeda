"""Reads what every match of a regular expression has, as far as that is plain to see.

Only what is plain is taken: of a pattern with anything doubtful in it nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import regex

from wsmon.query import byte_sets
from wsmon.query.ast import Regex


class Atom(NamedTuple):
    """One character of a match."""

    char: str
    # empty: one of several
    bits: int
    # the bytes that it can be (``byte_sets``)


Run: TypeAlias = tuple[Atom, ...]
# characters one after the other
Runs: TypeAlias = tuple[Run, ...]
# one of them is in every match; none: nothing is known

MOST_RUNS = 20
# alternatives: to look for each of more would take as long as to try the expression
MOST_ATOMS = 64
# of a run, or repeats of one character, that are told apart

_PLACES = frozenset("bBAZ")
# letters that stand, after a backslash, for places; other letters and digits may take more of the pattern
_COUNT = regex.compile(r"\{(?=,?\d)(\d{0,4})(,\d{0,4})?\}")
# whatever else a brace begins may be a text, or a dialect's own
_OPERATIONS = ("--", "&&", "~~", "||")
# between sets, in some dialects


class _DoubtError(Exception):
    """Something that is not plain to see."""


class Reading:
    """Walks a pattern, once."""

    def __init__(
        self, expression: Regex, parts: Callable[[Run], Iterable[Run]], worth: Callable[[Runs], float]
    ) -> None:
        """``parts`` are what can be looked for of a run, ``worth`` says which runs to look for, and 0 for none."""
        self._pattern = expression.pattern
        self._ignores_case = expression.ignores_case
        self._parts = parts
        self._worth = worth
        self._at = 0

    def needed(self) -> Runs:
        """The runs of which every match has one."""
        try:
            return self._alternatives()
        except _DoubtError:
            return ()

    def _alternatives(self) -> Runs:
        """Of the rest of the pattern, or of the group whose inside begins here."""
        branches = [self._branch()]
        while self._takes("|"):
            branches.append(self._branch())
        runs = tuple(dict.fromkeys(run for branch in branches for run in branch))
        return runs if all(branches) and len(runs) <= MOST_RUNS else ()

    def _branch(self) -> Runs:
        """Of what stands side by side up to the next ``|`` or the end of the group."""
        known: list[Runs] = [((),)]
        # the last one is a run that may go on
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
        best = max((part for runs in known for part in self._choices(runs)), key=self._worth, default=())
        return best if self._worth(best) else ()

    def _choices(self, runs: Runs) -> list[Runs]:
        return [(part,) for part in self._parts(runs[0])] if len(runs) == 1 else [runs]

    def _count(self) -> tuple[int, bool] | None:
        """How often, at least, what is behind is there, if that comes next; and whether just as often."""
        sign = self._pattern[self._at]
        if sign not in "*+?{":
            return None
        count = _COUNT.match(self._pattern, self._at)
        if count is not None:
            least, is_exact = int(count[1] or 0), not count[2]
            self._at = count.end()
        elif sign == "{":
            raise _DoubtError
        else:
            least, is_exact = int(sign == "+"), False
            self._at += 1
        self._at += self._pattern[self._at : self._at + 1] in ("?", "+")
        if self._pattern[self._at : self._at + 1] in ("*", "+", "?", "{"):
            raise _DoubtError
        return least, is_exact and least <= MOST_ATOMS

    def _atom(self, char: str) -> Atom | None:
        """What a character of the pattern stands for; ``None`` where it is a place."""
        if char == "[":
            return Atom("", self._set())
        if char == ".":
            return Atom("", byte_sets.ANYTHING)
        if char in "^$":
            return None
        if char != "\\":
            return self._plain(char)
        escaped = self._escaped()
        if escaped in _PLACES:
            return None
        return Atom("", byte_sets.CLASSES[escaped]) if escaped in byte_sets.CLASSES else self._plain(escaped)

    def _plain(self, char: str) -> Atom:
        bits = byte_sets.of_range(char, char)
        return Atom(char, byte_sets.without_case(bits) if self._ignores_case else bits)

    def _escaped(self) -> str:
        escaped = self._pattern[self._at : self._at + 1]
        self._at += 1
        if not escaped.isascii() or not escaped:
            raise _DoubtError
        if escaped.isalnum() and escaped not in _PLACES and escaped not in byte_sets.CLASSES:
            raise _DoubtError
        return escaped

    def _group(self) -> Runs:
        """Of a group whose parenthesis is behind; one that sets flags, or looks around, tells nothing of the rest."""
        if self._takes("?") and not self._takes(":"):
            raise _DoubtError
        runs = self._alternatives()
        if not self._takes(")"):
            raise _DoubtError
        return runs

    def _set(self) -> int:
        """The bytes of a set whose bracket is behind."""
        is_negated = self._takes("^")
        bits, is_first = 0, True
        while is_first or not self._takes("]"):
            first = self._member()
            if isinstance(first, int):
                bits |= first
            elif self._pattern.startswith("-", self._at) and not self._pattern.startswith("-]", self._at):
                self._at += 1
                last = self._member()
                if isinstance(last, int):
                    raise _DoubtError
                bits |= byte_sets.of_range(first, last)
            else:
                bits |= byte_sets.of_range(first, first)
            is_first = False
        if is_negated:
            return byte_sets.all_but(bits, ignores_case=self._ignores_case)
        return byte_sets.without_case(bits) if self._ignores_case else bits

    def _member(self) -> str | int:
        """The next character of a set, or the bytes of a class."""
        if self._pattern.startswith(_OPERATIONS, self._at) or self._at >= len(self._pattern):
            raise _DoubtError
        char = self._pattern[self._at]
        self._at += 1
        if char == "[":
            raise _DoubtError
        if char != "\\":
            return char
        escaped = self._escaped()
        if escaped in _PLACES:
            raise _DoubtError
        return byte_sets.CLASSES.get(escaped, escaped)

    def _takes(self, sign: str) -> bool:
        """Go past a sign, if it comes next."""
        is_there = self._pattern.startswith(sign, self._at)
        self._at += is_there
        return is_there


def _repeated(run: Run, least: int) -> Run:
    """The run when its last character is there so often."""
    return run[:-1] + run[-1:] * min(least, MOST_ATOMS)
