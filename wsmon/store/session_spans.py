"""Reads the ``span`` rows of a session."""

from __future__ import annotations

import sqlite3

from wsmon.model.ids import SpanId
from wsmon.model.spans import Span

_SPANS = """
SELECT span.span_id, span.parent_id, span.operation, coalesce(span.key, ''), span.name, span.start_ns,
       span.start_mono_ns, span.duration_ns, span.status, coalesce(span.error_type, ''), coalesce(span.error, '')
FROM source JOIN span ON span.source = source.id
WHERE source.connection_id = ? ORDER BY span.event_id, span.n LIMIT ?
"""


def session_spans(connection: sqlite3.Connection, connection_id: str, limit: int) -> tuple[Span, ...]:
    """At most ``limit`` spans of a session, in the order in which they ended."""
    rows = connection.execute(_SPANS, (connection_id, limit))
    return tuple(Span(SpanId(span_id), *rest) for span_id, *rest in rows)
