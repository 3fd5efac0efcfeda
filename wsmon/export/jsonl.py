"""JSON: events as JSON lines, statistics, and the trace document with both.

The keys are public: docs/schemas/ has their JSON schemas. ``search --json`` and ``export --format jsonl`` print events,
``stats --json`` prints statistics, ``export --format json`` prints the trace document. Each key has one type in all
events, so that readers that infer a schema take the file. Version 1 had outcomes under ``status`` too.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from wsmon.export.selection import Selection
from wsmon.export.sessions import endpoint
from wsmon.model.events import Event, Json, Meta, Verdict, split_connection
from wsmon.model.sanitize import escape_json
from wsmon.model.statistics import ConnectionStatistics, Flow, Kpi, Statistics, Summary
from wsmon.model.units import MS_NS
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.query.predicate import allows_connection

# Below this (52 days) a float of milliseconds is exact to the nanosecond
EXACT_NS = 2**52
# UTC; with a zone, printing a time takes more than twice as long
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
# Types that JSON does not have become their text; bytes become base64, NaN becomes null
_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class EventDocument(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The keys of an event in JSON, in their order; ``None`` = it does not apply, and the key is absent."""

    id: int
    ts: str
    ts_ns: int
    mono_ns: int
    run: int | None = None
    connection: str | None = None
    group: str | None = None
    connection_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    direction: str | None = None
    opcode: str | None = None
    from_status: str | None = None
    to_status: str | None = None
    type: str | None = None
    topic: str | None = None
    ref: str | None = None
    size: int | None = None
    wire_size: int | None = None
    duration_ms: float | Decimal | None = None
    status: int | None = None
    outcome: str | None = None
    close_code: int | None = None
    close_by: str | None = None
    reason: str | None = None
    error_type: str | None = None
    error: str | None = None
    verdict: Verdict | None = None
    payload: str | None = None
    payload_base64: str | None = None
    truncated: bool | None = None
    redacted: bool | None = None
    meta: Meta | None = None
    recording: str | None = None
    """Only where several recordings are read."""


