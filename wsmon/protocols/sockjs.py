"""SockJS: the frames of its WebSocket transport, in whose arrays the messages of another protocol travel.

``o`` opens, ``h`` is a heartbeat of the server, ``a["…",…]`` has messages, ``c[code,"reason"]`` closes: the close frame
that follows has a code of its own. A client sends arrays of messages alone, and answers no heartbeat. The first letter
tells them apart, so that the connections that an application serves are read, too.
Source: sockjs-protocol 0.3.3, sections "Framing" and "WebSocket transport".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

import msgspec

from wsmon.model.events import Direction, Event, EventName, Opcode
from wsmon.model.json_texts import repairing
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    Anatomy,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Part,
    Protocol,
    ProtocolClient,
    ProtocolClose,
    ProtocolEnvelope,
    cut,
    unreadable,
)
from wsmon.protocols.parts import MAX_PARTS

_NAME = "sockjs"
_HEARTBEAT: Final = "heartbeat"

_Code: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]

# A client may send one message without an array
_decode_messages = repairing(msgspec.json.Decoder(list[str] | str).decode)
_decode_close = repairing(msgspec.json.Decoder(tuple[_Code, str]).decode)


class SockJsState:
    """How the peer closed the session; the inner protocol has a session of its own."""

    def __init__(self) -> None:
        self.closed: ProtocolClose | None = None

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return nothing: servers decide how often they send heartbeats, and do not say it."""
        return ()


def split(direction: Direction, opcode: Opcode, payload: bytes, state: SockJsState) -> Sequence[Part] | None:  # noqa: ARG001 - the signature of all protocols
    """Return the messages in an array; None for all other frames."""
    try:
        messages = _messages(opcode, payload)
    except UNDECODABLE:
        return None
    if len(messages) > MAX_PARTS:
        return None
    return [Part("text", message.encode("utf-8", "replace")) for message in messages]


def _messages(opcode: Opcode, payload: bytes) -> list[str]:
    """Return the messages in a frame, none for a frame of another kind; may raise one of ``UNDECODABLE``."""
    if opcode != "text" or payload[:1] not in (b"a", b"m", b"[", b'"'):
        return []
    messages = _decode_messages(payload[payload[:1] in (b"a", b"m") :])
    return [messages] if isinstance(messages, str) else messages


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: SockJsState) -> Decoded:
    """Decode a frame without messages."""
    if opcode not in ("text", "binary"):
        return UNREAD
    try:
        messages = _messages(opcode, payload)
        if messages:
            error = f"{len(messages)} messages in a frame, more than {MAX_PARTS}: they are not read"
            return Decoded("messages", error_type="too_large", error=error)
        if payload[:1] == b"c":
            code, reason = _decode_close(payload[1:])
            if direction == "in":
                state.closed = ProtocolClose(code, reason)
            return Decoded("close", ref=cut(str(code)))
    except UNDECODABLE as error:
        fault = unreadable(error, _NAME)
        return Decoded(error_type=fault.error_type, error=fault.error)
    match payload:
        case b"o":
            return Decoded("open")
        case b"h":
            name: EventName = "heartbeat.received" if direction == "in" else "heartbeat.sent"
            return Decoded(_HEARTBEAT, happenings=(Happening(name, _HEARTBEAT),))
        case b"a[]" | b"[]":
            return Decoded("messages")
    return Decoded(error_type=_NAME, error="not a SockJS frame")


def _wrap(message: str | bytes) -> str:
    text = message if isinstance(message, str) else message.decode("utf-8", "replace")
    return msgspec.json.encode([text]).decode()


# <prefix>/<server>/<session>/websocket: clients choose three digits for the server. Without them, as in
# /sockjs/websocket, the messages come in no envelope
_PATH = re.compile(r"/(?:[0-9]{3}|[^/]*sockjs[^/]*/[^/.]+)/[^/.]+/websocket\Z", re.IGNORECASE)


def _recognise_url(url: HandshakeUrl) -> str:
    return "the path ends in a server, a session and /websocket" if _PATH.search(url.path) else ""


def _recognise(sample: MessageSample) -> str:
    """Say whether a message is one of its own; ``o`` and ``h`` alone could be any text."""
    payload = sample.payload
    try:
        if sample.opcode == "text" and payload[:2] == b"a[" and _messages("text", payload):
            return "a message is an array of texts behind the letter a"
        if sample.opcode == "text" and payload[:2] == b"c[" and _decode_close(payload[1:]):
            return "a message is a code and a reason behind the letter c"
    except UNDECODABLE:
        pass
    return ""


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    if event.opcode != "text" or (event.type, payload[:1]) not in _TYPES:
        return None
    if event.type != "close":
        return Anatomy(f"SockJS {event.type}")
    code, reason = _decode_close(payload[1:])
    return Anatomy("SockJS close", (("Code", str(code)), ("Reason", reason)))


_TYPES = frozenset({("open", b"o"), (_HEARTBEAT, b"h"), ("close", b"c")})

PROTOCOL = Protocol(
    _NAME,
    SockJsState,
    decode,
    split=split,
    envelope=ProtocolEnvelope(_wrap, lambda decoded: decoded.type == "open", lambda state: state.closed),
    recognise_url=_recognise_url,
    recognise=_recognise,
    dissect=_dissect,
    client=ProtocolClient(),
    close_codes=MappingProxyType(
        {
            1002: "connection interrupted",
            2010: "another connection of the session is still open",
            3000: "the application closed the connection",
        }
    ),
)
