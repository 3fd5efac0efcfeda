"""Reads what every match of a regular expression has, as far as that is plain to see.

Only what is plain is taken: of a pattern with anything doubtful in it nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import log2
from typing import NamedTuple, TypeAlias

import regex

from wsmon.query.ast import Regex

# Sets of bytes, as the bits of a number: which bytes of UTF-8 a character of a regular expression can be.
#
# All bytes beyond ASCII stand for each other: a character there is several of them.

# Any character beyond ASCII
HIGH = ((1 << 256) - 1) ^ ((1 << 128) - 1)
ANYTHING = (1 << 256) - 1
# Equal, without case, to letters beyond ASCII
RELATIVES = "kKsSiI"


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
# What stands after a backslash
CLASSES = {
    "d": _DIGITS | HIGH,
    "w": _WORDS | HIGH,
    "s": _BLANKS | HIGH,
    "D": ANYTHING ^ _DIGITS,
    "W": ANYTHING ^ _WORDS,
    "S": ANYTHING ^ _BLANKS,
}


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


class Atom(NamedTuple):
    """One character of a match."""

    char: str
    """empty: one of several."""
    bits: int
    """The bytes that it can be (``byte_sets``)."""


# Characters one after the other
Run: TypeAlias = tuple[Atom, ...]
# One of them is in every match; none: nothing is known
Runs: TypeAlias = tuple[Run, ...]

# alternatives: to look for each of more would take as long as to try the expression
MOST_RUNS = 20
# Of a run, or repeats of one character, that are told apart
MOST_ATOMS = 64

# Letters that stand, after a backslash, for places; other letters and digits may take more of the pattern
_PLACES = frozenset("bBAZ")
# Whatever else a brace begins may be a text, or a dialect's own
_COUNT = regex.compile(r"\{(?=,?\d)(\d{0,4})(,\d{0,4})?\}")
# Between sets, in some dialects
_OPERATIONS = ("--", "&&", "~~", "||")


class _DoubtError(Exception):
    """Something that is not plain to see."""


class PatternReader:
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
            return Atom("", ANYTHING)
        if char in "^$":
            return None
        if char != "\\":
            return self._plain(char)
        escaped = self._escaped()
        if escaped in _PLACES:
            return None
        return Atom("", CLASSES[escaped]) if escaped in CLASSES else self._plain(escaped)

    def _plain(self, char: str) -> Atom:
        bits = of_range(char, char)
        return Atom(char, without_case(bits) if self._ignores_case else bits)

    def _escaped(self) -> str:
        escaped = self._pattern[self._at : self._at + 1]
        self._at += 1
        if not escaped.isascii() or not escaped:
            raise _DoubtError
        if escaped.isalnum() and escaped not in _PLACES and escaped not in CLASSES:
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
                bits |= of_range(first, last)
            else:
                bits |= of_range(first, first)
            is_first = False
        if is_negated:
            return all_but(bits, ignores_case=self._ignores_case)
        return without_case(bits) if self._ignores_case else bits

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
        return CLASSES.get(escaped, escaped)

    def _takes(self, sign: str) -> bool:
        """Go past a sign, if it comes next."""
        is_there = self._pattern.startswith(sign, self._at)
        self._at += is_there
        return is_there


def _repeated(run: Run, least: int) -> Run:
    """The run when its last character is there so often."""
    return run[:-1] + run[-1:] * min(least, MOST_ATOMS)


# What is in every match of a regular expression: what a search looks for before it tries the expression.

# One of them is in every match; empty: not known
Texts: TypeAlias = tuple[str, ...]

# Of what a stretch tells: two digits in a row are everywhere
LEAST_BITS = 8.0
_PRINTABLE = of_range(" ", "~")
# Of a byte that is not printable, beside one that is
_ODD_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes in a row, all of one set."""

    bits: int
    """The set (``byte_sets``)."""
    length: int

    def is_in(self, text: bytes) -> bool:
        """Whether there are as many in a text."""
        return b"\x01" * self.length in text.translate(table(self.bits))


def required_texts(regex: Regex) -> Texts:
    """Texts of which every match has one, ASCII case aside where case does not count; as long as they can be."""

    def is_plain(atom: Atom) -> bool:
        return bool(atom.char) and not (regex.ignores_case and (not atom.char.isascii() or atom.char in RELATIVES))

    def parts(run: Run) -> Iterator[Run]:
        return (tuple(atoms) for is_text, atoms in groupby(run, is_plain) if is_text)

    return tuple("".join(atom.char for atom in run) for run in PatternReader(regex, parts, _shortest).needed())


def required_stretches(regex: Regex) -> tuple[Stretch, ...]:
    """Stretches of which every match has one, each as telling as can be; empty: not known, or not telling."""
    runs = PatternReader(regex, _most_telling, _least_telling).needed()
    return tuple(Stretch(_union(run), len(run)) for run in runs)


def _shortest(runs: Runs) -> int:
    return min(map(len, runs), default=0)


def _most_telling(run: Run) -> Runs:
    """The part of a run that is least likely to be in a text that does not match."""
    run = run[:MOST_ATOMS]
    best: Runs = ()
    best_told = 0.0
    for first in range(len(run)):
        bits = 0
        for after, atom in enumerate(run[first:], first + 1):
            bits |= atom.bits
            if (told := _told_bits(bits, after - first)) > best_told:
                best, best_told = (run[first:after],), told
    return best


def _least_telling(runs: Runs) -> float:
    told = min((_told_bits(_union(run), len(run)) for run in runs), default=0.0)
    return told if told >= LEAST_BITS else 0.0


def _told_bits(bits: int, length: int) -> float:
    """How much is known of a text that has such bytes in a row; as if all printable characters came as often."""
    printable = (bits & _PRINTABLE).bit_count()
    weight = printable + _ODD_WEIGHT * (bits.bit_count() - printable)
    return length * max(0.0, log2(_PRINTABLE.bit_count() / weight)) if weight else 0.0


def _union(atoms: Iterable[Atom]) -> int:
    bits = 0
    for atom in atoms:
        bits |= atom.bits
    return bits
