"""Socket.IO 5 over Engine.IO 4: heartbeats of the server, namespaces as topics, events, acknowledgements, attachments.

Of Socket.IO 2 over Engine.IO 3, which the URL names, the differences are known: the client pings, the server joins the
main namespace by itself, and credentials of a namespace are the query behind its name.

Both sides number acknowledgements from 0 in each namespace: side, namespace and id together identify a request.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from wsmon.model.events import Direction, Event, EventName, Opcode
from wsmon.model.json_texts import repairing
from wsmon.model.redact.masking import ByteRange, mask_ranges
from wsmon.model.units import SECOND_NS
from wsmon.protocols.base import (
    UNDECODABLE,
    UNREAD,
    Anatomy,
    ClientOptions,
    Decoded,
    HandshakeUrl,
    Happening,
    MessageSample,
    Outbox,
    Protocol,
    ProtocolClient,
    cut,
    unreadable,
)
from wsmon.protocols.calls import Call, Calls, PeerSilence, completed, failed, unmatched
from wsmon.protocols.credentials import Credentials, JsonValue

# PingTimeout of a server that named none: the default of the reference implementation
PONG_NS = 20 * SECOND_NS

# Connected namespaces that are remembered
MAX_NAMESPACES = 1_000

# Packets of a client that upgrades from polling: no heartbeats
_PROBES = (b"2probe", b"3probe")
_PROTOCOL = "socketio"


class _Arriving(NamedTuple):
    """A packet whose attachments are on their way."""

    decoded: Decoded
    left: int
    happenings: tuple[Happening, ...]
    """What the packet says happened; it happens with the last attachment."""


class SocketIoState:
    """What is open on one session."""

    def __init__(self) -> None:
        self.now_ns = 0
        # Both by namespace
        self.connecting = Calls()
        self.authenticating = Calls()
        # By side, namespace and ack id
        self.requests = Calls()
        # Namespaces, oldest first
        self.connected: dict[str, None] = {}
        self.arriving: dict[Direction, _Arriving] = {}
        self.heartbeat = Heartbeat()
        self.credentials = Credentials()
        # Whether the third revision of Engine.IO was asked for
        self.is_revision_3 = False
        # Whether wsmon has connected to its namespaces
        self.has_connected = False
        # Whether the configured events were sent
        self.has_sent_events = False

    def at(self, now_ns: int) -> None:
        """Set the monotonic time of the messages that follow."""
        self.now_ns = now_ns

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return heartbeats, acknowledgements and answers to CONNECT that did not come in time."""
        happenings = self.heartbeat.overdue(now_ns)
        for calls in (self.requests, self.authenticating, self.connecting):
            happenings += calls.overdue(now_ns)
        return happenings

    def connect(self, namespace: str) -> None:
        """Remember that a namespace is usable."""
        self.connected.pop(namespace, None)
        if len(self.connected) >= MAX_NAMESPACES:
            del self.connected[next(iter(self.connected))]
        self.connected[namespace] = None


def decode(direction: Direction, opcode: Opcode, payload: bytes, state: SocketIoState) -> Decoded:
    """Decode one whole message."""
    if opcode == "binary":
        return _attachment(direction, state)
    if opcode != "text":
        return UNREAD
    # A client of Engine.IO 3 may ask for attachments in Base64
    if payload[:2] == b"b4":
        return _attachment(direction, state)
    number = payload[:1]
    if not (number.isdigit() and int(number) < len(ENGINE_TYPES)):
        return Decoded(error_type=_PROTOCOL, error="not an Engine.IO packet")
    kind = ENGINE_TYPES[int(number)]
    try:
        return (
            _message(direction, payload[1:], state) if kind == "message" else _engine(direction, kind, payload, state)
        )
    except UNDECODABLE as error:
        fault = unreadable(error, _PROTOCOL)
        return Decoded(kind, error_type=fault.error_type, error=fault.error)


def _engine(direction: Direction, kind: str, payload: bytes, state: SocketIoState) -> Decoded:
    match kind:
        case "open":
            opened = parse_open(payload[1:])
            state.heartbeat.open(opened.interval_ns, opened.timeout_ns, state.now_ns, client_pings=state.is_revision_3)
        case "ping" | "pong" if payload in _PROBES:
            return Decoded("probe")
        case "ping":
            return Decoded(kind, happenings=state.heartbeat.ping(direction, state.now_ns))
        case "pong":
            return Decoded(kind, happenings=state.heartbeat.pong(direction))
    return Decoded(kind)


