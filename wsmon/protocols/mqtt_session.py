"""MQTT 3.1, 3.1.1 and 5: sessions, subscriptions, heartbeats, and messages that are acknowledged.

A message of quality of service 1 or 2 is a request, answered by its PUBACK or PUBCOMP, whoever sends it. wsmon is the
client: what only a client may send is read in that direction alone. All packets of a message are read; its row has
the type of the first.
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

# What is remembered of one MQTT session.

# How long a PINGRESP may take: what wsmon's own pings are given by default
PING_WAIT_S = 20.0
# Topics that a number stands for, of each direction
MAX_ALIASES = 1_000
# Messages that arrived together; those past it are delivered again by the broker
MAX_TO_ACKNOWLEDGE = 1_000


class MqttState:
    """What is in flight on one session, and what is to be answered where wsmon may speak."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.version = 4
        # on the wire: 3 is MQTT 3.1, 4 is 3.1.1
        self.keep_alive_s = 0
        # as we said or, in version 5, as the server decided; 0 = no pings are needed
        self.is_accepted = False
        # whether the server took our CONNECT
        self.pinged_ns = 0
        # when the last PINGREQ was due, or the CONNACK came
        self.calls = Calls()
        self.pings = Calls(PING_WAIT_S)
        self.credentials = Credentials()
        self.to_acknowledge: list[str] = []
        # identifiers of the PUBLISH packets of quality of service 1 in the last message
        self._streams: dict[Direction, PacketStream] = {}
        self._aliases: dict[Direction, dict[int, str]] = {}

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """What was due and did not come, each told once."""
        return self.calls.overdue(now_ns) + self.pings.overdue(now_ns)

    def stream(self, direction: Direction) -> PacketStream:
        """The packets of a direction."""
        return self._streams.setdefault(direction, PacketStream())

    def topic_of_alias(self, direction: Direction, alias: int, topic: str) -> str:
        """What a topic alias stands for: ``topic`` from now on, where it has one."""
        known = self._aliases.setdefault(direction, {})
        if not topic:
            return known.get(alias, "")
        known.pop(alias, None)
        if len(known) >= MAX_ALIASES:
            del known[next(iter(known))]
        known[alias] = topic
        return topic

    def acknowledge(self, identifier: str) -> None:
        """A message waits for our PUBACK."""
        if len(self.to_acknowledge) < MAX_TO_ACKNOWLEDGE:
            self.to_acknowledge.append(identifier)


