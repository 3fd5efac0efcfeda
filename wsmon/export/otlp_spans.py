"""OpenTelemetry traces: spans of sessions, their dials and phases, and operations, for exports and the recorder's push.

A session is linked to the one before it. Attributes have the names of OpenTelemetry's semantic conventions where there
is one, else ``websocket.*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from wsmon.export.otlp import NOTHING, Fields, attributes, document, span_id, trace_id
from wsmon.export.selection import Selection
from wsmon.export.sessions import ExportedSession, address_and_port, endpoint, sessions
from wsmon.model.ends import why
from wsmon.model.events import Event, Json, Source, SpanId
from wsmon.model.spans import PHASES, Span, SpanFold, derived_id, is_clean_end
from wsmon.model.units import MS_NS
from wsmon.ports import StoreView

# SpanKind
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
# As applications and other instrumentations say it in ``meta.kind``
_KINDS: Final[Mapping[Json, int]] = MappingProxyType(
    {"internal": INTERNAL, "server": SERVER, "client": CLIENT, "producer": PRODUCER, "consumer": CONSUMER}
)
# What an application's request says of itself, by the semantic conventions
_REQUEST: Final[Mapping[str, str]] = MappingProxyType(
    {"transport": "network.protocol.name", "method": "http.request.method", "path": "url.path"}
)
# Metadata of spans that is in the span itself, or is expanded
_EXPANDED: Final = frozenset({"attributes", "kind", "remote", "resource"})
# StatusCode; a span without an error has 0, unset
STATUS_ERROR = 2
_CLIENT_OPERATIONS = ("request", "subscribe", "unsubscribe", "auth", "refresh", "heartbeat")
_SESSION_NAME, _CONNECT_NAME = "websocket session", "websocket connect"


def otlp(selection: Selection) -> Iterator[bytes]:
    """Write traces, piece by piece: operations by their ends, then the sessions that have an event in the selection."""
    return document("spans", _spans(selection))


def _spans(selection: Selection) -> Iterator[bytes]:
    selection.total = 2 * selection.ids
    touched: set[str] = set()
    fold = SpanFold()
    for page in selection.pages():
        touched.update(event.source.connection_id for event in page)
        yield b",\n".join(record for event in page for record in operation_records(fold, event))
    before: dict[str, ExportedSession] = {}
    for session in sessions(selection):
        if session is None:
            yield b""
            continue
        key = session.source.connection
        if session.source.connection_id in touched:
            records = (*session_records(selection.view, session, before.get(key)), *dial_records(session))
            yield b",\n".join(records)
        before[key] = session


def operation_records(fold: SpanFold, event: Event) -> Iterator[bytes]:
    """Iterate over the spans of operations that end with an event."""
    return (_operation(event, span) for span in _operations(fold, event))


def session_records(view: StoreView, session: ExportedSession, before: ExportedSession | None) -> Iterator[bytes]:
    """Yield the span of a session, linked to the session before it; nothing if the session has no event."""
    last = session.newest(view)
    first = session.first or last
    if first is not None and last is not None:
        fields = {**_of_source(session.source), **_of_dial(session), **_of_end(session)}
        yield _record(session.source, _whole(session, first, last), CLIENT, fields, before)


def dial_records(session: ExportedSession) -> Iterator[bytes]:
    """Iterate over the spans of a session's dial: the dial if it succeeded, and its phases."""
    source, whole_id = session.source, SpanId(span_id(session.source.connection_id))
    dial = _dial(session, whole_id)
    if dial is not None:
        yield _record(source, dial, CLIENT, {**_of_source(source), **_of_dial(session)})
    for phase in _phases(session):
        parent_id = dial.span_id if dial else whole_id
        yield _record(source, msgspec.structs.replace(phase, parent_id=parent_id), INTERNAL, _of_source(source))


def _operations(fold: SpanFold, event: Event) -> Iterator[Span]:
    """The spans that end with an event, except sessions and phases, which have a pass of their own."""
    return (span for span in fold.ended_by(event) if span.operation != "session" and span.operation not in PHASES)


def _operation(event: Event, span: Span) -> bytes:
    if span.operation == "trace":
        kind, about = _kind_reported(event), _reported(event)
    else:
        kind, about = CLIENT if span.operation in _CLIENT_OPERATIONS else INTERNAL, NOTHING
    fields: dict[str, Json] = {
        **about,
        **_of_source(event.source),
        "websocket.operation": span.operation,
        "websocket.ref": span.key,
        "websocket.topic": event.topic,
        "websocket.event.id": event.id,
    }
    return _record(event.source, span, kind, fields)


def _kind_reported(event: Event) -> int:
    """The kind of a span of an application: what it says, else that of its event."""
    said = (event.meta or {}).get("kind")
    kind = _KINDS.get(said) if isinstance(said, str) else None
    if kind is not None:
        return kind
    return {"trace.request.end": SERVER, "trace.downstream": CLIENT}.get(event.name, INTERNAL)


