"""Sessions of a selection, for exports by session: each with the events of its dial, its opening and its end.

They are found by the few lifecycle events; messages are read later, session by session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from wsmon.config.specs import DEFAULT_PORTS
from wsmon.export.selection import Selection
from wsmon.model.events import Event, EventName, Json, Source
from wsmon.model.redact.masking import split_url
from wsmon.model.statuses import SESSION_ENDS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Glob, Query
from wsmon.query.predicate import allows_connection

# Events of the beginning, the phases and the end of a session
LIFECYCLE: tuple[EventName, ...] = (
    "connection.started",
    "connection.open",
    "connection.completed",
    "connection.disconnected",
    "connection.reconnect.failed",
    "connection.transition",
)
_OF_LIFECYCLE = FieldTerm("name", tuple(Exact(name) for name in LIFECYCLE))
# Statuses of a connection whose last session has ended
_BETWEEN = SESSION_ENDS | {"reconnecting"}
# Enough for the lifecycle events of one session, and for names that differ in case only, which a query does not tell
# apart
_AT_MOST = 10


@dataclass(slots=True)
class ExportedSession:
    """One socket from dial to end; events that were pruned or have not happened yet are ``None``."""

    source: Source
    first_id: int
    last_id: int
    """Last id of the selection while the session is open."""
    started: Event | None = None
    opened: Event | None = None
    completed: Event | None = None
    ended: Event | None = None

    @property
    def of_session(self) -> tuple[FieldTerm, FieldTerm]:
        """The terms that match the events of the session, in its recording alone: a part of it has the same ones."""
        return FieldTerm("session", (Exact(self.source.connection_id),)), _of_connection(self.source.connection)

    @property
    def first(self) -> Event | None:
        """The earliest known event of the session."""
        return self.started or self.opened or self.completed or self.ended

    def meta_value(self, key: str) -> Json:
        """Return a value of ``meta``, from the newest event that has it; ``None`` if none does."""
        for event in (self.ended, self.completed, self.opened, self.started):
            if event is not None and event.meta and key in event.meta:
                return event.meta[key]
        return None

    def newest(self, view: StoreView) -> Event | None:
        """Return the end of the session, or its newest event within the selection."""
        if self.ended is not None:
            return self.ended
        found = view.events_before(self.last_id + 1, 1, Query(self.of_session))
        return found[0] if found else None

    def take(self, event: Event) -> None:
        """Add a lifecycle event."""
        if event.to_status in SESSION_ENDS:
            self.ended = event
            self.last_id = event.id
        elif event.name == "connection.started":
            self.started = event
        elif event.name == "connection.open":
            self.opened = event
        elif event.name == "connection.completed":
            self.completed = event


def sessions(selection: Selection) -> Iterator[ExportedSession | None]:
    """Iterate over sessions in the order of their ends, open ones last; ``None`` is for progress."""
    names = _names(selection)
    alive = {session.source.connection: session for session in alive_before(selection)}
    # Connections with a known lifecycle event
    known = set(alive)
    for page in selection.context(Query((_OF_LIFECYCLE,))):
        for event in page:
            name = event.source.connection
            if event.source.connection_id and allows_connection(selection.query, name):
                known.add(name)
                yield from follow(alive, event, selection.first_id, selection.last_id)
        yield None
    for name in names:
        if name not in known and (session := _without_a_mark(selection, name)) is not None:
            yield session
    yield from alive.values()


def follow(alive: dict[str, ExportedSession], event: Event, first_id: int, last_id: int) -> Iterator[ExportedSession]:
    """Add an event to the one session that its connection has at a time, and yield sessions that end.

    ``alive`` has the open sessions by the name of their connection, and is updated; the ids are the range to look at.
    """
    name = event.source.connection
    session = alive.get(name)
    if session is not None and session.source.connection_id != event.source.connection_id:
        # The recorder was killed before it could record the end
        session.last_id = event.id - 1
        yield alive.pop(name)
        session = None
    if session is None:
        first_id = event.id if event.name == "connection.started" else first_id
        session = alive[name] = ExportedSession(event.source, first_id, last_id)
    session.take(event)
    if event.to_status in SESSION_ENDS:
        yield alive.pop(name)


def alive_before(selection: Selection) -> Iterator[ExportedSession]:
    """Iterate over the sessions that were open when the selection begins; at most one for each connection."""
    for name in _names(selection):
        yield from _alive_before(selection, name)


def _names(selection: Selection) -> list[str]:
    connections = selection.view.statistics(None, None).connections
    return [one.name for one in connections if allows_connection(selection.query, one.name)]


def _alive_before(selection: Selection, name: str) -> Iterator[ExportedSession]:
    """The session of a connection that was open when the selection begins."""
    view, before_id = selection.view, selection.first_id
    newest = view.events_before(before_id, _AT_MOST, Query((_of_connection(name), _OF_LIFECYCLE)))
    last = next((event for event in newest if event.source.connection == name), None)
    if last is None or not last.source.connection_id or last.to_status in SESSION_ENDS:
        return
    yield _session_up_to(view, last, before_id, selection.last_id)


def session_before(view: StoreView, session: ExportedSession) -> ExportedSession | None:
    """Return the session that the connection had before this one, as far as it is kept."""
    name, before_id = session.source.connection, session.first_id if session.first is None else session.first.id
    terms = (_of_connection(name), FieldTerm("session", (Glob("*"),)), _OF_LIFECYCLE)
    newest = view.events_before(before_id, _AT_MOST, Query(terms))
    last = next((event for event in newest if event.source.connection == name), None)
    if last is None or last.source.connection_id == session.source.connection_id:
        return None
    return _session_up_to(view, last, before_id, before_id - 1)


def _session_up_to(view: StoreView, event: Event, before_id: int, last_id: int) -> ExportedSession:
    """The session of an event, with its lifecycle events before an id."""
    session = ExportedSession(event.source, before_id, last_id)
    for each in reversed(view.events_before(before_id, _AT_MOST, Query((*session.of_session, _OF_LIFECYCLE)))):
        session.take(each)
    return session


def _without_a_mark(selection: Selection, name: str) -> ExportedSession | None:
    """The session that is open during the whole selection, and whose beginning was pruned."""
    view = selection.view
    before = view.events_before(selection.first_id, _AT_MOST, Query((_of_connection(name), _OF_LIFECYCLE)))
    if any(event.source.connection == name for event in before):
        # The newest of them is known to be the end of a session: one that is open would have been found by it
        return None
    following = view.events_after(selection.last_id, _AT_MOST, Query((_of_connection(name), _OF_LIFECYCLE)))
    marked = next((event for event in following if event.source.connection == name), None)
    if marked is not None and (marked.name == "connection.started" or not marked.source.connection_id):
        return None
    rows = view.snapshot(0).connections
    if marked is None and not any(
        row.state.name == name and row.state.connection_id and row.state.status not in _BETWEEN for row in rows
    ):
        return None
    of_session = FieldTerm("session", (Glob("*"),))
    newest = view.events_before(selection.last_id + 1, _AT_MOST, Query((_of_connection(name), of_session)))
    event = next((event for event in newest if event.source.connection == name), None)
    return None if event is None else ExportedSession(event.source, selection.first_id, selection.last_id)


def _of_connection(name: str) -> FieldTerm:
    return FieldTerm("connection", (Exact(name),))


class Endpoint(NamedTuple):
    """Host and port."""

    host: str
    """Empty = the URL has none."""
    port: int | None
    """The scheme's default where the URL has none; None = unknown."""


def endpoint(url: str) -> Endpoint:
    """Return host and port of a recorded URL."""
    try:
        parts = split_url(url)
        return Endpoint(parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme))
    except ValueError:
        # A port that is not a number, or a bracket without its pair
        return Endpoint("", None)


def address_and_port(peer: str) -> Endpoint:
    """Return the two parts of ``ip:port``."""
    address, _, port = peer.rpartition(":")
    return Endpoint(address.strip("[]"), int(port) if port.isascii() and port.isdigit() else None)
