"""MQTT: names packets; what they mean to each other is not read yet.

Packets need not end where messages end: what is left of one is remembered for each direction.
"""

from __future__ import annotations

from wsmon.model.events import Direction, Opcode
from wsmon.protocols.decoding import cut
from wsmon.protocols.mqtt_packets import CutError, Packet, field, number, packets
from wsmon.protocols.reading import UNREAD, Note, Reading

SUBPROTOCOLS = ("mqtt", "mqttv3.1")

_NUMBERED = frozenset({"PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK"})
# packets that begin with the identifier that pairs them


class State:
    """Which packet goes on with the next message."""

    def __init__(self) -> None:
        self.cut: dict[Direction, tuple[str, int]] = {}
        # type and missing bytes of a packet that the last message did not end

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """Nothing is awaited."""
        return ()


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one whole message; of several packets in it, the first."""
    if opcode == "text":
        return Reading(error_type="mqtt", error="MQTT in a text frame")
    if opcode != "binary":
        return UNREAD
    kind, missing = state.cut.pop(direction, ("", 0))
    if missing > len(payload):
        state.cut[direction] = kind, missing - len(payload)
        return Reading(kind)
    found = list(packets(payload, missing))
    if found and found[-1].missing:
        state.cut[direction] = found[-1].type, found[-1].missing
    if kind:
        return Reading(kind)
    if not found:
        return Reading(error_type="mqtt", error="no MQTT packet")
    return _first(payload, found[0])


def _first(payload: bytes, packet: Packet) -> Reading:
    if not packet.type:
        return Reading(error_type="mqtt", error="no MQTT packet: type 0 is reserved")
    try:
        if packet.type == "PUBLISH":
            return _publish(payload, packet)
        if packet.type in _NUMBERED:
            return Reading(packet.type, ref=str(number(payload, packet.start, packet.end)[0]))
    except CutError:
        if not packet.missing:
            return Reading(packet.type, error_type="mqtt", error="the packet is too short for its type")
    return Reading(packet.type)


def _publish(payload: bytes, packet: Packet) -> Reading:
    start, end = field(payload, packet.start, packet.end)
    topic = cut(payload[start:end].decode("utf-8", "replace"))
    if not packet.flags & 0b0110:  # quality of service 0 has no identifier
        return Reading(packet.type, topic)
    return Reading(packet.type, topic, str(number(payload, end, packet.end)[0]))
