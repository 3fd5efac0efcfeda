"""Import of JSON lines: events as ``export --format jsonl`` writes them, and recordings with a frame on each line.

Events keep their ids and runs. What all imports share is here too: faults, ids derived from the file, and the events of
a session's beginning.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from wsmon.model.events import EVENT_NAMES, CloseBy, Direction, Event, EventName, Json, Opcode, Source, Verdict
from wsmon.model.redact import Redactor
from wsmon.model.statuses import Status
from wsmon.model.units import MS_NS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The monotonic time of the first event, in files without monotonic times
MONO_START_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A line, or an entry of an archive, that cannot be read."""

    line: int
    """Counted from 1."""
    problem: str


Incoming: TypeAlias = "Event | Fault"


def wall_ns(text: str) -> int:
    """Return an RFC 3339 time in nanoseconds; without a zone it is UTC. Raises ``ValueError``."""
    at = datetime.fromisoformat(text)
    since = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) - EPOCH
    return since // timedelta(microseconds=1) * 1_000


def derived(size: int, *parts: str | int) -> str:
    """Return an id of ``size`` bytes in hex, a digest of ``parts``: the same each time the file is read."""
    return hashlib.blake2b(" ".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=size).hexdigest()


def session_source(connection: str, *parts: str | int) -> Source:
    """Return the source of a session that has no ids in the file."""
    return Source(connection, "", derived(16, connection), derived(8, connection, *parts), 1)


def opening(
    source: Source, ts_ns: int, meta: dict[str, Json], was: Status, duration_ns: int = 0
) -> tuple[Event, Event]:
    """Return the events of a dial and its success; ``ts_ns`` is the time of the success, ``was`` the status before."""
    start_ns = ts_ns - duration_ns
    first: dict[str, Json] = {key: value for key, value in meta.items() if key == "url"}
    started = Event(
        source, "connection.started", start_ns, 0, from_status=was, to_status="connecting", meta={"attempt": 1, **first}
    )
    done = Event(
        source, "connection.completed", ts_ns, 0, from_status="connecting", to_status="websocket_connected",
        status=101, duration_ns=duration_ns or None, meta={key: value for key, value in meta.items() if key != "url"},
    )  # fmt: skip
    return started, done


def in_order(incoming: Iterable[Incoming]) -> Iterator[Incoming]:
    """Give events ids, and monotonic times that follow their wall times but stand still where those go back."""
    last_id = mono_ns = zero_ns = 0
    for one in incoming:
        if isinstance(one, Fault):
            yield one
            continue
        zero_ns = zero_ns or one.ts_ns - MONO_START_NS
        mono_ns = max(mono_ns, one.ts_ns - zero_ns)
        last_id += 1
        yield msgspec.structs.replace(one, id=last_id, mono_ns=mono_ns)


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


def jsonl_events(lines: Iterable[bytes]) -> Iterator[Incoming]:
    """Iterate over the events of lines; a line that cannot be read is a fault, and the next one is read.

    Ids and runs must ascend, as in every store; otherwise the line is a fault. A missing id, run or monotonic time
    follows from the line before.
    """
    before: Event | None = None
    for number, line in enumerate(lines, 1):
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


# Recordings: a frame of one connection on each line, with the keys "ts", "dir", "type", "data" and "binary".

_FRAME_NAMES: dict[tuple[str, str], EventName] = {
    ("in", "text"): "message.received",
    ("out", "text"): "message.sent",
    ("in", "binary"): "message.received",
    ("out", "binary"): "message.sent",
    ("in", "ping"): "heartbeat.received",
    ("out", "ping"): "heartbeat.sent",
    ("in", "pong"): "heartbeat.responded",
    ("out", "pong"): "heartbeat.responded",
}


class _Close(msgspec.Struct, frozen=True):
    code: int | None = None
    reason: str = ""


class _Frame(msgspec.Struct, frozen=True):
    ts: str
    dir: Literal["in", "out"]
    type: Literal["text", "binary", "ping", "pong", "close"]
    data: str | _Close | None = ""
    binary: bool = False
    """Whether the data is base64."""


_frame_decoder = msgspec.json.Decoder(_Frame)
_close_decoder = msgspec.json.Decoder(_Close)


def recording_events(lines: Iterable[bytes], connection: str) -> Iterator[Incoming]:
    """Iterate over the events of a recording: a session begins with its first frame, and ends with a close frame."""
    return in_order(_events(lines, connection))


def _events(lines: Iterable[bytes], connection: str) -> Iterator[Incoming]:
    redactor = Redactor()
    status: Status = "initialized"
    source = session_source(connection, 0)
    first: Event | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            frame = _frame_decoder.decode(line)
            ts_ns = wall_ns(frame.ts)
            event = _event_of_frame(frame, source, ts_ns, redactor, first)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield Fault(number, str(error))
            continue
        if status != "websocket_connected":
            source = session_source(connection, number)
            first, done = opening(source, ts_ns, {}, status)
            yield first
            yield done
            event = msgspec.structs.replace(event, source=source)
        status = "disconnected" if event.to_status else "websocket_connected"
        yield event


def _event_of_frame(frame: _Frame, source: Source, ts_ns: int, redactor: Redactor, first: Event | None) -> Event:
    if frame.type == "close":
        close = _close_decoder.decode(frame.data or "{}") if not isinstance(frame.data, _Close) else frame.data
        return Event(
            source, "connection.disconnected", ts_ns, 0,
            from_status="websocket_connected", to_status="disconnected",
            duration_ns=None if first is None else max(0, ts_ns - first.ts_ns),
            close_code=close.code, close_by="peer" if frame.dir == "in" else "us", reason=redactor.text(close.reason),
            meta={"open": True},
        )  # fmt: skip
    if not isinstance(frame.data, str):
        raise ValueError("data is no text")
    body = base64.b64decode(frame.data, validate=True) if frame.binary else frame.data.encode()
    payload, redacted = redactor.payload(body)
    return Event(
        source, _FRAME_NAMES[frame.dir, frame.type], ts_ns, 0, direction=frame.dir, opcode=frame.type,
        size=len(body), payload=payload, redacted=redacted,
    )  # fmt: skip
