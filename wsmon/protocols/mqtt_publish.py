"""Messages of MQTT, and what acknowledges them."""

from __future__ import annotations

from wsmon.model.events import Direction, Json
from wsmon.protocols.base import Call, completed, duplicate, failed, unmatched
from wsmon.protocols.decoding import cut
from wsmon.protocols.mqtt_operations import fault
from wsmon.protocols.mqtt_packets import Packet, field, number
from wsmon.protocols.mqtt_properties import FAILED, MQTT_5, TOPIC_ALIAS, number_property, reason_string
from wsmon.protocols.mqtt_state import State
from wsmon.protocols.reading import Reading

_RETAIN, _DUPLICATE = 0b0001, 0b1000
# of the flags of a PUBLISH


def read_publish(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:
    """A message; of quality of service 1 and 2, one that waits for an answer."""
    start, at = field(stream, packet.start, packet.end)
    topic = cut(stream[start:at].decode("utf-8", "replace"))
    qos = packet.flags >> 1 & 0b11
    ref = ""
    if qos:
        identifier, at = number(stream, at, packet.end)
        ref = str(identifier)
    if state.version >= MQTT_5:
        alias = number_property(stream, at, packet.end, TOPIC_ALIAS)
        topic = topic if alias is None else state.topic_of_alias(direction, alias, topic)
    meta = _meta(packet.flags, qos)
    if not qos:
        return Reading("PUBLISH", topic, meta=meta)
    if qos == 1 and direction == "in":
        state.acknowledge(ref)
    key = f"{direction} {ref}"
    if key in state.calls:
        notes = () if packet.flags & _DUPLICATE else (duplicate("request", "PUBLISH", ref),)
        return Reading("PUBLISH", topic, ref, notes=notes, meta=meta)
    topics = (topic,) if topic else ()
    call = Call("request", key, state.now_ns, "PUBLISH", ref, topics, by_peer=direction == "in")
    return Reading("PUBLISH", topic, ref, notes=state.calls.begin(call), meta=meta)


def read_acknowledgement(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:
    """The end of a message of the other side; a PUBREC is one where it refuses."""
    identifier, at = number(stream, packet.start, packet.end)
    ref = str(identifier)
    key = f"{'out' if direction == 'in' else 'in'} {ref}"
    code = stream[at] if at < packet.end else 0
    call = state.calls.get(key)
    topic = call.topics[0] if call and call.topics else ""
    if code >= FAILED:
        error_type, error, meta = fault(code, reason_string(stream, at + 1, packet.end), state)
        if call := state.calls.end(key):
            return Reading(packet.type, topic, ref, notes=failed(call, error_type, error, meta))
    elif packet.type == "PUBREC":
        return Reading(packet.type, topic, ref)
    elif call := state.calls.end(key):
        return Reading(packet.type, topic, ref, notes=completed(call, {"code": code} if code else None))
    return Reading(packet.type, ref=ref, notes=(unmatched("request", key, packet.type, ref=ref),))


def _meta(flags: int, qos: int) -> dict[str, Json] | None:
    """What else a PUBLISH says of itself; nothing of an ordinary one."""
    meta: dict[str, Json] = {}
    if qos:
        meta["qos"] = qos
    if flags & _RETAIN:
        meta["retain"] = True
    if flags & _DUPLICATE:
        meta["dup"] = True
    return meta or None