def _message(direction: Direction, data: bytes, state: SocketIoState) -> Decoded:
    packet = parse_packet(data)
    if packet is None:
        return Decoded("message", error_type=_PROTOCOL, error="not a Socket.IO packet")
    decoded = _packet(direction, packet, state)
    broken = state.arriving.pop(direction, None)
    if packet.attachments:
        decoded, held = _announced(decoded)
        state.arriving[direction] = _Arriving(decoded, packet.attachments, held)
    if broken is None:
        return decoded
    missing = f"{broken.left} attachments of {broken.decoded.type} are missing"
    return Decoded(
        decoded.type, decoded.topic, decoded.ref, _PROTOCOL, missing, (*broken.happenings, *decoded.happenings)
    )


def _announced(decoded: Decoded) -> tuple[Decoded, tuple[Happening, ...]]:
    """Split what a packet says at once from what happens with its last attachment: the end of a request."""
    if decoded.type != "ack":
        return decoded, ()
    return Decoded(decoded.type, decoded.topic, decoded.ref), decoded.happenings


def _packet(direction: Direction, packet: SocketIoPacket, state: SocketIoState) -> Decoded:
    namespace, ack_id = packet.namespace, packet.ack_id
    match packet.type:
        case "connect":
            happenings = _connect_packet(direction, packet, state)
        case "disconnect":
            happenings = _disconnect(direction, namespace, state)
        case "connect_error":
            happenings = _connect_error(packet, state)
        case "ack":
            happenings = _ack(direction, packet, state)
        case _:
            name = packet.event_name
            happenings = _event_arguments(direction, name, packet, state) if ack_id else ()
            return Decoded(name, namespace, ack_id, happenings=happenings)
    return Decoded(packet.type, namespace, ack_id, happenings=happenings)


def _connect_packet(direction: Direction, packet: SocketIoPacket, state: SocketIoState) -> tuple[Happening, ...]:
    """Read a CONNECT: a client asks for a namespace, with or without credentials, and the server grants it."""
    namespace = packet.namespace
    topics = (namespace,)
    if direction == "out":
        happenings: tuple[Happening, ...] = ()
        if packet.has_credentials:
            state.credentials.remember(packet.content, is_auth=True)
            happenings = state.authenticating.begin_anew(Call("auth", namespace, state.now_ns, topics=topics))
        return happenings + state.connecting.begin_anew(Call("subscribe", namespace, state.now_ns, topics=topics))
    auth, subscribe = state.authenticating.end(namespace), state.connecting.end(namespace)
    state.connect(namespace)
    # Servers before Engine.IO 4 connect the main namespace by themselves
    if subscribe is None:
        return (Happening("subscription.subscribe.completed", "subscribe", topic=namespace, status="ok"),)
    return (completed(auth) if auth else ()) + completed(subscribe)


def _connect_error(packet: SocketIoPacket, state: SocketIoState) -> tuple[Happening, ...]:
    namespace, error = packet.namespace, state.credentials.mask(packet.error)
    auth, subscribe = state.authenticating.end(namespace), state.connecting.end(namespace)
    if subscribe is None:
        return (Happening("error.occurred", topic=namespace, error_type="refused", error=error),)
    if auth:
        refused = failed(auth, "refused", error)
    elif namespace == MAIN_NAMESPACE:
        # The connection itself, so that credentials are missing, or it is not wanted
        refused = (Happening("auth.failed", topic=namespace, status="error", error_type="refused", error=error),)
    else:
        refused = ()
    return refused + failed(subscribe, "refused", error)


def _disconnect(direction: Direction, namespace: str, state: SocketIoState) -> tuple[Happening, ...]:
    if namespace not in state.connected:
        return ()
    del state.connected[namespace]
    reason = "disconnected by wsmon" if direction == "out" else "disconnected by the peer"
    name: EventName = "subscription.unsubscribe.completed"
    return (Happening(name, "unsubscribe", topic=namespace, status="ok", reason=reason),)


