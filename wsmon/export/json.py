"""The trace export: connections with host, port, statistics and all their events, in one JSON document.

The shape of WebSockex Nova's ``export_trace`` (host, port, statistics, events), once a connection.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from wsmon.export.endpoint import endpoint
from wsmon.export.jsonl import event_json, rfc3339
from wsmon.export.selection import Selection
from wsmon.export.statistics_json import connection_document
from wsmon.model.events import Event, Json
from wsmon.model.statistics import ConnectionStatistics, Statistics
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.scope import allows

SCHEMA = "wsmon.trace/1"


def json_trace(selection: Selection, statistics: Statistics) -> Iterator[bytes]:
    """The document, piece by piece: the connections that the query allows, then the recorder's own events."""
    connections = allowed(selection.query, statistics)
    selection.total = selection.ids * (len(connections) + 1)
    yield _opened({"schema": SCHEMA, "since": rfc3339(statistics.since_ns), "until": rfc3339(statistics.until_ns)})
    yield b'"connections":['
    separator = b""
    for connection in connections:
        yield separator + _opened(_head(connection)) + b'"events":['
        yield from _events(selection, connection.name)
        yield b"]}"
        separator = b",\n"
    yield b'],\n"recorder":['
    yield from _events(selection, "")
    yield b"]}\n"


def allowed(query: Query, statistics: Statistics) -> tuple[ConnectionStatistics, ...]:
    """The connections that the terms of a query on names allow."""
    return tuple(connection for connection in statistics.connections if allows(query, connection.name))


def _head(connection: ConnectionStatistics) -> dict[str, Json]:
    host, port = endpoint(connection.url)
    return {
        "name": connection.name,
        "host": host,
        "port": port,
        "statistics": connection_document(connection),
    }


def _events(selection: Selection, name: str) -> Iterator[bytes]:
    """The events of one connection; its name is compared to the letter, which a query does not."""
    of_name = FieldTerm("connection", (Exact(name),))
    separator = b"\n"
    for page in selection.pages((of_name,)):
        kept: tuple[Event, ...] = tuple(event for event in page if event.source.connection == name)
        selection.written -= len(page) - len(kept)
        if kept:
            yield separator + b",\n".join(event_json(event) for event in kept)
            separator = b",\n"
        else:
            yield b""


def _opened(fields: dict[str, Json]) -> bytes:
    """An object without its end, for more fields to follow."""
    return msgspec.json.encode(fields)[:-1] + b","
