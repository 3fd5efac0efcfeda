"""Finds out what a session speaks, for ``protocol = "auto"``: from the handshake, else from the first messages.

It says what it saw in a sentence that repeats nothing of a URL or a message but the words it looked for.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

import msgspec

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.base import UNDECODABLE

# What one message shows of the protocol it belongs to, without anything that came before it.


class ProtocolGuess(NamedTuple):
    """What a message is of; without a name, whether it is at least JSON."""

    name: ProtocolName | Literal[""] = ""
    why: str = ""
    is_json: bool = False


NOTHING = ProtocolGuess()
_JSON = ProtocolGuess(is_json=True)

_STOMP = re.compile(rb"[\r\n]*+(?:CONNECT|STOMP|CONNECTED)\r?\n[^:\r\n\0]++:")
_MQTT_CONNECT = re.compile(rb"\x10[\x80-\xff]{0,3}+[\x00-\x7f]\x00(?:\x04MQTT|\x06MQIsdp)[\x03-\x05]", re.DOTALL)
_MQTT_NAMES = (b"\x00\x04MQTT", b"\x00\x06MQIsdp")
_MQTT_HEADERS = re.compile(rb"\x10[\x80-\xff]{0,3}+([\x00-\x7f]|\Z)")
_SOCKETIO_OPEN = re.compile(rb"0\{(?=[^\0]{0,400}\"sid\")(?=[^\0]{0,400}\"pingInterval\")")
_PHOENIX_EVENTS = frozenset({"phx_join", "phx_reply", "phx_leave", "phx_close", "phx_error", "heartbeat"})
# Of a vector: join_ref, ref, topic, event, payload; decoders ignore what follows
_PHOENIX_FIELDS = 5
_PHOENIX_KEYS = frozenset({"topic", "event", "payload", "ref"})
_NEXUS_KINDS = frozenset({"request.start", "request.end", "request.op", "downstream", "log", "span.start", "span.end"})
_GRAPHQL_TYPES = frozenset({"connection_init", "connection_ack", "connection_error"})
_DERIBIT_KEYS = frozenset({"usIn", "usOut", "usDiff"})
_DERIBIT_METHODS = ("public/auth", "public/hello", "public/set_heartbeat")


def recognise(direction: Direction, opcode: Opcode, payload: bytes) -> ProtocolGuess:
    """What a text or binary message is of. Never raises."""
    if _STOMP.match(payload):
        return ProtocolGuess("stomp", "a message is a STOMP connect")
    if opcode == "binary" and _is_mqtt(direction, payload):
        return ProtocolGuess("mqtt", "a message is the connect of MQTT or its answer")
    if opcode == "text" and _SOCKETIO_OPEN.match(payload):
        return ProtocolGuess("socketio", "a message is an Engine.IO open packet")
    if payload.lstrip()[:1] not in (b"{", b"["):
        return NOTHING
    try:
        message = msgspec.json.decode(payload)
    except UNDECODABLE:
        return NOTHING
    if isinstance(message, dict):
        return _recognise_object(message)
    return _recognise_list(message) if isinstance(message, list) else _JSON


def begins_mqtt(payload: bytes) -> bool:
    """Whether bytes may be the beginning of a CONNECT of MQTT that is cut before its version."""
    head = _MQTT_HEADERS.match(payload)
    return not payload or (head is not None and any(name.startswith(payload[head.end() :]) for name in _MQTT_NAMES))


def _is_mqtt(direction: Direction, payload: bytes) -> bool:
    return bool(_MQTT_CONNECT.match(payload)) if direction == "out" else _is_connack(payload)


def _is_connack(payload: bytes) -> bool:
    """Type, a length that is right, flags of which only the lowest bit is in use."""
    return len(payload) in range(4, 130) and payload[0] == 0x20 and payload[1] == len(payload) - 2 and payload[2] < 2


def _recognise_object(message: dict[str, object]) -> ProtocolGuess:
    if message.get("jsonrpc") == "2.0":
        if message.keys() >= _DERIBIT_KEYS or message.get("method") in _DERIBIT_METHODS:
            return ProtocolGuess("deribit", "a message is JSON-RPC with a method or the times of Deribit")
        return ProtocolGuess("jsonrpc", 'a message says "jsonrpc": "2.0"')
    kind = message.get("type")
    if isinstance(kind, str) and kind in _GRAPHQL_TYPES:
        return ProtocolGuess("graphql-ws", f'a message says "type": "{kind}"')
    if message.keys() >= _PHOENIX_KEYS and _is_phoenix(message["ref"], message["topic"], message["event"]):
        return ProtocolGuess("phoenix", "a message is an object with topic, event, payload and ref")
    kind = message.get("kind")
    if "traceId" in message and isinstance(message.get("id"), int) and isinstance(kind, str) and kind in _NEXUS_KINDS:
        return ProtocolGuess("nexus", f'a message has a traceId and says "kind": "{kind}"')
    return _JSON


def _recognise_list(message: list[object]) -> ProtocolGuess:
    """A Phoenix vector; a batch of JSON-RPC."""
    if len(message) >= _PHOENIX_FIELDS and _is_phoenix(message[1], message[2], message[3]):
        join_ref, payload = message[0], message[4]
        if isinstance(join_ref, str | None) and isinstance(payload, dict):
            return ProtocolGuess("phoenix", "a message is a list of join_ref, ref, topic, event and payload")
    if message and isinstance(message[0], dict) and message[0].get("jsonrpc") == "2.0":
        return ProtocolGuess("jsonrpc", 'a message is a list of objects that say "jsonrpc": "2.0"')
    return _JSON


def _is_phoenix(ref: object, topic: object, event: object) -> bool:
    """Whether topic and event are texts, and either the event is one of Phoenix's own or the topic has its colon."""
    if not (isinstance(ref, str | None) and isinstance(topic, str) and isinstance(event, str)):
        return False
    return event in _PHOENIX_EVENTS or ":" in topic


