"""Source, session and span rows: where events come from, each socket from dial to end, what had a duration."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, TypeVar

from wsmon.model.block import Block
from wsmon.model.detectors.base import NumberedMessage
from wsmon.model.events import Event, Source, SpanId
from wsmon.model.measures import LatencyBaseline
from wsmon.model.profiles import PROFILES, Profile
from wsmon.model.ranges import SessionRange
from wsmon.model.spans import BEGINS, Instant, Span, SpanFold, session_span
from wsmon.model.verdict.last_words import LastMessages
from wsmon.store.codec import FIRST_INDEXED_NAME, NAME_CODES, NAMES, MultiRowInsert, SqlValue, storable, text_value
from wsmon.store.connections import ConnectionRecord, Connections
from wsmon.store.journal import UNTIMED, MessageTraffic
from wsmon.store.open_spans import SOURCES_OF_SESSION, SOURCES_OF_TRACE, open_spans
from wsmon.store.validation import Id, Ns, checked

# Streams in memory; beyond, those of ended sessions are dropped, and those without a session but for the newest
HELD_STREAMS = 4_096
# An application may report each request with a trace of its own. A source that comes again gets another row
HELD_WITHOUT_SESSION = 1_024
_Value = TypeVar("_Value", int, str)


@dataclass(slots=True)
class SessionRecord:
    """One row of ``session``, field by field a column; schema.py says what they mean."""

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


class SourceStream:
    """One source in the fold: its ids, and what the current batch brought from it."""

    __slots__ = (
        "_columns",
        "_lists",
        "connection",
        "decoded",
        "encoded",
        "fastest",
        "id",
        "is_touched",
        "keeps_messages",
        "last_id",
        "last_received",
        "last_sent_ns",
        "latencies",
        "newest_received",
        "numbered",
        "older_received",
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
        # None for the recorder's own events
        self.connection = connection
        self.session: SessionRecord | None = None
        self.use_profile(profile)
        # Whether the current batch has events of it
        self.is_touched = False
        self.last_id = 0
        # The newest message of the current batch, or the block that it is in
        self.newest_received: Event | Block | None = None
        # What came before that, also in the current batch
        self.older_received: Event | Block | None = None
        # The newest messages received before the current batch; None before the first
        self.last_received: LastMessages | None = None
        # Monotonic time of the newest message sent; None before the first
        self.last_sent_ns: int | None = None
        # Messages of the current batch that carry sequence numbers
        self.numbered: list[NumberedMessage] = []
        self.fastest = LatencyBaseline()
        # Sizes of messages
        self.received: list[int] = []
        self.sent: list[int] = []
        # Bytes of messages as transferred
        self.received_wire = 0
        self.sent_wire = 0
        # Types of messages, as rows have them, beside their sizes: empty where the protocol knows none. All are shorter
        # where the last messages have none
        self.types_in: list[str] = []
        self.types_out: list[str] = []
        # Likewise, nanoseconds that the protocol took to decode received and sent messages, or UNTIMED
        self.decoded: list[int] = []
        self.encoded: list[int] = []
        # Nanoseconds beyond the fastest message, where messages carry the time at which they were sent
        self.latencies: list[int] = []
        self._lists: tuple[list[Any], ...] = (
            *(self.received, self.sent, self.types_in, self.types_out),
            *(self.decoded, self.encoded, self.latencies),
        )
        self._columns: tuple[tuple[list[Any], list[int], str | int], ...] = (
            (self.types_in, self.received, ""),
            (self.types_out, self.sent, ""),
            (self.decoded, self.received, UNTIMED),
            (self.encoded, self.sent, UNTIMED),
        )

    def use_profile(self, profile: Profile) -> None:
        """Use a capture profile from now on."""
        self.profile = profile
        # Read once a message
        self.keeps_messages = profile.keeps_messages

    @property
    def last_messages(self) -> LastMessages | None:
        """The newest messages received; ``None`` before the first."""
        said = self._heard()
        return None if said is None else said._replace(sent_ns=self.last_sent_ns)

    def keep_newest(self) -> None:
        """Keep what verdicts need of the newest messages: the events themselves would hold their payloads."""
        self.last_received = self._heard()
        self.newest_received = self.older_received = None

    def _heard(self) -> LastMessages | None:
        newest, older = self.newest_received, self.older_received
        if newest is None:
            return self.last_received
        if older is None and isinstance(newest, Event):
            return LastMessages.after(self.last_received, newest)
        return LastMessages.after(self.last_received, *[*_newest(older), *_newest(newest)][-2:])

    def note_reading(self, event: Event) -> None:
        """Collect the type of a message and the time that decoding it took."""
        is_received = event.direction == "in"
        sizes = self.received if is_received else self.sent
        if event.type:
            add_beside(self.types_in if is_received else self.types_out, (storable(event.type),), "", sizes)
        if event.duration_ns is not None:
            add_beside(self.decoded if is_received else self.encoded, (event.duration_ns,), UNTIMED, sizes)

    def take(self, second: int, connection_id: int) -> MessageTraffic:
        """Hand over what was collected of the messages of a second."""
        for column, sizes, nothing in self._columns:
            if column and len(column) < len(sizes):
                add_beside(column, (), nothing, sizes)
        traffic = MessageTraffic(
            second,
            connection_id,
            len(self.received) + len(self.sent) if self.keeps_messages else 0,
            tuple(self.received),
            tuple(self.sent),
            self.received_wire,
            self.sent_wire,
            tuple(self.types_in),
            tuple(self.types_out),
            tuple(self.decoded),
            tuple(self.encoded),
            tuple(self.latencies),
            0 if self.newest_received is None else self.newest_received.ts_ns,
        )
        self.received_wire = self.sent_wire = 0
        for collected in self._lists:
            collected.clear()
        return traffic


def add_beside(column: list[_Value], values: Sequence[_Value], nothing: _Value, sizes: Sequence[int]) -> None:
    """Add what is known of the last messages, whose sizes are known; earlier ones without a value have ``nothing``."""
    missing = len(sizes) - len(values) - len(column)
    if missing > 0:
        column += [nothing] * missing
    column += values


def _newest(received: Event | Block | None) -> Iterable[Event]:
    """The newest messages of a block, two at most, or the one message."""
    if isinstance(received, Block):
        return map(received.event, range(max(0, received.count - 2), received.count))
    return () if received is None else (received,)


SESSION_COLUMNS = tuple(field.name for field in fields(SessionRecord))
_session_values = attrgetter(*SESSION_COLUMNS)
_SESSION = MultiRowInsert("INSERT OR REPLACE", "session", SESSION_COLUMNS)
_SET_LAST = "UPDATE session SET last_id = ? WHERE id = ?"
_SOURCE = MultiRowInsert("INSERT", "source", ("id", "run", "connection", "trace_id", "connection_id"))


class SourceRows:
    """The source and session rows of one run."""

    def __init__(self, connection: sqlite3.Connection, run: int, connections: Connections) -> None:
        self._connection = connection
        self._run = run
        self._connections = connections
        newest = connection.execute("SELECT 1 + coalesce(max(id), 0) FROM source")
        ((self._next_id,),) = checked(newest, tuple[Id])
        # By connection, trace and session
        self._streams: dict[tuple[str, str, str], SourceStream] = {}
        self._new_sources: list[SqlValue] = []
        self._changed_sessions: dict[int, SessionRecord] = {}
        # Sessions of which nothing else changed
        self._longer_sessions: dict[int, SessionRecord] = {}

    def stream(self, source: Source) -> SourceStream:
        """Return the stream of a source; a new source gets a row."""
        key = (source.connection, source.trace_id, source.connection_id)
        stream = self._streams.get(key)
        if stream is None:
            connection = self._connections.get(source.connection) if source.connection else None
            stream = self._streams[key] = SourceStream(self._next_id, source, connection, self._profile(connection))
            self._next_id += 1
            self._add_source(stream)
        return stream

    def use_profiles(self, of: ConnectionRecord | None = None) -> None:
        """Apply changed capture profiles to the streams of one connection, or (``None``) of all."""
        for stream in self._streams.values():
            if of is None or stream.connection is of:
                stream.use_profile(self._profile(stream.connection))

    def begin_session(self, stream: SourceStream, attempt: int, event_id: int, ts_ns: int) -> None:
        """Make the session row of a socket that is dialled."""
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

    def move_to(self, connection: sqlite3.Connection) -> None:
        """Write the sources in memory, and their sessions that are open, into another store."""
        self._connection = connection
        self._new_sources.clear()
        for stream in self._streams.values():
            self._add_source(stream)
            if stream.session is not None and stream.session.end is None:
                self.change(stream.session)

    def _add_source(self, stream: SourceStream) -> None:
        connection_id = stream.connection.id if stream.connection else None
        self._new_sources += (stream.id, self._run, connection_id, stream.source.trace_id, stream.source.connection_id)

    def change(self, session: SessionRecord) -> None:
        """Mark a session as changed, to be written with the next commit."""
        self._changed_sessions[session.id] = session

    def extend(self, session: SessionRecord, last_id: int) -> None:
        """Take note of the newest event of a session, to be written with the next commit."""
        if session.last_id != last_id:
            session.last_id = last_id
            self._longer_sessions[session.id] = session

    def write(self) -> None:
        """Write the changed rows; they stay marked until ``committed``, since the commit may fail."""
        _SOURCE.write(self._connection, self._new_sources)
        sessions = [value for session in self._changed_sessions.values() for value in _session_values(session)]
        _SESSION.write(self._connection, sessions)
        longer = self._longer_sessions.items()
        # A row that is replaced goes through its indexes
        last_ids = ((session.last_id, number) for number, session in longer if number not in self._changed_sessions)
        self._connection.executemany(_SET_LAST, last_ids)

    def committed(self) -> None:
        """Forget the changes, and where there are many streams, those of sessions that ended."""
        self._new_sources.clear()
        self._changed_sessions.clear()
        self._longer_sessions.clear()
        if len(self._streams) > HELD_STREAMS:
            without = [key for key, stream in self._streams.items() if stream.session is None]
            dropped = set(without[:-HELD_WITHOUT_SESSION])
            self._streams = {
                key: stream
                for key, stream in self._streams.items()
                if key not in dropped and (stream.session is None or stream.session.end is None)
            }

    def _profile(self, connection: ConnectionRecord | None) -> Profile:
        """The capture profile of a connection; the recorder's own events are all rows."""
        return PROFILES["detailed"] if connection is None else self._connections.profile(connection)


