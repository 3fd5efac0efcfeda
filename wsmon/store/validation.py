"""Validation of a store that is read, since it may come from any source: its schema, its
names of connections, and the rows of each query.

Triggers and views run with whatever reads or writes a table, and a view in the place of a table answers anything. So a
store has the tables and indexes of its version and nothing else, but for what exported copies have beside them
(``views.EXPORT_SCHEMA``), with exactly those texts.

SQLite keeps any value in any column. A row that the recorder cannot have written raises ``msgspec.ValidationError``,
which readers and the writer turn into a ``StoreError`` (``bad_value``).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from wsmon.errors import StoreError
from wsmon.model.sanitize import NAME_LIMIT_CHARS, is_connection_name, sanitize
from wsmon.store.codec import CLOSE_BY_CODES, NAMES, NO_STATUS, OPCODES, STATUS_OF
from wsmon.store.schema import CREATED_BY
from wsmon.store.views import EXPORT_SCHEMA

# What SQLite itself keeps: statistics of ANALYZE, and the indexes of UNIQUE and PRIMARY KEY
_OF_SQLITE = re.compile(r"sqlite_(stat[14]|autoindex_\w+)")
_MIGRATIONS_TABLE = "_sqlite_migrations"
_SCHEMA = "SELECT type, name, tbl_name, rootpage, coalesce(sql, '') FROM main.sqlite_schema"
_COLUMNS = "SELECT name, upper(type), \"notnull\", pk, hidden FROM pragma_table_xinfo(?, 'main')"
_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|\s+|'(?:[^']|'')*'|\w+|.", re.DOTALL)
_DROP_COLUMN = re.compile(r'ALTER TABLE (\w+) DROP COLUMN "(\w+)"')
# SQLite writes names in any of these; none of ours needs them
_QUOTES = str.maketrans("", "", '"`[]')

# The columns of a table: name, type, NOT NULL, place in the primary key, hidden
_Columns = frozenset[tuple[str, str, int, int, int]]


def check_schema(connection: sqlite3.Connection, path: Path, version: int) -> None:
    """Raise ``StoreError`` where the schema is not that of a store of this version; errors of SQLite pass through."""
    tables, indexes = _expected(version)
    missing = set(tables)
    for kind, name, table, rootpage, sql in connection.execute(_SCHEMA):
        is_known = (
            (kind == "table" and rootpage and _columns(connection, name) == tables.get(name))
            or (kind == "index" and _is_index(name, table, sql, indexes))
            or (name in EXPORT_SCHEMA and _tokens(sql) == _tokens(EXPORT_SCHEMA[name]))
            or (kind == "table" and rootpage and name == _MIGRATIONS_TABLE and _is_plain(connection, name))
            or (kind in ("table", "index") and isinstance(name, str) and _OF_SQLITE.fullmatch(name))
        )
        if not is_known:
            raise StoreError(
                f"the store {path} has the {kind} {name!r}, which differs from wsmon's schema",
                "it was not modified: do not open stores from untrusted sources",
            )
        missing.discard(name)
    if missing:
        raise StoreError(f"the store {path} lacks the table {min(missing)!r}", "it was not modified")


def check_names(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``StoreError`` where a connection has a name that no configuration accepts: it is shown everywhere."""
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM connection")]
    except sqlite3.Error as error:
        # A name that is no UTF-8, among others
        raise StoreError(f"cannot read the connections of the store {path}: {error}", "it was not modified") from error
    for name in names:
        if not is_connection_name(name):
            raise StoreError(
                f"the store {path} names a connection {sanitize(repr(name), NAME_LIMIT_CHARS)}",
                f"wsmon writes names of at most {NAME_LIMIT_CHARS} letters, digits, . _ and -: it was not modified",
            )


@lru_cache
def _expected(version: int) -> tuple[Mapping[str, _Columns], Mapping[str, tuple[str, ...]]]:
    """Return the columns of each table and the text of each index of a version: those of an empty store."""
    statements = [text for made_by, texts in CREATED_BY.items() if made_by <= version for text in texts]
    # Taken out here: SQLite parses the whole schema for each, which took 8 of the 9 ms of this function
    dropped = {(found[1], found[2]) for text in statements if (found := _DROP_COLUMN.fullmatch(text))}
    with closing(sqlite3.connect(":memory:")) as empty:
        for statement in statements:
            if not _DROP_COLUMN.fullmatch(statement):
                empty.execute(statement)
        rows = empty.execute(_SCHEMA).fetchall()
        tables = {
            name: frozenset(column for column in _columns(empty, name) if (name, column[0]) not in dropped)
            for kind, name, *_ in rows
            if kind == "table"
        }
        return tables, {name: _tokens(sql) for kind, name, _, _, sql in rows if kind == "index" and sql}


