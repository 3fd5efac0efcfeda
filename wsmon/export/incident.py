"""What belongs to an incident: the events of its connection from its beginning to its end, and a while around."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.errors import UsageError
from wsmon.model.events import Event
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Query, Term

PAGE_EVENTS = 200
_CLOSED = FieldTerm("name", (Exact("incident.closed"),))


@dataclass(frozen=True, slots=True)
class IncidentScope:
    """Which events these are."""

    terms: tuple[Term, ...]
    text: str
    # for people
    since_ns: int
    # wall time
    until_ns: int | None
    # wall time, not included; None = it goes on


def scope_of_incident(view: StoreView, opened_id: int, margin_ns: int) -> IncidentScope:
    """The scope of the incident that an event opened; raises ``UsageError`` where the event is none or is not kept."""
    opened = next(iter(view.events_by_id((opened_id,))), None)
    if opened is None:
        raise UsageError(f"there is no event {opened_id}", "`wsmon search name:incident.opened` lists incidents")
    if opened.name == "incident.closed" and isinstance(of := (opened.meta or {}).get("incident"), int):
        return scope_of_incident(view, of, margin_ns)
    if opened.name != "incident.opened":
        raise UsageError(
            f"event {opened_id} is no incident: {opened.name}", "`wsmon search name:incident.opened` lists incidents"
        )
    name = opened.source.connection
    terms = (FieldTerm("connection", (Exact(name),)),) if name else ()
    text = f"incident {opened_id}: {opened.type} of {name or 'wsmon'}"
    closed = _closed(view, opened)
    until_ns = None if closed is None else closed.ts_ns + margin_ns + 1
    return IncidentScope(terms, text, opened.ts_ns - margin_ns, until_ns)


def _closed(view: StoreView, opened: Event) -> Event | None:
    """The event that closed an incident; ``None`` while it goes on."""
    query = Query((_CLOSED, FieldTerm("type", (Exact(opened.type),))))
    after_id = opened.id
    while page := view.events_after(after_id, PAGE_EVENTS, query):
        for each in page:
            if (each.meta or {}).get("incident") == opened.id:
                return each
        after_id = page[-1].id
    return None
