"""What can be exported from where somebody is: the search, the connection, the session and the incident. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsmon.model import units as fmt
from wsmon.model.events import Event
from wsmon.model.units import SECOND_NS
from wsmon.query.ast import EVERYTHING, Exact, FieldName, FieldTerm, Query

MARGINS_S = (30, 5, 300)
# around an incident; the first is what most will want


@dataclass(frozen=True, slots=True)
class Subject:
    """A query, or an incident and what was around it."""

    label: str
    query: Query = EVERYTHING
    incident: int = 0
    # id of the event that opened it; 0 = no incident
    margin_s: float = 0.0


def subjects_of(search: Query, connection: str, event: Event | None) -> Iterator[Subject]:
    """What could be exported, the likeliest first: by the search, the connection and the event under the cursor.

    ``connection`` is empty where there is none.
    """
    if search:
        yield Subject(f"matches of {search.text}", search)
    yield Subject("all events")
    if connection:
        yield Subject(f"connection {connection}", _of("connection", connection, f"conn:{connection}"))
    if event is None:
        return
    if event.category == "incident":
        yield from _around(event)
    source = event.source
    if session := source.connection_id:
        yield Subject(f"session {session}", _of("session", session, f"session:{session}"))
    if trace := source.trace_id:
        yield Subject(f"trace {trace}", _of("trace", trace, f"trace:{trace}"))
    yield Subject(f"event #{fmt.count(event.id)}", EVERYTHING.within(event.id, event.id))


def _around(event: Event) -> Iterator[Subject]:
    opened_id = (event.meta or {}).get("incident", event.id)
    if isinstance(opened_id, int):
        for margin_s in MARGINS_S:
            label = f"{event.type} of {event.source.connection or 'wsmon'} ± {fmt.duration(margin_s * SECOND_NS)}"
            yield Subject(label, incident=opened_id, margin_s=margin_s)


def _of(field: FieldName, value: str, text: str) -> Query:
    return Query((FieldTerm(field, (Exact(value),)),), text)
