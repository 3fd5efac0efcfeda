"""MQTT requests and their replies: which reply was recorded, and a reply with the packet identifier of a live request.

Packets need not end where messages end, so both directions are read as streams. A reply is taken out of the recorded
stream and sent for a live request; all other bytes come at their recorded time.

Sources: OASIS MQTT 3.1.1 and 5.0, sections 2.2 (packet identifier), 3 (control packets) and 4.3 (quality of service).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from wsmon.protocols.mqtt_packets import (
    MQTT_5,
    TYPES,
    CutError,
    MqttPacket,
    PacketStream,
    after_properties,
    field,
    packets,
    varint,
)
from wsmon.serve.request_pairing import PairedRequest

SUBPROTOCOLS: Final = frozenset({"mqtt", "mqttv3.1"})
# A longer packet is no reply that is paired
_MOST_REPLY_BYTES: Final = 64 * 1024
_MOST_HEADER_BYTES: Final = 5
_IDENTIFIER_BYTES: Final = 2
_NUMBERS: Final = {name: number for number, name in enumerate(TYPES)}
# Request -> reply. A PUBLISH is acknowledged by its quality of service; CONNECT and PINGREQ have no identifier
_REPLIES: Final = {
    "CONNECT": "CONNACK",
    "SUBSCRIBE": "SUBACK",
    "UNSUBSCRIBE": "UNSUBACK",
    "PUBREC": "PUBREL",
    "PUBREL": "PUBCOMP",
    "PINGREQ": "PINGRESP",
}
_PUBLISH_REPLIES: Final = {1: "PUBACK", 2: "PUBREC"}
_REPLY_TYPES: Final = frozenset({*_REPLIES.values(), *_PUBLISH_REPLIES.values()})
_WITHOUT_IDENTIFIER: Final = frozenset({"CONNACK", "PINGRESP"})


class MqttRequests:
    """Reads the requests of one client out of its messages."""

    def __init__(self) -> None:
        self._stream = PacketStream()
        # Whether the newest message ended within a packet
        self._is_within = False
        self._version = 4

    def __call__(self, payload: bytes) -> tuple[PairedRequest, ...]:
        """Return the requests that a message completes."""
        return tuple(self._requests(payload))

    def stored(self, payload: bytes | None, size: int | None, *, is_masked: bool) -> tuple[PairedRequest, ...]:
        """Return the requests of a recorded message; what its store does not have is taken to end with the message."""
        if payload is None or size is None:
            self._reset()
            return ()
        if not is_masked or self._is_within or self._is_one_packet(payload, size):
            # Of what is cut or masked, the length alone counts
            return self(payload[:size].ljust(size, b" "))
        # Where the second packet begins is not known: the next message is taken to begin with one
        first = next(packets(payload), None)
        request = None if first is None else self._request(payload, first)
        self._reset()
        return () if request is None else (request,)

    def _reset(self) -> None:
        self._stream = PacketStream()
        self._is_within = False

    @staticmethod
    def _is_one_packet(payload: bytes, size: int) -> bool:
        """Whether a message that had so many bytes began one packet, of which it may not have had the end."""
        try:
            length, body = varint(payload, 1, len(payload))
        except CutError:
            return True
        return body + length >= size

    def _requests(self, payload: bytes) -> Iterator[PairedRequest]:
        chunk = self._stream.feed(payload)
        self._is_within = chunk.begun is not None
        for packet in chunk.packets:
            request = self._request(chunk.stream, packet)
            if request is not None:
                yield request

    def _request(self, stream: bytes, packet: MqttPacket) -> PairedRequest | None:
        try:
            if packet.type == "CONNECT":
                return self._connect(stream, packet)
            if packet.type == "PUBLISH":
                return self._publish(stream, packet)
            if packet.type == "PINGREQ":
                return PairedRequest(_key("PINGRESP"), "PINGREQ")
            if packet.type in ("SUBSCRIBE", "UNSUBSCRIBE"):
                return self._subscribe(stream, packet)
        except CutError:
            return None
        if packet.type not in _REPLIES or packet.end - packet.start < _IDENTIFIER_BYTES:
            return None
        return PairedRequest(_key(_REPLIES[packet.type], _identifier(stream, packet.start)), packet.type)

    def _connect(self, stream: bytes, packet: MqttPacket) -> PairedRequest | None:
        _, at = field(stream, packet.start, packet.end)
        if at >= packet.end:
            raise CutError(at)
        self._version = stream[at]
        # A CONNACK of another version is none to the client
        return PairedRequest(_key("CONNACK"), f"CONNECT {self._version}", is_opening=True)

    def _publish(self, stream: bytes, packet: MqttPacket) -> PairedRequest | None:
        quality = packet.flags >> 1 & 0b11
        if quality not in _PUBLISH_REPLIES:
            return None
        start, at = field(stream, packet.start, packet.end)
        if at + _IDENTIFIER_BYTES > packet.end:
            raise CutError(at)
        key = _key(_PUBLISH_REPLIES[quality], _identifier(stream, at))
        return PairedRequest(key, f"PUBLISH {quality}", stream[start:at])

    def _subscribe(self, stream: bytes, packet: MqttPacket) -> PairedRequest:
        """The reply has a code for each topic: it answers requests with as many."""
        at = packet.start + _IDENTIFIER_BYTES
        if at > packet.end:
            raise CutError(packet.start)
        begin = after_properties(stream, at, packet.end) if self._version >= MQTT_5 else at
        topics, at = 0, begin
        while at < packet.end:
            _, at = field(stream, at, packet.end)
            at += packet.type == "SUBSCRIBE"
            topics += 1
        key = _key(_REPLIES[packet.type], _identifier(stream, packet.start))
        return PairedRequest(key, f"{packet.type} {topics}", stream[begin : packet.end])


class ServerPiece(NamedTuple):
    """Bytes of the server's stream: a whole packet that may be a reply, or some of its other bytes."""

    content: bytes
    reply_id: bytes = b""
    """What ``PairedRequest.id`` of its request is; empty for other bytes."""


