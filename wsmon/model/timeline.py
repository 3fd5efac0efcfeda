"""The life of connections over a period, as stretches of one status each."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model.statuses import Status


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the status did not change; half open, wall time."""

    start_ns: int
    end_ns: int
    status: Status
    event_id: int
    # the transition that began it; 0 where it began before the oldest event kept


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant worth seeing: a loss or a failed attempt."""

    at_ns: int
    event_id: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Open, and silent for longer than expected."""

    start_ns: int
    end_ns: int
    event_id: int


@dataclass(frozen=True, slots=True)
class Incident:
    """What a detector found, from its beginning to its end; every kind but stalls."""

    start_ns: int
    end_ns: int
    event_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One connection in the timeline; times in which no recorder ran are in no stretch."""

    connection: str
    group: str
    stretches: tuple[Stretch, ...]
    losses: tuple[Mark, ...]
    stalls: tuple[Stall, ...]
    incidents: tuple[Incident, ...] = ()
