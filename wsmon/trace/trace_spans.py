"""Waterfall of a trace: its spans in a store, those that are under way too, as values for a program."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from wsmon.clock import SystemClock
from wsmon.errors import WsmonError
from wsmon.model.events import Event, SpanId
from wsmon.model.spans import Span, SpanFold, WaterfallRow
from wsmon.model.spans import waterfall as nested
from wsmon.model.units import MS_NS
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.store.reader import Reader
from wsmon.trace.location import locate_store

# Events that are read at a time, and of one trace at most
PAGE_EVENTS: Final = 500
MOST_EVENTS: Final = 20_000
_STARTS: Final = ("trace.request.start", "trace.span.start")


class UnknownTraceError(WsmonError):
    """A trace without a span in the store: none was recorded, or it is no longer kept."""


class TraceSpan(
    msgspec.Struct,
    frozen=True,
    rename={
        "span_id": "spanId", "parent_id": "parentId", "start_ms": "startMs", "duration_ms": "durationMs",
        "is_remote": "remote", "attributes": "attrs",
    },
):  # fmt: skip
    """One span of a waterfall; ``msgspec.json.encode`` writes it with the keys of nexus."""

    span_id: str
    parent_id: str
    """Empty = it has none. The parent may be a span of another program, and not in the waterfall."""
    name: str
    kind: str
    """request, span; or what wsmon measured: session, dns, tcp, tls, upgrade, subscribe, auth, heartbeat and others"""
    connection: str
    """The service, or the connection."""
    depth: int
    """Number of ancestors in the waterfall."""
    start_ms: float
    """After the earliest start."""
    duration_ms: float | None
    """None: it is under way, or its duration is not known."""
    status: int | str
    """HTTP status; of others ok, error, abandoned, orphan, open (under way)."""
    error: str
    is_remote: bool
    """Whether its parent is a span of another program."""
    attributes: Mapping[str, Any]
    """Of the application."""


def waterfall(trace_id: str, store: str | os.PathLike[str] = "") -> tuple[TraceSpan, ...]:
    """Return the spans of a trace by their starts, each with its depth.

    ``store`` is found as by ``Sink``. Reads what is stored: ``flush`` what this program reported last. Raises
    ``UnknownTraceError`` where there is none, ``StoreError`` where the store cannot be read, ``UsageError`` where none
    is found.
    """
    path = locate_store(os.fspath(store), os.environ, Path.cwd())
    found: dict[str, tuple[Span, Event]] = {}
    fold = SpanFold()
    # Sessions that a span of another program opened
    remote: set[str] = set()
    with closing(Reader(path, SystemClock())) as view:
        for event in _events(view, trace_id):
            if event.name in _STARTS and event.span_id:
                found.setdefault(event.span_id, (_open(event), event))
            if event.name == "connection.started" and (session := event.source.connection_id):
                found.setdefault(session, (_open_session(event), event))
                if (event.meta or {}).get("remote") is True:
                    remote.add(session)
            for span in fold.ended_by(event):
                found[span.span_id] = (span, event)
    if not found:
        raise UnknownTraceError(f"the store has no span of trace {trace_id!r}")
    rows = nested(span for span, _ in found.values())
    return tuple(_row(row, found[row.span.span_id][1], is_remote=row.span.span_id in remote) for row in rows)


def _events(view: Reader, trace_id: str) -> Iterator[Event]:
    """The first events of a trace, oldest first."""
    if not trace_id:
        return
    query = Query((FieldTerm("trace", (Exact(trace_id),)),))
    last_id = count = 0
    while count < MOST_EVENTS and (page := view.events_after(last_id, PAGE_EVENTS, query)):
        # The search does not tell upper from lower case
        yield from (event for event in page if event.source.trace_id == trace_id)
        last_id = page[-1].id
        count += len(page)


def _open(event: Event) -> Span:
    return Span(
        SpanId(event.span_id),
        event.parent_id,
        "trace",
        event.ref,
        event.type or event.topic,
        event.ts_ns,
        event.mono_ns,
    )


def _open_session(event: Event) -> Span:
    source = event.source
    return Span(
        SpanId(source.connection_id), event.parent_id, "session", "", source.connection, event.ts_ns, event.mono_ns
    )


def _row(row: WaterfallRow, event: Event, *, is_remote: bool) -> TraceSpan:
    span, meta = row.span, event.meta or {}
    attributes = meta.get("attributes")
    kind = span.operation
    if kind == "trace":
        kind = "request" if event.name.startswith("trace.request.") else "span"
    return TraceSpan(
        span.span_id,
        span.parent_id,
        span.name,
        kind,
        event.source.connection,
        row.depth,
        row.offset_ns / MS_NS,
        None if span.duration_ns is None else span.duration_ns / MS_NS,
        span.status if event.http_status is None or span.status == "open" else event.http_status,
        span.error or span.error_type,
        is_remote or meta.get("remote") is True,
        attributes if isinstance(attributes, Mapping) else {},
    )
