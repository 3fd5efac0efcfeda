"""The views of exported SQLite copies: events, sessions, losses and incidents with names instead of integers.

The words of the codes are rows of a table, so that the text of a view stays the same when words are added, and a copy
of one version opens in another. docs/sql.md documents the columns, which are those of events in JSON.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from wsmon.store.codec import (
    CLOSE_BY_CODES,
    CONNECTION_GROUP,
    FLAG_IN,
    FLAG_OUT,
    FLAG_REDACTED,
    FLAG_TRUNCATED,
    NAME_CODES,
    OPCODE_CODES,
    STATUS_CODES,
)

_Word = TypeVar("_Word", bound=str)
_OPEN = STATUS_CODES["websocket_connected"]
_LOST = f"{STATUS_CODES['disconnected']}, {STATUS_CODES['error']}"


def _time(column: str) -> str:
    """An expression for a time as text: RFC 3339, UTC, microseconds."""
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', {column} / 1000000000, 'unixepoch') "
        f"|| printf('.%06dZ', {column} / 1000 % 1000000)"
    )


def _word(kind: str, column: str) -> str:
    """An expression for the word of a code; NULL where there is none."""
    return f"(SELECT word.word FROM word WHERE word.kind = '{kind}' AND word.code = {column})"


# Name -> statement, as sqlite_schema holds it: what a schema may have beside the tables. Released ones never change
EXPORT_SCHEMA: Mapping[str, str] = MappingProxyType(
    {
        "word": """CREATE TABLE word (
    kind TEXT NOT NULL,     -- 'name', 'opcode', 'status', 'close_by'
    code INTEGER NOT NULL,
    word TEXT NOT NULL,
    PRIMARY KEY (kind, code)
) WITHOUT ROWID""",
        "events": f"""CREATE VIEW events AS SELECT
    event.id,
    {_time("event.ts_ns")} AS ts,
    event.ts_ns,
    event.mono_ns,
    source.run,
    connection.name AS connection,
    nullif({CONNECTION_GROUP}, '') AS "group",
    nullif(source.connection_id, '') AS connection_id,
    nullif(source.trace_id, '') AS trace_id,
    event.span_id,
    event.parent_id,
    name_word.word AS name,
    CASE event.flags & {FLAG_IN | FLAG_OUT} WHEN {FLAG_IN} THEN 'in' WHEN {FLAG_OUT} THEN 'out' END AS direction,
    {_word("opcode", "event.opcode")} AS opcode,
    {_word("status", "event.from_status")} AS from_status,
    {_word("status", "event.to_status")} AS to_status,
    event.type,
    event.topic,
    event.ref,
    event.size,
    event.wire_size,
    event.duration_ns / 1e6 AS duration_ms,
    iif(typeof(event.status) = 'integer', event.status, NULL) AS status,
    iif(typeof(event.status) = 'text', event.status, NULL) AS outcome,
    event.close_code,
    {_word("close_by", "event.close_by")} AS close_by,
    event.reason,
    event.error_type,
    event.error,
    event.verdict,
    iif(typeof(event.payload) = 'text', event.payload, NULL) AS payload,
    iif(typeof(event.payload) = 'blob', event.payload, NULL) AS payload_bytes,
    event.flags & {FLAG_TRUNCATED} > 0 AS truncated,
    event.flags & {FLAG_REDACTED} > 0 AS redacted,
    event.meta
FROM event
JOIN word AS name_word ON name_word.kind = 'name' AND name_word.code = event.name
JOIN source ON source.id = event.source
LEFT JOIN connection ON connection.id = source.connection""",
        "sessions": f"""CREATE VIEW sessions AS SELECT
    session.connection_id,
    connection.name AS connection,
    nullif({CONNECTION_GROUP}, '') AS "group",
    session.run,
    session.trace_id,
    session.attempt,
    {_time("session.started_ns")} AS started,
    {_time("session.open_ns")} AS opened,
    {_time("session.ended_ns")} AS ended,
    (session.ended_ns - session.open_ns) / 1e9 AS open_s,
    session.end,
    session.close_code,
    {_word("close_by", "session.close_by")} AS close_by,
    session.started_ns,
    session.open_ns,
    session.ended_ns,
    session.first_id,
    session.last_id
FROM session
JOIN connection ON connection.id = session.connection""",
        "losses": f"""CREATE VIEW losses AS SELECT
    event.id,
    {_time("event.ts_ns")} AS ts,
    event.ts_ns,
    source.run,
    connection.name AS connection,
    nullif({CONNECTION_GROUP}, '') AS "group",
    source.connection_id,
    event.duration_ns / 1e9 AS open_s,
    event.close_code,
    {_word("close_by", "event.close_by")} AS close_by,
    event.reason,
    event.error_type,
    event.error,
    json_extract(event.verdict, '$.cause') AS cause,
    json_extract(event.verdict, '$.next') AS next,
    json_extract(event.verdict, '$.certainty') AS certainty,
    json_extract(event.verdict, '$.evidence_text') AS evidence_text
FROM transition
JOIN event ON event.id = transition.event_id
JOIN source ON source.id = event.source
JOIN connection ON connection.id = transition.connection
WHERE transition.from_status = {_OPEN} AND transition.to_status IN ({_LOST})""",
        "incidents": f"""CREATE VIEW incidents AS SELECT
    incident.id,
    connection.name AS connection,
    nullif({CONNECTION_GROUP}, '') AS "group",
    incident.type,
    {_time("incident.opened_ns")} AS opened,
    {_time("incident.closed_ns")} AS closed,
    (incident.closed_ns - incident.opened_ns) / 1e9 AS duration_s,
    incident.sentence,
    incident.opened_ns,
    incident.closed_ns,
    incident.closed_id
FROM incident
JOIN connection ON connection.id = incident.connection""",
    }
)
VIEWS = tuple(name for name, statement in EXPORT_SCHEMA.items() if statement.startswith("CREATE VIEW"))


def create_views(connection: sqlite3.Connection) -> None:
    """Create the views, and the table of the words."""
    for statement in EXPORT_SCHEMA.values():
        connection.execute(statement)
    connection.executemany("INSERT INTO word (kind, code, word) VALUES (?, ?, ?)", _words())


def drop_views(connection: sqlite3.Connection) -> None:
    """Drop what ``create_views`` made, where it is there; a migration cannot change the tables below a view."""
    for name in reversed(tuple(EXPORT_SCHEMA)):
        kind = "VIEW" if name in VIEWS else "TABLE"
        connection.execute(f"DROP {kind} IF EXISTS {name}")


def _words() -> list[tuple[str, int, str]]:
    return [
        *_rows("name", NAME_CODES),
        *_rows("opcode", OPCODE_CODES),
        *_rows("status", STATUS_CODES),
        *_rows("close_by", CLOSE_BY_CODES),
    ]


def _rows(kind: str, codes: Mapping[_Word, int | None] | Mapping[_Word, int]) -> list[tuple[str, int, str]]:
    return [(kind, code, word) for word, code in codes.items() if code is not None]
