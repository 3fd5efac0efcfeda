"""Missing numbers that may still come: by key, each waited for as long as the grace lasts."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from wsmon.model.detectors.numbering import MOST_RANGES, Range


class Missing(NamedTuple):
    """Numbers that did not come when it was their turn."""

    key: str
    range: Range
    event_id: int
    # of the message that came instead
    since_ns: int


class Waiting:
    """What is missing, in the order in which it was missed; a key has at most ``MOST_RANGES``."""

    def __init__(self) -> None:
        self._of: dict[str, list[Missing]] = {}
        # by key; rising, by number as by time
        self._given_up: list[Missing] = []
        # cannot come any more; told when the time of the others is over as well

    def add(self, missing: Missing) -> None:
        """Wait for numbers above all that are waited for."""
        of = self._of.setdefault(missing.key, [])
        of.append(missing)
        if len(of) > MOST_RANGES:
            self._given_up.append(of.pop(0))

    def arrive(self, key: str, number: int) -> bool:
        """Whether a number was still waited for; it no longer is."""
        of = self._of.get(key, [])
        place = bisect_right(of, number, key=_first) - 1
        if place < 0 or of[place].range[1] < number:
            return False
        missing = of[place]
        first, last = missing.range
        rest = [(first, number - 1), (number + 1, last)]
        of[place : place + 1] = [missing._replace(range=each) for each in rest if each[0] <= each[1]]
        return True

    def give_up(self, key: str) -> None:
        """A key counts anew: what was missing of it before does not come."""
        self._given_up += self._of.pop(key, [])

    def take(self, since_ns: int | None = None) -> list[Missing]:
        """Wait no longer for what was missed by a (monotonic) time, or for anything; in the order of the messages."""
        over = [each for each in self._given_up if since_ns is None or each.since_ns <= since_ns]
        self._given_up = [each for each in self._given_up if since_ns is not None and each.since_ns > since_ns]
        for key, of in list(self._of.items()):
            number = len(of) if since_ns is None else bisect_right(of, since_ns, key=_since)
            over += of[:number]
            del of[:number]
            if not of:
                del self._of[key]
        return sorted(over, key=lambda each: each.event_id)


def _first(missing: Missing) -> int:
    return missing.range[0]


def _since(missing: Missing) -> int:
    return missing.since_ns
