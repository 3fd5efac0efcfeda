"""The texts without which a regular expression finds nothing: what a search looks for before it tries the expression.

Only what is plain to see is taken: of a pattern with anything doubtful in it nothing is known.
"""

from __future__ import annotations

from typing import TypeAlias

from wsmon.query.ast import Regex

MOST_TEXTS = 20
# alternatives: to look for each of more would take as long as to try the expression

Texts: TypeAlias = tuple[str, ...]
# one of them is in every match; empty: not known

_CLASSES = frozenset("dDwWsSbBAZ")
# letters that stand, after a backslash, for characters or places; other letters and digits may take more of the pattern
_SIGNS = frozenset(".^$")
_DROPPING = frozenset("*?{")
# after these the character or group before may be missing
_HAS_RELATIVES = frozenset("kKsSiI")
# equal, without case, to letters beyond ASCII


class _DoubtError(Exception):
    """Something that is not plain to see."""


def required_texts(regex: Regex) -> Texts:
    """Texts of which every match has one, ASCII case aside where case does not count; as long as they can be."""
    try:
        return _Reading(regex).alternatives()
    except _DoubtError:
        return ()


class _Reading:
    """Walks a pattern once."""

    def __init__(self, regex: Regex) -> None:
        self._pattern = regex.pattern
        self._ignores_case = regex.ignores_case
        self._at = 0

    def alternatives(self) -> Texts:
        """Of the rest of the pattern, or of the group whose inside begins here."""
        branches = [self._branch()]
        while self._takes("|"):
            branches.append(self._branch())
        texts = tuple(dict.fromkeys(text for branch in branches for text in branch))
        return texts if all(branches) and len(texts) <= MOST_TEXTS else ()

    def _branch(self) -> Texts:
        """Of what stands side by side up to the next ``|`` or the end of the group."""
        known: list[Texts] = [("",)]
        # the last one is a run of plain characters that may go on
        is_behind_group = False
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            char = self._pattern[self._at]
            self._at += 1
            if char in _DROPPING:
                known[-2 if is_behind_group else -1] = () if is_behind_group else (known[-1][0][:-1],)
                known.append(("",))
                self._skip_to("}" if char == "{" else "")
            elif char == "(":
                known += [self._group(), ("",)]
            elif plain := self._plain(char):
                known[-1] = (known[-1][0] + plain,)
            else:
                known.append(("",))
            is_behind_group = char == "("
        best = max((part for texts in known for part in self._certain(texts)), key=_worth)
        return best if _worth(best) else ()

    def _plain(self, char: str) -> str:
        """The character that one stands for; empty where it stands for several, a place, or another time."""
        if char == "[":
            self._skip_set()
            return ""
        if char != "\\":
            return "" if char in _SIGNS or char == "+" else char
        escaped = self._pattern[self._at : self._at + 1]
        self._at += 1
        if escaped in _CLASSES:
            return ""
        if escaped and escaped.isascii() and not escaped.isalnum():
            return escaped
        raise _DoubtError

    def _group(self) -> Texts:
        """Of a group whose parenthesis is behind; one that sets flags, or looks around, tells nothing of the rest."""
        if self._takes("?") and not self._takes(":"):
            raise _DoubtError
        texts = self.alternatives()
        if not self._takes(")"):
            raise _DoubtError
        return texts

    def _skip_set(self) -> None:
        first = self._at
        self._takes("^")
        self._at += 1
        # the first character is never the end of the set
        self._skip_to("]")
        if any(sign in self._pattern[first : self._at - 1] for sign in "[\\"):
            raise _DoubtError

    def _skip_to(self, sign: str) -> None:
        self._at = self._pattern.find(sign, self._at) + len(sign)
        if self._at < len(sign):
            raise _DoubtError

    def _takes(self, sign: str) -> bool:
        """Go past a sign, if it comes next."""
        is_there = self._pattern.startswith(sign, self._at)
        self._at += is_there
        return is_there

    def _certain(self, texts: Texts) -> list[Texts]:
        """What is left of texts whose case does not count, where only ASCII case is known to the search."""
        if not self._ignores_case or len(texts) != 1:
            return [texts]
        certain = (char if char.isascii() and char not in _HAS_RELATIVES else "\0" for char in texts[0])
        return [(part,) for part in "".join(certain).split("\0")]


def _worth(texts: Texts) -> int:
    return min(map(len, texts), default=0)
