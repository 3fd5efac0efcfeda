"""Reads the ``session`` rows that a viewer asks for by name."""

from __future__ import annotations

import sqlite3

from wsmon.model.session_life import SessionLife

SESSIONS_AT_ONCE = 500
# parameters of one statement; a screen shows fewer

_SESSIONS = """
SELECT session.connection_id, session.first_id, session.last_id, coalesce(opened.event_id, 0),
       coalesce(opened.mono_ns, 0)
FROM source JOIN session ON session.id = source.id
LEFT JOIN transition AS opened ON opened.connection = session.connection AND opened.ts_ns = session.open_ns
  AND opened.source = session.id
WHERE source.connection_id IN ({places})
"""


def session_lives(connection: sqlite3.Connection, connection_ids: tuple[str, ...]) -> tuple[SessionLife, ...]:
    """The sessions with these ids, as far as they are known, in no particular order."""
    found: dict[str, SessionLife] = {}
    for first in range(0, len(connection_ids), SESSIONS_AT_ONCE):
        some = connection_ids[first : first + SESSIONS_AT_ONCE]
        rows = connection.execute(_SESSIONS.format(places=", ".join("?" * len(some))), some)
        found.update((row[0], SessionLife(*row)) for row in rows)
    return tuple(found.values())
