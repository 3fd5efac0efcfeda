"""Import of JSON Lines: events as ``export --format jsonl`` writes them, with their ids and runs."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from wsmon.export.import_session import Fault, Incoming, Line, connection_name, json_wall_ns
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
_LARGEST = 2**63 - 1

Whole = Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]


class _Line(msgspec.Struct, frozen=True):
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


_line_decoder = msgspec.json.Decoder(_Line)


def jsonl_events(lines: Iterable[Line]) -> Iterator[Incoming]:
    """Iterate over the events of lines; a line that cannot be read is a fault, and the next one is read.

    Ids and runs must ascend, as in every store; otherwise the line is a fault. A missing id, run or monotonic time
    follows from the line before.
    """
    before: Event | None = None
    for number, line in enumerate(lines, 1):
        if isinstance(line, Fault):
            yield line
            continue
        if not line.strip():
            continue
        try:
            before = _event_of_line(_line_decoder.decode(line), before)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield Fault(number, str(error))
        else:
            yield before


def _event_of_line(line: _Line, before: Event | None) -> Event:
    name = _NAMES.get(line.name)
    if name is None:
        raise ValueError(f"{line.name!r} is no event of wsmon")
    event_id, run = _place(line, before)
    ts_ns, mono_ns = _times(line, before)
    return Event(
        source=_source(line, run, before),
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


def _place(line: _Line, before: Event | None) -> tuple[int, int]:
    """Id and run, which must follow those of the line before."""
    last_id, last_run = (before.id, before.source.run) if before else (0, 1)
    event_id = last_id + 1 if line.id is None else line.id
    if not last_id < event_id <= _LARGEST:
        raise ValueError(f"id {event_id} does not follow {last_id}")
    run = line.run or last_run
    if run < last_run:
        raise ValueError(f"run {run} does not follow {last_run}")
    return event_id, run


def _source(line: _Line, run: int, before: Event | None) -> Source:
    """The source of the line before if it is equal, so that the events of a session share one value."""
    source = Source(line.connection, line.group, line.trace_id, line.connection_id, run)
    if before is not None and before.source == source:
        return before.source
    # A name of wsmon stays as it is; another one could not be typed, or would move the cursor
    return msgspec.structs.replace(
        source,
        connection=connection_name(line.connection, "unnamed") if line.connection else "",
        group=connection_name(line.group, "unnamed") if line.group else "",
    )


def _times(line: _Line, before: Event | None) -> tuple[int, int]:
    if line.ts_ns is not None:
        ts_ns = line.ts_ns
    elif bytes(line.ts) not in (b"", b"null"):
        ts_ns = json_wall_ns(line.ts)
    else:
        raise ValueError("it has no ts")
    if line.mono_ns is not None:
        return ts_ns, line.mono_ns
    mono_ns = 0 if before is None else before.mono_ns + max(0, ts_ns - before.ts_ns)
    if mono_ns > _LARGEST:
        raise ValueError("its time is too far from the one before")
    return ts_ns, mono_ns


def _duration_ns(duration_ms: Decimal | None) -> int | None:
    """Whole nanoseconds; ``Decimal``, since a float of many days is not exact."""
    if duration_ms is None:
        return None
    if not 0 <= duration_ms <= _LARGEST // MS_NS:
        raise ValueError(f"duration_ms {duration_ms} is no duration")
    return round(duration_ms * MS_NS)


def _payload(line: _Line) -> bytes | None:
    if line.payload_base64 is not None:
        try:
            return base64.b64decode(line.payload_base64, validate=True)
        except binascii.Error as error:
            raise ValueError(f"payload_base64: {error}") from error
    return None if line.payload is None else line.payload.encode()
