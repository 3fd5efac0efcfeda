"""Import of HTTP Archives (HAR) of browsers or of wsmon: their WebSocket sessions as events; read into memory whole."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from wsmon.errors import UsageError
from wsmon.export.import_jsonl import Fault, Incoming, derived, in_order, opening, wall_ns
from wsmon.model.events import CloseBy, Direction, Event, EventName, Json, Opcode, Source
from wsmon.model.redact import Redactor
from wsmon.model.redact.masking import MASK
from wsmon.model.units import MS_NS

# Close frames are left out: the entry has code and reason
_WORDS: dict[int, Opcode] = {1: "text", 2: "binary", 9: "ping", 10: "pong"}
_PHASES = {"dns": "dns_ms", "connect": "tcp_ms", "ssl": "tls_ms", "wait": "upgrade_ms"}


class _Header(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Frame(msgspec.Struct, frozen=True):
    type: str
    time: float
    opcode: int
    data: str = ""
    size: int | None = msgspec.field(name="_size", default=None)
    truncated: bool = msgspec.field(name="_truncated", default=False)


class _Request(msgspec.Struct, frozen=True):
    url: str
    headers: list[_Header] = []


class _Response(msgspec.Struct, frozen=True):
    status: int
    headers: list[_Header] = []
    content: dict[str, Any] = {}
    error: str = msgspec.field(name="_error", default="")


class _Entry(msgspec.Struct, frozen=True):
    """An entry of a WebSocket; the fields that wsmon adds are absent in archives of browsers."""

    started: str = msgspec.field(name="startedDateTime")
    request: _Request
    response: _Response
    time: float = 0.0
    timings: dict[str, float] = {}
    address: str = msgspec.field(name="serverIPAddress", default="")
    frames: list[_Frame] | None = msgspec.field(name="_webSocketMessages", default=None)
    connection: str = msgspec.field(name="_connection", default="")
    connection_id: str = msgspec.field(name="_connectionId", default="")
    trace_id: str = msgspec.field(name="_traceId", default="")
    close_code: int | None = msgspec.field(name="_closeCode", default=None)
    close_by: CloseBy | None = msgspec.field(name="_closeBy", default=None)
    close_reason: str = msgspec.field(name="_closeReason", default="")

    @property
    def is_open(self) -> bool:
        """Whether the upgrade succeeded."""
        return self.response.status == 101 or bool(self.frames)


class _Log(msgspec.Struct, frozen=True):
    entries: list[msgspec.Raw]


class _Archive(msgspec.Struct, frozen=True):
    log: _Log


def har_events(archive: bytes) -> Iterator[Incoming]:
    """Iterate over the events of WebSocket entries, by time; other entries are skipped.

    Raises ``UsageError`` where it is no archive; an entry that cannot be read is a fault, by its number from 1.
    """
    try:
        entries = msgspec.json.decode(archive, type=_Archive).log.entries
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"this is no HTTP Archive: {error}", "--format names what it is") from error
    return in_order(_events(entries))


def _events(entries: list[msgspec.Raw]) -> Iterator[Incoming]:
    redactor = Redactor()
    sessions: list[tuple[int, int, _Entry]] = []
    for number, raw in enumerate(entries, 1):
        try:
            entry = msgspec.json.decode(raw, type=_Entry)
            is_socket = urlsplit(entry.request.url).scheme in ("ws", "wss")
            if is_socket or entry.frames is not None:
                sessions.append((wall_ns(entry.started), number, entry))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield Fault(number, str(error))
    sessions.sort(key=lambda session: session[:2])
    # Connection -> end of its newest session
    lanes: dict[str, int] = {}
    streams = []
    for start_ns, number, entry in sessions:
        name = _free_name(entry, start_ns, lanes)
        lanes[name] = start_ns + round(entry.time * MS_NS)
        streams.append(_session(entry, number, start_ns, name, redactor))
        if odd := sum(frame.opcode not in _WORDS for frame in entry.frames or []):
            yield Fault(number, f"{odd} frames are no message, ping or pong")
    yield from heapq.merge(*streams, key=lambda one: one.ts_ns)


def _free_name(entry: _Entry, start_ns: int, lanes: dict[str, int]) -> str:
    """The name of the session's connection; a connection has one session at a time, so overlapping ones get numbers."""
    base = entry.connection or urlsplit(entry.request.url).hostname or "websocket"
    name, number = base, 1
    while lanes.get(name, start_ns) > start_ns:
        number += 1
        name = f"{base}-{number}"
    return name


