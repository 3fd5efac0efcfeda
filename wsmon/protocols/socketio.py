"""Socket.IO 5 over Engine.IO 4: heartbeats of the server, namespaces as topics, events, acknowledgements, attachments.

Both sides number their acknowledgements from 0 in each namespace: a request is known by who made it, where, and its id.
"""

from __future__ import annotations

from typing import NamedTuple

from wsmon.model.events import Direction, EventName, Opcode
from wsmon.protocols.base import Call, Calls, completed, failed, unmatched
from wsmon.protocols.credentials import Credentials
from wsmon.protocols.decoding import UNDECODABLE, unreadable
from wsmon.protocols.reading import UNREAD, Note, Reading
from wsmon.protocols.socketio_heartbeat import Heartbeat
from wsmon.protocols.socketio_packets import ENGINE_TYPES, Packet, parse_open, parse_packet

MAX_NAMESPACES = 1_000
# connected ones that are remembered

_PROBES = (b"2probe", b"3probe")
# sent while a client upgrades from polling: no heartbeats
_PROTOCOL = "socketio"


class _Arriving(NamedTuple):
    """A packet whose attachments are on their way."""

    reading: Reading
    left: int
    notes: tuple[Note, ...]
    # told with the last attachment


class State:
    """What is open on one session."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.connecting = Calls()
        self.authenticating = Calls()
        # both by namespace
        self.requests = Calls()
        # by who asked, namespace and ack id
        self.connected: dict[str, None] = {}
        # namespaces, oldest first
        self.arriving: dict[Direction, _Arriving] = {}
        self.heartbeat = Heartbeat()
        self.credentials = Credentials()

    def at(self, now_ns: int) -> None:
        """The messages that follow happen at this monotonic time."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Note, ...]:
        """Heartbeats, acknowledgements and answers to CONNECT that did not come."""
        notes = self.heartbeat.overdue(now_ns)
        for calls in (self.requests, self.authenticating, self.connecting):
            notes += calls.overdue(now_ns)
        return notes

    def connect(self, namespace: str) -> None:
        """A namespace is usable."""
        self.connected.pop(namespace, None)
        if len(self.connected) >= MAX_NAMESPACES:
            del self.connected[next(iter(self.connected))]
        self.connected[namespace] = None


def classify(direction: Direction, opcode: Opcode, payload: bytes, state: State) -> Reading:
    """Read one whole message."""
    if opcode == "binary":
        return _attachment(direction, state)
    if opcode != "text":
        return UNREAD
    number = payload[:1]
    if not (number.isdigit() and int(number) < len(ENGINE_TYPES)):
        return Reading(error_type=_PROTOCOL, error="no Engine.IO packet")
    kind = ENGINE_TYPES[int(number)]
    try:
        return (
            _message(direction, payload[1:], state) if kind == "message" else _engine(direction, kind, payload, state)
        )
    except UNDECODABLE as error:
        fault = unreadable(error, _PROTOCOL)
        return Reading(kind, error_type=fault.error_type, error=fault.error)


def _engine(direction: Direction, kind: str, payload: bytes, state: State) -> Reading:
    match kind:
        case "open":
            opened = parse_open(payload[1:])
            state.heartbeat.open(opened.interval_ns, opened.timeout_ns, state.now_ns)
        case "ping" | "pong" if payload in _PROBES:
            return Reading("probe")
        case "ping":
            return Reading(kind, notes=state.heartbeat.ping(direction, state.now_ns))
        case "pong":
            return Reading(kind, notes=state.heartbeat.pong(direction))
    return Reading(kind)


def _message(direction: Direction, data: bytes, state: State) -> Reading:
    packet = parse_packet(data)
    if packet is None:
        return Reading("message", error_type=_PROTOCOL, error="no Socket.IO packet")
    reading = _packet(direction, packet, state)
    broken = state.arriving.pop(direction, None)
    if packet.attachments:
        reading, held = _announced(reading)
        state.arriving[direction] = _Arriving(reading, packet.attachments, held)
    if broken is None:
        return reading
    missing = f"{broken.left} attachments of {broken.reading.type} did not come"
    return Reading(reading.type, reading.topic, reading.ref, _PROTOCOL, missing, (*broken.notes, *reading.notes))


