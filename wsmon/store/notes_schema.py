"""The tables of a notes file, as migrations; imported only when one is made or brought up to date."""

from __future__ import annotations

from sqlite_utils import Database as Tables
from sqlite_utils import Migrations

NOTES_MIGRATIONS = Migrations("wsmon.notes")

_TABLES = (
    # one file may lie beside several stores; ids mean something within one only
    """CREATE TABLE bookmark (store TEXT NOT NULL, event_id INTEGER NOT NULL, made_ns INTEGER NOT NULL,
    text TEXT NOT NULL, event BLOB NOT NULL, PRIMARY KEY (store, event_id)) WITHOUT ROWID, STRICT""",
    "CREATE TABLE view (name TEXT PRIMARY KEY, query TEXT NOT NULL) WITHOUT ROWID, STRICT",
    # the newest has the largest id
    "CREATE TABLE search (id INTEGER PRIMARY KEY AUTOINCREMENT, query TEXT NOT NULL UNIQUE) STRICT",
)


@NOTES_MIGRATIONS(name="m001_create")
def m001_create(tables: Tables) -> None:
    """Everything version 1 holds."""
    for statement in _TABLES:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 1")