def _reported(event: Event) -> Fields:
    """The attributes that an application gave a span, under its own names, and those of its request."""
    meta = event.meta or {}
    found: dict[str, Json] = {}
    for key in ("resource", "attributes"):
        if isinstance(given := meta.get(key), Mapping):
            found |= given
    is_request = event.name == "trace.request.end"
    for key, value in meta.items():
        if key not in _EXPANDED:
            found[_REQUEST.get(key, key) if is_request else key] = value
    if isinstance(event.http_status, int):
        found["http.response.status_code"] = event.http_status
    return found


def _whole(session: ExportedSession, first: Event, last: Event) -> Span:
    """The span of a session; one that is open lasts up to its newest event."""
    name = _CONNECT_NAME if session.completed is None else _SESSION_NAME
    own_id = SpanId(span_id(session.source.connection_id))
    took_ns = max(0, last.mono_ns - first.mono_ns)
    ended = session.ended
    parent_id = "" if session.started is None else session.started.parent_id
    span = Span(own_id, parent_id, "session", "", name, first.ts_ns, first.mono_ns, took_ns, "ok")
    if ended is None or (ended.close_by == "us" and not ended.error_type):
        return span
    if ended.close_by in ("peer", "application") and is_clean_end(ended):
        return span
    error_type = ended.error_type or ("" if ended.close_code is None else f"close_{ended.close_code}")
    return msgspec.structs.replace(span, status="error", error_type=error_type, error=why(ended))


def _dial(session: ExportedSession, whole_id: SpanId) -> Span | None:
    """The span of a dial that succeeded, a child of its session."""
    done = session.completed
    if done is None or done.duration_ns is None:
        return None
    took_ns = done.duration_ns
    return Span(
        derived_id(whole_id, "connect"), whole_id, "connect", "", _CONNECT_NAME,
        done.ts_ns - took_ns, done.mono_ns - took_ns, took_ns, "ok",
    )  # fmt: skip


def _phases(session: ExportedSession) -> Iterator[Span]:
    fold = SpanFold()
    for event in (session.started, session.completed, session.ended):
        if event is not None:
            yield from (span for span in fold.ended_by(event) if span.operation in PHASES)


def _record(source: Source, span: Span, kind: int, fields: Fields, before: ExportedSession | None = None) -> bytes:
    """A span as JSON; its start is a wall time, its duration was measured with the monotonic clock."""
    record: dict[str, Json] = {
        "traceId": trace_id(source),
        "spanId": span_id(span.span_id),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.start_ns + (span.duration_ns or 0)),
        "attributes": attributes({**fields, "error.type": span.error_type, "websocket.outcome": span.status}),
        "status": {"code": STATUS_ERROR, "message": span.error} if span.status == "error" else {},
    }
    if span.parent_id:
        record["parentSpanId"] = span_id(span.parent_id)
    if before is not None:
        link = {"traceId": trace_id(before.source), "spanId": span_id(before.source.connection_id)}
        record["links"] = [{**link, "attributes": attributes({"websocket.link": "previous session"})}]
    return msgspec.json.encode(record)


def _of_source(source: Source) -> Fields:
    return {
        "websocket.connection": source.connection,
        "websocket.group": source.group,
        "websocket.connection_id": source.connection_id,
        "websocket.trace_id": source.trace_id,
        "websocket.run": source.run or None,
    }


def _of_dial(session: ExportedSession) -> Fields:
    """Attributes of the socket, by the semantic conventions for HTTP, network and TLS."""
    url = session.meta_value("url")
    server = endpoint(str(url)) if url else None
    peer, local = (address_and_port(str(session.meta_value(end) or "")) for end in ("peer", "local"))
    tls = session.meta_value("tls")
    about_tls = tls if isinstance(tls, Mapping) else {}
    answer = session.completed or session.ended
    return {
        "url.full": url,
        "server.address": server.host if server else None,
        "server.port": server.port if server else None,
        "network.peer.address": peer.host,
        "network.peer.port": peer.port,
        "network.local.address": local.host,
        "network.local.port": local.port,
        "network.transport": "tcp",
        "network.protocol.name": "websocket",
        "http.request.method": "GET",
        "http.response.status_code": answer.status if answer else None,
        "tls.protocol.version": about_tls.get("version"),
        "tls.cipher": about_tls.get("cipher"),
        "tls.server.issuer": about_tls.get("issuer"),
        "tls.server.not_after": about_tls.get("expires"),
        "websocket.attempt": session.meta_value("attempt"),
        "websocket.subprotocol": session.meta_value("subprotocol"),
        "websocket.extensions": session.meta_value("extensions"),
    }


def _of_end(session: ExportedSession) -> Fields:
    ended = session.ended
    if ended is None:
        return {"websocket.open": True}
    return {
        "websocket.close.code": ended.close_code,
        "websocket.close.by": ended.close_by,
        "websocket.close.reason": ended.reason,
        "websocket.verdict": why(ended),
        "websocket.open_ms": None if ended.duration_ns is None else ended.duration_ns / MS_NS,
    }
