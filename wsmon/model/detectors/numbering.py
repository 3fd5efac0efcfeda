"""The sequence numbers of one key: which are missing, came twice or came late, to the last one."""

from __future__ import annotations

from typing import Literal

MOST_RANGES = 1_000
# of missing numbers that may still come; older ones are given up
RESTART_DISTANCE = 1_000
# a number so far below the newest is no late message: the peer counts anew

Finding = Literal["next", "base", "gap", "duplicate", "late", "restart"]
Range = tuple[int, int]
# first and last, both missing


class Numbering:
    """Follows numbers that should rise by one; a new session may go on or begin anew."""

    __slots__ = ("_missing", "_session", "epoch", "newest")

    def __init__(self, number: int, session: str) -> None:
        self.newest = number
        self.epoch = 0
        # how often it began anew: numbers of one epoch are no late ones of another
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
        self.epoch += 1

    def _fill(self, number: int) -> bool:
        """Whether the number was missing; it no longer is."""
        for place in range(len(self._missing) - 1, -1, -1):
            first, last = self._missing[place]
            if last < number:
                return False
            if first <= number:
                rest = [(first, number - 1), (number + 1, last)]
                self._missing[place : place + 1] = [each for each in rest if each[0] <= each[1]]
                return True
        return False
