"""Which rollup buckets make up a period: hours in the middle, shorter ones towards its ends.

Pure arithmetic over what is kept. Buckets longer than a second hold every second before ``rolled_s``, so the bucket
that ``rolled_s`` lies in is used up to there; the seconds from it on are in the buckets of one second only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from wsmon.store.schema import LEVELS, Level


class Part(NamedTuple):
    """Buckets of one level, from a first second up to but without another."""

    level: Level
    from_s: int
    to_s: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Since when which level is complete, in Unix seconds."""

    rolled_s: int
    complete_from: Mapping[Level, int]
    # of every level; 0 of the longest: it is never pruned

    @classmethod
    def of(cls, rolled_s: int, oldest: Mapping[Level, int]) -> Coverage:
        """From the oldest bucket kept of each level; a level without buckets is not in the mapping.

        A level was pruned where a longer one knows older traffic. Its oldest bucket may then lie in one that was
        pruned in part, so it counts as complete from the next longer bucket on; but nothing from ``rolled_s`` on
        was ever pruned.
        """
        complete_from: dict[Level, int] = {LEVELS[-1]: 0}
        for level, longer in pairwise(LEVELS):
            first_s = oldest.get(level, rolled_s)
            is_pruned = any(
                oldest.get(other, rolled_s) < _down(first_s, other) for other in LEVELS[LEVELS.index(longer) :]
            )
            complete_from[level] = min(rolled_s, _up(first_s, longer)) if is_pruned else 0
        return cls(rolled_s, complete_from)

    def finest(self, at_s: int) -> Level:
        """The finest level that is complete at a time."""
        return next(level for level in LEVELS if at_s >= self.complete_from[level])


@dataclass(frozen=True, slots=True)
class Stitching:
    """A period rounded outward to what is kept, and the buckets that make it up."""

    since_s: int
    until_s: int
    parts: tuple[Part, ...]


def stitch(since_s: int, until_s: int, coverage: Coverage, coarsest: Level = 3600) -> Stitching:
    """Cover ``since_s`` ≤ t < ``until_s`` with buckets no coarser than ``coarsest``, unless only such are left."""
    since_s = _down(since_s, coverage.finest(since_s))
    parts: list[Part] = []
    at_s = since_s
    while at_s < until_s:
        part = _next(at_s, until_s, coverage, coarsest)
        parts.append(part)
        at_s = part.to_s if part.level == 1 or part.to_s <= coverage.rolled_s else coverage.rolled_s
    return Stitching(since_s, at_s, tuple(parts))


def _next(at_s: int, until_s: int, coverage: Coverage, coarsest: Level) -> Part:
    """The longest row of buckets of the coarsest level that fits from a time on."""
    if at_s >= coverage.rolled_s:
        return Part(1, at_s, until_s)
    finest = coverage.finest(at_s)
    for level in reversed(LEVELS):
        if at_s % level or (level > coarsest and level != finest) or level < finest:
            continue
        # a bucket may reach past the end only where rolled_s cuts it off before
        end_s = _up(coverage.rolled_s, level) if until_s >= coverage.rolled_s else _down(until_s, level)
        if end_s > at_s:
            return Part(level, at_s, min(end_s, _until_better(at_s, level, coverage, coarsest)))
    return Part(finest, at_s, at_s + finest)  # reaches past the end: nothing finer is left


def _until_better(at_s: int, level: Level, coverage: Coverage, coarsest: Level) -> int:
    """Where another level takes over: a coarser one at its boundary, a finer one where it begins if it is wanted."""
    if level > coarsest:
        return _up(min(coverage.complete_from[finer] for finer in LEVELS if finer < level), level)
    if level == coarsest:
        return coverage.rolled_s + level
    longer = LEVELS[LEVELS.index(level) + 1]
    return _up(at_s, longer) if at_s % longer else coverage.rolled_s + level


def _down(second: int, step: int) -> int:
    return second - second % step


def _up(second: int, step: int) -> int:
    return -(-second // step) * step
