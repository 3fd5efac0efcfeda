"""Reads what ``jsonl`` wrote: the same events again, ids and runs kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from wsmon.export.incoming import Fault, Incoming, wall_ns
from wsmon.model.durations import MS_NS
from wsmon.model.events import EVENT_NAMES, CloseBy, Direction, Event, EventName, Opcode, Source, Verdict
from wsmon.model.statuses import Status

ALIASES: dict[str, EventName] = {
    "connection.websocket_upgrade": "connection.completed",
    "connection.close": "connection.disconnected",
    "connection.reconnected": "connection.reconnect.success",
    "subscription.restoration_failed": "subscription.subscribe.completed",
}
# names that telemetry of WebSockex Nova really emits, where the guide and wsmon have others
_NAMES: dict[str, EventName] = {**{name: name for name in EVENT_NAMES}, **ALIASES}
_LARGEST = 2**63 - 1
# that a store holds

Whole = Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]


class _Line(msgspec.Struct, frozen=True):
    """The keys of the contract; unknown ones are left out, as a newer wsmon may have written them."""

    name: str
    id: Natural | None = None
    ts: str | None = None
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


_decoder = msgspec.json.Decoder(_Line)


def jsonl_events(lines: Iterable[bytes]) -> Iterator[Incoming]:
    """The events of the lines; a line that is none is a fault, and the next is read.

    Ids and runs ascend, as in every store: what would go back is a fault. Where a line has no id, run or monotonic
    time, they follow from the line before.
    """
    before: Event | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            before = _event(_decoder.decode(line), before)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield Fault(number, str(error))
        else:
            yield before


def _event(line: _Line, before: Event | None) -> Event:
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
        status=line.status if line.name != "subscription.restoration_failed" else "error",
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
    """Id and run, after those of the line before."""
    last_id, last_run = (before.id, before.source.run) if before else (0, 1)
    event_id = last_id + 1 if line.id is None else line.id
    if not last_id < event_id <= _LARGEST:
        raise ValueError(f"id {event_id} does not follow {last_id}")
    run = line.run or last_run
    if run < last_run:
        raise ValueError(f"run {run} does not follow {last_run}")
    return event_id, run


def _source(line: _Line, run: int, before: Event | None) -> Source:
    """The source of the line before where it is the same: events of a session share one value."""
    source = Source(line.connection, line.group, line.trace_id, line.connection_id, run)
    return before.source if before is not None and before.source == source else source


def _times(line: _Line, before: Event | None) -> tuple[int, int]:
    if line.ts_ns is not None:
        ts_ns = line.ts_ns
    elif line.ts is not None:
        ts_ns = wall_ns(line.ts)
    else:
        raise ValueError("it has no ts")
    if line.mono_ns is not None:
        return ts_ns, line.mono_ns
    return ts_ns, 0 if before is None else before.mono_ns + max(0, ts_ns - before.ts_ns)


def _duration_ns(duration_ms: Decimal | None) -> int | None:
    """Whole nanoseconds; through ``Decimal``, since a float of many days has lost some."""
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
