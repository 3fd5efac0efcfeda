"""Masks what authenticates in MQTT: the password of a CONNECT, and the data of MQTT 5's own authentication.

A user name without a password is masked too: it authenticates alone, and services put device tokens there.
Only bytes are replaced: lengths stay as they were received.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from wsmon.model.events import Opcode
from wsmon.model.redact.spans import Span, mask_spans
from wsmon.protocols.mqtt_packets import (
    MAX_FIXED_HEADER_BYTES,
    PASSWORD,
    USER_NAME,
    WILL,
    CutError,
    Packet,
    field,
    packets,
)
from wsmon.protocols.mqtt_properties import AUTHENTICATION_DATA, MQTT_5, properties

_PROTOCOL_NAMES = (b"MQTT", b"MQIsdp")
_SECRET_TYPES = ("CONNECT", "CONNACK", "AUTH")

_HEAD_BYTES = 16 * 1024
# of a packet in pieces; what follows in a longer one is masked whole


class Masker:
    """Masks the messages of one direction of a session, in their order: packets need not end where messages end."""

    def __init__(self) -> None:
        self._head = b""
        # of a packet that may hold credentials and goes on with the next message
        self._rest_bytes = 0
        # of a packet that goes on, and of which no head is kept
        self._is_rest_secret = False

    def mask(self, payload: bytes) -> tuple[bytes, bool]:
        """The payload with credentials masked, and whether there were any."""
        rest = min(self._rest_bytes, len(payload))
        self._rest_bytes -= rest
        spans = [Span(0, rest)] if rest and self._is_rest_secret else []
        stream = self._head + payload[rest:]
        known = len(self._head) - rest
        # an offset in the stream less this is one in the payload
        for start, end in self._secrets(stream):
            start, end = max(start - known, 0), end - known
            if end > start:
                spans.append(Span(start, end))
        return (mask_spans(payload, spans), True) if spans else (payload, False)

    def _secrets(self, stream: bytes) -> Iterator[tuple[int, int]]:
        """What authenticates in the packets of ``stream``, which begins where a packet begins."""
        begin = 0
        self._head = b""
        for packet in packets(stream):
            holds_secrets = packet.type in _SECRET_TYPES and not packet.flags
            if holds_secrets:
                yield from _secrets(stream, packet)
            if packet.missing and holds_secrets and len(stream) - begin <= _HEAD_BYTES:
                self._head = stream[begin:]
            elif packet.missing:
                self._rest_bytes, self._is_rest_secret = packet.missing, holds_secrets
            begin = packet.end
        if len(stream) - begin < MAX_FIXED_HEADER_BYTES and not self._head:
            self._head = stream[begin:]


_CONNECT = b"\x10"
# the first byte of one


def new_mask() -> Callable[[Opcode, bytes], tuple[bytes, bool]]:
    """Masks the messages of one direction; a text message is no part of the stream, but may be a CONNECT of its own."""
    masker = Masker()

    def mask(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
        if opcode != "text":
            return masker.mask(payload)
        return Masker().mask(payload) if payload.startswith(_CONNECT) else (payload, False)

    return mask


def _secrets(message: bytes, packet: Packet) -> Iterator[tuple[int, int]]:
    """What authenticates in a packet; everything from where it is cut or makes no sense."""
    read = connect_secrets if packet.type == "CONNECT" else _authentication
    try:
        yield from read(message, packet)
    except CutError as cut:
        yield cut.at, packet.end


def connect_secrets(message: bytes, packet: Packet) -> Iterator[tuple[int, int]]:
    """Where a CONNECT has what authenticates; raises ``CutError`` where it is cut."""
    end = packet.end
    start, at = field(message, packet.start, end)
    if message[start:at] not in _PROTOCOL_NAMES:
        return
    if at + 4 > end:  # version, flags, keep alive
        raise CutError(at)
    version, flags = message[at], message[at + 1]
    at += 4
    if version >= MQTT_5:
        at = yield from _properties(message, at, end)
    _, at = field(message, at, end)  # client identifier
    if flags & WILL:
        if version >= MQTT_5:
            at = yield from _properties(message, at, end)
        _, at = field(message, at, end)
        _, at = field(message, at, end)
    if flags & USER_NAME:
        start, at = field(message, at, end)
        if not flags & PASSWORD:
            yield start, at
    if flags & PASSWORD:
        yield field(message, at, end)


def _authentication(message: bytes, packet: Packet) -> Iterator[tuple[int, int]]:
    """The data in a CONNACK, behind flags and a reason; in an AUTH, behind a reason."""
    at = packet.start + (2 if packet.type == "CONNACK" else 1)
    if at < packet.end:
        yield from _properties(message, at, packet.end)


def _properties(message: bytes, at: int, end: int) -> Generator[tuple[int, int], None, int]:
    """The authentication data among the properties at ``at``; returns where they end."""
    places = properties(message, at, end)
    while True:
        try:
            found = next(places)
        except StopIteration as stopped:
            return int(stopped.value)
        if found.identifier == AUTHENTICATION_DATA:
            yield found.start, found.end
