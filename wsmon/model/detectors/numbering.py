"""The sequence numbers of one key: which are missing, came twice or came late, to the last one."""

from __future__ import annotations

from bisect import bisect_right
from operator import itemgetter
from typing import Literal

MOST_RANGES = 200
# of missing numbers that may still come; older ones are given up. A feed of ten thousand keys with holes everywhere
# stays below 300 MB
RESTART_DISTANCE = 1_000
# a number so far below the newest is no late message: the peer counts anew

Finding = Literal["next", "base", "gap", "duplicate", "late", "restart"]
Range = tuple[int, int]
# first and last, both missing


class Numbering:
    """Follows numbers that should rise by one; a new session may go on or begin anew."""

    __slots__ = ("_missing", "_session", "newest")

    def __init__(self, number: int, session: str) -> None:
        self.newest = number
        self._session = session
        self._missing: list[Range] = []
        # ascending

    def follow(self, number: int, session: str) -> Finding:
        """Take the next number that came; after a ``gap``, ``last_gap`` says what is missing."""
        if number == self.newest + 1:
            self.newest = number
            self._session = session
            return "next"
        if session != self._session:
            self._begin(number, session)
            return "base"
        if number > self.newest:
            self._missing.append((self.newest + 1, number - 1))
            del self._missing[:-MOST_RANGES]
            self.newest = number
            return "gap"
        if self._fill(number):
            return "late"
        if self.newest - number > RESTART_DISTANCE:
            self._begin(number, session)
            return "restart"
        return "duplicate"

    @property
    def last_gap(self) -> Range:
        """The newest range that is missing."""
        return self._missing[-1]

    def _begin(self, number: int, session: str) -> None:
        self.newest = number
        self._session = session
        self._missing.clear()

    def _fill(self, number: int) -> bool:
        """Whether the number was missing; it no longer is."""
        place = bisect_right(self._missing, number, key=itemgetter(0)) - 1
        if place < 0 or self._missing[place][1] < number:
            return False
        first, last = self._missing[place]
        rest = [(first, number - 1), (number + 1, last)]
        self._missing[place : place + 1] = [each for each in rest if each[0] <= each[1]]
        return True
