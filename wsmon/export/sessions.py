"""The sessions that a selection touches, each with the events of its dial and its end.

They are found by the few events about connections alone; what was said in them is asked for session by session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsmon.export.selection import Selection
from wsmon.model.events import Event, EventName, Json, Source
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.scope import allows

LIFECYCLE: tuple[EventName, ...] = (
    "connection.started",
    "connection.open",
    "connection.completed",
    "connection.disconnected",
    "connection.reconnect.failed",
    "connection.transition",
)
# that tell of a session's beginning, its phases and its end
ENDS = ("disconnected", "error", "closed")
_OF_LIFECYCLE = FieldTerm("name", tuple(Exact(name) for name in LIFECYCLE))
_AT_MOST = 10
# events about the beginning of a session, and names that differ in case only


@dataclass(slots=True)
class Session:
    """One socket from dial to end; what lies outside of the store or is still to come is ``None``."""

    source: Source
    first_id: int
    last_id: int
    # of the selection where it has not ended
    started: Event | None = None
    opened: Event | None = None
    completed: Event | None = None
    ended: Event | None = None

    @property
    def of_session(self) -> FieldTerm:
        """The term that finds its events."""
        return FieldTerm("session", (Exact(self.source.connection_id),))

    @property
    def first(self) -> Event | None:
        """The earliest event known of it."""
        return self.started or self.opened or self.completed or self.ended

    def told(self, key: str) -> Json:
        """What the newest of its events has in ``meta`` under a key."""
        for event in (self.ended, self.completed, self.opened, self.started):
            if event is not None and event.meta and key in event.meta:
                return event.meta[key]
        return None

    def take(self, event: Event) -> None:
        """Add what an event says of it."""
        if event.to_status in ENDS:
            self.ended = event
            self.last_id = event.id
        elif event.name == "connection.started":
            self.started = event
        elif event.name == "connection.open":
            self.opened = event
        elif event.name == "connection.completed":
            self.completed = event


def sessions(selection: Selection) -> Iterator[Session | None]:
    """Sessions by their end, those that have none last; ``None`` says that time passes."""
    alive = {session.source.connection_id: session for session in _alive_before(selection)}
    for page in selection.context(Query((_OF_LIFECYCLE,))):
        for event in page:
            key = event.source.connection_id
            if not key or not allows(selection.query, event.source.connection):
                continue
            if key not in alive:
                alive[key] = Session(event.source, event.id, selection.last_id)
            alive[key].take(event)
            if event.to_status in ENDS:
                yield alive.pop(key)
        yield None
    yield from alive.values()


def _alive_before(selection: Selection) -> Iterator[Session]:
    """Sessions that began before the selection and had not ended."""
    view = selection.view
    if selection.first_id <= max(1, view.bounds().oldest_id):
        return
    for connection in view.statistics(None, None).connections:
        if not allows(selection.query, connection.name):
            continue
        of_connection = FieldTerm("connection", (Exact(connection.name),))
        newest = view.events_before(selection.first_id, _AT_MOST, Query((of_connection, _OF_LIFECYCLE)))
        last = next((event for event in newest if event.source.connection == connection.name), None)
        if last is None or not last.source.connection_id or last.to_status in ENDS:
            continue
        session = Session(last.source, selection.first_id, selection.last_id)
        for event in view.events_before(selection.first_id, _AT_MOST, Query((session.of_session, _OF_LIFECYCLE))):
            session.take(event)
        yield session
