"""State of an MQTT session, and what each control packet begins and ends: logins, subscriptions, pings, messages.

A message of quality of service 1 or 2 is a request, in either direction; its PUBACK or PUBCOMP is the answer. wsmon is
the client: packets that only a client may send are read in that direction alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from wsmon.model.events import Direction, EventName, Json
from wsmon.protocols.base import (
    Decoded,
    Happening,
    Operation,
    cut,
)
from wsmon.protocols.calls import MAX_TOPICS, Call, Calls, completed, duplicate, failed, too_many_topics, unmatched
from wsmon.protocols.credentials import Credentials
from wsmon.protocols.mqtt_packets import (
    FAILED,
    MQTT_5,
    PASSWORD,
    SERVER_KEEP_ALIVE,
    TOPIC_ALIAS,
    USER_NAME,
    CutError,
    MqttPacket,
    PacketStream,
    after_properties,
    connect_secrets,
    field,
    number,
    number_property,
    reason_name,
    reason_string,
)

# How long a PINGRESP may take: as long as the answer to a WebSocket ping of wsmon by default
PING_WAIT_S = 20.0
# Topic aliases that are remembered of each direction
MAX_ALIASES = 1_000
# PUBLISH packets of one message that are acknowledged; the broker delivers those past it again
MAX_TO_ACKNOWLEDGE = 1_000


class MqttState:
    """What is in flight on one session, and what wsmon as a client has to answer."""

    def __init__(self) -> None:
        self.now_ns = 0
        # On the wire: 3 is MQTT 3.1, 4 is 3.1.1
        self.version = 4
        # As the CONNECT asked or, in version 5, as the server decided; 0 where no pings are needed
        self.keep_alive_s = 0
        # Whether the server accepted the CONNECT
        self.is_accepted = False
        # When the last PINGREQ was due, or the CONNACK came
        self.pinged_ns = 0
        self.calls = Calls()
        self.pings = Calls(PING_WAIT_S)
        self.credentials = Credentials()
        # Identifiers of the PUBLISH packets of quality of service 1 in the last message
        self.to_acknowledge: list[str] = []
        self._streams: dict[Direction, PacketStream] = {}
        self._aliases: dict[Direction, dict[int, str]] = {}

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        return self.calls.overdue(now_ns) + self.pings.overdue(now_ns)

    def stream(self, direction: Direction) -> PacketStream:
        """Return the packet stream of a direction."""
        return self._streams.setdefault(direction, PacketStream())

    def topic_of_alias(self, direction: Direction, alias: int, topic: str) -> str:
        """Return what a topic alias stands for: ``topic`` from now on, unless it is empty."""
        known = self._aliases.setdefault(direction, {})
        if not topic:
            return known.get(alias, "")
        known.pop(alias, None)
        if len(known) >= MAX_ALIASES:
            del known[next(iter(known))]
        known[alias] = topic
        return topic

    def acknowledge(self, identifier: str) -> None:
        """Note that a message waits for a PUBACK of wsmon."""
        if len(self.to_acknowledge) < MAX_TO_ACKNOWLEDGE:
            self.to_acknowledge.append(identifier)


def read_packet(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    """Return what a control packet means; a packet that is cut or malformed has an ``error_type``."""
    if not packet.type:
        return Decoded(error_type="mqtt", error="not an MQTT packet: type 0 is reserved")
    read = _READERS.get((direction, packet.type))
    if packet.missing and packet.type != "PUBLISH":
        error = f"{packet.end - packet.start + packet.missing} bytes in fragments: only the beginning is available"
        return Decoded(packet.type, error_type="too_large", error=error)
    try:
        if read is not None:
            return read(direction, stream, packet, state)
        if packet.type in _NUMBERED:
            return Decoded(packet.type, ref=str(number(stream, packet.start, packet.end)[0]))
    except CutError:
        return Decoded(packet.type, error_type="mqtt", error="the packet is too short for its type")
    return Decoded(packet.type)


_VERSIONS: Mapping[int, str] = MappingProxyType({3: "3.1", 4: "3.1.1", MQTT_5: "5"})
# Keys of calls of which one at a time is in flight
_CONNECT, _REFRESH, _PING = "connect", "refresh", "ping"
# Return and reason codes of a CONNACK that refuse the credentials
_REFUSALS = frozenset({4, 5, 0x86, 0x87, 0x8C})
# Reason code of an AUTH with which a client authenticates again
_REAUTHENTICATE = 0x19


def _read_connect(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    """Begin a session; with a user name, a password or an authentication of version 5, it is a login."""
    end = packet.end
    _, at = field(stream, packet.start, end)
    if at + 4 > end:
        raise CutError(at)
    version, flags = stream[at], stream[at + 1]
    keep_alive_s, _ = number(stream, at + 2, end)
    secrets = [stream[start:stop].decode("utf-8", "replace") for start, stop in connect_secrets(stream, packet)]
    state.version, state.keep_alive_s, state.is_accepted = version, keep_alive_s, False
    state.credentials.remember([*secrets], is_auth=True)
    meta: dict[str, Json] = {"version": _VERSIONS.get(version, str(version)), "keep_alive_s": keep_alive_s}
    if not (secrets or flags & (USER_NAME | PASSWORD)):
        return Decoded("CONNECT", meta=meta)
    replaced = state.calls.end(_CONNECT)
    happenings = failed(replaced, "replaced", "restarted before it ended") if replaced else ()
    return Decoded(
        "CONNECT", happenings=happenings + state.calls.begin(Call("auth", _CONNECT, state.now_ns)), meta=meta
    )


def _read_connack(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    """End the CONNECT: accepted or refused."""
    start, end = packet.start, packet.end
    if start + 2 > end:
        raise CutError(end)
    code, has_properties = stream[start + 1], state.version >= MQTT_5
    if code:
        reason = reason_string(stream, start + 2, end) if has_properties else ""
        return Decoded("CONNACK", happenings=_refused(code, reason, state))
    if has_properties:
        decided = number_property(stream, start + 2, end, SERVER_KEEP_ALIVE)
        state.keep_alive_s = state.keep_alive_s if decided is None else decided
    state.is_accepted, state.pinged_ns = True, state.now_ns
    meta: dict[str, Json] = {"session_present": True} if stream[start] & 1 else {}
    login = state.calls.end(_CONNECT)
    return Decoded("CONNACK", happenings=completed(login) if login else (), meta=meta or None)


def _refused(code: int, reason: str, state: MqttState) -> tuple[Happening, ...]:
    error_type, error, meta = _fault(code, reason, state)
    if login := state.calls.end(_CONNECT):
        return failed(login, error_type, error, meta)
    name: EventName = "auth.failed" if code in _REFUSALS else "error.occurred"
    return (Happening(name, type="CONNACK", status="error", error_type=error_type, error=error, meta=meta),)


def _read_pingreq(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    """Begin a heartbeat; one at a time is in flight, so that an unanswered one ends in a timeout, not with the next."""
    call = Call("heartbeat", _PING, state.now_ns)
    if _PING in state.pings:
        return Decoded("PINGREQ", happenings=(Happening("heartbeat.sent", "heartbeat"),))
    return Decoded("PINGREQ", happenings=state.pings.begin(call))


def _read_pingresp(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    """End the heartbeat."""
    ping = state.pings.end(_PING)
    return Decoded("PINGRESP", happenings=completed(ping) if ping else (unmatched("heartbeat", _PING),))


def _read_disconnect(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    """End the session; in version 5, with the reason."""
    start, end = packet.start, packet.end
    code = stream[start] if start < end else 0
    if code < FAILED:
        return Decoded("DISCONNECT")
    error_type, error, meta = _fault(code, reason_string(stream, start + 1, end), state)
    if direction == "out":
        return Decoded("DISCONNECT", meta={**meta, "reason": error_type})
    happening = Happening("error.occurred", type="DISCONNECT", error_type=error_type, error=error, meta=meta)
    return Decoded("DISCONNECT", happenings=(happening,), meta=meta)


def _read_authentication(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    """Begin or end a renewed authentication of version 5; other steps of an exchange mean nothing by themselves."""
    code = stream[packet.start] if packet.start < packet.end else 0
    if direction == "out" and code == _REAUTHENTICATE and _REFRESH not in state.calls:
        return Decoded("AUTH", happenings=state.calls.begin(Call("refresh", _REFRESH, state.now_ns)))
    if direction == "in" and not code and (refresh := state.calls.end(_REFRESH)):
        return Decoded("AUTH", happenings=completed(refresh))
    return Decoded("AUTH")


# Bits of the flags of a PUBLISH
_RETAIN, _DUPLICATE = 0b0001, 0b1000


def _read_publish(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    """Begin a request where the quality of service is 1 or 2; a message of quality 0 is only a message."""
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
        return Decoded("PUBLISH", topic, meta=meta)
    if qos == 1 and direction == "in":
        state.acknowledge(ref)
    key = f"{direction} {ref}"
    if key in state.calls:
        happenings = () if packet.flags & _DUPLICATE else (duplicate("request", "PUBLISH", ref),)
        return Decoded("PUBLISH", topic, ref, happenings=happenings, meta=meta)
    topics = (topic,) if topic else ()
    call = Call("request", key, state.now_ns, "PUBLISH", ref, topics, by_peer=direction == "in")
    return Decoded("PUBLISH", topic, ref, happenings=state.calls.begin(call), meta=meta)


def _read_acknowledgement(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    """End the request that the other side made; a PUBREC ends it only where it refuses."""
    identifier, at = number(stream, packet.start, packet.end)
    ref = str(identifier)
    key = f"{'out' if direction == 'in' else 'in'} {ref}"
    code = stream[at] if at < packet.end else 0
    call = state.calls.get(key)
    topic = call.topics[0] if call and call.topics else ""
    if code >= FAILED:
        error_type, error, meta = _fault(code, reason_string(stream, at + 1, packet.end), state)
        if call := state.calls.end(key):
            return Decoded(packet.type, topic, ref, happenings=failed(call, error_type, error, meta))
    elif packet.type == "PUBREC":
        return Decoded(packet.type, topic, ref)
    elif call := state.calls.end(key):
        return Decoded(packet.type, topic, ref, happenings=completed(call, {"code": code} if code else None))
    return Decoded(packet.type, ref=ref, happenings=(unmatched("request", key, packet.type, ref=ref),))


def _meta(flags: int, qos: int) -> dict[str, Json] | None:
    """Return the flags of a PUBLISH that are set; None where none is."""
    meta: dict[str, Json] = {}
    if qos:
        meta["qos"] = qos
    if flags & _RETAIN:
        meta["retain"] = True
    if flags & _DUPLICATE:
        meta["dup"] = True
    return meta or None


_OPERATIONS: dict[str, Operation] = {
    "SUBSCRIBE": "subscribe",
    "SUBACK": "subscribe",
    "UNSUBSCRIBE": "unsubscribe",
    "UNSUBACK": "unsubscribe",
}
# Stands for the code of a topic that the answer does not mention
_NOT_CONFIRMED = -1


class _Subscribing(Call, frozen=True, gc=False):
    """A SUBSCRIBE or UNSUBSCRIBE in flight."""

    filters: tuple[str, ...] = ()
    """Topic filters as they stand in the packet. The answer has one code for each, also where one is there twice."""


def _read_subscribe(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    """Begin to subscribe to, or unsubscribe from, each topic of the packet."""
    identifier, at = number(stream, packet.start, packet.end)
    if state.version >= MQTT_5:
        at = after_properties(stream, at, packet.end)
    option_bytes = 1 if packet.type == "SUBSCRIBE" else 0
    filters: list[str] = []
    # Each once, also where the packet repeats it
    names: dict[str, str] = {}
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
        return Decoded(packet.type, topic, ref, happenings=(duplicate(operation, packet.type, ref),))
    call = _Subscribing(operation, key, state.now_ns, packet.type, ref, tuple(names), filters=tuple(filters))
    excess = (too_many_topics(count),) if count > MAX_TOPICS else ()
    return Decoded(packet.type, topic, ref, happenings=(*excess, *state.calls.begin(call)))


def _read_suback(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - the signature of _READERS
    """End the call for each topic by its own code."""
    identifier, at = number(stream, packet.start, packet.end)
    operation, ref = _OPERATIONS[packet.type], str(identifier)
    key = f"{operation} {ref}"
    if state.version >= MQTT_5:
        at = after_properties(stream, at, packet.end)
    call = state.calls.end(key)
    if not isinstance(call, _Subscribing):
        return Decoded(packet.type, ref=ref, happenings=(unmatched(operation, key, packet.type, ref=ref),))
    topic = call.topics[0] if len(call.topics) == 1 else ""
    if operation == "unsubscribe" and state.version < MQTT_5:  # all of them, without codes
        return Decoded(packet.type, topic, ref, happenings=completed(call))
    codes = dict.fromkeys(call.filters, _NOT_CONFIRMED)
    codes.update(zip(call.filters, stream[at : packet.end], strict=False))
    happenings: list[Happening] = []
    for topic_, code in codes.items():
        happenings += _settled(_one_topic(call, topic_), code, state)
    return Decoded(packet.type, topic, ref, happenings=tuple(happenings))


def _settled(call: Call, code: int, state: MqttState) -> tuple[Happening, ...]:
    """Return the end of the call for one topic."""
    if code == _NOT_CONFIRMED:
        return failed(call, "not_confirmed", "requested, but missing from the reply")
    if code >= FAILED:
        error_type, error, meta = _fault(code, "", state)
        return failed(call, error_type, error, meta)
    if call.operation == "subscribe":
        return completed(call, {"qos": code})
    return completed(call, {"code": code} if code else None)


def _one_topic(call: Call, topic: str) -> Call:
    """Return the part of a call that is about one topic."""
    return msgspec.structs.replace(call, topics=(topic,))


def _fault(code: int, reason: str, state: MqttState) -> tuple[str, str, dict[str, Json]]:
    """Return error type, text and meta of a reason code that is a failure; ``reason`` is the peer's reason string."""
    name = reason_name(code)
    return name, state.credentials.mask(reason) or name.replace("_", " "), {"code": code}


_Read = Callable[[Direction, bytes, MqttPacket, MqttState], Decoded]

# fmt: off
# Packets that begin with the packet identifier
_NUMBERED = frozenset({
    "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
})
# fmt: on
_READERS: Mapping[tuple[Direction, str], _Read] = MappingProxyType(
    {
        ("out", "CONNECT"): _read_connect,
        ("in", "CONNACK"): _read_connack,
        ("out", "SUBSCRIBE"): _read_subscribe,
        ("out", "UNSUBSCRIBE"): _read_subscribe,
        ("in", "SUBACK"): _read_suback,
        ("in", "UNSUBACK"): _read_suback,
        ("out", "PINGREQ"): _read_pingreq,
        ("in", "PINGRESP"): _read_pingresp,
        **dict.fromkeys((("in", "PUBLISH"), ("out", "PUBLISH")), _read_publish),
        **dict.fromkeys(
            ((way, ack) for way in ("in", "out") for ack in ("PUBACK", "PUBREC", "PUBCOMP")), _read_acknowledgement
        ),
        **dict.fromkeys((("in", "DISCONNECT"), ("out", "DISCONNECT")), _read_disconnect),
        **dict.fromkeys((("in", "AUTH"), ("out", "AUTH")), _read_authentication),
    }
)
