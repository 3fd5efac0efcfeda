"""Mutations of a store, as an attacker or a failing disk makes them: bytes, cells, schema; a seed makes the same."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

INTEGERS = (-(2**63), -(2**62) - 1, -1, 0, 1, 2, 97, 2**31, 2**33 + 1, 2**40, 2**62, 2**62 + 1, 2**63 - 1)
DEEP = "[" * 3_000 + "]" * 3_000
VALUES: tuple[object, ...] = (
    *INTEGERS,
    None,
    0.5,
    -1e308,
    float("inf"),
    "",
    "x",
    "x" * 100_000,
    "\x00",
    "\x1b[2J\u202e",
    "=1+1",
    "{}",
    "[]",
    "null",
    '"x"',
    "1e999",
    '{"a":',
    DEEP,
    b"",
    b"\xff",
    b"\xff" * 7,
    b"\x08\x00\x00\x00\x00\x00\x00" + b"\xff" * 64,
    b"\x01\xff\x7f\x00\x00\x00\x00\x01",
    bytes(100_000),
)
JSON_VALUES: tuple[object, ...] = (
    *(None, True, -1, 0, 2**63, 0.5, 1e300, "", "x", "\x1b[2J", [], [[]], [["x"]], [["x", None]], [1, 2]),
    *({}, {"x": []}, {"count": "x"}, [["x", "y", "z"]], ["x"]),
)
SCHEMA_CHANGES = (
    "CREATE TRIGGER t AFTER INSERT ON event BEGIN DELETE FROM event; END",
    "CREATE VIEW events AS SELECT * FROM event",
    "CREATE TABLE word (kind, code, word)",
    "CREATE VIEW v AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
    (
        "ALTER TABLE event RENAME TO e; CREATE VIEW event AS "
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT e.* FROM e, n"
    ),
    "ALTER TABLE meta RENAME TO m; CREATE VIEW meta AS SELECT key, value FROM m",
    "DROP TABLE rollup",
    "DROP TABLE event",
    "DROP TABLE span",
    "DROP TABLE meta",
    "DROP INDEX event_by_name",
    "DROP INDEX transition_by_connection",
    "CREATE INDEX i ON event (abs(size))",
    "ALTER TABLE run ADD COLUMN g AS (zeroblob(1000000000))",
    "ALTER TABLE event RENAME COLUMN meta TO m",
    "ALTER TABLE connection DROP COLUMN spec",
    "CREATE TABLE t (x)",
    "CREATE VIRTUAL TABLE f USING fts5(x)",
    "CREATE VIRTUAL TABLE r USING rtree(id, a, b)",
    "PRAGMA user_version = 5",
    "PRAGMA user_version = 6",
    "PRAGMA user_version = 7",
    "PRAGMA user_version = 9",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 0",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 2",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = rootpage + 1 WHERE type = 'table'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE event (' WHERE name = 'event'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET name = x'ff' WHERE name = 'event'",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET tbl_name = 'meta' WHERE name = 'event_by_name'",
    (
        "INSERT INTO meta VALUES ('excerpt', 1); UPDATE meta SET value = 1099511627776 WHERE key = 'last_id'; "
        "UPDATE event SET id = 1099511627776 WHERE id = (SELECT max(id) FROM event)"
    ),
    "INSERT INTO meta VALUES ('excerpt', 1); UPDATE meta SET value = 4611686018427387904 WHERE key = 'last_id'",
    "UPDATE meta SET value = 1099511627776 WHERE key = 'last_id'",
    "UPDATE rollup SET bucket = bucket - 8000000000 WHERE level = 3600",
)


def mutate(store: Path, seed: int) -> str:
    """Change a store that no process has open; return what was done."""
    roll = random.Random(seed)
    kinds: tuple[Callable[[Path, random.Random], str], ...] = (_bytes, _cell, _cell, _cell, _json, _json, _schema)
    return roll.choice(kinds)(store, roll)


def _bytes(store: Path, roll: random.Random) -> str:
    content = bytearray(store.read_bytes())
    kind = roll.choice(("flips", "block", "cut", "swap", "header"))
    if kind == "flips":
        for _ in range(roll.randint(1, 40)):
            content[roll.randrange(len(content))] = roll.randrange(256)
    elif kind == "block":
        at = roll.randrange(len(content))
        length = roll.choice((8, 100, 4096))
        content[at : at + length] = bytes(roll.choice((0, 255)) for _ in content[at : at + length])
    elif kind == "cut":
        del content[roll.randrange(1, len(content)) :]
    elif kind == "swap":
        one, other = (roll.randrange(len(content) // 4096) * 4096 for _ in range(2))
        page = content[one : one + 4096]
        content[one : one + 4096] = content[other : other + 4096]
        content[other : other + 4096] = page
    else:
        content[roll.randrange(100)] = roll.randrange(256)
    store.write_bytes(content)
    return kind


def _cell(store: Path, roll: random.Random) -> str:
    with closing(sqlite3.connect(store)) as connection, connection:
        table, column = _column(connection, roll)
        value = roll.choice(VALUES)
        rows = "" if roll.random() < 0.3 else "WHERE (rowid % ?) = 0" if _has_rowid(connection, table) else ""
        parameters = (value, roll.randint(1, 5)) if rows else (value,)
        # A key that is taken or no number, a column that takes no NULL: nothing is changed
        with suppress(sqlite3.IntegrityError):
            connection.execute(f'UPDATE OR IGNORE "{table}" SET "{column}" = ? {rows}', parameters)
        return f"{table}.{column} = {value!r:.60}"


def _json(store: Path, roll: random.Random) -> str:
    table, column = roll.choice((("event", "meta"), ("event", "meta"), ("event", "verdict"), ("connection", "spec")))
    done = ""
    with closing(sqlite3.connect(store)) as connection, connection:
        rows = connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
        for rowid, text in rows:
            document = json.loads(text)
            key = roll.choice(list(document) or ["x"])
            document[key] = roll.choice(JSON_VALUES)
            done += f" {table}.{key} = {document[key]!r}"
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (json.dumps(document), rowid))
    return done[:200]


def _schema(store: Path, roll: random.Random) -> str:
    change = roll.choice(SCHEMA_CHANGES)
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(change)
    return change


def _column(connection: sqlite3.Connection, roll: random.Random) -> tuple[str, str]:
    tables = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%sqlite%' ORDER BY name"
        )
    ]
    # Half of them where most of the columns are
    table = "event" if roll.random() < 0.4 else roll.choice(tables)
    columns = [name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    return table, roll.choice(columns)


def _has_rowid(connection: sqlite3.Connection, table: str) -> bool:
    (rowid,) = connection.execute("SELECT wr = 0 FROM pragma_table_list(?)", (table,)).fetchone()
    return bool(rowid)
