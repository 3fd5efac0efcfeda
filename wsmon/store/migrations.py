"""Schema migrations of the store and of the notes file: one function a version, applied by sqlite-utils.

A migration that was released never changes. This module is imported only to create or migrate a file: loading
sqlite-utils takes 90 ms.
"""

from __future__ import annotations

import sqlite3
from itertools import groupby

from sqlite_utils import Database as Tables
from sqlite_utils import Migrations

from wsmon.store.codec import PackedSum, pack
from wsmon.store.schema import (
    APPLICATION_ID,
    CONNECTION_SPEC,
    INGEST,
    JOURNAL,
    KPI_THRESHOLDS,
    META_CONFIGURATION,
    META_CREATED_NS,
    META_LAST_ID,
    META_OLDEST_ID,
    META_ROLLED_S,
    META_STORE_ID,
    NO_INDEX,
    ROLLUP_METRIC,
    SEARCH_INDEX,
    SOURCE_INDEXES,
    SPANS,
    SUBSCRIPTIONS,
    TABLES,
    TEN_MINUTES,
)

MIGRATIONS = Migrations("wsmon")


@MIGRATIONS()
def m001_create(tables: Tables) -> None:
    """The tables of version 1."""
    for statement in TABLES:
        tables.conn.execute(statement)
    tables.conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    tables.conn.execute(
        "INSERT INTO meta (key, value) VALUES "
        "(?, lower(hex(randomblob(16)))), (?, unixepoch() * 1000000000), (?, 0), (?, 0), (?, 0), (?, '')",
        (META_STORE_ID, META_CREATED_NS, META_LAST_ID, META_OLDEST_ID, META_ROLLED_S, META_CONFIGURATION),
    )
    tables.conn.execute("PRAGMA user_version = 1")


@MIGRATIONS()
def m002_subscriptions(tables: Tables) -> None:
    """The topics that each connection is subscribed to."""
    tables.conn.execute(SUBSCRIPTIONS)
    tables.conn.execute("PRAGMA user_version = 2")


@MIGRATIONS()
def m003_spans(tables: Tables) -> None:
    """Trace spans. Events that were recorded earlier get none."""
    for statement in SPANS:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 3")


@MIGRATIONS()
def m004_kpis(tables: Tables) -> None:
    """The thresholds of key figures that the configuration sets."""
    tables.conn.execute(KPI_THRESHOLDS)
    tables.conn.execute("PRAGMA user_version = 4")


@MIGRATIONS()
def m005_packed_histograms(tables: Tables) -> None:
    """One row a distribution with a packed histogram, and buckets of ten minutes: a day is a few thousand rows."""
    execute = tables.conn.execute
    execute(ROLLUP_METRIC)
    execute("INSERT INTO rollup_metric SELECT level, bucket, connection, metric, count, sum, max, x'' FROM rollup_sum")
    counts = execute("SELECT level, bucket, connection, metric, idx, n FROM rollup_hist ORDER BY 1, 2, 3, 4")
    tables.conn.executemany(
        "UPDATE rollup_metric SET hist = ? WHERE level = ? AND bucket = ? AND connection = ? AND metric = ?",
        ((pack({row[4]: row[5] for row in rows}), *place) for place, rows in groupby(counts, lambda row: row[:4])),
    )
    execute("DROP TABLE rollup_hist")
    execute("DROP TABLE rollup_sum")
    tables.conn.create_aggregate("merged", 1, PackedSum)  # type: ignore[arg-type]  # its step takes bytes, not any column
    for table, keys, merged in TEN_MINUTES:
        execute(
            f"INSERT INTO {table} SELECT 600, bucket - bucket % 600, {keys}, {merged} FROM {table} WHERE level = 60 "
            f"GROUP BY bucket - bucket % 600, {keys}"
        )
    execute("PRAGMA user_version = 5")


@MIGRATIONS()
def m006_search_index(tables: Tables) -> None:
    """The search index. In an older store the recorder builds it from the oldest event on."""
    for statement in SEARCH_INDEX:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 6")


@MIGRATIONS()
def m007_connection_spec(tables: Tables) -> None:
    """The configuration of a connection in one column, so that a new key changes no table."""
    for statement in CONNECTION_SPEC:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 7")


@MIGRATIONS()
def m008_marks_of_exponents(tables: Tables) -> None:
    """A search index with other marks: the recorder builds it anew from the oldest event on."""
    for statement in NO_INDEX:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 8")


@MIGRATIONS()
def m009_journal(tables: Tables) -> None:
    """Messages that are counted and in no rollup yet."""
    tables.conn.execute(JOURNAL)
    tables.conn.execute("PRAGMA user_version = 9")


@MIGRATIONS()
def m010_ingest(tables: Tables) -> None:
    """The lines of applications that are committed."""
    tables.conn.execute(INGEST)
    tables.conn.execute("PRAGMA user_version = 10")


@MIGRATIONS()
def m011_source_indexes(tables: Tables) -> None:
    """Indexes of the ids of traces and sessions."""
    for statement in SOURCE_INDEXES:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 11")


def migrate(connection: sqlite3.Connection, migrations: Migrations = MIGRATIONS) -> None:
    """Apply the migrations that are missing, each in a transaction of its own."""
    migrations.apply(Tables(connection, execute_plugins=False))


# Of a notes file (notes.py)
NOTES_MIGRATIONS = Migrations("wsmon.notes")

_TABLES = (
    # One file may serve several stores, and an event id is unique within a store only
    """CREATE TABLE bookmark (store TEXT NOT NULL, event_id INTEGER NOT NULL, made_ns INTEGER NOT NULL,
    text TEXT NOT NULL, event BLOB NOT NULL, PRIMARY KEY (store, event_id)) WITHOUT ROWID, STRICT""",
    "CREATE TABLE view (name TEXT PRIMARY KEY, query TEXT NOT NULL) WITHOUT ROWID, STRICT",
    # The newest has the largest id
    "CREATE TABLE search (id INTEGER PRIMARY KEY AUTOINCREMENT, query TEXT NOT NULL UNIQUE) STRICT",
)


@NOTES_MIGRATIONS(name="m001_create")
def m001_create_notes(tables: Tables) -> None:
    """The tables of version 1."""
    for statement in _TABLES:
        tables.conn.execute(statement)
    tables.conn.execute("PRAGMA user_version = 1")
