"""Summaries of what a query matches: the matches with the greatest values, and how many there are over time.

``Pages.summarise`` runs the statements, a window of ids at a time. Neither reads payloads that the query does not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from typing import Any

from wsmon.model.events import EVENT_NAMES
from wsmon.model.ranges import MatchHistogram, Ranking, TopMatches
from wsmon.model.statuses import OPEN
from wsmon.store.codec import NAME_CODES, OPCODE_CODES, STATUS_CODES, SqlValue
from wsmon.store.validation import Id, checked

# Events whose duration is that of an operation: not of a state (an outage, an incident), nor of wsmon itself
_NOT_OPERATIONS = ", ".join(
    str(NAME_CODES[name])
    for name in EVENT_NAMES
    if name.startswith(("incident.", "self.")) or name == "connection.reconnect.success"
)
# The duration of a message is how long reading it took, that of the end of a session how long it was open
_OF_OPERATIONS = (
    f"duration_ns IS NOT NULL AND name NOT IN ({_NOT_OPERATIONS}) AND from_status IS NOT {STATUS_CODES[OPEN]} "
    f"AND (opcode IS NULL OR opcode NOT IN ({OPCODE_CODES['text']}, {OPCODE_CODES['binary']}))"
)
_RANKED: dict[Ranking, tuple[str, str]] = {
    "duration": ("duration_ns", _OF_OPERATIONS),
    "size": ("size", f"size IS NOT NULL AND opcode IN ({OPCODE_CODES['text']}, {OPCODE_CODES['binary']})"),
}


class TopCollector:
    """Keeps the matches with the greatest values; a window returns only those that are greater than the least kept."""

    def __init__(self, ranking: Ranking, limit: int) -> None:
        self._value, self._condition = _RANKED[ranking]
        self._limit = limit
        self._best: list[tuple[int, int]] = []
        """Pairs of value and id, the greatest first."""

    def statement(self, matches: str) -> tuple[str, tuple[tuple[SqlValue, ...], tuple[SqlValue, ...]]]:
        """Return the statement for the next window."""
        least = self._best[-1][0] if len(self._best) == self._limit else -1
        sql = (
            f"SELECT {self._value}, id FROM {matches} AND {self._condition} AND {self._value} > ? "
            f"ORDER BY {self._value} DESC, id DESC LIMIT ?"
        )
        return sql, ((), (least, self._limit))

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add the best of a window."""
        self._best = nlargest(self._limit, [*self._best, *checked(rows, tuple[int, Id])])

    def summary(self, searched: int, *, is_complete: bool) -> TopMatches:
        """Return the matches found."""
        return TopMatches(tuple(event_id for _, event_id in self._best), searched, is_complete)


class HistogramCollector:
    """Counts matches by their time."""

    def __init__(self, start_ns: int, step_ns: int, steps: int) -> None:
        self._start_ns, self._step_ns = start_ns, step_ns
        self._counts = [0] * steps

    def statement(self, matches: str) -> tuple[str, tuple[tuple[SqlValue, ...], tuple[SqlValue, ...]]]:
        """Return the statement for each window."""
        end_ns = self._start_ns + self._step_ns * len(self._counts)
        sql = f"SELECT (ts_ns - ?) / ? AS step, count(*) FROM {matches} AND ts_ns >= ? AND ts_ns < ? GROUP BY step"
        return sql, ((self._start_ns, self._step_ns), (self._start_ns, end_ns))

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add the counts of a window."""
        for step, count in checked(rows, tuple[int, int]):
            self._counts[step] += count

    def summary(self, searched: int, *, is_complete: bool) -> MatchHistogram:
        """Return the counts so far."""
        return MatchHistogram(self._start_ns, self._step_ns, tuple(self._counts), searched, is_complete)
