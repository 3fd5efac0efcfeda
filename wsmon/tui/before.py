"""What came before a connection ended: the last message that it received, and how its outage began."""

from __future__ import annotations

from dataclasses import dataclass

from wsmon.model.events import Event
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldName, FieldTerm, Query

ENDED = "connection.disconnected"
# the end of a session, and a first attempt that fails; later ones have a name of their own


@dataclass(frozen=True, slots=True)
class Before:
    """What led up to the end of a session, or to an attempt that failed."""

    message: Event | None = None
    # the last one received; None = there is none, or it is far away
    loss: Event | None = None
    # of an attempt that failed: the loss that the outage began with


NOTHING = Before()


def asks_before(event: Event) -> bool:
    """Whether something came before it that one wants to know."""
    return event.category == "connection" and event.to_status in SESSION_ENDS


def read_before(view: StoreView, event: Event) -> Before:
    """What came before the end of a session; for an attempt that failed, before the outage that it is part of."""
    loss = None if event.from_status == OPEN else _loss_before(view, event)
    ended = event if event.from_status == OPEN else loss
    return Before(None if ended is None else _last_message(view, ended), loss)


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