def _event_arguments(
    direction: Direction, name: str, packet: SocketIoPacket, state: SocketIoState
) -> tuple[Happening, ...]:
    key = _key(direction, packet)
    topics = (packet.namespace,)
    by_peer = direction == "in"
    return state.requests.begin_anew(Call("request", key, state.now_ns, name, packet.ack_id, topics, by_peer=by_peer))


def _ack(direction: Direction, packet: SocketIoPacket, state: SocketIoState) -> tuple[Happening, ...]:
    """End a request of the other side."""
    key = _key("out" if direction == "in" else "in", packet)
    if request := state.requests.end(key):
        return completed(request)
    return (unmatched("request", key, "ack", packet.namespace, packet.ack_id),)


def _attachment(direction: Direction, state: SocketIoState) -> Decoded:
    """Read a binary frame: it belongs to the packet that announced it, and has its type, topic and id."""
    arriving = state.arriving.pop(direction, None)
    if arriving is None:
        if state.connected:
            return Decoded("binary", error_type=_PROTOCOL, error="an unexpected attachment: no packet announced it")
        # Another encoding than JSON, or Engine.IO alone
        return Decoded("binary")
    happenings = arriving.happenings
    if arriving.left > 1:
        state.arriving[direction] = arriving._replace(left=arriving.left - 1)
        happenings = ()
    return Decoded(arriving.decoded.type, arriving.decoded.topic, arriving.decoded.ref, happenings=happenings)


def _key(asker: Direction, packet: SocketIoPacket) -> str:
    return f"{asker}:{packet.namespace}:{packet.ack_id}"


class Heartbeat:
    """Engine.IO heartbeats of one session.

    In the fourth revision the server pings and the client answers; in the third it is the other way round.
    """

    def __init__(self) -> None:
        # Of the server, which named how often it pings
        self._silence = PeerSilence("ping from the server")
        # Interval of the client's own pings; 0 where the server pings
        self._interval_ns = 0
        # When the client pings next
        self._own_ping_ns = 0
        # Pings without an answer, by their direction
        self._pings = Calls(PONG_NS / SECOND_NS)

    def open(self, interval_ns: int, timeout_ns: int, now_ns: int, *, client_pings: bool = False) -> None:
        """Take the interval of pings and the timeout that the server named."""
        wait_ns = timeout_ns or PONG_NS
        self._pings = Calls(wait_ns / SECOND_NS)
        if client_pings:
            self._interval_ns = interval_ns
            self._own_ping_ns = now_ns + interval_ns
            return
        self._silence.limit(interval_ns + wait_ns if interval_ns else 0, now_ns)

    def ping_is_due(self, now_ns: int) -> bool:
        """Whether it is time for the client to ping; true once for each interval."""
        # The session looks once a second: rather a ping too early than one too late
        if not self._interval_ns or now_ns < self._own_ping_ns - SECOND_NS:
            return False
        self._own_ping_ns = now_ns + self._interval_ns
        return True

    def ping(self, direction: Direction, now_ns: int) -> tuple[Happening, ...]:
        """Begin a heartbeat; one at a time is in flight, so that an unanswered one ends in a timeout."""
        by_peer = direction == "in"
        # The third revision: its servers send none
        if by_peer:
            self._silence.heard(now_ns)
        else:
            self._silence.limit(0, now_ns)
        if direction in self._pings:
            return (Happening("heartbeat.received" if by_peer else "heartbeat.sent", "heartbeat"),)
        return self._pings.begin(Call("heartbeat", direction, now_ns, by_peer=by_peer))

    def pong(self, direction: Direction) -> tuple[Happening, ...]:
        """End the heartbeat that the other side began."""
        key = "out" if direction == "in" else "in"
        ping = self._pings.end(key)
        return completed(ping) if ping else (unmatched("heartbeat", key),)

    def overdue(self, now_ns: int) -> tuple[Happening, ...]:
        """Return what was due by the monotonic time ``now_ns`` and did not come, each once."""
        return self._pings.overdue(now_ns) + self._silence.overdue(now_ns)


# A text frame is one Engine.IO packet, a digit and its data; a ``4`` holds a Socket.IO packet
# ``<type>[<attachments>-][<namespace>,][<ack id>][JSON]``, a binary frame one attachment of it.
# Sources: engine.io-protocol revision 4, socket.io-protocol revision 5
ENGINE_TYPES = ("open", "close", "ping", "pong", "message", "upgrade", "noop")
PACKET_TYPES = ("connect", "disconnect", "event", "ack", "connect_error", "event", "ack")
# From this type on, packets come with attachments
FIRST_BINARY = 5

