"""TraceEvent: what an application reports of one moment, and the line of JSON that it becomes, whatever is in it."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wsmon.model.statuses import Status

# Nesting of metadata that has to be looked through, since it is no JSON as it is
_DEPTH: Final = 8
_LARGEST: Final = 2**63 - 1


class TraceEvent(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event, with the keys of ``wsmon search --json``; what does not apply keeps its default.

    ``name`` is one of wsmon's, as ``connection.completed``, ``message.received`` or ``trace.span.end``, and means the
    same; any other name is an event of the application, stored as ``trace.log`` with the name as its type.
    """

    name: str
    ts_ns: int = 0
    """Wall time, nanoseconds since 1970; 0 = when it is emitted."""
    mono_ns: int = 0
    """``time.monotonic_ns()`` of the same moment; 0 = when it is emitted."""
    connection: str = ""
    """Row of the screen that it belongs to: letters, digits, ``.``, ``_``, ``-``; empty = that of the sink."""
    group: str = ""
    connection_id: str = ""
    """The session, 16 hex digits; empty = none."""
    trace_id: str = ""
    """Correlation id, 32 hex digits where other programs are to understand it; empty = none."""
    span_id: str = ""
    """16 hex digits; empty = none."""
    parent_id: str = ""
    direction: str = ""
    """in, out"""
    opcode: str = ""
    """text, binary, ping, pong, close"""
    from_status: Status | None = None
    to_status: Status | None = None
    type: str = ""
    topic: str = ""
    ref: str = ""
    size: int | None = None
    """Bytes; None = those of the payload."""
    wire_size: int | None = None
    duration_ms: float | None = None
    status: int | None = None
    """HTTP status."""
    outcome: str = ""
    """ok, error"""
    close_code: int | None = None
    close_by: str = ""
    """peer, us, heartbeat, network, proxy, refusal, application"""
    reason: str = ""
    error_type: str = ""
    error: str = ""
    payload: str | bytes | None = None
    payload_base64: str | None = None
    """Filled in for bytes that are no text."""
    truncated: bool = False
    """Whether the payload is the beginning of a longer one."""
    redacted: bool = False
    """Whether credentials in the payload are masked already."""
    meta: Mapping[str, Any] | None = None
    """Anything else. What JSON does not know becomes text, bytes become base64."""


def json_line(event: TraceEvent) -> bytes:
    """Return an event as an object of JSON, with its time; raises where something in it fails to be looked at."""
    if isinstance(event.payload, bytes):
        event = _with_text(event, event.payload)
    try:
        body = _ENCODER.encode(event)
    except Exception:  # noqa: BLE001 - the metadata may be anything, and so what goes wrong with it
        body = _ENCODER.encode(_plain_event(event))
    if event.ts_ns:
        return body
    if event.mono_ns:
        return b'{"ts_ns":%d,%b' % (time.time_ns(), body[1:])
    return b'{"ts_ns":%d,"mono_ns":%d,%b' % (time.time_ns(), time.monotonic_ns(), body[1:])


def json_value(value: object) -> bytes:
    """Return any value as JSON, on one line."""
    try:
        return _ENCODER.encode(value)
    except Exception:  # noqa: BLE001 - as above
        return _ENCODER.encode(plain(msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value))


def _with_text(event: TraceEvent, payload: bytes) -> TraceEvent:
    size = len(payload) if event.size is None else event.size
    try:
        return msgspec.structs.replace(event, payload=payload.decode(), size=size)
    except UnicodeDecodeError:
        encoded = base64.b64encode(payload).decode()
        return msgspec.structs.replace(event, payload=None, payload_base64=encoded, size=size)


def _plain_event(event: TraceEvent) -> TraceEvent:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return TraceEvent(**{name: plain(value) for name, value in fields.items()})


def plain(value: object, depth: int = _DEPTH) -> Any:
    """Return a value of JSON for any value: what JSON does not know becomes text, as does what is nested too deep."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else _text(value)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if depth and isinstance(value, Mapping):
        return {plain(_text(key)): plain(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth - 1) for item in value]
    return plain(_text(value))


def _text(value: object) -> str:
    """The text of a value; of an exception, with its type."""
    try:
        return f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
    except Exception as error:  # noqa: BLE001 - a class of the application, whose text fails
        return f"{type(value).__name__} without a text ({type(error).__name__})"


_ENCODER = msgspec.json.Encoder(enc_hook=_text)
