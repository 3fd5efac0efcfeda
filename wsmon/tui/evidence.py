"""From an incident to the events that prove it, one after the other, and back. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model.events import Event


@dataclass(frozen=True, slots=True)
class Trail:
    """An event and those that prove it, oldest first."""

    event_id: int
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Where to go, and on which trail that is."""

    trail: Trail
    event_id: int


def evidence_of(event: Event) -> tuple[int, ...]:
    """The ids of the events that prove it; none for most events."""
    ids = (event.meta or {}).get("evidence") if event.verdict is None else event.verdict.evidence
    found = {each for each in ids if isinstance(each, int) and each > 0} if isinstance(ids, list | tuple) else set()
    return tuple(sorted(found - {event.id}))


def next_step(event: Event, trail: Trail | None) -> Step | None:
    """From an event with evidence to the first of it; along a trail to the next, from the last back to its start."""
    evidence = evidence_of(event)
    is_on_trail = trail is not None and event.id in trail.evidence
    if evidence and not (is_on_trail and event.verdict is not None):  # each loss of a pattern has the ones before it
        return Step(Trail(event.id, evidence), evidence[0])
    if trail is None or not is_on_trail:
        return None
    following = (*trail.evidence, trail.event_id)
    return Step(trail, following[following.index(event.id) + 1])