MAIN_NAMESPACE = "/"
# Of the query of a namespace; one with more is not read
_MAX_PARAMETERS = 100
# Longest ping interval that is believed: a day
MAX_INTERVAL_MS = 86_400_000.0

_HEAD = re.compile(rb"([0-6])(?:([0-9]{1,9})-)?(?:(/[^,]*+),?)?([0-9]{1,20})?")


class SocketIoPacket(NamedTuple):
    """One Socket.IO packet."""

    number: int
    attachments: int
    namespace: str
    ack_id: str
    """Empty where no acknowledgement is requested or given."""
    body: bytes
    """JSON, not decoded yet."""
    query: bytes = b""
    """Behind the namespace: what clients of Socket.IO 2 send of credentials."""

    @property
    def type(self) -> str:
        """Its name in ``PACKET_TYPES``."""
        return PACKET_TYPES[self.number]

    @property
    def has_credentials(self) -> bool:
        """Whether a CONNECT carries any credentials."""
        return bool(self.query) or self.body.strip() not in (b"", b"null", b"{}")

    @property
    def content(self) -> JsonValue:
        """Its JSON, decoded, or the parameters of its query; raises one of ``UNDECODABLE``."""
        if self.query:
            return dict(parse_qsl(self.query.decode("utf-8", "replace"), max_num_fields=_MAX_PARAMETERS))
        content: JsonValue = msgspec.json.decode(self.body)
        return content

    @property
    def event_name(self) -> str:
        """The first argument of an event; raises one of ``UNDECODABLE`` where there is none."""
        arguments = _decode_event(self.body)
        if not arguments:
            raise msgspec.ValidationError("an event without a name")
        return cut(str(_NAME.decode(arguments[0])))

    @property
    def error(self) -> str:
        """The message of a CONNECT_ERROR: an object's, or a text of older servers; may raise ``UNDECODABLE``."""
        decoded = _ERROR.decode(self.body or b'""')
        return (decoded if isinstance(decoded, str) else decoded.message) or "refused without a message"


class Open(msgspec.Struct, gc=False, rename="camel"):
    """The server's first packet; its session id is a credential, and is not read."""

    ping_interval: float = 0.0
    ping_timeout: float = 0.0

    @property
    def interval_ns(self) -> int:
        """Time between two pings of the server; 0 where it does not say."""
        return _nanoseconds(self.ping_interval)

    @property
    def timeout_ns(self) -> int:
        """How long the server waits for a pong; 0 where it does not say."""
        return _nanoseconds(self.ping_timeout)


class _Refusal(msgspec.Struct, gc=False):
    message: str = ""


_EVENT = msgspec.json.Decoder(list[msgspec.Raw])
_decode_event = repairing(_EVENT.decode)
_NAME = msgspec.json.Decoder(str | int)
_ERROR = msgspec.json.Decoder(str | _Refusal)
_OPEN = msgspec.json.Decoder(Open)


def parse_packet(data: bytes) -> SocketIoPacket | None:
    """Return the Socket.IO packet in an Engine.IO message; None where there is none."""
    head = _HEAD.match(data)
    if head is None:
        return None
    number, attachments, namespace, ack_id = head.groups()
    if (attachments is not None) != (int(number) >= FIRST_BINARY):
        return None
    path, _, query = (namespace or b"/").partition(b"?")
    return SocketIoPacket(
        int(number),
        int(attachments or 0),
        cut(path.decode("utf-8", "replace")),
        (ack_id or b"").decode(),
        data[head.end() :],
        query,
    )


def parse_open(data: bytes) -> Open:
    """Return the content of an ``open`` packet; raises one of ``UNDECODABLE``."""
    return _OPEN.decode(data)


def _nanoseconds(milliseconds: float) -> int:
    return int(min(max(milliseconds, 0.0), MAX_INTERVAL_MS) * 1e6)


