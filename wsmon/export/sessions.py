"""The sessions that a selection touches, each with the events of its dial and its end.

They are found by the few events about connections alone; what was said in them is asked for session by session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from wsmon.config.specs import DEFAULT_PORTS
from wsmon.export.selection import Selection
from wsmon.model.events import Event, EventName, Json, Source
from wsmon.model.redact.masking import MASK
from wsmon.model.statuses import SESSION_ENDS
from wsmon.ports import StoreView
from wsmon.query.ast import Exact, FieldTerm, Glob, Query
from wsmon.query.predicate import allows_connection

# That tell of a session's beginning, its phases and its end
LIFECYCLE: tuple[EventName, ...] = (
    "connection.started",
    "connection.open",
    "connection.completed",
    "connection.disconnected",
    "connection.reconnect.failed",
    "connection.transition",
)
_OF_LIFECYCLE = FieldTerm("name", tuple(Exact(name) for name in LIFECYCLE))
# Events about the beginning of a session, and names that differ in case only
_AT_MOST = 10


@dataclass(slots=True)
class ExportedSession:
    """One socket from dial to end; what lies outside of the store or is still to come is ``None``."""

    source: Source
    first_id: int
    last_id: int
    """Of the selection where it has not ended."""
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

    def meta_value(self, key: str) -> Json:
        """What the newest of its events has in ``meta`` under a key."""
        for event in (self.ended, self.completed, self.opened, self.started):
            if event is not None and event.meta and key in event.meta:
                return event.meta[key]
        return None

    def newest(self, view: StoreView) -> Event | None:
        """Its end, or the newest event of it that the selection may have."""
        if self.ended is not None:
            return self.ended
        found = view.events_before(self.last_id + 1, 1, Query((self.of_session,)))
        return found[0] if found else None

    def take(self, event: Event) -> None:
        """Add what an event says of it."""
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
    """Sessions by their end, those that have none last; ``None`` says that time passes."""
    names = _names(selection)
    alive = {session.source.connection: session for session in alive_before(selection)}
    told = set(alive)
    # connections of whose sessions some event about their life is known
    for page in selection.context(Query((_OF_LIFECYCLE,))):
        for event in page:
            name = event.source.connection
            if event.source.connection_id and allows_connection(selection.query, name):
                told.add(name)
                yield from follow(alive, event, selection.first_id, selection.last_id)
        yield None
    for name in names:
        if name not in told and (session := _without_a_mark(selection, name)) is not None:
            yield session
    yield from alive.values()


def follow(alive: dict[str, ExportedSession], event: Event, first_id: int, last_id: int) -> Iterator[ExportedSession]:
    """Follow the one session that a connection has at a time; those that end are no longer alive.

    ``alive`` is by the name of the connection; the ids are the first and last that may be looked at.
    """
    name = event.source.connection
    session = alive.get(name)
    if session is not None and session.source.connection_id != event.source.connection_id:
        session.last_id = event.id - 1  # its recorder was cut off
        yield alive.pop(name)
        session = None
    if session is None:
        first_id = event.id if event.name == "connection.started" else first_id
        session = alive[name] = ExportedSession(event.source, first_id, last_id)
    session.take(event)
    if event.to_status in SESSION_ENDS:
        yield alive.pop(name)


def alive_before(selection: Selection) -> Iterator[ExportedSession]:
    """Sessions that began before the selection and had not ended; one a connection at most."""
    for name in _names(selection):
        yield from _alive_before(selection, name)


def _names(selection: Selection) -> list[str]:
    connections = selection.view.statistics(None, None).connections
    return [one.name for one in connections if allows_connection(selection.query, one.name)]


def _alive_before(selection: Selection, name: str) -> Iterator[ExportedSession]:
    """The session of a connection that began before the selection and had not ended."""
    view, before_id = selection.view, selection.first_id
    newest = view.events_before(before_id, _AT_MOST, Query((_of_connection(name), _OF_LIFECYCLE)))
    last = next((event for event in newest if event.source.connection == name), None)
    if last is None or not last.source.connection_id or last.to_status in SESSION_ENDS:
        return
    session = ExportedSession(last.source, before_id, selection.last_id)
    for event in reversed(view.events_before(before_id, _AT_MOST, Query((session.of_session, _OF_LIFECYCLE)))):
        session.take(event)
    yield session


def _without_a_mark(selection: Selection, name: str) -> ExportedSession | None:
    """The session that lasts longer than the selection, and whose beginning is kept no more."""
    view = selection.view
    following = view.events_after(selection.last_id, _AT_MOST, Query((_of_connection(name), _OF_LIFECYCLE)))
    marked = next((event for event in following if event.source.connection == name), None)
    if marked is not None and (marked.name == "connection.started" or not marked.source.connection_id):
        return None
    rows = view.snapshot(0).connections
    if marked is None and not any(row.state.name == name and row.state.connection_id for row in rows):
        return None
    of_session = FieldTerm("session", (Glob("*"),))
    newest = view.events_before(selection.last_id + 1, _AT_MOST, Query((_of_connection(name), of_session)))
    event = next((event for event in newest if event.source.connection == name), None)
    return None if event is None else ExportedSession(event.source, selection.first_id, selection.last_id)


def _of_connection(name: str) -> FieldTerm:
    return FieldTerm("connection", (Exact(name),))


# Host and port of a URL as it was recorded, secrets masked.


class Endpoint(NamedTuple):
    """Where a URL leads."""

    host: str
    """Empty where the URL has none."""
    port: int | None
    """The scheme's own where the URL has none."""


def endpoint(url: str) -> Endpoint:
    """Host and port; a mask's brackets are not those of an IPv6 address."""
    try:
        parts = urlsplit(url.replace(MASK, ""))
        return Endpoint(parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme))
    except ValueError:  # a port that is no number, a bracket that stays open
        return Endpoint("", None)


def address_and_port(peer: str) -> Endpoint:
    """The two parts of ``ip:port``."""
    address, _, port = peer.rpartition(":")
    return Endpoint(address.strip("[]"), int(port) if port.isascii() and port.isdigit() else None)
