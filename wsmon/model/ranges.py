"""Ranges of events by their ids: what a store holds, a session, what a search has been through, first matches."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from wsmon.errors import QueryError
from wsmon.model.events import Source


@dataclass(frozen=True, slots=True)
class StoreBounds:
    """The range of events that a store holds."""

    oldest_id: int = 0
    """The oldest id kept; 0 = none yet."""
    last_id: int = 0
    """The newest id ever assigned."""
    run: int = 0
    """The newest run."""
    size_bytes: int = 0
    """Size of the file and its write-ahead log."""
    in_excerpt: int | None = None
    """Number of events where the store is an excerpt of another one, between whose ids others may be missing; None =
    ids have no gaps."""

    @property
    def events(self) -> int:
        """Number of events kept."""
        return self._ids if self.in_excerpt is None else min(self.in_excerpt, self._ids)

    @property
    def has_gaps(self) -> bool:
        """Whether ids are missing between the oldest and the last."""
        return self.events < self._ids

    @property
    def _ids(self) -> int:
        return self.last_id - self.oldest_id + 1 if self.oldest_id else 0


class DayStart(NamedTuple):
    """The first event of a day."""

    first_id: int
    day: date


class SessionRange(NamedTuple):
    """The range of events of one session, from dial to end."""

    connection_id: str
    first_id: int
    last_id: int
    open_id: int = 0
    """The event that made it usable; 0 = it never was."""
    open_mono_ns: int = 0
    """Monotonic time of that event."""


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """The matches in one range of a search; the ranges of successive values are adjacent."""

    ids: array[int]
    """Ids of the matches (``array('q')``), ascending."""
    first_id: int
    last_id: int
    """All events from ``first_id`` to ``last_id``, inclusive, were searched."""
    reached_ns: int = 0
    """Wall time of the event at which the search continues; 0 = there is none."""


# What matches can be ranked by: how long an operation took, or the bytes of a message
Ranking = Literal["duration", "size"]


@dataclass(frozen=True, slots=True)
class TopMatches:
    """The matches of a query with the greatest values so far."""

    ids: tuple[int, ...]
    """The greatest first; among equals the newest."""
    searched: int
    """Events looked at."""
    is_complete: bool


@dataclass(frozen=True, slots=True)
class MatchHistogram:
    """The matches of a query so far, by the time of the event."""

    start_ns: int
    step_ns: int
    counts: tuple[int, ...]
    """Of each step from ``start_ns`` on; events of other times are left out."""
    searched: int
    """Events looked at."""
    is_complete: bool


@dataclass(frozen=True, slots=True)
class FirstMatch:
    """The first event of a connection that a query matched."""

    source: Source
    event_id: int


@dataclass(frozen=True, slots=True)
class QueryMatches:
    """What ``StoreView.first_matches`` found."""

    found: Mapping[str, tuple[FirstMatch, ...]]
    """By name of the query, in the order of ids."""
    failed: Mapping[str, QueryError]
    """Why other queries cannot be searched for."""
