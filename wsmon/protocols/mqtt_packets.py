"""MQTT control packets on the wire: packets and properties as byte ranges, packet streams, masks of credentials.

Packets that are cut or malformed are read as far as they go.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 2 (control packet format), 3.1 (CONNECT) and 3.15 (AUTH).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from wsmon.model.events import Opcode
from wsmon.model.redact.masking import ByteRange, mask_ranges

# fmt: off
TYPES = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE",
    "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)
# fmt: on
# Bits of the flags of a CONNECT
USER_NAME, PASSWORD, WILL = 0x80, 0x40, 0x04
# The longest encoding of a length
_VARINT_BYTES = 4
MAX_FIXED_HEADER_BYTES = 1 + _VARINT_BYTES


class CutError(Exception):
    """The bytes end, or make no sense, before the field that is wanted; ``at`` is how far they were read."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class MqttPacket(NamedTuple):
    """One control packet: ``message[start:end]`` is what follows its fixed header."""

    number: int
    flags: int
    start: int
    end: int
    missing: int
    """Number of its bytes that the message does not hold."""

    @property
    def type(self) -> str:
        """Its name; empty for the reserved type 0."""
        return TYPES[self.number]


def packets(message: bytes, at: int = 0) -> Iterator[MqttPacket]:
    """Yield the control packets from ``at`` on, up to one that is cut or has no legal length."""
    size = len(message)
    while at + 1 < size:
        first, length, start = message[at], message[at + 1], at + 2
        if length >= 0x80:
            try:
                length, start = varint(message, at + 1, size)
            except CutError:
                return
        at = start + length
        end = min(at, size)
        yield MqttPacket(first >> 4, first & 0x0F, start, end, at - end)


def varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a length in 7-bit groups, lowest first, and where it ends; raises ``CutError``."""
    value = 0
    for place in range(_VARINT_BYTES):
        if at + place >= end:
            raise CutError(at)
        group = message[at + place]
        value |= (group & 0x7F) << (7 * place)
        if group < 0x80:
            return value, at + place + 1
    raise CutError(at)


def number(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a 16-bit number, and where it ends; raises ``CutError``."""
    if at + 2 > end:
        raise CutError(at)
    return int.from_bytes(message[at : at + 2], "big"), at + 2


