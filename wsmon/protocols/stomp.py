"""STOMP 1.0 to 1.2: types, destinations and ids of frames; the password of a CONNECT is masked.

Frames are not paired: a receipt does not end a request.

A frame is a command, headers, an empty line and a body that ends with NUL; a line end alone is a heartbeat.
Source: STOMP 1.2, sections "STOMP Frames", "CONNECT or STOMP Frame" and "Heart-beating".
"""

from __future__ import annotations

import re

from wsmon.model.events import Direction, Event, Opcode
from wsmon.model.redact.masking import ByteRange, mask_ranges
from wsmon.protocols.base import UNREAD, Anatomy, Decoded, Happening, MessageSample, Protocol, cut

# fmt: off
_COMMANDS = frozenset({
    "CONNECT", "STOMP", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT",
    "CONNECTED", "MESSAGE", "RECEIPT", "ERROR",
})
# fmt: on
# Headers that name a message or pair two frames; the first one present counts
_REFS = ("message-id", "receipt", "receipt-id", "id")
# Beginning of a frame in which its headers are looked for
_HEADERS_BYTES = 16 * 1024

_CONNECT = re.compile(rb"(?:\A|\0)[\r\n]*+(?:CONNECT|STOMP)\r?\n")
_HEADERS_END = re.compile(rb"\n\r?\n|\0")
_PASSWORD = re.compile(rb"\n[ \t]*+(?i:passcode|password)[ \t]*+:([^\r\n\0]*+(?:\r(?!\n)[^\r\n\0]*+)*+)")
_ESCAPE = re.compile(r"\\([rnc\\])")
_UNESCAPED = {"r": "\r", "n": "\n", "c": ":", "\\": "\\"}


class StompState:
    """Nothing is remembered of a session."""

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return nothing: no answer is awaited."""
        return ()


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: StompState) -> Decoded:  # noqa: ARG001
    """Decode one whole message; of several frames in it, the first."""
    if opcode not in ("text", "binary"):
        return UNREAD
    frame = payload[:_HEADERS_BYTES].lstrip(b"\r\n")
    if not frame:
        return Decoded("heartbeat") if payload else Decoded(error_type="stomp", error="empty message")
    head = _HEADERS_END.split(frame, maxsplit=1)[0].decode("utf-8", "replace")
    command, *lines = head.split("\n")
    command = command.rstrip("\r")
    if command not in _COMMANDS:
        return Decoded(error_type="stomp", error="not a STOMP frame")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.rstrip("\r").partition(":")
        # Of repeated headers the first counts
        headers.setdefault(name, value)
    ref = next((headers[name] for name in _REFS if name in headers), "")
    return Decoded(command, _plain(headers.get("destination", "")), _plain(ref))


def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return the payload with the passwords of its CONNECT frames masked, and whether there was one."""
    spans: list[ByteRange] = []
    for connect in _CONNECT.finditer(payload):
        headers_end = _HEADERS_END.search(payload, connect.end() - 1)
        end = headers_end.start() if headers_end else len(payload)
        passwords = _PASSWORD.finditer(payload, connect.end() - 1, end)
        spans += [ByteRange(*match.span(1)) for match in passwords if match[1]]
    return (mask_ranges(payload, spans), True) if spans else (payload, False)


def _plain(value: str) -> str:
    """Return a header's value with its escapes undone."""
    return cut(_ESCAPE.sub(lambda match: _UNESCAPED[match[1]], value))


_FIRST_FRAME = re.compile(rb"[\r\n]*+(?:CONNECT|STOMP|CONNECTED)\r?\n[^:\r\n\0]++:")
_DISSECTED_END = re.compile(rb"\r?\n\r?\n")


def _recognise(sample: MessageSample) -> str:
    return "a message is a STOMP CONNECT or CONNECTED" if _FIRST_FRAME.match(sample.payload) else ""


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    frame = payload.lstrip(b"\r\n")
    if not event.type.isupper() or not frame.startswith(event.type.encode()):
        return None
    end = _DISSECTED_END.search(frame, 0, _HEADERS_BYTES)
    if end is None:
        return None
    command, *lines = frame[: end.start()].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if command != event.type:
        return None
    headers = tuple((name, value) for name, _, value in (line.partition(":") for line in lines))
    return Anatomy(f"STOMP {command}", headers, frame[end.end() :].removesuffix(b"\n").removesuffix(b"\0"))


PROTOCOL = Protocol(
    "stomp",
    StompState,
    decode,
    subprotocols=("v10.stomp", "v11.stomp", "v12.stomp"),
    offered_subprotocols=("v12.stomp", "v11.stomp", "v10.stomp"),
    recognise=_recognise,
    dissect=_dissect,
    new_masks=lambda _state: {"in": mask, "out": mask},
)
