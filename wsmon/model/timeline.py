"""The life of connections over a period, as stretches of one status each, with what went wrong on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsmon.model.statuses import Status


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which the status did not change; half open, wall time. It may begin before the period asked for."""

    start_ns: int
    end_ns: int
    status: Status
    event_id: int
    # the transition that began it; 0 where it began before the oldest event kept


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant worth seeing: a loss or a failed attempt, and how many more there were just after it."""

    at_ns: int
    event_id: int
    count: int = 1
    # in the same cell of the resolution that was asked for, this one included


@dataclass(frozen=True, slots=True)
class Incident:
    """What a detector found, from its beginning to its end; ``stall`` is one kind of many."""

    start_ns: int
    end_ns: int
    # of one that is open: until when it is known to last
    event_id: int
    kind: str
    sentence: str = ""
    is_open: bool = False
    count: int = 1
    # of the same kind that began in the same cell, this one included; it lasts as long as the longest of them


@dataclass(frozen=True, slots=True)
class LaneTitle:
    """A connection that has a lane."""

    connection: str
    group: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One connection in the timeline; times in which no recorder ran are in no stretch."""

    connection: str
    group: str
    stretches: tuple[Stretch, ...]
    losses: tuple[Mark, ...]
    incidents: tuple[Incident, ...] = ()
    # in the order in which they began


@dataclass(frozen=True, slots=True)
class Problem:
    """A place in the timeline that somebody may want to go to next: a loss, a failed attempt, an incident."""

    connection: str
    at_ns: int
    event_id: int


def merged(name: str, lanes: Sequence[Lane]) -> Lane:
    """Several lanes as one: whatever is the worst of any of them is the worst of all."""
    if len(lanes) == 1:
        return lanes[0]
    return Lane(
        name,
        name,
        tuple(each for lane in lanes for each in lane.stretches),
        tuple(sorted((each for lane in lanes for each in lane.losses), key=lambda mark: mark.at_ns)),
        tuple(sorted((each for lane in lanes for each in lane.incidents), key=lambda incident: incident.start_ns)),
    )
