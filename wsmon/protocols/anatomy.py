"""A stored message taken apart as its protocol sees it, for people who look at one: parts by name, and its content.

What a protocol made of the message when it came, its type and topic, tells which protocol that was: nothing is guessed
of messages that none of them read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from wsmon.model.events import Event
from wsmon.protocols.base import UNDECODABLE
from wsmon.protocols.mqtt_packets import TYPES, CutError, MqttPacket, after_properties, field, number, packets
from wsmon.protocols.phoenix_codec import Frame, decode_binary, decode_text
from wsmon.protocols.socketio import ENGINE_TYPES, parse_packet

# In which the headers of a STOMP frame are looked for
HEAD_BYTES = 16 * 1024
MAX_PARTS = 100

_STOMP_END = re.compile(rb"\r?\n\r?\n")
_PUBLISH = TYPES.index("PUBLISH")


class Anatomy(NamedTuple):
    """A message taken apart."""

    name: str
    """"MQTT PUBLISH"."""
    parts: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """Its content; None where that is the payload as it stands."""


def anatomy(event: Event) -> Anatomy | None:
    """The parts of a message; ``None`` where it has none, or nobody knows them."""
    payload = event.payload
    if not payload or not event.type:
        return None
    for dissect in _DISSECTIONS:
        try:
            found = dissect(event, payload)
        except (*UNDECODABLE, CutError):
            found = None
        if found is not None:
            parts = tuple((label, text) for label, text in found.parts if text)
            return found._replace(parts=parts[:MAX_PARTS])
    return None


def _phoenix(event: Event, payload: bytes) -> Anatomy | None:
    is_text = event.opcode == "text" and payload[:1] == b"["
    if not event.topic or not (is_text or event.opcode == "binary"):
        return None
    frame: Frame = decode_text(payload) if is_text else decode_binary(event.direction, payload)
    if frame.topic != event.topic:
        return None
    parts = (
        ("Topic", frame.topic),
        ("Event", frame.event),
        ("Ref", frame.ref),
        ("Join ref", frame.join_ref),
        ("Status", frame.status),
    )
    return Anatomy(f"Phoenix {frame.event}", parts, None if is_text else frame.payload)


def _socketio(event: Event, payload: bytes) -> Anatomy | None:
    kind = payload[:1]
    if event.opcode != "text" or not (kind.isdigit() and int(kind) < len(ENGINE_TYPES)):
        return None
    engine = ENGINE_TYPES[int(kind)]
    rest = payload[1:]
    if engine != "message":
        is_it = event.type == engine and (not rest or rest[:1] == b"{")
        return Anatomy(f"Engine.IO {engine}", (), rest) if is_it else None
    packet = parse_packet(rest)
    if packet is None or (packet.body and packet.body[:1] not in b'[{"'):
        return None
    parts = (
        ("Packet", packet.type),
        ("Namespace", packet.namespace),
        ("Ack id", packet.ack_id),
        ("Attachments", str(packet.attachments or "")),
    )
    return Anatomy(f"Socket.IO {packet.type}", parts, packet.body)


def _stomp(event: Event, payload: bytes) -> Anatomy | None:
    frame = payload.lstrip(b"\r\n")
    if not event.type.isupper() or not frame.startswith(event.type.encode()):
        return None
    end = _STOMP_END.search(frame, 0, HEAD_BYTES)
    if end is None:
        return None
    command, *lines = frame[: end.start()].decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if command != event.type:
        return None
    headers = tuple((name, value) for name, _, value in (line.partition(":") for line in lines))
    return Anatomy(f"STOMP {command}", headers, frame[end.end() :].removesuffix(b"\n").removesuffix(b"\0"))


def _mqtt(event: Event, payload: bytes) -> Anatomy | None:
    if event.opcode != "binary" or event.type not in TYPES[1:]:
        return None
    packet = next((each for each in packets(payload) if each.type == event.type), None)
    if packet is None:
        return None
    name = f"MQTT {packet.type}"
    if packet.number == _PUBLISH:
        return _publish(name, payload, packet)
    return Anatomy(name, (("Flags", f"{packet.flags:04b}"),), payload[packet.start : packet.end])


def _publish(name: str, payload: bytes, packet: MqttPacket) -> Anatomy:
    start, at = field(payload, packet.start, packet.end)
    topic = payload[start:at].decode("utf-8", "replace")
    quality = packet.flags >> 1 & 0b11
    identifier = ""
    if quality:
        found, at = number(payload, at, packet.end)
        identifier = str(found)
    parts = (
        ("Topic", topic),
        ("Quality", str(quality)),
        ("Packet id", identifier),
        ("Retained", "yes" if packet.flags & 0b0001 else ""),
        ("Again", "yes" if packet.flags & 0b1000 else ""),
        ("Missing", f"{packet.missing} B" if packet.missing else ""),
    )
    return Anatomy(name, parts, payload[_content_at(payload, at, packet.end) : packet.end])


def _content_at(payload: bytes, at: int, end: int) -> int:
    """Where the content begins: behind the properties of MQTT 5, which begin with a length no text begins with."""
    if at >= end or payload[at] >= 0x20:
        return at
    try:
        return after_properties(payload, at, end)
    except CutError:
        return at


_DISSECTIONS: tuple[Callable[[Event, bytes], Anatomy | None], ...] = (_mqtt, _phoenix, _socketio, _stomp)