# Parameters of one statement
SESSIONS_AT_ONCE = 500

_SESSIONS = """
SELECT session.connection_id, session.first_id, session.last_id, coalesce(opened.event_id, 0),
       coalesce(opened.mono_ns, 0)
FROM source JOIN session ON session.id = source.id
LEFT JOIN transition AS opened ON opened.connection = session.connection AND opened.ts_ns = session.open_ns
  AND opened.source = session.id
WHERE source.connection_id IN ({places})
"""


def session_lives(connection: sqlite3.Connection, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
    """Read the sessions with these ids that the store knows, in no particular order."""
    found: dict[str, SessionRange] = {}
    for first in range(0, len(connection_ids), SESSIONS_AT_ONCE):
        some = connection_ids[first : first + SESSIONS_AT_ONCE]
        rows = connection.execute(_SESSIONS.format(places=", ".join("?" * len(some))), some)
        found.update((row[0], SessionRange(*row)) for row in checked(rows, tuple[str, Id, Id, Id, Ns]))
    return tuple(found.values())


COLUMNS: Final = (
    "event_id",
    "n",
    "source",
    "operation",
    "key",
    "name",
    "span_id",
    "parent_id",
    "start_ns",
    "start_mono_ns",
    "duration_ns",
    "status",
    "error_type",
    "error",
)
# error_type of spans that a recorder left open when it was cut off
CUT_OFF = "cut_off"

_SPAN = MultiRowInsert("INSERT", "span", COLUMNS)
# Number of the first span that is ended for a cut-off recorder: far above those that an event ends itself
_FIRST_OF_CUT_OFF = 1_000
_OPEN_SESSIONS = """
SELECT session.id, session.connection_id, coalesce((SELECT parent_id FROM event WHERE id = session.first_id), ''),
       connection.name, session.started_ns, session.first_id, session.last_id
FROM session JOIN connection ON connection.id = session.connection
WHERE session.end IS NULL AND session.run = ?
"""
_MOMENT = "SELECT ts_ns, mono_ns FROM event WHERE id = ?"
_BEGUN = f"""
SELECT name, ts_ns, mono_ns, coalesce(type, topic), ref, span_id, parent_id FROM event INDEXED BY event_by_name
WHERE name IN ({", ".join(str(NAME_CODES[name]) for name in BEGINS)}) AND name >= {FIRST_INDEXED_NAME}
  AND id BETWEEN ? AND ? AND source = ? AND span_id IS NOT NULL
  AND span_id NOT IN (SELECT span_id FROM span WHERE source = ?)
ORDER BY id
"""


_BEGUN_ROW = tuple[int, Ns, Ns, str | None, str | None, str, str | None]


class SpanRows:
    """The span rows since the last commit; a span is written with the event that ended it."""

    def __init__(self) -> None:
        self._fold = SpanFold()
        self._rows: list[SqlValue] = []

    def fold(self, event_id: int, event: Event, source_id: int) -> None:
        """Fold an event; the spans that it ends become rows, unless it is no row itself (id 0)."""
        for number, span in enumerate(self._fold.ended_by(event)):
            if event_id:
                self._rows += span_row(event_id, number, source_id, span)

    def write(self, connection: sqlite3.Connection) -> None:
        """Insert the rows; they stay here until ``committed``, since the commit may fail."""
        _SPAN.write(connection, self._rows)

    def committed(self) -> None:
        """Forget the rows."""
        self._rows.clear()


def span_row(event_id: int, number: int, source_id: int, span: Span) -> tuple[SqlValue, ...]:
    """Encode a span as a row of ``COLUMNS``; ``number`` counts the spans that one event ended."""
    return (
        event_id,
        number,
        source_id,
        span.operation,
        text_value(span.key),
        storable(span.name),
        span.span_id,
        span.parent_id,
        span.start_ns,
        span.start_mono_ns,
        span.duration_ns,
        span.status,
        text_value(span.error_type),
        text_value(span.error),
    )


def close_cut_off(connection: sqlite3.Connection, run: int) -> None:
    """End, with an error, the spans that a cut-off run left open: its sessions, and what they had begun.

    They end with the last event of their session, since their real end is unknown.
    """
    rows: list[SqlValue] = []
    sessions = checked(connection.execute(_OPEN_SESSIONS, (run,)), tuple[Id, str, str, str, Ns, Id, Id])
    for source, connection_id, parent_id, name, started_ns, first_id, last_id in sessions:
        last = checked(connection.execute(_MOMENT, (last_id,)), tuple[Ns, Ns])
        if not last:
            # Pruned, and its spans with it
            continue
        ended = Instant(*last[0])
        first = checked(connection.execute(_MOMENT, (first_id,)), tuple[Ns, Ns])
        began = Instant(*first[0]) if first else Instant(started_ns, ended.mono_ns - (ended.ts_ns - started_ns))
        error = "the recorder was cut off"
        took_ns = ended.mono_ns - began.mono_ns
        spans = [session_span(connection_id, parent_id, name, began, took_ns, "error", CUT_OFF, error)]
        begun = connection.execute(_BEGUN, (first_id, last_id, source, source))
        for code, ts_ns, mono_ns, label, ref, span_id, parent_id in checked(begun, _BEGUN_ROW):
            operation = BEGINS[NAMES[code]]
            spans.append(
                Span(
                    span_id, parent_id or "", operation, ref or "", label or operation, ts_ns, mono_ns,
                    max(0, ended.mono_ns - mono_ns), "error", CUT_OFF, error,
                )
            )  # fmt: skip
        for number, span in enumerate(spans, _FIRST_OF_CUT_OFF):
            rows += span_row(last_id, number, source, span)
    _SPAN.write(connection, rows)


# Ids are compared in two collations: the indexes of sources have that of searches, and case counts here. In a store of
# a schema before 11, which a viewer reads as it is, sessions have an index in the other one
_COLUMNS = """
SELECT span.span_id, span.parent_id, span.operation, coalesce(span.key, ''), span.name, span.start_ns,
       span.start_mono_ns, span.duration_ns, span.status, coalesce(span.error_type, ''), coalesce(span.error, '')
"""
_OF_SESSION = f"""{_COLUMNS}
FROM source JOIN span ON span.source = source.id
WHERE source.connection_id = :of COLLATE NOCASE AND source.connection_id = :of
ORDER BY span.event_id, span.n LIMIT :limit
"""
_TRACE_OF_SESSION = """
SELECT trace_id, run FROM source WHERE connection_id = :of COLLATE NOCASE AND connection_id = :of LIMIT 1
"""
_NEWEST_RUN = """
SELECT trace_id, run FROM source WHERE trace_id = :of COLLATE NOCASE AND trace_id = :of ORDER BY id DESC LIMIT 1
"""
# Sources come first: there are fewer of them than spans
_OF_TRACE = f"""{_COLUMNS}
FROM ({SOURCES_OF_TRACE}) AS source CROSS JOIN span ON span.source = source.id
ORDER BY span.event_id DESC, span.n DESC LIMIT :limit
"""
# Newest first, by the index of a connection's sources
_TRACES_OF_CONNECTION = """
SELECT trace_id FROM source WHERE connection = (SELECT id FROM connection WHERE name = ?) AND trace_id <> ''
ORDER BY run DESC, id DESC LIMIT ?
"""


_SPAN_ROW = tuple[str, str, str, str, str, Ns, Ns, Ns | None, str, str, str]


def session_spans(connection: sqlite3.Connection, connection_id: str, limit: int) -> tuple[Span, ...]:
    """Read at most ``limit`` spans of a session, in the order in which they ended, then those that are under way."""
    ended = _read(connection, _OF_SESSION, {"of": connection_id, "limit": limit})
    return ended + open_spans(connection, SOURCES_OF_SESSION, {"of": connection_id}, limit - len(ended))


def session_trace_spans(connection: sqlite3.Connection, connection_id: str, limit: int) -> tuple[Span, ...]:
    """Read the newest ``limit`` spans of the trace that a session belongs to; see ``trace_spans``.

    A session without a trace has its own spans.
    """
    for trace_id, run in checked(connection.execute(_TRACE_OF_SESSION, {"of": connection_id}), tuple[str, Id]):
        if trace_id:
            return _of_trace(connection, trace_id, run, limit)
    return session_spans(connection, connection_id, limit)


def trace_spans(connection: sqlite3.Connection, trace_id: str, limit: int) -> tuple[Span, ...]:
    """Read the newest ``limit`` spans of a trace, in the order in which they ended, then those that are under way; of
    its newest boot.
    """
    for _, run in checked(connection.execute(_NEWEST_RUN, {"of": trace_id}), tuple[str, Id]):
        return _of_trace(connection, trace_id, run, limit)
    return ()


def newest_traces(connection: sqlite3.Connection, name: str, limit: int) -> tuple[str, ...]:
    """Read the newest ``limit`` traces of a connection, newest first."""
    rows = checked(connection.execute(_TRACES_OF_CONNECTION, (name, limit)), tuple[str])
    return tuple(dict.fromkeys(trace_id for (trace_id,) in rows))


def _of_trace(connection: sqlite3.Connection, trace_id: str, run: int, limit: int) -> tuple[Span, ...]:
    """What is under way comes before what has ended, where there is no room for both."""
    under_way = open_spans(connection, SOURCES_OF_TRACE, {"of": trace_id, "run": run}, limit)
    room = limit - len(under_way)
    return _read(connection, _OF_TRACE, {"of": trace_id, "run": run, "limit": room})[::-1] + under_way


def _read(connection: sqlite3.Connection, sql: str, parameters: Mapping[str, str | int]) -> tuple[Span, ...]:
    rows = checked(connection.execute(sql, parameters), _SPAN_ROW)
    return tuple(Span(SpanId(span_id), *rest) for span_id, *rest in rows)
