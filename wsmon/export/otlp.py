"""Spans as OTLP/JSON traces, one file that Jaeger's upload takes: sessions, their dials and phases, operations.

A session is linked to the one before it. Attributes have the names of OpenTelemetry's conventions where there is one,
``websocket.*`` where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from wsmon.export.endpoint import address_and_port, endpoint
from wsmon.export.otlp_values import Fields, attributes, document, span_id, trace_id
from wsmon.export.selection import Selection
from wsmon.export.sessions import Session, sessions
from wsmon.model.durations import MS_NS
from wsmon.model.events import Event, Json, Source
from wsmon.model.ids import SpanId
from wsmon.model.span_events import CLEAN_CODES, PHASES, SpanFold, derived_id
from wsmon.model.spans import Span
from wsmon.model.verdict import why
from wsmon.ports import StoreView

INTERNAL, CLIENT = 1, 3
# SpanKind
ERROR = 2
# StatusCode; 0 = unset, which is what a span that went well has
_CLIENT_OPERATIONS = ("request", "subscribe", "unsubscribe", "auth", "refresh", "heartbeat")
_SESSION_NAME, _CONNECT_NAME = "websocket session", "websocket connect"


def otlp(selection: Selection) -> Iterator[bytes]:
    """The file, piece by piece: operations by their end, then the sessions that the selection has an event of."""
    return document("spans", _spans(selection))


def _spans(selection: Selection) -> Iterator[bytes]:
    selection.total = 2 * selection.ids
    touched: set[str] = set()
    fold = SpanFold()
    for page in selection.pages():
        touched.update(event.source.connection_id for event in page)
        yield b",\n".join(record for event in page for record in operation_records(fold, event))
    before: dict[str, Session] = {}
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
    """The operations that end with an event."""
    return (_operation(event, span) for span in _operations(fold, event))


def session_records(view: StoreView, session: Session, before: Session | None) -> Iterator[bytes]:
    """The span of a session, linked to the one before it; none where nothing is known of it."""
    last = session.newest(view)
    first = session.first or last
    if first is not None and last is not None:
        fields = {**_of_source(session.source), **_of_dial(session), **_of_end(session)}
        yield _record(session.source, _whole(session, first, last), CLIENT, fields, before)


def dial_records(session: Session) -> Iterator[bytes]:
    """The spans of a session's dial: itself where it succeeded, and its phases."""
    source, whole_id = session.source, SpanId(span_id(session.source.connection_id))
    dial = _dial(session, whole_id)
    if dial is not None:
        yield _record(source, dial, CLIENT, {**_of_source(source), **_of_dial(session)})
    for phase in _phases(session):
        parent_id = dial.span_id if dial else whole_id
        yield _record(source, msgspec.structs.replace(phase, parent_id=parent_id), INTERNAL, _of_source(source))


def _operations(fold: SpanFold, event: Event) -> Iterator[Span]:
    """What ended with an event, but sessions and their phases: those have a pass of their own."""
    return (span for span in fold.ended_by(event) if span.operation != "session" and span.operation not in PHASES)


def _operation(event: Event, span: Span) -> bytes:
    kind = CLIENT if span.operation in _CLIENT_OPERATIONS else INTERNAL
    fields: dict[str, Json] = {
        **_of_source(event.source),
        "websocket.operation": span.operation,
        "websocket.ref": span.key,
        "websocket.topic": event.topic,
        "websocket.event.id": event.id,
    }
    return _record(event.source, span, kind, fields)


def _whole(session: Session, first: Event, last: Event) -> Span:
    """The span of a session; one that goes on lasts up to its newest event."""
    name = _CONNECT_NAME if session.completed is None else _SESSION_NAME
    own_id = SpanId(span_id(session.source.connection_id))
    took_ns = max(0, last.mono_ns - first.mono_ns)
    ended = session.ended
    span = Span(own_id, "", "session", "", name, first.ts_ns, first.mono_ns, took_ns, "ok")
    if ended is None or (ended.close_by == "us" and not ended.error_type):
        return span
    if ended.close_by == "peer" and ended.close_code in CLEAN_CODES:
        return span
    error_type = ended.error_type or ("" if ended.close_code is None else f"close_{ended.close_code}")
    return msgspec.structs.replace(span, status="error", error_type=error_type, error=why(ended))


def _dial(session: Session, whole_id: SpanId) -> Span | None:
    """The span of a dial that succeeded, within its session."""
    done = session.completed
    if done is None or done.duration_ns is None:
        return None
    took_ns = done.duration_ns
    return Span(
        derived_id(whole_id, "connect"), whole_id, "connect", "", _CONNECT_NAME,
        done.ts_ns - took_ns, done.mono_ns - took_ns, took_ns, "ok",
    )  # fmt: skip


def _phases(session: Session) -> Iterator[Span]:
    fold = SpanFold()
    for event in (session.started, session.completed, session.ended):
        if event is not None:
            yield from (span for span in fold.ended_by(event) if span.operation in PHASES)


def _record(source: Source, span: Span, kind: int, fields: Fields, before: Session | None = None) -> bytes:
    """A span of the protocol; times are wall times, durations were measured."""
    record: dict[str, Json] = {
        "traceId": trace_id(source),
        "spanId": span_id(span.span_id),
        "name": span.name,
        "kind": kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.start_ns + (span.duration_ns or 0)),
        "attributes": attributes({**fields, "error.type": span.error_type, "websocket.outcome": span.status}),
        "status": {"code": ERROR, "message": span.error} if span.status == "error" else {},
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


def _of_dial(session: Session) -> Fields:
    """What is known of the socket, by the conventions for HTTP, network and TLS."""
    url = session.told("url")
    server = endpoint(str(url)) if url else None
    peer, local = (address_and_port(str(session.told(end) or "")) for end in ("peer", "local"))
    tls = session.told("tls")
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
        "websocket.attempt": session.told("attempt"),
        "websocket.subprotocol": session.told("subprotocol"),
        "websocket.extensions": session.told("extensions"),
    }


def _of_end(session: Session) -> Fields:
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
