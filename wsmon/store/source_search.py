"""Finds the sources (session, trace, run, connection) that a term of a query is about; few, or it says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from wsmon.query.ast import FieldName, Item
from wsmon.query.predicate import item_fits
from wsmon.store.field_columns import RECORDER_ID
from wsmon.store.search.plan import MOST_SOURCES
from wsmon.store.search.sql import Number, Sql, number_fits, text_fits

_TEXTS: Mapping[FieldName, str] = {"session": "nullif(connection_id, '')", "trace": "nullif(trace_id, '')"}
_CONNECTIONS: Mapping[FieldName, str] = {
    "connection": "SELECT id, name FROM connection",
    "group": 'SELECT id, "group" FROM connection',
}
_NEWEST = "SELECT coalesce(max(id), 0) FROM source"
_FOUND = "SELECT id FROM source WHERE {where} LIMIT ?"


class SourceSearch:
    """The sources of one connection to a store; the last answers are kept as long as no source is added."""

    def __init__(self, connection: sqlite3.Connection, number: Number) -> None:
        self._connection = connection
        self._number = number
        self._newest = 0
        self._known: dict[tuple[FieldName, Item], tuple[int, ...] | None] = {}

    def ids(self, field: FieldName, item: Item) -> tuple[int, ...] | None:
        """The ids of the sources whose field fits an item; ``None`` where they are more than ``MOST_SOURCES``."""
        (newest,) = self._connection.execute(_NEWEST).fetchone()
        if newest != self._newest:
            self._known.clear()
            self._newest = newest
        if (field, item) not in self._known:
            self._known[field, item] = self._find(field, item)
        return self._known[field, item]

    def _find(self, field: FieldName, item: Item) -> tuple[int, ...] | None:
        where = self._where(field, item)
        rows = self._connection.execute(
            _FOUND.format(where=where.text), (*where.parameters, MOST_SOURCES + 1)
        ).fetchall()
        return None if len(rows) > MOST_SOURCES else tuple(source for (source,) in rows)

    def _where(self, field: FieldName, item: Item) -> Sql:
        if field == "run":
            return number_fits("run", item, self._number)
        if field in _TEXTS:
            return text_fits(_TEXTS[field], item, self._number)
        known = [(RECORDER_ID, ""), *self._connection.execute(_CONNECTIONS[field])]
        wanted = ", ".join(str(id_) for id_, text in known if item_fits(item, text))
        return Sql(f"coalesce(connection, {RECORDER_ID}) IN ({wanted})")
