"""MQTT 3.1, 3.1.1 and 5: sessions, subscriptions, heartbeats, and messages that are acknowledged.

A message of quality of service 1 or 2 is a request, answered by its PUBACK or PUBCOMP, whoever sends it. wsmon is the
client: what only a client may send is read in that direction alone. All packets of a message are read; its row has
the type of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from wsmon.model.events import Direction, Json, Opcode
from wsmon.protocols.decoding import cut
from wsmon.protocols.mqtt_operations import (
    read_authentication,
    read_connack,
    read_connect,
    read_disconnect,
    read_pingreq,
    read_pingresp,
)
from wsmon.protocols.mqtt_packets import CutError, Packet, field, number
from wsmon.protocols.mqtt_publish import read_acknowledgement, read_publish
from wsmon.protocols.mqtt_state import State
from wsmon.protocols.mqtt_stream import MAX_PACKETS, Chunk
from wsmon.protocols.mqtt_subscribe import read_suback, read_subscribe
from wsmon.protocols.reading import UNREAD, Note, Reading

__all__ = ["SUBPROTOCOLS", "State", "classify"]

SUBPROTOCOLS = ("mqtt", "mqttv3.1")

_Read = Callable[[Direction, bytes, Packet, State], Reading]

# fmt: off
_NUMBERED = frozenset({
    "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
})
# fmt: on
# packets that begin with the identifier that pairs them
_READERS: Mapping[tuple[Direction, str], _Read] = MappingProxyType(
    {
        ("out", "CONNECT"): read_connect,
        ("in", "CONNACK"): read_connack,
        ("out", "SUBSCRIBE"): read_subscribe,
        ("out", "UNSUBSCRIBE"): read_subscribe,
        ("in", "SUBACK"): read_suback,
        ("in", "UNSUBACK"): read_suback,
        ("out", "PINGREQ"): read_pingreq,
        ("in", "PINGRESP"): read_pingresp,
        **dict.fromkeys((("in", "PUBLISH"), ("out", "PUBLISH")), read_publish),
        **dict.fromkeys(
            ((way, ack) for way in ("in", "out") for ack in ("PUBACK", "PUBREC", "PUBCOMP")), read_acknowledgement
        ),
        **dict.fromkeys((("in", "DISCONNECT"), ("out", "DISCONNECT")), read_disconnect),
        **dict.fromkeys((("in", "AUTH"), ("out", "AUTH")), read_authentication),
    }
)


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one whole message."""
    if opcode == "text":
        return Reading(error_type="mqtt", error="MQTT in a text frame")
    if opcode != "binary":
        return UNREAD
    state.to_acknowledge.clear()
    chunk = state.stream(direction).feed(payload)
    readings = [_read(direction, chunk.stream, packet, state) for packet in chunk.packets]
    if chunk.begun is not None:
        readings.append(_describe(chunk.stream, chunk.begun))
    if chunk.skipped:
        readings.insert(0, Reading(chunk.skipped))
    if len(readings) == 1 and not chunk.is_malformed:
        return readings[0]
    return _joined(readings, chunk)


def _joined(readings: list[Reading], chunk: Chunk) -> Reading:
    """Several packets as one reading: the type of the first, the notes of all, and the first thing that is wrong."""
    first = readings[0] if readings else UNREAD
    broken = next((reading for reading in readings if reading.error_type), UNREAD)
    if chunk.has_more:
        broken = Reading(
            error_type="too_large", error=f"more than {MAX_PACKETS} packets in a message; they are not read"
        )
    elif not broken.error_type and (chunk.is_malformed or not readings):
        broken = Reading(error_type="mqtt", error="no MQTT packet")
    notes: list[Note] = []
    for reading in readings:
        notes += reading.notes
    meta: dict[str, Json] = {**(first.meta or {})}
    if len(readings) > 1:
        meta["packets"] = len(readings)
    return Reading(first.type, first.topic, first.ref, broken.error_type, broken.error, tuple(notes), meta or None)


def _read(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:
    if not packet.type:
        return Reading(error_type="mqtt", error="no MQTT packet: type 0 is reserved")
    read = _READERS.get((direction, packet.type))
    if packet.missing and packet.type != "PUBLISH":
        error = f"{packet.end - packet.start + packet.missing} bytes in pieces: only its beginning is known"
        return Reading(packet.type, error_type="too_large", error=error)
    try:
        if read is not None:
            return read(direction, stream, packet, state)
        if packet.type in _NUMBERED:
            return Reading(packet.type, ref=str(number(stream, packet.start, packet.end)[0]))
    except CutError:
        return Reading(packet.type, error_type="mqtt", error="the packet is too short for its type")
    return Reading(packet.type)


def _describe(stream: bytes, packet: Packet) -> Reading:
    """What is known of a packet that goes on; it is read once it is whole."""
    topic = ""
    if packet.type == "PUBLISH":
        try:
            start, end = field(stream, packet.start, packet.end)
            topic = cut(stream[start:end].decode("utf-8", "replace"))
        except CutError:
            pass
    return Reading(packet.type, topic)
