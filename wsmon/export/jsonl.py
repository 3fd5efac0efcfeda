"""An event as one JSON object (CONTRACT.md, "JSON"), as ``search --json`` and ``export --format jsonl`` print it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from wsmon.model.durations import MS_NS
from wsmon.model.events import Event, Meta, Verdict

EXACT_NS = 2**52
# durations below, 52 days, are told apart as milliseconds in a float
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - UTC, whose offset costs more to print than all the rest
_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")
# what JSON does not know becomes its text; bytes become base64, NaN becomes null


class EventDocument(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The keys of the contract, in their order; what does not apply is ``None``, and absent in JSON."""

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
    status: int | str | None = None
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


def rfc3339(ts_ns: int) -> str:
    """A wall time as UTC, with microseconds."""
    at = _EPOCH + timedelta(microseconds=ts_ns // 1_000)
    return f"{at.isoformat(timespec='microseconds')}Z"


def event_document(event: Event) -> EventDocument:
    """An event by the keys of the contract."""
    source = event.source
    text, encoded = _payload(event.payload)
    return EventDocument(
        id=event.id,
        ts=rfc3339(event.ts_ns),
        ts_ns=event.ts_ns,
        mono_ns=event.mono_ns,
        run=source.run or None,
        connection=source.connection or None,
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
        status=event.status,
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
    )


def event_json(event: Event) -> bytes:
    """An event as JSON on one line, without its end."""
    return _encoder.encode(event_document(event))


def _milliseconds(duration_ns: int) -> float | Decimal:
    """A duration of which no nanosecond is lost."""
    return duration_ns / MS_NS if duration_ns < EXACT_NS else Decimal(duration_ns).scaleb(-6)


def _payload(payload: bytes | None) -> tuple[str | None, str | None]:
    """A payload as text where it is valid UTF-8, else as base64."""
    if payload is None:
        return None, None
    try:
        return payload.decode(), None
    except UnicodeDecodeError:
        return None, base64.b64encode(payload).decode()


def jsonl(pages: Iterable[tuple[Event, ...]]) -> Iterator[bytes]:
    """Events, one a line; a piece a page."""
    for page in pages:
        yield b"".join(event_json(event) + b"\n" for event in page)