def rfc3339(ts_ns: int) -> str:
    """Return a wall time in UTC, with microseconds."""
    at = _EPOCH + timedelta(microseconds=ts_ns // 1_000)
    return f"{at.isoformat(timespec='microseconds')}Z"


def event_document(event: Event) -> EventDocument:
    """Return an event by its keys in JSON."""
    source = event.source
    text, encoded = _payload(event.payload)
    return EventDocument(
        id=event.id,
        ts=rfc3339(event.ts_ns),
        ts_ns=event.ts_ns,
        mono_ns=event.mono_ns,
        run=source.run or None,
        connection=(split_connection(source.connection)[1] if source.recording else source.connection) or None,
        group=source.group or None,
        connection_id=source.connection_id or None,
        trace_id=source.trace_id or None,
        span_id=event.span_id or None,
        parent_id=event.parent_id or None,
        name=event.name,
        direction=event.direction or None,
        opcode=event.opcode or None,
        from_status=event.from_status,
        to_status=event.to_status,
        type=event.type or None,
        topic=event.topic or None,
        ref=event.ref or None,
        size=event.size,
        wire_size=event.wire_size,
        duration_ms=None if event.duration_ns is None else _milliseconds(event.duration_ns),
        status=event.http_status,
        outcome=event.outcome or None,
        close_code=event.close_code,
        close_by=event.close_by or None,
        reason=event.reason or None,
        error_type=event.error_type or None,
        error=event.error or None,
        verdict=event.verdict,
        payload=text,
        payload_base64=encoded,
        truncated=event.truncated or None,
        redacted=event.redacted or None,
        meta=event.meta,
        recording=source.recording or None,
    )


def event_json(event: Event) -> bytes:
    """Return an event as JSON on one line, without the line break."""
    return escape_json(_encoder.encode(event_document(event)))


def _milliseconds(duration_ns: int) -> float | Decimal:
    """A duration in milliseconds, exact to the nanosecond."""
    return duration_ns / MS_NS if duration_ns < EXACT_NS else Decimal(duration_ns).scaleb(-6)


def _payload(payload: bytes | None) -> tuple[str | None, str | None]:
    """A payload as text if it is valid UTF-8, else as base64."""
    if payload is None:
        return None, None
    try:
        return payload.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(payload).decode()


def jsonl(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """Write events, one a line; a piece for each page."""
    for page in pages:
        yield b"".join(event_json(event) + b"\n" for event in page)


def lnav_format() -> str:
    """Return the format with which lnav reads these lines: time, connection, name and content, by level."""
    # Imported here: it takes longer to load than this module, which the recorder needs
    from importlib.resources import files

    return files("wsmon.export").joinpath("lnav.json").read_text("utf-8")


STATISTICS_SCHEMA = "wsmon.stats/1"
# Of milliseconds
_DECIMALS = 3
_SHARE_DECIMALS = 6


def statistics_document(statistics: Statistics) -> dict[str, Json]:
    """Return statistics as ``stats --json`` prints them; keys of what was not measured are absent."""
    return {
        "schema": STATISTICS_SCHEMA,
        "since": rfc3339(statistics.since_ns),
        "until": rfc3339(statistics.until_ns),
        "connections": [connection_document(connection) for connection in statistics.connections],
    }


def connection_document(of: ConnectionStatistics) -> dict[str, Json]:
    """Return the statistics of one connection; distributions without values are empty, missing times and shares null.

    ``status`` is null where an application reports no transition of a connection.
    Subscriptions are known for the present only: a period in the past has no such key.
    """
    document: dict[str, Json] = {
        "name": of.name,
        "url": of.url,
        **({"relay": [{"listen": each.listen, "upstream": each.upstream} for each in of.relay]} if of.relay else {}),
        "status": of.status or None,
        "stalled": of.stalled,
        "profile": of.profile,
        "trace_id": of.trace_id,
        "sessions": of.sessions,
        "connection_count": of.connection_count,
        "reconnection_count": of.reconnection_count,
        "reconnects_per_hour": _rounded(of.reconnects_per_hour, _DECIMALS),
        "reconnect_gap_ms": _rounded(of.reconnect_gap_ms, _DECIMALS),
        "total_uptime_ms": _rounded(of.total_uptime_ms, _DECIMALS),
        "ws_uptime_ms": _rounded(of.ws_uptime_ms, _DECIMALS),
        "availability": _rounded(of.availability, _SHARE_DECIMALS),
        "last_connected_at": _time(of.last_connected_ns),
        "last_disconnected_at": _time(of.last_disconnected_ns),
        "last_message_at": _time(of.last_message_ns),
        "down_since": _time(of.down_since_ns),
        "failing_since": _time(of.failing_since_ns),
        "connect_ms": _summary(of.connect_ms),
        "reconnect_ms": _summary(of.reconnect_ms),
        "rtt_ms": _summary(of.rtt_ms),
        "process_ms": _summary(of.process_ms),
        "decode_ms": _summary(of.decode_ms),
        "encode_ms": _summary(of.encode_ms),
        "feed_latency_ms": _summary(of.feed_latency_ms),
        "feed_latency_uncertainty_ms": of.feed_latency_uncertainty_ms,
        "message_size": _summary(of.message_size),
        "messages": {**_flow(of.messages), "shed": of.shed_messages},
        "bytes": _flow(of.bytes),
        "wire_bytes": _flow(of.wire_bytes),
        "heartbeats": {
            "sent": of.heartbeats.sent,
            "answered": of.heartbeats.answered,
            "missed": of.heartbeats.missed,
        },
        "errors": dict(of.errors),
        "close_codes": dict(of.close_codes),
        "incidents": dict(of.incidents),
        "kpis": [_kpi(kpi) for kpi in of.kpis],
    }
    if of.sequence:
        document["sequence"] = dict(of.sequence)
    if of.message_types is not None:
        document["message_types"] = dict(of.message_types)
    if of.subscriptions is not None:
        found = of.subscriptions
        document["subscriptions"] = {"active": found.active, "pending": found.pending, "lost": found.lost}
    return document


def _kpi(kpi: Kpi) -> dict[str, Json]:
    document: dict[str, Json] = {
        "name": kpi.name,
        "value": _rounded(kpi.value, _SHARE_DECIMALS if kpi.unit == "share" else _DECIMALS),
        "threshold": kpi.threshold,
        "ok": kpi.ok,
        "samples": kpi.samples,
        "budget_left": _rounded(kpi.budget_left, _SHARE_DECIMALS),
    }
    if kpi.why:
        document["why"] = kpi.why
    return document


def _summary(summary: Summary | None) -> dict[str, Json]:
    if summary is None:
        return {}
    values = {
        "mean": summary.mean,
        "p50": summary.p50,
        "p95": summary.p95,
        "p99": summary.p99,
        "max": summary.max,
    }
    return {"count": summary.count, **{key: round(value, _DECIMALS) for key, value in values.items()}}


def _flow(flow: Flow) -> dict[str, Json]:
    return {"received": flow.received, "sent": flow.sent}


def _time(ts_ns: int | None) -> str | None:
    return None if ts_ns is None else rfc3339(ts_ns)


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)


TRACE_SCHEMA = "wsmon.trace/2"


def json_trace(selection: Selection) -> Iterator[bytes]:
    """Write the trace document, piece by piece: the connections that the query allows, then the recorder's own events.

    It has connections with host, port, statistics and all their events, as WebSockex Nova's ``export_trace`` has.
    """
    statistics = selection.view.statistics(*selection.period)
    connections = allowed_connections(selection.query, statistics)
    selection.total = selection.ids * (len(connections) + 1)
    yield _opened(
        {"schema": TRACE_SCHEMA, "since": rfc3339(statistics.since_ns), "until": rfc3339(statistics.until_ns)}
    )
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


def allowed_connections(query: Query, statistics: Statistics) -> tuple[ConnectionStatistics, ...]:
    """Return the connections whose events can match a query."""
    return tuple(connection for connection in statistics.connections if allows_connection(query, connection.name))


def _head(connection: ConnectionStatistics) -> dict[str, Json]:
    host, port = endpoint(connection.url)
    return {
        "name": connection.name,
        "host": host,
        "port": port,
        "statistics": connection_document(connection),
    }


def _events(selection: Selection, name: str) -> Iterator[bytes]:
    """The events of one connection; its name is compared with case, which a query ignores."""
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
    """An object without its closing brace, for more fields to follow."""
    return msgspec.json.encode(fields)[:-1] + b","
