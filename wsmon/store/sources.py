"""The ``source`` and ``session`` rows: where events come from, and each socket from dial to end."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from operator import attrgetter

from wsmon.model.detectors.watched import Numbered
from wsmon.model.events import Event, Source
from wsmon.model.feed_latency import FastestMessage
from wsmon.model.profiles import PROFILES, Profile
from wsmon.store.codec import Value
from wsmon.store.connections import ConnectionRecord, Connections
from wsmon.store.multirow import MultiRow

HELD_STREAMS = 4_096
# sources kept at hand; beyond, those of ended sessions go


@dataclass(slots=True)
class SessionRecord:
    """One row of ``session``, column by column; what the columns mean is in the schema."""

    id: int
    connection: int
    run: int
    connection_id: str
    trace_id: str
    attempt: int
    started_ns: int
    first_id: int
    last_id: int
    open_ns: int | None = None
    ended_ns: int | None = None
    end: str | None = None
    close_code: int | None = None
    close_by: int | None = None


class Stream:
    """One source at work: its ids, and what the batch in hand brought from it."""

    __slots__ = (
        "connection",
        "decoded",
        "encoded",
        "fastest",
        "id",
        "is_touched",
        "keeps_messages",
        "last_id",
        "latencies",
        "newest_received",
        "numbered",
        "profile",
        "received",
        "received_wire",
        "sent",
        "sent_wire",
        "session",
        "source",
        "types_in",
        "types_out",
    )

    def __init__(self, stream_id: int, source: Source, connection: ConnectionRecord | None, profile: Profile) -> None:
        self.id = stream_id
        self.source = source
        self.connection = connection
        # None: the recorder's own
        self.session: SessionRecord | None = None
        self.use_profile(profile)
        self.is_touched = False
        # whether the batch in hand has events of it
        self.last_id = 0
        self.newest_received: Event | None = None
        # message of the batch in hand
        self.numbered: list[Numbered] = []
        # of the batch in hand, where messages carry sequence numbers
        self.fastest = FastestMessage()
        self.clear()

    def use_profile(self, profile: Profile) -> None:
        """What becomes a row from now on."""
        self.profile = profile
        self.keeps_messages = profile.keeps_messages
        # asked once a message

    def note_reading(self, event: Event) -> None:
        """What the protocol read in a message, for the statistics."""
        if event.type:
            (self.types_in if event.direction == "in" else self.types_out).append(event.type)
        if event.duration_ns is not None:
            (self.decoded if event.direction == "in" else self.encoded).append(event.duration_ns)

    def clear(self) -> None:
        """Forget what was collected: it is counted."""
        self.received: list[int] = []
        # sizes of messages
        self.sent: list[int] = []
        self.received_wire = 0
        # bytes of messages on the wire
        self.sent_wire = 0
        self.types_in: list[str] = []
        # of the received messages that the protocol gave one
        self.types_out: list[str] = []
        # the same of sent ones
        self.decoded: list[int] = []
        # ns that reading a received message took, in its protocol
        self.encoded: list[int] = []
        # the same of sent ones
        self.latencies: list[int] = []
        # nanoseconds beyond the fastest message, where messages say when they were sent


SESSION_COLUMNS = tuple(field.name for field in fields(SessionRecord))
_session_values = attrgetter(*SESSION_COLUMNS)
_SESSION = MultiRow("INSERT OR REPLACE", "session", SESSION_COLUMNS)
_SOURCE = MultiRow("INSERT", "source", ("id", "run", "connection", "trace_id", "connection_id"))


class Sources:
    """Gives every distinct source of a run its row, and follows the sessions."""

    def __init__(self, connection: sqlite3.Connection, run: int, connections: Connections) -> None:
        self._connection = connection
        self._run = run
        self._connections = connections
        (self._next_id,) = connection.execute("SELECT 1 + coalesce(max(id), 0) FROM source").fetchone()
        self._streams: dict[tuple[str, str, str], Stream] = {}
        # by connection, trace and session
        self._new_sources: list[Value] = []
        self._changed_sessions: dict[int, SessionRecord] = {}

    def stream(self, source: Source) -> Stream:
        """The stream of a source, which is made where it is new."""
        key = (source.connection, source.trace_id, source.connection_id)
        stream = self._streams.get(key)
        if stream is None:
            connection = self._connections.get(source.connection) if source.connection else None
            stream = self._streams[key] = Stream(self._next_id, source, connection, self._profile(connection))
            self._next_id += 1
            self._new_sources += (
                stream.id,
                self._run,
                connection.id if connection else None,
                source.trace_id,
                source.connection_id,
            )
        return stream

    def use_profiles(self, of: ConnectionRecord | None = None) -> None:
        """What becomes a row has changed, of one connection or of any."""
        for stream in self._streams.values():
            if of is None or stream.connection is of:
                stream.use_profile(self._profile(stream.connection))

    def begin_session(self, stream: Stream, attempt: int, event_id: int, ts_ns: int) -> None:
        """A socket is dialled."""
        assert stream.connection is not None
        source = stream.source
        stream.session = SessionRecord(
            id=stream.id,
            connection=stream.connection.id,
            run=self._run,
            connection_id=source.connection_id,
            trace_id=source.trace_id,
            attempt=attempt,
            started_ns=ts_ns,
            first_id=event_id,
            last_id=event_id,
        )
        self.change(stream.session)

    def change(self, session: SessionRecord) -> None:
        """Say that a session changed."""
        self._changed_sessions[session.id] = session

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        _SOURCE.write(self._connection, self._new_sources)
        sessions = [value for session in self._changed_sessions.values() for value in _session_values(session)]
        _SESSION.write(self._connection, sessions)

    def committed(self) -> None:
        """Forget the changes, and where there are many, the sources of sessions that ended."""
        self._new_sources.clear()
        self._changed_sessions.clear()
        if len(self._streams) > HELD_STREAMS:
            self._streams = {
                key: stream
                for key, stream in self._streams.items()
                if stream.session is None or stream.session.end is None
            }

    def _profile(self, connection: ConnectionRecord | None) -> Profile:
        """The recorder's own events are rows, all of them."""
        return PROFILES["detailed"] if connection is None else self._connections.profile(connection)
