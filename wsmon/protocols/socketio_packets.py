"""Packets of Engine.IO 4 and Socket.IO 5 on a WebSocket: those that come, taken apart, and those that wsmon sends.

A text frame is one Engine.IO packet, a digit and its data; a ``4`` holds a Socket.IO packet
``<type>[<attachments>-][<namespace>,][<ack id>][JSON]``, a binary frame one attachment of it.
Sources: engine.io-protocol revision 4, socket.io-protocol revision 5.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from wsmon.protocols.credentials import Decoded
from wsmon.protocols.decoding import UNDECODABLE, cut
from wsmon.protocols.reading import Reading
from wsmon.protocols.wanted import Wanted

ENGINE_TYPES = ("open", "close", "ping", "pong", "message", "upgrade", "noop")
PACKET_TYPES = ("connect", "disconnect", "event", "ack", "connect_error", "event", "ack")
FIRST_BINARY = 5
# the last two of PACKET_TYPES come with attachments

MAIN_NAMESPACE = "/"
MAX_INTERVAL_MS = 86_400_000.0
# of a ping interval that a server names; none is longer than a day

_HEAD = re.compile(rb"([0-6])(?:([0-9]{1,9})-)?(?:(/[^,]*+),?)?([0-9]{1,20})?")


class Packet(NamedTuple):
    """One Socket.IO packet."""

    number: int
    attachments: int
    namespace: str
    ack_id: str
    # empty where no acknowledgement is asked for or given
    body: bytes
    # JSON, not yet looked at

    @property
    def type(self) -> str:
        """Its word in ``PACKET_TYPES``."""
        return PACKET_TYPES[self.number]

    @property
    def has_credentials(self) -> bool:
        """Whether a CONNECT carries anything."""
        return self.body.strip() not in (b"", b"null", b"{}")

    @property
    def content(self) -> Decoded:
        """Its JSON as it is; raises one of ``UNDECODABLE``."""
        content: Decoded = msgspec.json.decode(self.body)
        return content

    @property
    def event_name(self) -> str:
        """The first argument of an event; raises one of ``UNDECODABLE`` where there is none."""
        arguments = _EVENT.decode(self.body)
        if not arguments:
            raise msgspec.ValidationError("an event without a name")
        return cut(str(_NAME.decode(arguments[0])))

    @property
    def error(self) -> str:
        """What a CONNECT_ERROR says: an object with a message, a text in older servers; may raise ``UNDECODABLE``."""
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
_NAME = msgspec.json.Decoder(str | int)
_ERROR = msgspec.json.Decoder(str | _Refusal)
_OPEN = msgspec.json.Decoder(Open)


def parse_packet(data: bytes) -> Packet | None:
    """The Socket.IO packet in an Engine.IO message; None where there is none."""
    head = _HEAD.match(data)
    if head is None:
        return None
    number, attachments, namespace, ack_id = head.groups()
    if (attachments is not None) != (int(number) >= FIRST_BINARY):
        return None
    path = (namespace or b"/").partition(b"?")[0]  # older clients put credentials into a query behind the namespace
    return Packet(
        int(number),
        int(attachments or 0),
        cut(path.decode("utf-8", "replace")),
        (ack_id or b"").decode(),
        data[head.end() :],
    )


def parse_open(data: bytes) -> Open:
    """The content of an ``open`` packet; raises one of ``UNDECODABLE``."""
    return _OPEN.decode(data)


def answer(reading: Reading, wanted: Wanted) -> tuple[str | bytes, ...]:
    """What wsmon sends after a packet: pongs, connects to the wanted namespaces, and then the wanted events.

    A topic ``/admin`` is a namespace; a JSON list such as ``["join", "room"]`` is an event for the main namespace.
    The main namespace is connected to where no other is wanted, or an event is.
    """
    topics = wanted.reveal_topics()
    events = tuple(topic for topic in topics if not topic.startswith("/"))
    match reading.type:
        case "ping" if wanted.answers and any(note.name == "heartbeat.received" for note in reading.notes):
            return ("3",)
        case "open":
            namespaces = tuple(topic for topic in topics if topic.startswith("/"))
            if events or not namespaces:
                namespaces = (MAIN_NAMESPACE, *(name for name in namespaces if name != MAIN_NAMESPACE))
            return tuple(_connect(namespace, wanted) for namespace in namespaces)
        case "connect" if reading.topic == MAIN_NAMESPACE and _is_granted(reading):
            return tuple(f"42{_event(topic)}" for topic in events)
    return ()


def _is_granted(reading: Reading) -> bool:
    return any(note.name == "subscription.subscribe.completed" for note in reading.notes)


def _connect(namespace: str, wanted: Wanted) -> str:
    auth = wanted.reveal_auth()
    path = "" if namespace == MAIN_NAMESPACE else f"{namespace},"
    return f"40{path}{msgspec.json.encode(auth).decode() if auth else ''}"


def _event(topic: str) -> str:
    """The arguments of an event; a topic that is no list of them is the name of an event without any."""
    try:
        _EVENT.decode(topic)
    except UNDECODABLE:
        return msgspec.json.encode([topic]).decode()
    return topic


def _nanoseconds(milliseconds: float) -> int:
    return int(min(max(milliseconds, 0.0), MAX_INTERVAL_MS) * 1e6)
