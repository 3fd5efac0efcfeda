"""Reads the ``span`` rows of a session, or of the trace that it belongs to."""

from __future__ import annotations

import sqlite3

from wsmon.model.ids import SpanId
from wsmon.model.spans import Span

_COLUMNS = """
SELECT span.span_id, span.parent_id, span.operation, coalesce(span.key, ''), span.name, span.start_ns,
       span.start_mono_ns, span.duration_ns, span.status, coalesce(span.error_type, ''), coalesce(span.error, '')
"""
_OF_SESSION = f"""{_COLUMNS}
FROM source JOIN span ON span.source = source.id
WHERE source.connection_id = ? ORDER BY span.event_id, span.n LIMIT ?
"""
_OF_TRACE = f"""{_COLUMNS}
FROM (SELECT connection, run, trace_id FROM source WHERE connection_id = ? LIMIT 1) AS own
JOIN source ON source.connection = own.connection AND source.run = own.run AND source.trace_id = own.trace_id
JOIN span ON span.source = source.id
ORDER BY span.event_id DESC, span.n DESC LIMIT ?
"""
# of one run alone: a correlation id of one's own outlives runs, and monotonic times of two do not compare


def session_spans(connection: sqlite3.Connection, connection_id: str, limit: int) -> tuple[Span, ...]:
    """At most ``limit`` spans of a session, in the order in which they ended."""
    return _read(connection, _OF_SESSION, connection_id, limit)


def trace_spans(connection: sqlite3.Connection, connection_id: str, limit: int) -> tuple[Span, ...]:
    """The newest ``limit`` spans of all sessions of a session's trace, in the order in which they ended."""
    return _read(connection, _OF_TRACE, connection_id, limit)[::-1]


def _read(connection: sqlite3.Connection, sql: str, connection_id: str, limit: int) -> tuple[Span, ...]:
    rows = connection.execute(sql, (connection_id, limit))
    return tuple(Span(SpanId(span_id), *rest) for span_id, *rest in rows)
