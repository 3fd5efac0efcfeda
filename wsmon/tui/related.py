"""Events related to an event: what proves it, and what came before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wsmon.model.events import Event
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldName, FieldTerm, Query
from wsmon.tui.store_threads import StoreWorker
from wsmon.tui.text import Role

NO_EVIDENCE = "no evidence for this event: press e for the next problem"
# The end of a session, and a first attempt that fails; later attempts that fail have another name
ENDED = "connection.disconnected"


@dataclass(frozen=True, slots=True)
class EvidenceTrail:
    """An event and the ids of those that prove it, oldest first."""

    event_id: int
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EvidenceStep:
    """The event to go to, and the trail that it is on."""

    trail: EvidenceTrail
    event_id: int


def evidence_of(event: Event) -> tuple[int, ...]:
    """Return the ids of the events that prove this one, ascending; none for most events."""
    ids = (event.meta or {}).get("evidence") if event.verdict is None else event.verdict.evidence
    found = {each for each in ids if isinstance(each, int) and each > 0} if isinstance(ids, list | tuple) else set()
    return tuple(sorted(found - {event.id}))


def next_step(event: Event, trail: EvidenceTrail | None) -> EvidenceStep | None:
    """Return the step to the first evidence of an event, or along a trail: to the next, and from the last to its start.

    None where the event names no evidence and is on no trail.
    """
    evidence = evidence_of(event)
    is_on_trail = trail is not None and event.id in trail.evidence
    # Each loss of a pattern has the losses before it as its evidence: on a trail of losses the trail goes on.
    if evidence and not (is_on_trail and event.verdict is not None):
        return EvidenceStep(EvidenceTrail(event.id, evidence), evidence[0])
    if trail is None or not is_on_trail:
        return None
    following = (*trail.evidence, trail.event_id)
    return EvidenceStep(trail, following[following.index(event.id) + 1])


class EvidenceNavigator:
    """Reads evidence with a worker and reveals it in the log; remembers the trail from key to key."""

    def __init__(
        self, worker: StoreWorker, reveal: Callable[[Event], object], refuse: Callable[[str, Role], object]
    ) -> None:
        """``reveal`` shows an event in the log, also where a filter hides it; ``refuse`` says why there is none."""
        self._worker = worker
        self._reveal = reveal
        self._refuse = refuse
        self._trail: EvidenceTrail | None = None

    def follow(self, event: Event | None) -> None:
        """Go to the first event that proves this one, or on along the trail that it is on."""
        step = next_step(event, self._trail) if event is not None else None
        if step is not None:
            self._trail = step.trail
            self.reveal(step.event_id)
        elif event is not None and has_prior_events(event):
            read = partial(read_prior_events, event=event)
            self._worker.submit("evidence", read, partial(self._reveal_message, event))
        else:
            self._refuse(NO_EVIDENCE, "caution")

    def follow_id(self, event_id: int) -> None:
        """Go to what proves an event, by its id."""

        def follow(found: tuple[Event, ...]) -> None:
            if found:
                self.follow(found[0])
            else:
                self._reveal_found(found)

        self._worker.submit("evidence", lambda view: view.events_by_id((event_id,)), follow)

    def reveal(self, event_id: int) -> None:
        """Go to an event by its id."""
        self._worker.submit("evidence", lambda view: view.events_by_id((event_id,)), self._reveal_found)

    def _reveal_message(self, event: Event, before: PriorEvents) -> None:
        """Go to the last message before a connection ended; the next step leads back."""
        if before.message is None:
            self._refuse("no message stored before it", "caution")
            return
        self._trail = EvidenceTrail(event.id, (before.message.id,))
        self._reveal(before.message)

    def _reveal_found(self, found: tuple[Event, ...]) -> None:
        if found:
            self._reveal(found[0])
        else:
            self._refuse("event no longer stored: pruned by retention", "caution")


@dataclass(frozen=True, slots=True)
class PriorEvents:
    """What led up to the end of a session, or to an attempt that failed."""

    message: Event | None = None
    """The last message received; None = there is none, or it is far away."""
    loss: Event | None = None
    """For an attempt that failed: the loss that the outage began with."""


NO_PRIOR_EVENTS = PriorEvents()


def has_prior_events(event: Event) -> bool:
    """Whether an event ends a session or an attempt, so that what came before it is of interest."""
    return event.category == "connection" and event.to_status in SESSION_ENDS


def read_prior_events(view: StoreView, event: Event) -> PriorEvents:
    """Read what came before the end of a session; for an attempt that failed, before the outage that it is part of."""
    loss = None if event.from_status == OPEN else _loss_before(view, event)
    ended = event if event.from_status == OPEN else loss
    return PriorEvents(None if ended is None else _last_message(view, ended), loss)


def _loss_before(view: StoreView, event: Event) -> Event | None:
    query = Query((_is("name", ENDED), _is("connection", event.source.connection)))
    ended = view.events_before(event.id, 1, query)
    return next((each for each in ended if each.from_status == OPEN and each.to_status == "disconnected"), None)


def _last_message(view: StoreView, ended: Event) -> Event | None:
    """Read one glance back only: after a longer silence the event that ended the session says so itself."""
    source = ended.source
    session = _is("connection", source.connection), _is("session", source.connection_id)
    query = Query((_is("name", "message.received"), *session))
    ids = view.glance(query, 1, ended.id - 1, newest_first=True).ids
    return next(iter(view.events_by_id(tuple(ids[-1:]))), None)


def _is(field: FieldName, value: str) -> FieldTerm:
    return FieldTerm(field, (Exact(value),))