def field(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Return start and end of a text or of binary data after its 16-bit length; raises ``CutError`` where it is cut."""
    length, start = number(message, at, end)
    if start + length > end:
        raise CutError(start)
    return start, start + length


# Protocol level of version 5 on the wire; earlier versions have no properties
MQTT_5 = 5

# OASIS MQTT 5.0, table 2-4
SERVER_KEEP_ALIVE, AUTHENTICATION_DATA, REASON_STRING, TOPIC_ALIAS = 0x13, 0x16, 0x1F, 0x23
_FIXED_BYTES = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((SERVER_KEEP_ALIVE, 0x21, 0x22, TOPIC_ALIAS), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
# A number in 7-bit groups, and two texts; all other properties are one text or binary data
_SUBSCRIPTION_IDENTIFIER, _USER_PROPERTY = 0x0B, 0x26

# Reason codes from here on are failures
FAILED = 0x80

# fmt: off
# OASIS MQTT 5.0, table 2-6; 1 to 5 are return codes of a CONNACK before version 5 (3.1.1, table 3.1)
REASONS: Mapping[int, str] = MappingProxyType({
    1: "unacceptable_protocol_version", 2: "identifier_rejected", 3: "server_unavailable",
    4: "bad_user_name_or_password", 5: "not_authorized",
    0x80: "unspecified_error", 0x81: "malformed_packet", 0x82: "protocol_error", 0x83: "implementation_specific_error",
    0x84: "unsupported_protocol_version", 0x85: "client_identifier_not_valid", 0x86: "bad_user_name_or_password",
    0x87: "not_authorized", 0x88: "server_unavailable", 0x89: "server_busy", 0x8A: "banned",
    0x8B: "server_shutting_down", 0x8C: "bad_authentication_method", 0x8D: "keep_alive_timeout",
    0x8E: "session_taken_over", 0x8F: "topic_filter_invalid", 0x90: "topic_name_invalid",
    0x91: "packet_identifier_in_use", 0x92: "packet_identifier_not_found", 0x93: "receive_maximum_exceeded",
    0x94: "topic_alias_invalid", 0x95: "packet_too_large", 0x96: "message_rate_too_high", 0x97: "quota_exceeded",
    0x98: "administrative_action", 0x99: "payload_format_invalid", 0x9A: "retain_not_supported",
    0x9B: "qos_not_supported", 0x9C: "use_another_server", 0x9D: "server_moved",
    0x9E: "shared_subscriptions_not_supported", 0x9F: "connection_rate_exceeded", 0xA0: "maximum_connect_time",
    0xA1: "subscription_identifiers_not_supported", 0xA2: "wildcard_subscriptions_not_supported",
})
# fmt: on


class Property(NamedTuple):
    """One property: ``message[start:end]`` is its value; a text or data without its length."""

    identifier: int
    start: int
    end: int


def properties(message: bytes, at: int, end: int) -> Generator[Property, None, int]:
    """Yield the properties after the length at ``at``; returns where they end; raises ``CutError``."""
    length, at = varint(message, at, end)
    stop = at + length
    while at < min(stop, end):
        identifier = message[at]
        at += 1
        start = at
        if identifier in _FIXED_BYTES:
            at += _FIXED_BYTES[identifier]
        elif identifier == _SUBSCRIPTION_IDENTIFIER:
            _, at = varint(message, at, end)
        else:
            start, at = field(message, at, end)
            if identifier == _USER_PROPERTY:
                _, at = field(message, at, end)
        yield Property(identifier, start, at)
    if stop > end:
        raise CutError(min(at, end))
    return stop


def after_properties(message: bytes, at: int, end: int) -> int:
    """Return where the properties at ``at`` end; raises ``CutError``."""
    places = properties(message, at, end)
    while True:
        try:
            next(places)
        except StopIteration as stopped:
            return int(stopped.value)


def reason_string(message: bytes, at: int, end: int) -> str:
    """Return the reason string among the properties at ``at``, or an empty text; raises ``CutError``."""
    for found in properties(message, at, end) if at < end else ():
        if found.identifier == REASON_STRING:
            return message[found.start : found.end].decode("utf-8", "replace")
    return ""


def number_property(message: bytes, at: int, end: int, identifier: int) -> int | None:
    """Return the 16-bit number under ``identifier`` among the properties at ``at``, or None; raises ``CutError``."""
    for found in properties(message, at, end) if at < end else ():
        if found.identifier == identifier:
            return number(message, found.start, min(found.end, end))[0]
    return None


def reason_name(code: int) -> str:
    """Return the name of a reason or return code that is a failure."""
    return REASONS.get(code, f"code_{code}")


# A packet in pieces is kept up to this size; of a longer one the beginning is read, and the rest is skipped
MAX_KEPT_BYTES = 64 * 1024
# Packets of one message that are read; the next message is then taken to begin where a packet begins
MAX_PACKETS = 1_000


class Chunk(NamedTuple):
    """The packets of one message, as ranges of ``stream``."""

    stream: bytes
    """The message, after what was kept of a packet that it continues."""
    packets: tuple[MqttPacket, ...]
    """Whole packets; the last one may be the beginning of one that is too long to be kept."""
    begun: MqttPacket | None = None
    """A packet that goes on with the next message; None where there is none."""
    skipped: str = ""
    """Type of a packet that was read before and whose end begins the message; empty where there is none."""
    is_malformed: bool = False
    """Whether some of its bytes are no packet."""
    has_more: bool = False
    """Whether there are more than ``MAX_PACKETS`` packets."""


class PacketStream:
    """One direction of a session: packets out of messages, which need not end where packets end."""

    def __init__(self) -> None:
        self._head = b""
        self._skipped = ""
        self._skip_bytes = 0

    def feed(self, message: bytes) -> Chunk:
        """Return the packets that this message completes."""
        skipped = self._skipped if self._skip_bytes else ""
        skip = min(self._skip_bytes, len(message))
        self._skip_bytes -= skip
        stream = self._head + message[skip:]
        self._head = b""
        found = list(islice(packets(stream), MAX_PACKETS))
        end = found[-1].end if found else 0
        if len(found) == MAX_PACKETS and end < len(stream):
            return Chunk(stream, tuple(found), skipped=skipped, has_more=True)
        begun: MqttPacket | None = None
        if found and found[-1].missing:
            begun = self._keep(stream, found)
        elif 0 < len(stream) - end < MAX_FIXED_HEADER_BYTES:
            self._head = stream[end:]
            begun = MqttPacket(stream[end] >> 4, stream[end] & 0x0F, len(stream), len(stream), 1)
        is_malformed = begun is None and len(stream) > end
        return Chunk(stream, tuple(found), begun, skipped, is_malformed)

    def _keep(self, stream: bytes, found: list[MqttPacket]) -> MqttPacket | None:
        """Keep a packet that goes on, and return it; one that is too long stays in ``found`` instead."""
        last = found[-1]
        begins = found[-2].end if len(found) > 1 else 0
        if len(stream) - begins > MAX_KEPT_BYTES:
            self._skipped, self._skip_bytes = TYPES[last.number], last.missing
            return None
        self._head = stream[begins:]
        return found.pop()


_PROTOCOL_NAMES = (b"MQTT", b"MQIsdp")
_SECRET_TYPES = ("CONNECT", "CONNACK", "AUTH")

# Beginning of a packet in pieces that is kept to find credentials; the rest of a longer one is masked whole
_HEAD_BYTES = 16 * 1024


class Masker:
    """Masks the messages of one direction of a session, in their order: packets need not end where messages end.

    Masked are the password of a CONNECT and the data of MQTT 5's own authentication. A user name without a password is
    masked too: it authenticates alone, and services put device tokens there. Lengths stay as they were received.
    """

    def __init__(self) -> None:
        # Beginning of a packet that may hold credentials and goes on with the next message
        self._head = b""
        # What is to come of a packet of which no beginning is kept
        self._rest_bytes = 0
        self._is_rest_secret = False

    def mask(self, payload: bytes) -> tuple[bytes, bool]:
        """Return the payload with credentials masked, and whether there were any."""
        rest = min(self._rest_bytes, len(payload))
        self._rest_bytes -= rest
        spans = [ByteRange(0, rest)] if rest and self._is_rest_secret else []
        stream = self._head + payload[rest:]
        # An offset in the stream less this is one in the payload
        known = len(self._head) - rest
        for start, end in self._secrets(stream):
            start, end = max(start - known, 0), end - known
            if end > start:
                spans.append(ByteRange(start, end))
        return (mask_ranges(payload, spans), True) if spans else (payload, False)

    def _secrets(self, stream: bytes) -> Iterator[tuple[int, int]]:
        """Yield the ranges of credentials in the packets of ``stream``, which begins where a packet begins."""
        begin = _end_of_short_packets(stream, 0)
        self._head = b""
        following = packets(stream, begin)
        while (packet := next(following, None)) is not None:
            holds_secrets = packet.type in _SECRET_TYPES and not packet.flags
            if holds_secrets:
                yield from _secrets(stream, packet)
            if packet.missing and holds_secrets and len(stream) - begin <= _HEAD_BYTES:
                self._head = stream[begin:]
            elif packet.missing:
                self._rest_bytes, self._is_rest_secret = packet.missing, holds_secrets
            begin = packet.end
            if packet.end - packet.start <= _SHORT_BYTES and not packet.missing:
                begin = _end_of_short_packets(stream, begin)
                following = packets(stream, begin)
        if len(stream) - begin < MAX_FIXED_HEADER_BYTES and not self._head:
            self._head = stream[begin:]


# Packets of a few bytes that hold no credentials. A frame may consist of half a million of them, which are skipped in
# one match: reading each for its own took 350 ms on a loaded machine
_SHORT_BYTES = 4
_SHORT_PACKETS = re.compile(
    b"(?:[^\x10\x20\xf0](?:" + b"|".join(b"%c.{%d}" % (size, size) for size in range(_SHORT_BYTES + 1)) + b"))*+",
    re.DOTALL,
)


def _end_of_short_packets(stream: bytes, begin: int) -> int:
    match = _SHORT_PACKETS.match(stream, begin)
    return match.end() if match else begin


# First byte of a CONNECT packet
_CONNECT = b"\x10"


def new_mask() -> Callable[[Opcode, bytes], tuple[bytes, bool]]:
    """Return a mask for one direction. A text message is no part of the stream, but may be a CONNECT of its own."""
    masker = Masker()

    def mask(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
        if opcode != "text":
            return masker.mask(payload)
        return Masker().mask(payload) if payload.startswith(_CONNECT) else (payload, False)

    return mask


def _secrets(message: bytes, packet: MqttPacket) -> Iterator[tuple[int, int]]:
    """Yield the ranges of credentials in a packet; all of it from where it is cut or makes no sense."""
    read = connect_secrets if packet.type == "CONNECT" else _authentication
    try:
        yield from read(message, packet)
    except CutError as cut:
        yield cut.at, packet.end


def connect_secrets(message: bytes, packet: MqttPacket) -> Iterator[tuple[int, int]]:
    """Yield the ranges of credentials in a CONNECT; raises ``CutError`` where it is cut."""
    end = packet.end
    start, at = field(message, packet.start, end)
    if message[start:at] not in _PROTOCOL_NAMES:
        return
    # Version, flags and keep-alive time are no secrets: some clients send each as a message of its own
    if at + 4 > end:
        raise CutError(end)
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


def _authentication(message: bytes, packet: MqttPacket) -> Iterator[tuple[int, int]]:
    """Yield the authentication data of a CONNACK, after flags and a reason, or of an AUTH, after a reason."""
    at = packet.start + (2 if packet.type == "CONNACK" else 1)
    if at < packet.end:
        yield from _properties(message, at, packet.end)


def _properties(message: bytes, at: int, end: int) -> Generator[tuple[int, int], None, int]:
    """Yield the authentication data among the properties at ``at``; returns where they end."""
    places = properties(message, at, end)
    while True:
        try:
            found = next(places)
        except StopIteration as stopped:
            return int(stopped.value)
        if found.identifier == AUTHENTICATION_DATA:
            yield found.start, found.end
