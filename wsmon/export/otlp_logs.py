"""Events as OTLP/JSON log records: one an event, with the session's span as its context."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

import msgspec

from wsmon.export.otlp_values import Fields, attributes, document, span_id, trace_id
from wsmon.model.durations import MS_NS
from wsmon.model.events import Event, Json
from wsmon.model.verdict import why

DEBUG, INFO, WARN, ERROR = 5, 9, 13, 17
# SeverityNumber
_TEXTS = {DEBUG: "DEBUG", INFO: "INFO", WARN: "WARN", ERROR: "ERROR"}
_FREQUENT = ("message", "heartbeat", "trace")
# categories that come as often as messages


def otlp_logs(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """One file of log records; a piece a page."""
    return document("logRecords", (b",\n".join(log_record(event) for event in page) for page in pages))


def log_record(event: Event) -> bytes:
    """The record of one event."""
    severity = _severity(event)
    record: dict[str, Json] = {
        "timeUnixNano": str(event.ts_ns),
        "observedTimeUnixNano": str(event.ts_ns),
        "severityNumber": severity,
        "severityText": _TEXTS[severity],
        "eventName": event.name,
        "body": _body(event),
        "attributes": attributes(_fields(event)),
    }
    if event.source.connection:
        record["traceId"] = trace_id(event.source)
        if own_id := span_id(event.span_id or event.source.connection_id):
            record["spanId"] = own_id
    return msgspec.json.encode(record)


def _severity(event: Event) -> int:
    if event.error_type:
        return ERROR
    if event.is_problem:
        return WARN
    return DEBUG if event.category in _FREQUENT else INFO


def _body(event: Event) -> Json:
    """The payload of a message, bytes where it is no text; a sentence of everything else."""
    if event.payload is None:
        return {"stringValue": why(event) or event.error or event.reason or event.name}
    try:
        return {"stringValue": event.payload.decode()}
    except UnicodeDecodeError:
        return {"bytesValue": base64.b64encode(event.payload).decode()}


def _fields(event: Event) -> Fields:
    """Everything else that the event says."""
    source = event.source
    return {
        "websocket.event.id": event.id,
        "websocket.event.mono_ns": event.mono_ns,
        "websocket.connection": source.connection,
        "websocket.group": source.group,
        "websocket.connection_id": source.connection_id,
        "websocket.trace_id": source.trace_id,
        "websocket.run": source.run or None,
        "websocket.parent_id": event.parent_id,
        "websocket.direction": event.direction,
        "websocket.opcode": event.opcode,
        "websocket.from_status": event.from_status,
        "websocket.to_status": event.to_status,
        "websocket.type": event.type,
        "websocket.topic": event.topic,
        "websocket.ref": event.ref,
        "websocket.size": event.size,
        "websocket.wire_size": event.wire_size,
        "websocket.duration_ms": None if event.duration_ns is None else event.duration_ns / MS_NS,
        "websocket.status": event.status,
        "websocket.close.code": event.close_code,
        "websocket.close.by": event.close_by,
        "websocket.close.reason": event.reason,
        "websocket.truncated": event.truncated or None,
        "websocket.redacted": event.redacted or None,
        "error.type": event.error_type,
        "error.message": event.error,
        "websocket.meta": event.meta,
    }
