"""An event as one JSON object (CONTRACT.md, "JSON"), as ``search --json`` and ``export --format jsonl`` print it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from wsmon.model.events import Event, Json

MS_NS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder(enc_hook=str)
# what JSON does not know becomes its text; bytes become base64, NaN becomes null


def rfc3339(ts_ns: int) -> str:
    """A wall time as UTC, with microseconds."""
    return (_EPOCH + timedelta(microseconds=ts_ns // 1_000)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def event_document(event: Event) -> dict[str, Json]:
    """An event by the keys of the contract, in their order; keys that do not apply are absent."""
    source = event.source
    document: dict[str, Json] = {
        "id": event.id,
        "ts": rfc3339(event.ts_ns),
        "ts_ns": event.ts_ns,
        "mono_ns": event.mono_ns,
        "run": source.run,
        "connection": source.connection,
        "group": source.group,
        "connection_id": source.connection_id,
        "trace_id": source.trace_id,
        "span_id": event.span_id,
        "parent_id": event.parent_id,
        "name": event.name,
        "direction": event.direction,
        "opcode": event.opcode,
        "from_status": event.from_status,
        "to_status": event.to_status,
        "type": event.type,
        "topic": event.topic,
        "ref": event.ref,
        "size": event.size,
        "wire_size": event.wire_size,
        "duration_ms": None if event.duration_ns is None else event.duration_ns / MS_NS,
        "status": event.status,
        "close_code": event.close_code,
        "close_by": event.close_by,
        "reason": event.reason,
        "error_type": event.error_type,
        "error": event.error,
    }
    document = {key: value for key, value in document.items() if value is not None and value != ""}
    if event.payload is not None:
        document |= payload_document(event.payload)
    if event.truncated:
        document["truncated"] = True
    if event.redacted:
        document["redacted"] = True
    if event.meta is not None:
        document["meta"] = event.meta
    return document


def payload_document(payload: bytes) -> dict[str, Json]:
    """A payload as text where it is valid UTF-8, else as base64."""
    try:
        return {"payload": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_base64": base64.b64encode(payload).decode()}


def event_json(event: Event) -> bytes:
    """An event as JSON on one line, without its end."""
    return _encoder.encode(event_document(event))


def jsonl(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """Events, one a line; a piece a page."""
    for page in pages:
        yield b"".join(event_json(event) + b"\n" for event in page)
