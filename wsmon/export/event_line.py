"""One line of JSON as an event: the keys of ``search --json``, for imports and for applications that report events."""

from __future__ import annotations

import base64
import binascii
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from wsmon.export.import_session import json_wall_ns
from wsmon.model.events import EVENT_NAMES, CloseBy, Direction, Event, EventName, Opcode, Source, Verdict
from wsmon.model.statuses import Status
from wsmon.model.units import MS_NS

# Names that WebSockex Nova's telemetry emits, where its guide and wsmon have others
ALIASES: dict[str, EventName] = {
    "connection.websocket_upgrade": "connection.completed",
    "connection.close": "connection.disconnected",
    "connection.reconnected": "connection.reconnect.success",
    "subscription.restoration_failed": "subscription.subscribe.completed",
}
_NAMES: dict[str, EventName] = {**{name: name for name in EVENT_NAMES}, **ALIASES}
# Limit of integers in SQLite
LARGEST = 2**63 - 1

Whole = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]


class EventLine(msgspec.Struct, frozen=True):
    """The keys of an event; unknown ones are ignored, since a newer wsmon may have written them."""

    name: str
    id: Natural | None = None
    ts: msgspec.Raw = msgspec.Raw()
    ts_ns: Natural | None = None
    mono_ns: Natural | None = None
    run: Natural | None = None
    connection: str = ""
    group: str = ""
    connection_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    direction: Direction = ""
    opcode: Opcode = ""
    from_status: Status | None = None
    to_status: Status | None = None
    type: str = ""
    topic: str = ""
    ref: str = ""
    size: Natural | None = None
    wire_size: Natural | None = None
    duration_ms: Decimal | None = None
    status: Whole | str | None = None
    """A text in version 1, which had outcomes here."""
    outcome: str = ""
    close_code: Whole | None = None
    close_by: CloseBy = ""
    reason: str = ""
    error_type: str = ""
    error: str = ""
    verdict: Verdict | None = None
    payload: str | None = None
    payload_base64: str | None = None
    truncated: bool = False
    redacted: bool = False
    meta: dict[str, Any] | None = None
    recording: str = ""
    """Of an export of several recordings, whose runs and clocks do not fit into one store."""


def event_name(line: EventLine) -> EventName | None:
    """Return the name of the event that a line is, by its name or an alias of it; ``None`` where wsmon has none."""
    return _NAMES.get(line.name)


def wall_ns_of(line: EventLine) -> int | None:
    """Return the wall time of a line, nanoseconds since 1970; ``None`` where it has none. Raises ``ValueError``."""
    if line.ts_ns is not None:
        return line.ts_ns
    if bytes(line.ts) in (b"", b"null"):
        return None
    return json_wall_ns(line.ts, "`ts`")


def event_of_line(line: EventLine, source: Source, name: EventName, ts_ns: int, mono_ns: int, event_id: int) -> Event:
    """Return the event of a line; raises ``ValueError`` where a value cannot be read."""
    return Event(
        source=source,
        name=name,
        ts_ns=ts_ns,
        mono_ns=mono_ns,
        direction=line.direction,
        opcode=line.opcode,
        size=line.size,
        wire_size=line.wire_size,
        payload=_payload(line),
        truncated=line.truncated,
        redacted=line.redacted,
        type=line.type,
        topic=line.topic,
        ref=line.ref,
        duration_ns=_duration_ns(line.duration_ms),
        status="error" if line.name == "subscription.restoration_failed" else line.outcome or line.status,
        from_status=line.from_status,
        to_status=line.to_status,
        close_code=line.close_code,
        close_by=line.close_by,
        reason=line.reason,
        error_type=line.error_type,
        error=line.error,
        span_id=line.span_id,
        parent_id=line.parent_id,
        verdict=line.verdict,
        meta=line.meta,
        id=event_id,
    )


def _duration_ns(duration_ms: Decimal | None) -> int | None:
    """Whole nanoseconds; ``Decimal``, since a float of many days is not exact."""
    if duration_ms is None:
        return None
    if not 0 <= duration_ms <= LARGEST // MS_NS:
        raise ValueError(f"`duration_ms` must be between 0 and {LARGEST // MS_NS} (got {duration_ms})")
    return round(duration_ms * MS_NS)


def _payload(line: EventLine) -> bytes | None:
    if line.payload_base64 is not None:
        try:
            return base64.b64decode(line.payload_base64, validate=True)
        except binascii.Error as error:
            raise ValueError(f"`payload_base64` must be base64: {error}") from error
    return None if line.payload is None else line.payload.encode()