def _columns(connection: sqlite3.Connection, table: str) -> _Columns:
    return frozenset(connection.execute(_COLUMNS, (table,)))


def _is_plain(connection: sqlite3.Connection, table: str) -> bool:
    """Whether a table has no hidden and no generated column."""
    return not any(hidden for *_, hidden in _columns(connection, table))


def _is_index(name: str, table: str, sql: str, indexes: Mapping[str, tuple[str, ...]]) -> bool:
    if name in indexes:
        return _tokens(sql) == indexes[name]
    # Nothing but the migrations reads that table, and sqlite-utils makes its index; without a text, SQLite made it
    return table == _MIGRATIONS_TABLE or not sql


def _tokens(sql: str) -> tuple[str, ...]:
    """Split a statement into tokens, without blanks, comments and quotes: versions of SQLite write it differently."""
    found = (token.translate(_QUOTES) for token in _TOKEN.findall(sql))
    return tuple(token for token in found if token.strip() and not token.startswith(("--", "/*")))


# Sums and differences of two such values fit into 64 bits
_LIMIT = 2**62 - 1
Id = Annotated[int, Meta(ge=0, le=_LIMIT)]
Count = Annotated[int, Meta(ge=0, le=_LIMIT)]
# Nanoseconds of a clock, or of a duration
Ns = Annotated[int, Meta(ge=-_LIMIT, le=_LIMIT)]
# Unix time; the year 2242
Second = Annotated[int, Meta(ge=-(2**33), le=2**33)]
Flag = Annotated[int, Meta(ge=0, le=1)]
StatusCode = Annotated[int, Meta(ge=min(filter(None, STATUS_OF)), le=max(filter(None, STATUS_OF)))]
ConnectionStatusCode = Annotated[int, Meta(ge=NO_STATUS, le=max(filter(None, STATUS_OF)))]
_CloseBy = Annotated[int, Meta(ge=1, le=max(filter(None, CLOSE_BY_CODES.values())))]
_CloseCode = Annotated[int, Meta(ge=0, le=65_535)]

# A closed set that is made of a table
_literal: Any = Literal

# A row of codec.SELECT_EVENTS; its payload, which may be a text or bytes, is checked apart
_EVENT = GenericAlias(
    tuple,
    (
        *(Id, Ns, Ns, Id),
        _literal[tuple(NAMES)],
        Annotated[int, Meta(ge=0, le=255)],
        _literal[tuple(OPCODES)],
        *(Count | None, Count | None),
        *(str | None, str | None, str | None),
        Ns | None,
        int | str | None,
        *(StatusCode | None, StatusCode | None),
        _CloseCode | None,
        _CloseBy | None,
        *(str | None, str | None, str | None),
        *(str | None, str | None),
        *(str | None, str | None),
        Any,
    ),
)


# Also a number of SQLite that overflows, and a text of JSON that is nested too deeply
BAD_VALUES = (msgspec.DecodeError, OverflowError, RecursionError, UnicodeDecodeError)


def bad_value(error: BaseException, path: Path, hint: str) -> StoreError:
    """Make the error, for users, of one of ``BAD_VALUES`` that a store raised."""
    return StoreError(f"the store {path} contains an invalid value ({error})", hint)


def meta_value(connection: sqlite3.Connection, key: str) -> int:
    """Return a number of the table ``meta``; raises ``msgspec.ValidationError`` where it is none, or missing."""
    rows = checked(connection.execute("SELECT value FROM meta WHERE key = ?", (key,)), tuple[Id])
    if not rows:
        raise msgspec.ValidationError(f"meta has no {key}")
    value: int = rows[0][0]
    return value


def checked(rows: Iterable[Any], kind: Any) -> list[Any]:
    """Return rows as tuples of a kind, such as ``tuple[Id, str]``; raises ``msgspec.ValidationError``."""
    found: list[Any] = msgspec.convert(list(rows), GenericAlias(list, (kind,)), builtin_types=(bytes,))
    return found


def checked_events(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows of ``codec.SELECT_EVENTS``; raises ``msgspec.ValidationError``."""
    found = checked(rows, _EVENT)
    for row in found:
        if not isinstance(row[-1], str | bytes | None):
            raise msgspec.ValidationError(f"the payload of event {row[0]} is a number")
    return found
