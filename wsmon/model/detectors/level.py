"""A quantity that is usual, and when it is not: the newest values against those before them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from wsmon.model.histogram import quantiles, representative

BASELINE_VALUES = 10
# so many older values make a baseline
HALVED_AT = 1_000
# older values are forgotten by halves, so that a baseline follows a peer that moves


class Level:
    """The newest values of a quantity at one rank, and the baseline of those that were no alarm."""

    def __init__(self, newest: int, least: int, rank: float) -> None:
        """Of at most ``newest`` values, from ``least`` on, the one at ``rank`` speaks for all."""
        self._recent: deque[int] = deque(maxlen=newest)
        # buckets of a log histogram
        self._least = least
        self._rank = rank
        self._older: dict[int, int] = {}
        # histogram of the values before
        self._values = 0
        # how many these are

    def add(self, counts: Mapping[int, int], *, is_usual: bool) -> None:
        """Take measurements, as a histogram; what they push out belongs to the baseline only where it is usual."""
        places = self._recent.maxlen or 0
        for bucket, count in sorted(counts.items()):
            for _ in range(min(count, places)):
                if len(self._recent) == places and is_usual:
                    self._keep(self._recent[0])
                self._recent.append(bucket)

    @property
    def now(self) -> float | None:
        """The newest values' own; ``None`` while they are too few."""
        if len(self._recent) < self._least:
            return None
        ordered = sorted(self._recent)
        return representative(ordered[min(len(ordered) - 1, int(self._rank * len(ordered)))])

    @property
    def usual(self) -> float | None:
        """The same of the baseline; ``None`` while there is none."""
        if self._values < BASELINE_VALUES:
            return None
        return quantiles(self._older, (self._rank,))[0]

    def forget_recent(self) -> None:
        """The newest values are of a session that is over."""
        self._recent.clear()

    def _keep(self, bucket: int) -> None:
        self._older[bucket] = self._older.get(bucket, 0) + 1
        self._values += 1
        if self._values >= HALVED_AT:
            self._older = {each: count // 2 for each, count in self._older.items() if count > 1}
            self._values = sum(self._older.values())