def _announced(reading: Reading) -> tuple[Reading, tuple[Note, ...]]:
    """What a packet with attachments says at once, and what it says with the last of them: a request is over then."""
    if reading.type != "ack":
        return reading, ()
    return Reading(reading.type, reading.topic, reading.ref), reading.notes


def _packet(direction: Direction, packet: Packet, state: State) -> Reading:
    namespace, ack_id = packet.namespace, packet.ack_id
    match packet.type:
        case "connect":
            notes = _connect(direction, packet, state)
        case "disconnect":
            notes = _disconnect(direction, namespace, state)
        case "connect_error":
            notes = _connect_error(packet, state)
        case "ack":
            notes = _ack(direction, packet, state)
        case _:
            name = packet.event_name
            notes = _event(direction, name, packet, state) if ack_id else ()
            return Reading(name, namespace, ack_id, notes=notes)
    return Reading(packet.type, namespace, ack_id, notes=notes)


def _connect(direction: Direction, packet: Packet, state: State) -> tuple[Note, ...]:
    """A client asks for a namespace, with or without credentials; the server grants it."""
    namespace = packet.namespace
    topics = (namespace,)
    if direction == "out":
        notes: tuple[Note, ...] = ()
        if packet.has_credentials:
            state.credentials.remember(packet.content, is_auth=True)
            notes = state.authenticating.begin_anew(Call("auth", namespace, state.now_ns, topics=topics))
        return notes + state.connecting.begin_anew(Call("subscribe", namespace, state.now_ns, topics=topics))
    auth, subscribe = state.authenticating.end(namespace), state.connecting.end(namespace)
    state.connect(namespace)
    if subscribe is None:  # servers before Engine.IO 4 connect the main namespace by themselves
        return (Note("subscription.subscribe.completed", "subscribe", topic=namespace, status="ok"),)
    return (completed(auth) if auth else ()) + completed(subscribe)


def _connect_error(packet: Packet, state: State) -> tuple[Note, ...]:
    namespace, error = packet.namespace, state.credentials.mask(packet.error)
    auth, subscribe = state.authenticating.end(namespace), state.connecting.end(namespace)
    if subscribe is None:
        return (Note("error.occurred", topic=namespace, error_type="refused", error=error),)
    return (failed(auth, "refused", error) if auth else ()) + failed(subscribe, "refused", error)


def _disconnect(direction: Direction, namespace: str, state: State) -> tuple[Note, ...]:
    if namespace not in state.connected:
        return ()
    del state.connected[namespace]
    reason = "disconnected by us" if direction == "out" else "disconnected by the peer"
    name: EventName = "subscription.unsubscribe.completed"
    return (Note(name, "unsubscribe", topic=namespace, status="ok", reason=reason),)


def _event(direction: Direction, name: str, packet: Packet, state: State) -> tuple[Note, ...]:
    key = _key(direction, packet)
    topics = (packet.namespace,)
    by_peer = direction == "in"
    return state.requests.begin_anew(Call("request", key, state.now_ns, name, packet.ack_id, topics, by_peer=by_peer))


def _ack(direction: Direction, packet: Packet, state: State) -> tuple[Note, ...]:
    """The end of a request of the other side."""
    key = _key("out" if direction == "in" else "in", packet)
    if request := state.requests.end(key):
        return completed(request)
    return (unmatched("request", key, "ack", packet.namespace, packet.ack_id),)


def _attachment(direction: Direction, state: State) -> Reading:
    """A binary frame belongs to the packet that announced it, and reads like it."""
    arriving = state.arriving.pop(direction, None)
    if arriving is None:
        if state.connected:
            return Reading("binary", error_type=_PROTOCOL, error="an attachment that no packet announced")
        return Reading("binary")  # another encoding than JSON, or Engine.IO alone
    notes = arriving.notes
    if arriving.left > 1:
        state.arriving[direction] = arriving._replace(left=arriving.left - 1)
        notes = ()
    return Reading(arriving.reading.type, arriving.reading.topic, arriving.reading.ref, notes=notes)


def _key(asker: Direction, packet: Packet) -> str:
    return f"{asker}:{packet.namespace}:{packet.ack_id}"