def _session(entry: _Entry, number: int, start_ns: int, name: str, redactor: Redactor) -> Iterator[Event]:
    """The events of an entry, by time."""
    source = Source(
        name, "", entry.trace_id or derived(16, name), entry.connection_id or derived(8, name, number, entry.started), 1
    )
    meta = _about(entry, redactor)
    dial_ns = round(sum(entry.timings.get(phase, 0.0) for phase in ("dns", "connect", "wait") if
                        entry.timings.get(phase, 0.0) > 0) * MS_NS)  # fmt: skip
    started, done = opening(source, start_ns + dial_ns, meta, "initialized", dial_ns)
    yield started
    if entry.is_open:
        yield done
    frames = sorted((one for one in entry.frames or [] if one.opcode in _WORDS), key=lambda frame: frame.time)
    end_ns = done.ts_ns
    for frame in frames:
        event = _message(frame, source, done.ts_ns, redactor)
        end_ns = event.ts_ns
        yield event
    if entry.close_by is not None or not entry.is_open:
        yield _end(entry, source, max(end_ns, start_ns + round(entry.time * MS_NS)), done.ts_ns, redactor)


def _about(entry: _Entry, redactor: Redactor) -> dict[str, Json]:
    """``meta`` for the events of the session's beginning; in the URL, masks were escaped."""
    url = entry.request.url.replace(quote(MASK), MASK)
    meta: dict[str, Json] = {
        "url": redactor.url(url),
        "request_headers": _headers(entry.request.headers, redactor),
        "response_headers": _headers(entry.response.headers, redactor),
    }
    if entry.address:
        meta["peer"] = f"{entry.address}:{urlsplit(entry.request.url).port or ''}".rstrip(":")
    timings = dict(entry.timings)
    if timings.get("ssl", -1) > 0:
        # The standard includes ssl in connect
        timings["connect"] = timings.get("connect", 0) - timings["ssl"]
    for phase, key in _PHASES.items():
        if timings.get(phase, -1) >= 0:
            meta[key] = round(timings[phase], 6)
    return meta


def _headers(headers: list[_Header], redactor: Redactor) -> Json:
    return [[name, value] for name, value in redactor.headers((one.name, one.value) for one in headers)]


def _message(frame: _Frame, source: Source, open_ns: int, redactor: Redactor) -> Event:
    """The event of a frame; its time is not before the opening of the session."""
    direction: Direction = "out" if frame.type == "send" else "in"
    opcode = _WORDS[frame.opcode]
    body = frame.data.encode() if opcode == "text" else _bytes(frame.data)
    payload, redacted = redactor.payload(body)
    return Event(
        source, _name(opcode, direction), max(open_ns, round(frame.time * 1_000_000) * 1_000), 0,
        direction=direction, opcode=opcode, size=len(body) if frame.size is None else frame.size,
        payload=payload, truncated=frame.truncated, redacted=redacted,
    )  # fmt: skip


def _name(opcode: Opcode, direction: Direction) -> EventName:
    match opcode:
        case "ping":
            return "heartbeat.sent" if direction == "out" else "heartbeat.received"
        case "pong":
            return "heartbeat.responded"
        case _:
            return "message.sent" if direction == "out" else "message.received"


def _bytes(data: str) -> bytes:
    """The bytes of base64, which Chrome writes for everything but text; other text as it is."""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        return data.encode()


def _end(entry: _Entry, source: Source, ts_ns: int, open_ns: int, redactor: Redactor) -> Event:
    error_type, _, error = entry.response.error.partition(": ")
    body = entry.response.content.get("text", "")
    meta: dict[str, Json] = {"attempt": 1, "open": entry.is_open}
    if not entry.is_open:
        meta |= {"response_headers": _headers(entry.response.headers, redactor), "body": redactor.text(str(body))}
        error_type = error_type or ("http_status" if entry.response.status else "handshake")
    return Event(
        source, "connection.disconnected", ts_ns, 0,
        from_status="websocket_connected" if entry.is_open else "connecting", to_status="disconnected",
        duration_ns=max(0, ts_ns - open_ns) if entry.is_open else None,
        status=entry.response.status or None, close_code=entry.close_code, close_by=entry.close_by or "",
        reason=redactor.text(entry.close_reason), error_type=error_type, error=redactor.text(error), meta=meta,
    )  # fmt: skip
