"""MQTT 3.1, 3.1.1 and 5: messages decoded as control packets, wsmon as a client, recognition and dissection.

All packets of a message are read; its row has the type of the first. ``mqtt_session`` has what each packet means,
``mqtt_packets`` their form on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsmon.model.events import Direction, Event, Json, Opcode
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import (
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    Happening,
    MessageSample,
    Protocol,
    ProtocolClient,
    cut,
)
from wsmon.protocols.calls import MAX_TOPICS
from wsmon.protocols.mqtt_packets import (
    MAX_PACKETS,
    MQTT_5,
    PASSWORD,
    TYPES,
    USER_NAME,
    Chunk,
    CutError,
    MqttPacket,
    after_properties,
    field,
    new_mask,
    number,
    packets,
)
from wsmon.protocols.mqtt_session import MqttState, read_packet


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: MqttState) -> Decoded:
    """Decode one whole message: the packets that it completes, and the beginning of one that goes on."""
    if opcode == "text":
        return Decoded(error_type="mqtt", error="MQTT in a text frame")
    if opcode != "binary":
        return UNREAD
    state.to_acknowledge.clear()
    chunk = state.stream(direction).feed(payload)
    packets_read = [read_packet(direction, chunk.stream, packet, state) for packet in chunk.packets]
    if chunk.begun is not None:
        packets_read.append(_describe(chunk.stream, chunk.begun))
    if chunk.skipped:
        packets_read.insert(0, Decoded(chunk.skipped))
    if len(packets_read) == 1 and not chunk.is_malformed:
        return packets_read[0]
    return _joined(packets_read, chunk)


def _joined(packets_read: list[Decoded], chunk: Chunk) -> Decoded:
    """Return several packets as one message: the type of the first, the happenings of all, and the first error."""
    first = packets_read[0] if packets_read else UNREAD
    broken = next((decoded for decoded in packets_read if decoded.error_type), UNREAD)
    if chunk.has_more:
        broken = Decoded(
            error_type="too_large", error=f"more than {MAX_PACKETS} packets in a message; the others are not parsed"
        )
    elif not broken.error_type and (chunk.is_malformed or not packets_read):
        broken = Decoded(error_type="mqtt", error="not an MQTT packet")
    happenings: list[Happening] = []
    for decoded in packets_read:
        happenings += decoded.happenings
    meta: dict[str, Json] = {**(first.meta or {})}
    if len(packets_read) > 1:
        meta["packets"] = len(packets_read)
    return Decoded(first.type, first.topic, first.ref, broken.error_type, broken.error, tuple(happenings), meta or None)


def _describe(stream: bytes, packet: MqttPacket) -> Decoded:
    """Return what is known of a packet that goes on; it is read once it is whole."""
    topic = ""
    if packet.type == "PUBLISH":
        try:
            start, end = field(stream, packet.start, packet.end)
            topic = cut(stream[start:end].decode("utf-8", "replace"))
        except CutError:
            pass
    return Decoded(packet.type, topic)


# The server closes when it hears nothing for one and a half times this; a ping goes out in half of it
KEEP_ALIVE_S = 60
_MAX_NUMBER = 0xFFFF
_CLEAN_SESSION = 0x02
_OLDER_SUBPROTOCOL = "mqttv3.1"
_PINGREQ = b"\xc0\x00"
_MAX_FIELD_BYTES = 0xFFFF


def opening(options: ClientOptions, state: MqttState) -> tuple[bytes, ...]:  # noqa: ARG001 - the signature of all clients
    """Return the CONNECT.

    ``auth`` may have ``client_id`` (without one the server makes one up), ``username``, ``password``, ``version`` (5,
    else 3.1.1) and ``keepalive`` in seconds.
    """
    auth = options.reveal_auth()
    version = _version(auth.get("version"), options.subprotocol)
    keep_alive_s = _keep_alive_s(auth.get("keepalive")) if options.answers else 0
    name = b"MQIsdp" if version == 3 else b"MQTT"
    flags, fields = _CLEAN_SESSION, _field(str(auth.get("client_id", "")))
    for key, flag in (("username", USER_NAME), ("password", PASSWORD)):
        if key in auth and (key == "username" or "username" in auth or version >= MQTT_5):
            flags |= flag
            fields += _field(str(auth[key]))
    head = _bytes_field(name) + bytes([version, flags]) + keep_alive_s.to_bytes(2, "big")
    return (_packet(0x10, head + _no_properties(version) + fields),)


def answer(decoded: Decoded, options: ClientOptions, state: MqttState) -> tuple[bytes, ...]:
    """Return acknowledgements; the subscriptions once the session is accepted.

    Topics are asked for with quality of service 1, so that messages arrive as they were published.
    """
    messages: tuple[bytes, ...] = ()
    if options.answers:
        messages = tuple(b"\x40\x02" + int(identifier).to_bytes(2, "big") for identifier in state.to_acknowledge)
    state.to_acknowledge.clear()
    if decoded.type == "CONNACK" and state.is_accepted:
        # Without leave to acknowledge, each message is to be sent once
        quality = b"\x01" if options.answers else b"\x00"
        messages += tuple(_subscribes(options.reveal_topics(), state.version, quality))
    return messages


def due(now_ns: int, options: ClientOptions, state: MqttState) -> tuple[bytes, ...]:
    """Return a PINGREQ after half of the keep-alive interval."""
    if not (options.answers and state.is_accepted and state.keep_alive_s):
        return ()
    if now_ns - state.pinged_ns < state.keep_alive_s * SECOND_NS // 2:
        return ()
    state.pinged_ns = now_ns
    return (_PINGREQ,)


def _subscribes(topics: tuple[str, ...], version: int, quality: bytes) -> Iterator[bytes]:
    for identifier, first in enumerate(range(0, len(topics), MAX_TOPICS), 1):
        filters = b"".join(_field(topic) + quality for topic in topics[first : first + MAX_TOPICS])
        yield _packet(0x82, identifier.to_bytes(2, "big") + _no_properties(version) + filters)


def _version(value: object, subprotocol: str) -> int:
    if subprotocol == _OLDER_SUBPROTOCOL:
        return 3
    return MQTT_5 if value in (MQTT_5, "5", "5.0") else 4


def _keep_alive_s(value: object) -> int:
    return min(max(round(value), 0), _MAX_NUMBER) if isinstance(value, int | float) else KEEP_ALIVE_S


def _no_properties(version: int) -> bytes:
    return b"\x00" if version >= MQTT_5 else b""


def _field(text: str) -> bytes:
    return _bytes_field(text.encode("utf-8", "replace")[:_MAX_FIELD_BYTES])


def _bytes_field(content: bytes) -> bytes:
    return len(content).to_bytes(2, "big") + content


def _packet(first: int, body: bytes) -> bytes:
    length, groups = len(body), bytearray()
    while True:
        length, group = divmod(length, 128)
        groups.append(group | (0x80 if length else 0))
        if not length:
            return bytes([first]) + bytes(groups) + body


_CONNECT_PACKET = re.compile(rb"\x10[\x80-\xff]{0,3}+[\x00-\x7f]\x00(?:\x04MQTT|\x06MQIsdp)[\x03-\x05]", re.DOTALL)
_CONNECT_NAMES = (b"\x00\x04MQTT", b"\x00\x06MQIsdp")
_CONNECT_HEADER = re.compile(rb"\x10[\x80-\xff]{0,3}+([\x00-\x7f]|\Z)")


def _recognise(sample: MessageSample) -> str:
    if sample.opcode != "binary":
        return ""
    payload = sample.payload
    is_it = _CONNECT_PACKET.match(payload) if sample.direction == "out" else _is_connack(payload)
    return "a message is an MQTT CONNECT or CONNACK" if is_it else ""


def _is_connack(payload: bytes) -> bool:
    """Whether bytes are a CONNACK: its type, a length that fits, and flags of which only the lowest bit is in use."""
    return len(payload) in range(4, 130) and payload[0] == 0x20 and payload[1] == len(payload) - 2 and payload[2] < 2


def _may_begin(payload: bytes) -> bool:
    """Whether bytes may be the beginning of a CONNECT that is cut before its version."""
    head = _CONNECT_HEADER.match(payload)
    return not payload or (head is not None and any(name.startswith(payload[head.end() :]) for name in _CONNECT_NAMES))


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
    if event.opcode != "binary" or event.type not in TYPES[1:]:
        return None
    packet = next((each for each in packets(payload) if each.type == event.type), None)
    if packet is None:
        return None
    if packet.type == "PUBLISH":
        try:
            return _dissect_publish(payload, packet)
        except CutError:
            return None
    return Anatomy(f"MQTT {packet.type}", (("Flags", f"{packet.flags:04b}"),), payload[packet.start : packet.end])


def _dissect_publish(payload: bytes, packet: MqttPacket) -> Anatomy:
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
    return Anatomy("MQTT PUBLISH", parts, payload[_content_at(payload, at, packet.end) : packet.end])


def _content_at(payload: bytes, at: int, end: int) -> int:
    """Return where the content begins: after the properties of MQTT 5, whose length is a byte that begins no text.

    The version of the session is not stored with a message.
    """
    if at >= end or payload[at] >= 0x20:
        return at
    try:
        return after_properties(payload, at, end)
    except CutError:
        return at


PROTOCOL = Protocol(
    "mqtt",
    MqttState,
    decode,
    has_binary=True,
    subprotocols=("mqtt", _OLDER_SUBPROTOCOL),
    # MQTT 3.1.1, section 6, and MQTT 5, section 6: a client must offer "mqtt"
    offered_subprotocols=("mqtt",),
    recognise=_recognise,
    may_begin=_may_begin,
    dissect=_dissect,
    new_masks=lambda _state: {"in": new_mask(), "out": new_mask()},
    client=ProtocolClient(opening, answer, due),
)
