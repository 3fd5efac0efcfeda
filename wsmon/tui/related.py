"""What can be exported from where somebody is: the search, the connection, the session and the incident. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.units import SECOND_NS
from wsmon.ports import StoreView
from wsmon.query.ast import EVERYTHING, Exact, FieldName, FieldTerm, Query

# From an incident to the events that prove it, one after the other, and back. Pure.


@dataclass(frozen=True, slots=True)
class EvidenceTrail:
    """An event and those that prove it, oldest first."""

    event_id: int
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EvidenceStep:
    """Where to go, and on which trail that is."""

    trail: EvidenceTrail
    event_id: int


def evidence_of(event: Event) -> tuple[int, ...]:
    """The ids of the events that prove it; none for most events."""
    ids = (event.meta or {}).get("evidence") if event.verdict is None else event.verdict.evidence
    found = {each for each in ids if isinstance(each, int) and each > 0} if isinstance(ids, list | tuple) else set()
    return tuple(sorted(found - {event.id}))


def next_step(event: Event, trail: EvidenceTrail | None) -> EvidenceStep | None:
    """From an event with evidence to the first of it; along a trail to the next, from the last back to its start."""
    evidence = evidence_of(event)
    is_on_trail = trail is not None and event.id in trail.evidence
    if evidence and not (is_on_trail and event.verdict is not None):  # each loss of a pattern has the ones before it
        return EvidenceStep(EvidenceTrail(event.id, evidence), evidence[0])
    if trail is None or not is_on_trail:
        return None
    following = (*trail.evidence, trail.event_id)
    return EvidenceStep(trail, following[following.index(event.id) + 1])


# What came before a connection ended: the last message that it received, and how its outage began.

# The end of a session, and a first attempt that fails; later ones have a name of their own
ENDED = "connection.disconnected"


@dataclass(frozen=True, slots=True)
class PriorEvents:
    """What led up to the end of a session, or to an attempt that failed."""

    message: Event | None = None
    """The last one received; None = there is none, or it is far away."""
    loss: Event | None = None
    """Of an attempt that failed: the loss that the outage began with."""


NOTHING = PriorEvents()


def has_prior_events(event: Event) -> bool:
    """Whether something came before it that one wants to know."""
    return event.category == "connection" and event.to_status in SESSION_ENDS


def read_prior_events(view: StoreView, event: Event) -> PriorEvents:
    """What came before the end of a session; for an attempt that failed, before the outage that it is part of."""
    loss = None if event.from_status == OPEN else _loss_before(view, event)
    ended = event if event.from_status == OPEN else loss
    return PriorEvents(None if ended is None else _last_message(view, ended), loss)


def _loss_before(view: StoreView, event: Event) -> Event | None:
    query = Query((_is("name", ENDED), _is("connection", event.source.connection)))
    ended = view.events_before(event.id, 1, query)
    return next((each for each in ended if each.from_status == OPEN and each.to_status == "disconnected"), None)


def _last_message(view: StoreView, ended: Event) -> Event | None:
    """As far back as a moment suffices for: whoever was silent for longer has that said of it in the event itself."""
    source = ended.source
    session = _is("connection", source.connection), _is("session", source.connection_id)
    query = Query((_is("name", "message.received"), *session))
    ids = view.glance(query, 1, ended.id - 1, newest_first=True).ids
    return next(iter(view.events_by_id(tuple(ids[-1:]))), None)


def _is(field: FieldName, value: str) -> FieldTerm:
    return FieldTerm(field, (Exact(value),))


# Around an incident; the first is what most will want
MARGINS_S = (30, 5, 300)


@dataclass(frozen=True, slots=True)
class ExportSubject:
    """A query, or an incident and what was around it."""

    label: str
    query: Query = EVERYTHING
    incident: int = 0
    """Id of the event that opened it; 0 = no incident."""
    margin_s: float = 0.0


def export_subjects(search: Query, connection: str, event: Event | None) -> Iterator[ExportSubject]:
    """What could be exported, the likeliest first: by the search, the connection and the event under the cursor.

    ``connection`` is empty where there is none.
    """
    if search:
        yield ExportSubject(f"matches of {search.text}", search)
    yield ExportSubject("all events")
    if connection:
        yield ExportSubject(f"connection {connection}", _of("connection", connection, f"conn:{connection}"))
    if event is None:
        return
    if event.category == "incident":
        yield from _around(event)
    source = event.source
    if session := source.connection_id:
        yield ExportSubject(f"session {session}", _of("session", session, f"session:{session}"))
    if trace := source.trace_id:
        yield ExportSubject(f"trace {trace}", _of("trace", trace, f"trace:{trace}"))
    yield ExportSubject(f"event #{fmt.count(event.id)}", EVERYTHING.within(event.id, event.id))


def _around(event: Event) -> Iterator[ExportSubject]:
    opened_id = (event.meta or {}).get("incident", event.id)
    if isinstance(opened_id, int):
        for margin_s in MARGINS_S:
            label = f"{event.type} of {event.source.connection or 'wsmon'} ± {fmt.duration(margin_s * SECOND_NS)}"
            yield ExportSubject(label, incident=opened_id, margin_s=margin_s)


def _of(field: FieldName, value: str, text: str) -> Query:
    return Query((FieldTerm(field, (Exact(value),)),), text)
