"""Import of recordings, a frame or a message a line: JSON objects, or a time and a text as cryptofeed and tardis write.

A JSON object has the keys "ts", "dir", "type", "data" and "binary". Without one, a line is a message that was received:
``TIME MESSAGE`` (tardis) or ``TIME: MESSAGE`` (cryptofeed). cryptofeed marks what was sent, ``URL <- TIME: MESSAGE``,
and its dials, ``URL <-> TIME``; an empty line between two messages of tardis is a lost connection.
"""

from __future__ import annotations

import ast
import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, assert_never

import msgspec
from msgspec.structs import replace

from wsmon.export.import_session import (
    MAX_CLOSE_CODE,
    Fault,
    Incoming,
    Line,
    decoded,
    in_order,
    json_wall_ns,
    line_problem,
    opening,
    session_decoding,
    session_source,
    shown,
    wall_ns,
)
from wsmon.model.events import Direction, Event, EventName, Json, Opcode, Source
from wsmon.model.redact.masking import MASKED_UNREAD
from wsmon.model.redact.redactor import Redactor
from wsmon.model.redact.request_secrets import request_secrets
from wsmon.model.statuses import Status

_FRAME_NAMES: dict[tuple[Direction, str], EventName] = {
    ("in", "text"): "message.received",
    ("out", "text"): "message.sent",
    ("in", "binary"): "message.received",
    ("out", "binary"): "message.sent",
    ("in", "ping"): "heartbeat.received",
    ("out", "ping"): "heartbeat.sent",
    ("in", "pong"): "heartbeat.responded",
    ("out", "pong"): "heartbeat.responded",
}
_TIME = rb"(?P<ts>\d{4}-\d\d-\d\d[Tt ][^\s\[{\"]*?\d(?: ?(?:[Zz]|UTC))?|\d+(?:[.,]\d+)?)"
# A time, and a message after a blank or a colon
STAMPED = re.compile(_TIME + rb"(?::|,)?[ \t]+(?P<text>.+)", re.DOTALL)
# cryptofeed: what was sent, and a dial
_SENT = re.compile(rb"wss?://\S+ <- " + _TIME + rb": (?P<text>.+)", re.DOTALL)
_DIALLED = re.compile(rb"(?P<url>wss?://\S+) <-> " + _TIME)
# cryptofeed: its settings, and requests over HTTP, which are no traffic of a WebSocket
_BESIDE = re.compile(rb"configuration: |https?://\S+ (?:->|<-|<->) ")
# cryptofeed writes bytes as Python does
_PYTHON_BYTES = (b"b'", b'b"')
_NO_BYTES = "the message is not a valid Python bytes literal"


class _Close(msgspec.Struct, frozen=True):
    code: Annotated[int, msgspec.Meta(ge=0, le=MAX_CLOSE_CODE)] | None = None
    reason: str = ""


class _Frame(msgspec.Struct, frozen=True):
    ts: msgspec.Raw
    dir: Literal["in", "out"]
    type: Literal["text", "binary", "ping", "pong", "close"]
    data: str | _Close | None = ""
    binary: bool = False
    """Whether the data is base64."""


_frame_decoder = msgspec.json.Decoder(_Frame)
_close_decoder = msgspec.json.Decoder(_Close)


@dataclass(frozen=True, slots=True)
class _Message:
    """A message, or a control frame that ends no session."""

    ts_ns: int
    direction: Direction
    opcode: Opcode
    body: bytes
    marks_gaps: bool = False
    """Whether empty lines around it are lost connections, as in files of tardis."""


@dataclass(frozen=True, slots=True)
class _End:
    """A close frame."""

    ts_ns: int
    close: _Close
    direction: Direction


@dataclass(frozen=True, slots=True)
class _Dial:
    """The beginning of a dial."""

    ts_ns: int
    url: str


@dataclass(frozen=True, slots=True)
class _Gap:
    """An empty line."""


_Step = _Message | _End | _Dial | _Gap | None


def is_recording(line: bytes) -> bool:
    """Whether a line is one of a recording."""
    if line.startswith(b"{"):
        try:
            keys = set(msgspec.json.decode(line, type=dict[str, msgspec.Raw]))
        except (msgspec.DecodeError, RecursionError):
            return False
        return {"ts", "dir", "type"} <= keys
    return any(one.match(line) for one in (STAMPED, _SENT, _DIALLED, _BESIDE))


def recording_events(lines: Iterable[Line], connection: str) -> Iterator[Incoming]:
    """Iterate over the events of a recording: a session begins with its first frame, and ends with a close frame."""
    return in_order(_events(lines, connection))


def _events(lines: Iterable[Line], connection: str) -> Iterator[Incoming]:
    session = _Session(connection)
    for number, line in enumerate(lines, 1):
        if isinstance(line, Fault):
            yield line
            continue
        try:
            step = _step(line.strip())
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            yield Fault(number, line_problem(error, _Frame))
        else:
            yield from session.take(step, number)


