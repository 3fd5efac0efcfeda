"""Reads recordings of one connection, a frame a line: ``{"ts", "dir", "type", "data", "binary"}``."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from wsmon.export.incoming import Fault, Incoming, in_order, opening, session_source, wall_ns
from wsmon.model.events import Event, EventName, Source
from wsmon.model.redact import Redactor
from wsmon.model.statuses import Status

_NAMES: dict[tuple[str, str], EventName] = {
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
    # the data is base64


_decoder = msgspec.json.Decoder(_Frame)
_close_decoder = msgspec.json.Decoder(_Close)


def recording_events(lines: Iterable[bytes], connection: str) -> Iterator[Incoming]:
    """The events of a recording: sessions begin with their first frame, and end with a close frame."""
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
            frame = _decoder.decode(line)
            ts_ns = wall_ns(frame.ts)
            event = _event(frame, source, ts_ns, redactor, first)
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


def _event(frame: _Frame, source: Source, ts_ns: int, redactor: Redactor, first: Event | None) -> Event:
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
        source, _NAMES[frame.dir, frame.type], ts_ns, 0, direction=frame.dir, opcode=frame.type,
        size=len(body), payload=payload, redacted=redacted,
    )  # fmt: skip
