"""The ``span`` rows: what had a duration, written with the event that ended it."""

from __future__ import annotations

import sqlite3
from typing import Final

from wsmon.model.events import Event
from wsmon.model.span_events import BEGINS, SpanFold, session_span
from wsmon.model.spans import Instant, Span
from wsmon.store.codec import FIRST_INDEXED_NAME, NAME_CODES, NAMES, Value, storable, text_value
from wsmon.store.multirow import MultiRow

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
CUT_OFF = "cut_off"
# error_type of what a recorder left open when it was cut off

_SPAN = MultiRow("INSERT", "span", COLUMNS)
_FIRST_OF_CUT_OFF = 1_000
# number of the first span that is closed for a recorder: far above those that an event ends itself
_OPEN_SESSIONS = """
SELECT session.id, session.connection_id, connection.name, session.started_ns, session.first_id, session.last_id
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


class SpanRows:
    """Spans on their way into the table."""

    def __init__(self) -> None:
        self._fold = SpanFold()
        self._rows: list[Value] = []

    def fold(self, event_id: int, event: Event, source_id: int) -> None:
        """Take what ends with an event; of one that became no row (0), nothing but the memory of a session."""
        for number, span in enumerate(self._fold.ended_by(event)):
            if event_id:
                self._rows += span_row(event_id, number, source_id, span)

    def write(self, connection: sqlite3.Connection) -> None:
        """Insert what was taken; it stays here, for another try."""
        _SPAN.write(connection, self._rows)

    def committed(self) -> None:
        """Forget what was taken."""
        self._rows.clear()


def span_row(event_id: int, number: int, source_id: int, span: Span) -> tuple[Value, ...]:
    """A span as a row of ``COLUMNS``; ``number`` tells those apart that one event ended."""
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
    """End, with an error, what a run that was cut off left open: its sessions, and what they had begun.

    They end with the last event that the session wrote: nobody knows when they really did.
    """
    rows: list[Value] = []
    for source, connection_id, name, started_ns, first_id, last_id in connection.execute(_OPEN_SESSIONS, (run,)):
        last = connection.execute(_MOMENT, (last_id,)).fetchone()
        if last is None:
            continue  # pruned: its spans are too
        ended = Instant(*last)
        first = connection.execute(_MOMENT, (first_id,)).fetchone()
        began = Instant(started_ns, ended.mono_ns - (ended.ts_ns - started_ns)) if first is None else Instant(*first)
        error = "the recorder was cut off"
        took_ns = ended.mono_ns - began.mono_ns
        spans = [session_span(connection_id, name, began, took_ns, "error", CUT_OFF, error)]
        for code, ts_ns, mono_ns, label, ref, span_id, parent_id in connection.execute(
            _BEGUN, (first_id, last_id, source, source)
        ).fetchall():
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