class _Session:
    """The session that the lines are in; its beginning is that of its first frame, since recordings have none."""

    def __init__(self, connection: str) -> None:
        self._connection = connection
        self._redactor = Redactor()
        self._decoding = session_decoding()
        self._status: Status = "initialized"
        self._source = Source()
        self._dial: _Dial | None = None
        """The dial that the next session begins with."""
        self._open_ns = 0
        """Time of the first frame."""
        self._last_ns = 0
        """Time of the newest frame."""
        self._is_gap = False
        self._marks_gaps = False

    def take(self, step: _Step, number: int) -> Iterator[Event]:
        """Iterate over the events of a line."""
        match step:
            case None:
                return
            case _Gap():
                self._is_gap = True
                return
            case _Dial():
                yield from self._cut("the file has a new connection without an end of the session before")
                self._dial = step
                self._redactor = Redactor().knowing(request_secrets(self._redactor, step.url, ()))
            case _End():
                yield from self._begun(step.ts_ns, number)
                yield self._end(step)
            case _Message():
                self._marks_gaps |= step.marks_gaps
                if self._is_gap and self._marks_gaps:
                    yield from self._cut("the file has an empty line, which marks a lost connection")
                yield from self._begun(step.ts_ns, number)
                yield self._message(step)
            case _:
                assert_never(step)
        self._is_gap = False

    def _begun(self, ts_ns: int, number: int) -> Iterator[Event]:
        """The events of the session's beginning, unless it has begun."""
        self._last_ns = ts_ns
        if self._status == "websocket_connected":
            return
        self._source = session_source(self._connection, number, ts_ns)
        self._decoding = session_decoding()
        self._open_ns = ts_ns
        meta: dict[str, Json] = {"url": self._redactor.url(self._dial.url)} if self._dial else {}
        started, done = opening(self._source, ts_ns, meta, self._status)
        # When the dial succeeded is not in the file: it was before the first frame
        yield replace(started, ts_ns=min(ts_ns, self._dial.ts_ns)) if self._dial else started
        yield done
        self._status, self._dial = "websocket_connected", None

    def _message(self, step: _Message) -> Event:
        kind = step.opcode
        body, meta = decoded(self._decoding, step.direction, kind, step.body)
        payload, redacted = self._redactor.payload(body)
        if redacted and self._redactor.is_over_budget:
            meta |= MASKED_UNREAD
        return Event(
            self._source, _FRAME_NAMES[step.direction, kind], step.ts_ns, 0, direction=step.direction, opcode=kind,
            size=len(step.body), payload=payload, redacted=redacted,
            meta=meta or None,
        )  # fmt: skip

    def _end(self, step: _End) -> Event:
        self._status = "disconnected"
        return Event(
            self._source, "connection.disconnected", step.ts_ns, 0,
            from_status="websocket_connected", to_status="disconnected",
            duration_ns=max(0, step.ts_ns - self._open_ns),
            close_code=step.close.code, close_by="peer" if step.direction == "in" else "us",
            reason=self._redactor.text(step.close.reason), meta={"open": True},
        )  # fmt: skip

    def _cut(self, error: str) -> Iterator[Event]:
        """The end of a session of which the file says no more than that it was over: at the time of its last frame."""
        if self._status != "websocket_connected":
            return
        self._status = "disconnected"
        yield Event(
            self._source, "connection.disconnected", self._last_ns, 0,
            from_status="websocket_connected", to_status="disconnected",
            duration_ns=max(0, self._last_ns - self._open_ns), error=error, meta={"open": True},
        )  # fmt: skip


def _step(line: bytes) -> _Step:
    """Read a line without its end; ``None`` where it is no traffic. Raises ``ValueError`` and ``DecodeError``."""
    if not line:
        return _Gap()
    if line.startswith(b"{"):
        return _step_of_frame(_frame_decoder.decode(line))
    if found := STAMPED.fullmatch(line):
        return _stamped(found, "in")
    if found := _SENT.fullmatch(line):
        return _stamped(found, "out")
    if found := _DIALLED.fullmatch(line):
        return _Dial(wall_ns(found["ts"].decode()), found["url"].decode("utf-8", "replace"))
    if _BESIDE.match(line):
        return None
    raise ValueError(f"the line must be a frame or a time and a message (got {shown(line.decode('utf-8', 'replace'))})")


def _stamped(found: re.Match[bytes], direction: Direction) -> _Message:
    time, text = found["ts"].decode(), found["text"]
    ts_ns = wall_ns(time)
    if text.startswith(_PYTHON_BYTES):
        try:
            body = ast.literal_eval(text.decode())
        except (SyntaxError, ValueError, MemoryError) as error:
            raise ValueError(_NO_BYTES) from error
        if not isinstance(body, bytes):
            raise ValueError(_NO_BYTES)
        return _Message(ts_ns, direction, "binary", body)
    return _Message(ts_ns, direction, "text", text, marks_gaps="-" in time)


def _step_of_frame(frame: _Frame) -> _Step:
    ts_ns = json_wall_ns(frame.ts, "`ts`")
    if frame.type == "close":
        close = frame.data if isinstance(frame.data, _Close) else _close_decoder.decode(frame.data or "{}")
        return _End(ts_ns, close, frame.dir)
    if not isinstance(frame.data, str):
        raise ValueError(
            "`data` must be a string (got an object)" if frame.data else "`data` must be a string (got null)"
        )
    try:
        body = base64.b64decode(frame.data, validate=True) if frame.binary else frame.data.encode()
    except binascii.Error as error:
        raise ValueError(f"`data` must be base64: {error}") from error
    return _Message(ts_ns, frame.dir, frame.type, body)
