"""Open spans of a store: operations that have begun and have not ended, beside the rows of those that have."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wsmon.model.events import EventName, SpanId
from wsmon.model.spans import BEGINS, Span, SpanOperation
from wsmon.store.codec import FIRST_INDEXED_NAME, NAME_CODES, NAMES
from wsmon.store.validation import Id, Ns, checked

# Events that begin a span which has an id of its own
STARTS: Final[Mapping[EventName, SpanOperation]] = MappingProxyType(
    {**BEGINS, "trace.request.start": "trace", "trace.span.start": "trace"}
)
# Of a span that was begun in an earlier run of the recorder: its end may have come while none ran
EARLIER_RUN: Final = "no end is recorded: it began before the recorder was started"

SOURCES_OF_SESSION: Final = "SELECT id FROM source WHERE connection_id = :of COLLATE NOCASE AND connection_id = :of"
# Of all connections: an application's trace goes through several. Of one boot alone: a configured trace id outlives
# boots, and monotonic times of two boots do not compare
SOURCES_OF_TRACE: Final = """
SELECT source.id FROM source JOIN run ON run.id = source.run
WHERE source.trace_id = :of COLLATE NOCASE AND source.trace_id = :of
  AND (source.run = :run OR (run.boot_id <> '' AND run.boot_id = (SELECT boot_id FROM run WHERE id = :run)))
"""
# Begun, and without a row of its end. The index event_by_name leads to the newest first
_BEGUN: Final = f"""
WITH own (id) AS MATERIALIZED ({{sources}})
SELECT event.id, name, ts_ns, mono_ns, coalesce(type, topic), ref, span_id, parent_id,
       (SELECT run FROM source WHERE id = event.source) < (SELECT max(id) FROM run)
FROM event INDEXED BY event_by_name
WHERE name IN ({", ".join(str(NAME_CODES[name]) for name in STARTS)}) AND name >= {FIRST_INDEXED_NAME}
  AND event.id >= (SELECT min(run.first_id) FROM run JOIN source ON source.run = run.id WHERE source.id IN own)
  AND span_id IS NOT NULL AND event.source IN own
  AND span_id NOT IN (SELECT span_id FROM span WHERE source IN own)
ORDER BY event.id DESC LIMIT :limit
"""
_BEGUN_ROW = tuple[Id, Id, Ns, Ns, str | None, str | None, str, str | None, int]
# Monotonic time of the first event; where that is pruned, it follows from the last one
_SESSIONS: Final = """
WITH own (id) AS MATERIALIZED ({sources})
SELECT session.first_id, session.connection_id,
       coalesce((SELECT parent_id FROM event WHERE id = session.first_id), ''), connection.name, session.started_ns,
       coalesce((SELECT mono_ns FROM event WHERE id = session.first_id),
                (SELECT mono_ns - ts_ns + session.started_ns FROM event WHERE id = session.last_id), 0),
       session.run < (SELECT max(id) FROM run)
FROM session JOIN connection ON connection.id = session.connection
WHERE session.id IN own AND session.end IS NULL
ORDER BY session.id DESC LIMIT :limit
"""
_SESSION_ROW = tuple[Id, str, str, str, Ns, Ns, int]


def open_spans(
    connection: sqlite3.Connection, sources: str, parameters: Mapping[str, str | int], limit: int
) -> tuple[Span, ...]:
    """Read the newest ``limit`` spans without an end, oldest first: of operations, and of sessions themselves.

    ``sources`` is one of the statements above, with its ``parameters``.
    """
    found: dict[str, tuple[int, Span]] = {}
    bound = {**parameters, "limit": limit}
    sessions = checked(connection.execute(_SESSIONS.format(sources=sources), bound), _SESSION_ROW)
    for first_id, connection_id, parent_id, name, ts_ns, mono_ns, is_earlier in sessions:
        span = Span(SpanId(connection_id), parent_id, "session", "", name, ts_ns, mono_ns, error=_why(is_earlier))
        found[connection_id] = (first_id, span)
    for event_id, code, ts_ns, mono_ns, label, ref, span_id, parent_id, is_earlier in checked(
        connection.execute(_BEGUN.format(sources=sources), bound), _BEGUN_ROW
    ):
        operation = STARTS[NAMES[code]]
        span = Span(
            SpanId(span_id), parent_id or "", operation, ref or "", label or operation, ts_ns, mono_ns,
            error=_why(is_earlier),
        )  # fmt: skip
        # A start that was reported twice is one span
        found.setdefault(span_id, (event_id, span))
    return tuple(span for _, span in sorted(found.values(), key=lambda each: each[0]))[-limit:] if limit else ()


def _why(is_earlier: int) -> str:
    return EARLIER_RUN if is_earlier else ""