# Data frames without a sign of a protocol until it is ``json`` or ``raw``: greetings and acknowledgements come first
SETTLE_FRAMES = 8

_SUBPROTOCOLS: dict[str, ProtocolName] = {
    "graphql-transport-ws": "graphql-ws",
    "graphql-ws": "graphql-ws",
    "v10.stomp": "stomp",
    "v11.stomp": "stomp",
    "v12.stomp": "stomp",
    "mqtt": "mqtt",
    "mqttv3.1": "mqtt",
    "phoenix": "phoenix",
}
_DERIBIT_HOSTS = frozenset({"www.deribit.com", "test.deribit.com"})
_DERIBIT_PATH = "/ws/api/v2"
_NEXUS_PATH = "/__nexus/events"
_SOCKETIO_PATH = "/socket.io"
_PHOENIX_PATH = "/websocket"


class ProtocolDetector:
    """What one session speaks, and why wsmon thinks so. Once it has settled, it does not change its mind."""

    def __init__(self) -> None:
        self.name: ProtocolName | Literal[""] = ""
        # empty until settled
        self.why = ""
        # a sentence without its full stop; empty until settled
        self.held = b""
        # the first bytes that went out, while they may be the beginning of a CONNECT of MQTT whose rest is to come;
        # once MQTT is found, those before the message that showed it
        self._may_begin = True
        self._frames = 0
        self._json_frames = 0

    def of_handshake(self, url: str, subprotocol: str) -> ProtocolName | Literal[""]:
        """The protocol that the URL and the negotiated subprotocol name; empty where they name none."""
        if not self.name:
            found = _of_subprotocol(subprotocol) or _of_url(url)
            if found:
                self.name, self.why = found
        return self.name

    def of_frame(self, direction: Direction, opcode: Opcode, payload: bytes) -> ProtocolName | Literal[""]:
        """The protocol after one more whole message; empty while undecided."""
        if self.name or opcode not in ("text", "binary"):
            return self.name
        before = self.held
        found = self._recognise_first(opcode, payload) if direction == "out" else recognise(direction, opcode, payload)
        if found.name:
            self.name, self.why = found.name, found.why
            self.held = before if found.name == "mqtt" else b""
            return self.name
        if len(self.held) > len(before):  # a piece says nothing yet
            return ""
        self._frames += 1
        self._json_frames += found.is_json
        if self._frames >= SETTLE_FRAMES:
            self._settle()
        return self.name

    def _recognise_first(self, opcode: Opcode, payload: bytes) -> ProtocolGuess:
        """What an outgoing message is of, with the pieces before it where those may belong to one packet."""
        joined = self.held + payload
        if self._may_begin and opcode == "binary" and begins_mqtt(joined):
            self.held = joined
            return NOTHING
        is_continued, self._may_begin = bool(self.held), False
        self.held = b""
        found = recognise("out", opcode, joined) if is_continued else NOTHING
        return found if found.name == "mqtt" else recognise("out", opcode, payload)

    def _settle(self) -> None:
        self.held = b""
        if self._json_frames:
            self.name = "json"
            self.why = f"{self._json_frames} of the first {self._frames} messages are JSON of no protocol known"
        else:
            self.name = "raw"
            self.why = f"none of the first {self._frames} messages is of a protocol known"


def _of_subprotocol(subprotocol: str) -> tuple[ProtocolName, str] | None:
    name = _SUBPROTOCOLS.get(subprotocol.lower())
    return (name, f"the subprotocol is {subprotocol.lower()}") if name else None


def _of_url(url: str) -> tuple[ProtocolName, str] | None:
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        host = (parts.hostname or "").lower()
    except ValueError:  # an IPv6 address without its bracket, or too many parameters
        return None
    return _of_path(parts, query, host)


def _of_path(parts: SplitResult, query: dict[str, list[str]], host: str) -> tuple[ProtocolName, str] | None:
    path = parts.path.rstrip("/")
    if host in _DERIBIT_HOSTS and path == _DERIBIT_PATH:
        return "deribit", f"the host is {host} and the path {_DERIBIT_PATH}"
    if path.endswith(_NEXUS_PATH):
        return "nexus", f"the path ends in {_NEXUS_PATH}"
    revision = query.get("EIO", [""])[0]
    if revision in ("3", "4") and (path.endswith(_SOCKETIO_PATH) or query.get("transport") == ["websocket"]):
        return "socketio", f"the query says EIO={revision}"
    version = query.get("vsn", [""])[0]
    if path.endswith(_PHOENIX_PATH) and version in ("1.0.0", "2.0.0"):
        return "phoenix", f"the path ends in {_PHOENIX_PATH} and the query says vsn={version}"
    return None