class MqttServerStream:
    """Takes the replies out of the messages of a recorded server."""

    def __init__(self) -> None:
        # The beginning of a header that goes on with the next message
        self._head = b""
        # What is to come of the packet under way, and what there is of it where it may be a reply
        self._left_bytes = 0
        self._reply: bytearray | None = None

    def feed(self, payload: bytes, size: int | None) -> list[ServerPiece]:
        """Return the pieces that a message completes, in their order; ``size`` is what it had when it was received."""
        if size is not None and len(payload) != size:
            return self._altered(payload, size)
        data, self._head = self._head + payload, b""
        pieces: list[ServerPiece] = []
        at = 0
        while at < len(data):
            if not self._left_bytes and not self._begin(data, at):
                if len(data) - at < _MOST_HEADER_BYTES:
                    self._head = data[at:]
                else:
                    # No MQTT: sent as it is
                    pieces.append(ServerPiece(data[at:]))
                break
            part = data[at : at + self._left_bytes]
            at += len(part)
            self._left_bytes -= len(part)
            if self._reply is None:
                pieces.append(ServerPiece(part))
                continue
            self._reply += part
            if not self._left_bytes:
                pieces.append(_reply_piece(bytes(self._reply)))
        return pieces

    def _begin(self, data: bytes, at: int) -> bool:
        """Begin the packet at a place; False where its header is not whole or no header."""
        try:
            length, body = varint(data, at + 1, len(data))
        except CutError:
            return False
        self._left_bytes = body - at + length
        is_reply = TYPES[data[at] >> 4] in _REPLY_TYPES and length <= _MOST_REPLY_BYTES
        self._reply = bytearray() if is_reply else None
        return True

    def _altered(self, payload: bytes, size: int) -> list[ServerPiece]:
        """A message that is masked or cut: where it is one packet, that gets the length that it has now."""
        if self._left_bytes:
            return self._filled(payload, size)
        data, self._head = self._head + payload, b""
        try:
            length, body = varint(data, 1, len(data))
        except CutError:
            return [ServerPiece(data)]
        if body + length > size + len(data) - len(payload):
            # It goes on in the next message, under the length that the client is told now
            self._left_bytes, self._reply = body + length, None
            return self._filled(data, size + len(data) - len(payload))
        if body + length < size + len(data) - len(payload):
            return [ServerPiece(data)]
        whole = data[:1] + _length(len(data) - body) + data[body:]
        return [_reply_piece(whole) if TYPES[whole[0] >> 4] in _REPLY_TYPES else ServerPiece(whole)]

    def _filled(self, payload: bytes, size: int) -> list[ServerPiece]:
        """A message that is masked or cut within a packet whose length was sent: its length stays, filled by blanks."""
        missing = size - len(payload)
        own = min(size, self._left_bytes)
        # Where other packets follow, what is missing is taken to be of this one
        part = payload[: own - missing] if own < size and own > missing else payload
        whole = part[:own].ljust(own, b" ")
        rest = payload[len(part) :]
        return [*self.feed(whole, own), *self.feed(rest, len(rest))]


def mqtt_reply_to(reply: bytes, request: PairedRequest) -> bytes:
    """Return a recorded reply with the packet identifier of a live request; all other bytes stay."""
    identifier = request.id[1:]
    if not identifier:
        return reply
    _, body = varint(reply, 1, len(reply))
    return reply[:body] + identifier + reply[body + len(identifier) :]


def _reply_piece(packet: bytes) -> ServerPiece:
    name = TYPES[packet[0] >> 4]
    if name in _WITHOUT_IDENTIFIER:
        return ServerPiece(packet, _key(name))
    _, body = varint(packet, 1, len(packet))
    if len(packet) < body + _IDENTIFIER_BYTES:
        return ServerPiece(packet)
    return ServerPiece(packet, _key(name, _identifier(packet, body)))


def _key(reply: str, identifier: bytes = b"") -> bytes:
    return bytes((_NUMBERS[reply],)) + identifier


def _identifier(stream: bytes, at: int) -> bytes:
    return stream[at : at + _IDENTIFIER_BYTES]


def _length(value: int) -> bytes:
    groups = bytearray()
    while True:
        value, group = divmod(value, 0x80)
        groups.append(group | (0x80 if value else 0))
        if not value:
            return bytes(groups)