def answer(decoded: Decoded, options: ClientOptions, state: SocketIoState) -> Outbox:
    """Return pongs, connects to the namespaces that the configuration names, and then its events, once a session.

    A topic ``/admin`` is a namespace; a JSON list such as ``["join", "room"]`` is an event for the main namespace.
    The main namespace is connected to where no other is named, or an event is; servers of Socket.IO 2 do that.
    """
    topics = options.reveal_topics()
    events = tuple(topic for topic in topics if not topic.startswith("/"))
    match decoded.type:
        case "ping" if options.answers and any(
            happening.name == "heartbeat.received" for happening in decoded.happenings
        ):
            return ("3",)
        case "open" if not state.has_connected:
            state.has_connected = True
            namespaces = tuple(topic for topic in topics if topic.startswith("/"))
            if events or not namespaces:
                namespaces = (MAIN_NAMESPACE, *(name for name in namespaces if name != MAIN_NAMESPACE))
            if state.is_revision_3:
                namespaces = tuple(name for name in namespaces if name != MAIN_NAMESPACE)
            return tuple(_connect(namespace, options, state) for namespace in namespaces)
        case "connect" if decoded.topic == MAIN_NAMESPACE and _is_granted(decoded) and not state.has_sent_events:
            state.has_sent_events = True
            return tuple(f"42{_event(topic)}" for topic in events)
    return ()


def due(now_ns: int, options: ClientOptions, state: SocketIoState) -> Outbox:
    """Return the client's ping, where the revision wants it of the client."""
    return ("2",) if options.answers and state.heartbeat.ping_is_due(now_ns) else ()


def _prepare(state: SocketIoState, _options: ClientOptions, url: HandshakeUrl | None) -> None:
    state.is_revision_3 = url is not None and url.parameter("EIO") == "3"


def _is_granted(decoded: Decoded) -> bool:
    return any(happening.name == "subscription.subscribe.completed" for happening in decoded.happenings)


def _connect(namespace: str, options: ClientOptions, state: SocketIoState) -> str:
    auth = options.reveal_auth()
    if state.is_revision_3:
        return f"40{namespace}{f'?{urlencode(auth, quote_via=quote)}' if auth else ''},"
    path = "" if namespace == MAIN_NAMESPACE else f"{namespace},"
    return f"40{path}{msgspec.json.encode(auth).decode() if auth else ''}"


def _event(topic: str) -> str:
    """Return the arguments of an event; a topic that is no list of them is the name of an event without any."""
    try:
        _EVENT.decode(topic)
    except UNDECODABLE:
        return msgspec.json.encode([topic]).decode()
    return topic


# The parameters of a namespace, each with its value
_CONNECT_QUERY = re.compile(rb"\A40/[^,?]*+\?([^,]*+)")
_PARAMETER = re.compile(rb"[^&=]*+=([^&]++)")


def mask(_opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """Return a message with the values in the query of a CONNECT masked, and whether there were any."""
    found = _CONNECT_QUERY.match(payload)
    if found is None:
        return payload, False
    values = islice(_PARAMETER.finditer(payload, *found.span(1)), _MAX_PARAMETERS + 1)
    spans = [ByteRange(*each.span(1)) for each in values]
    if len(spans) > _MAX_PARAMETERS:
        spans = [ByteRange(*found.span(1))]
    return (mask_ranges(payload, spans), True) if spans else (payload, False)


_OPEN_PACKET = re.compile(rb"0\{(?=[^\0]{0,400}\"sid\")(?=[^\0]{0,400}\"pingInterval\")")


def _recognise_url(url: HandshakeUrl) -> str:
    revision = url.parameter("EIO")
    is_it = url.path.endswith("/socket.io") or url.query.get("transport") == ["websocket"]
    return f"the query has EIO={revision}" if is_it and revision in ("3", "4") else ""


def _recognise(sample: MessageSample) -> str:
    is_it = sample.opcode == "text" and _OPEN_PACKET.match(sample.payload)
    return "a message is an Engine.IO open packet" if is_it else ""


def _dissect(event: Event, payload: bytes) -> Anatomy | None:
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


PROTOCOL = Protocol(
    "socketio",
    SocketIoState,
    decode,
    has_binary=True,
    prepare=_prepare,
    recognise_url=_recognise_url,
    recognise=_recognise,
    dissect=_dissect,
    new_masks=lambda _state: {"in": mask, "out": mask},
    client=ProtocolClient(answer=answer, due=due),
)
