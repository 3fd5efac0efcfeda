"""Subscriptions of MQTT: one packet asks for several topics, its answer has a code for each."""

from __future__ import annotations

from wsmon.model.events import Direction
from wsmon.protocols.base import MAX_TOPICS, Call, completed, duplicate, failed, too_many_topics, unmatched
from wsmon.protocols.decoding import cut
from wsmon.protocols.mqtt_operations import fault
from wsmon.protocols.mqtt_packets import Packet, field, number
from wsmon.protocols.mqtt_properties import FAILED, MQTT_5, after_properties
from wsmon.protocols.mqtt_state import State, Subscribing, one_topic
from wsmon.protocols.reading import Note, Operation, Reading

_OPERATIONS: dict[str, Operation] = {
    "SUBSCRIBE": "subscribe",
    "SUBACK": "subscribe",
    "UNSUBSCRIBE": "unsubscribe",
    "UNSUBACK": "unsubscribe",
}
_NOT_CONFIRMED = -1
# in the place of a code that the answer does not have


def read_subscribe(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:  # noqa: ARG001 - as the others
    """Topics are asked for, or given up."""
    identifier, at = number(stream, packet.start, packet.end)
    if state.version >= MQTT_5:
        at = after_properties(stream, at, packet.end)
    option_bytes = 1 if packet.type == "SUBSCRIBE" else 0
    filters: list[str] = []
    names: dict[str, str] = {}
    # each once, also where a packet repeats it
    count = 0
    while at < packet.end:
        start, stop = field(stream, at, packet.end)
        at = stop + option_bytes
        count += 1
        if count <= MAX_TOPICS:
            name = cut(stream[start:stop].decode("utf-8", "replace"))
            filters.append(names.setdefault(name, name))
    operation, ref = _OPERATIONS[packet.type], str(identifier)
    topic = filters[0] if count == 1 else ""
    key = f"{operation} {ref}"
    if key in state.calls:
        return Reading(packet.type, topic, ref, notes=(duplicate(operation, packet.type, ref),))
    call = Subscribing(operation, key, state.now_ns, packet.type, ref, tuple(names), filters=tuple(filters))
    told = (too_many_topics(count),) if count > MAX_TOPICS else ()
    return Reading(packet.type, topic, ref, notes=(*told, *state.calls.begin(call)))


def read_suback(direction: Direction, stream: bytes, packet: Packet, state: State) -> Reading:  # noqa: ARG001 - as the others
    """What was granted, and what was not."""
    identifier, at = number(stream, packet.start, packet.end)
    operation, ref = _OPERATIONS[packet.type], str(identifier)
    key = f"{operation} {ref}"
    if state.version >= MQTT_5:
        at = after_properties(stream, at, packet.end)
    call = state.calls.end(key)
    if not isinstance(call, Subscribing):
        return Reading(packet.type, ref=ref, notes=(unmatched(operation, key, packet.type, ref=ref),))
    topic = call.topics[0] if len(call.topics) == 1 else ""
    if operation == "unsubscribe" and state.version < MQTT_5:  # all of them, without codes
        return Reading(packet.type, topic, ref, notes=completed(call))
    codes = dict.fromkeys(call.filters, _NOT_CONFIRMED)
    codes.update(zip(call.filters, stream[at : packet.end], strict=False))
    notes: list[Note] = []
    for topic_, code in codes.items():
        notes += _settled(one_topic(call, topic_), code, state)
    return Reading(packet.type, topic, ref, notes=tuple(notes))


def _settled(call: Call, code: int, state: State) -> tuple[Note, ...]:
    """The end of one topic."""
    if code == _NOT_CONFIRMED:
        return failed(call, "not_confirmed", "asked for, and not in the answer")
    if code >= FAILED:
        error_type, error, meta = fault(code, "", state)
        return failed(call, error_type, error, meta)
    if call.operation == "subscribe":
        return completed(call, {"qos": code})
    return completed(call, {"code": code} if code else None)
