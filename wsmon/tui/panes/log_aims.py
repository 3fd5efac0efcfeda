"""What jumps of the log look for, given the event under the cursor. Pure."""

from __future__ import annotations

from wsmon.model.events import Event
from wsmon.model.sanitize import sanitize
from wsmon.query.ast import Exact, FieldName, FieldTerm, Or, Query
from wsmon.tui.panes.log_search import Aim

NAME_LIMIT = 40
# characters of a foreign name in a sentence


def same_trace(event: Event) -> Aim:
    """What belongs together with an event, as narrow as its fields say: reference, span, session, connection."""
    source = event.source
    if event.ref:
        query = _all(("connection", source.connection), ("session", source.connection_id), ("ref", event.ref))
        return _event_of(query, f"ref {sanitize(event.ref, NAME_LIMIT)}")
    spans = tuple(Exact(each) for each in (event.span_id, event.parent_id) if each not in ("", source.connection_id))
    if spans:
        return _event_of(Query((Or((FieldTerm("span", spans), FieldTerm("parent", spans))),)), "the same span")
    if source.connection_id:
        return _event_of(_all(("session", source.connection_id)), "the same session")
    return _event_of(_all(("connection", source.connection)), source.connection or "the recorder")


def session_starts(event: Event | None) -> Aim:
    """Where sessions begin: those of the event's connection, of any where there is none."""
    connection = event.source.connection if event is not None else ""
    of = f" of {connection}" if connection else ""
    return Aim(_all(("name", "connection.started"), ("connection", connection)), f"session{of}")


def of_connection(connection: str) -> Aim:
    """Any event of a connection; of any where it is empty."""
    return _event_of(_all(("connection", connection)), sanitize(connection, NAME_LIMIT) or "the recorder")


def _event_of(query: Query, what: str) -> Aim:
    return Aim(query, f"event of {what}", "an")


def _all(*fields: tuple[FieldName, str]) -> Query:
    return Query(tuple(FieldTerm(name, (Exact(value),)) for name, value in fields if value))