def read_packet(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    if not packet.type:
        return Decoded(error_type="mqtt", error="no MQTT packet: type 0 is reserved")
    read = _READERS.get((direction, packet.type))
    if packet.missing and packet.type != "PUBLISH":
        error = f"{packet.end - packet.start + packet.missing} bytes in pieces: only its beginning is known"
        return Decoded(packet.type, error_type="too_large", error=error)
    try:
        if read is not None:
            return read(direction, stream, packet, state)
        if packet.type in _NUMBERED:
            return Decoded(packet.type, ref=str(number(stream, packet.start, packet.end)[0]))
    except CutError:
        return Decoded(packet.type, error_type="mqtt", error="the packet is too short for its type")
    return Decoded(packet.type)


# What the packets around the messages of MQTT begin and end: the session with its login, and its heartbeats.

_VERSIONS: Mapping[int, str] = MappingProxyType({3: "3.1", 4: "3.1.1", MQTT_5: "5"})
# Keys of what happens once at a time
_CONNECT, _REFRESH, _PING = "connect", "refresh", "ping"
# Return and reason codes of a CONNACK that are about who we are
_REFUSALS = frozenset({4, 5, 0x86, 0x87, 0x8C})
# Reason of an AUTH with which a client asks for a new grant
_REAUTHENTICATE = 0x19


def _read_connect(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - as the others
    """A session is asked for; with a user name, a password or an authentication of version 5, it is a login."""
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
    happenings = failed(replaced, "replaced", "begun again before it ended") if replaced else ()
    return Decoded(
        "CONNECT", happenings=happenings + state.calls.begin(Call("auth", _CONNECT, state.now_ns)), meta=meta
    )


def _read_connack(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - as the others
    """The answer to a CONNECT."""
    start, end = packet.start, packet.end
    if start + 2 > end:
        raise CutError(end)
    code, has_properties = stream[start + 1], state.version >= MQTT_5
    if code:
        said = reason_string(stream, start + 2, end) if has_properties else ""
        return Decoded("CONNACK", happenings=_refused(code, said, state))
    if has_properties:
        decided = number_property(stream, start + 2, end, SERVER_KEEP_ALIVE)
        state.keep_alive_s = state.keep_alive_s if decided is None else decided
    state.is_accepted, state.pinged_ns = True, state.now_ns
    meta: dict[str, Json] = {"session_present": True} if stream[start] & 1 else {}
    login = state.calls.end(_CONNECT)
    return Decoded("CONNACK", happenings=completed(login) if login else (), meta=meta or None)


def _refused(code: int, said: str, state: MqttState) -> tuple[Happening, ...]:
    error_type, error, meta = _fault(code, said, state)
    if login := state.calls.end(_CONNECT):
        return failed(login, error_type, error, meta)
    name: EventName = "auth.failed" if code in _REFUSALS else "error.occurred"
    return (Happening(name, type="CONNACK", status="error", error_type=error_type, error=error, meta=meta),)


def _read_pingreq(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - as the others
    """One at a time is waited for, so that unanswered ones end in a timeout and not in each other."""
    call = Call("heartbeat", _PING, state.now_ns)
    if _PING in state.pings:
        return Decoded("PINGREQ", happenings=(Happening("heartbeat.sent", "heartbeat"),))
    return Decoded("PINGREQ", happenings=state.pings.begin(call))


def _read_pingresp(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - as the others
    """The answer to the oldest PINGREQ."""
    ping = state.pings.end(_PING)
    return Decoded("PINGRESP", happenings=completed(ping) if ping else (unmatched("heartbeat", _PING),))


def _read_disconnect(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
    """The end of the session; in version 5, why."""
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
    """A step of version 5's own authentication: of a login, or of its renewal."""
    code = stream[packet.start] if packet.start < packet.end else 0
    if direction == "out" and code == _REAUTHENTICATE and _REFRESH not in state.calls:
        return Decoded("AUTH", happenings=state.calls.begin(Call("refresh", _REFRESH, state.now_ns)))
    if direction == "in" and not code and (refresh := state.calls.end(_REFRESH)):
        return Decoded("AUTH", happenings=completed(refresh))
    return Decoded("AUTH")


# Messages of MQTT, and what acknowledges them.

# Of the flags of a PUBLISH
_RETAIN, _DUPLICATE = 0b0001, 0b1000


def _read_publish(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:
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
    """The end of a message of the other side; a PUBREC is one where it refuses."""
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
    """What else a PUBLISH says of itself; nothing of an ordinary one."""
    meta: dict[str, Json] = {}
    if qos:
        meta["qos"] = qos
    if flags & _RETAIN:
        meta["retain"] = True
    if flags & _DUPLICATE:
        meta["dup"] = True
    return meta or None


# Subscriptions of MQTT: one packet asks for several topics, its answer has a code for each.

_OPERATIONS: dict[str, Operation] = {
    "SUBSCRIBE": "subscribe",
    "SUBACK": "subscribe",
    "UNSUBSCRIBE": "unsubscribe",
    "UNSUBACK": "unsubscribe",
}
# In the place of a code that the answer does not have
_NOT_CONFIRMED = -1


class _Subscribing(Call, frozen=True, gc=False):
    """A SUBSCRIBE or UNSUBSCRIBE in flight."""

    filters: tuple[str, ...] = ()
    """As they stand in the packet, of which the answer has one code each: one topic may be there twice."""


def _read_subscribe(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - as the others
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
        return Decoded(packet.type, topic, ref, happenings=(duplicate(operation, packet.type, ref),))
    call = _Subscribing(operation, key, state.now_ns, packet.type, ref, tuple(names), filters=tuple(filters))
    told = (too_many_topics(count),) if count > MAX_TOPICS else ()
    return Decoded(packet.type, topic, ref, happenings=(*told, *state.calls.begin(call)))


def _read_suback(direction: Direction, stream: bytes, packet: MqttPacket, state: MqttState) -> Decoded:  # noqa: ARG001 - as the others
    """What was granted, and what was not."""
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
    """The end of one topic."""
    if code == _NOT_CONFIRMED:
        return failed(call, "not_confirmed", "asked for, and not in the answer")
    if code >= FAILED:
        error_type, error, meta = _fault(code, "", state)
        return failed(call, error_type, error, meta)
    if call.operation == "subscribe":
        return completed(call, {"qos": code})
    return completed(call, {"code": code} if code else None)


def _one_topic(call: Call, topic: str) -> Call:
    """The part of a call that is about one topic."""
    return msgspec.structs.replace(call, topics=(topic,))


def _fault(code: int, said: str, state: MqttState) -> tuple[str, str, dict[str, Json]]:
    """Error type, text and meta of a reason code that is a failure; ``said`` is the peer's own sentence."""
    name = reason_name(code)
    return name, state.credentials.mask(said) or name.replace("_", " "), {"code": code}


_Read = Callable[[Direction, bytes, MqttPacket, MqttState], Decoded]

# fmt: off
_NUMBERED = frozenset({
    "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK",
})
# fmt: on
# packets that begin with the identifier that pairs them
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
