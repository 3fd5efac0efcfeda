"""Finds out what a session speaks, for ``protocol = "auto"``: from the handshake, else from the first messages.

It says what it saw in a sentence that repeats nothing of a URL or a message but the words it looked for.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from wsmon.config.specs import ProtocolName
from wsmon.model.events import Direction, Opcode
from wsmon.protocols.detect_frames import NOTHING, Found, begins_mqtt, recognise

SETTLE_FRAMES = 8
# data frames without a sign of a protocol until it is ``json`` or ``raw``: greetings and acknowledgements come first

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


class Detector:
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

    def _recognise_first(self, opcode: Opcode, payload: bytes) -> Found:
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
