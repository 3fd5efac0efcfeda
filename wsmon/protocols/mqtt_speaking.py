"""What wsmon says as an MQTT client, where it may: a session, its subscriptions, heartbeats and acknowledgements.

``auth`` may have ``client_id`` (without one the server makes one up), ``username``, ``password``, ``version`` (5, else
3.1.1) and ``keepalive`` in seconds. Topics are asked for with quality of service 1: what comes is what was published.
"""

from __future__ import annotations

from collections.abc import Iterator

from wsmon.model.durations import SECOND_NS
from wsmon.protocols.base import MAX_TOPICS
from wsmon.protocols.mqtt_packets import PASSWORD, USER_NAME
from wsmon.protocols.mqtt_properties import MQTT_5
from wsmon.protocols.mqtt_state import State
from wsmon.protocols.reading import Reading
from wsmon.protocols.wanted import Wanted

KEEP_ALIVE_S = 60
# how long the server may hear nothing of us, and half as much again; a ping goes out in half of it
_MAX_NUMBER = 0xFFFF
_CLEAN_SESSION = 0x02
_OLDER_SUBPROTOCOL = "mqttv3.1"
_PINGREQ = b"\xc0\x00"
_MAX_FIELD_BYTES = 0xFFFF


def opening(wanted: Wanted, state: State) -> tuple[bytes, ...]:  # noqa: ARG001 - as the others
    """The CONNECT."""
    auth = wanted.reveal_auth()
    version = _version(auth.get("version"), wanted.subprotocol)
    keep_alive_s = _keep_alive_s(auth.get("keepalive")) if wanted.answers else 0
    name = b"MQIsdp" if version == 3 else b"MQTT"
    flags, fields = _CLEAN_SESSION, _field(str(auth.get("client_id", "")))
    for key, flag in (("username", USER_NAME), ("password", PASSWORD)):
        if key in auth and (key == "username" or "username" in auth or version >= MQTT_5):
            flags |= flag
            fields += _field(str(auth[key]))
    head = _bytes_field(name) + bytes([version, flags]) + keep_alive_s.to_bytes(2, "big")
    return (_packet(0x10, head + _no_properties(version) + fields),)


def answer(reading: Reading, wanted: Wanted, state: State) -> tuple[bytes, ...]:
    """Acknowledgements; the subscriptions once the session is accepted."""
    messages: tuple[bytes, ...] = ()
    if wanted.answers:
        messages = tuple(b"\x40\x02" + int(identifier).to_bytes(2, "big") for identifier in state.to_acknowledge)
    state.to_acknowledge.clear()
    if reading.type == "CONNACK" and state.is_accepted:
        quality = b"\x01" if wanted.answers else b"\x00"  # what we do not acknowledge is sent once
        messages += tuple(_subscribes(wanted.reveal_topics(), state.version, quality))
    return messages


def due(now_ns: int, wanted: Wanted, state: State) -> tuple[bytes, ...]:
    """A PINGREQ in half the time after which the server would give us up."""
    if not (wanted.answers and state.is_accepted and state.keep_alive_s):
        return ()
    if now_ns - state.pinged_ns < state.keep_alive_s * SECOND_NS // 2:
        return ()
    state.pinged_ns = now_ns
    return (_PINGREQ,)


def _subscribes(topics: tuple[str, ...], version: int, quality: bytes) -> Iterator[bytes]:
    for identifier, first in enumerate(range(0, len(topics), MAX_TOPICS), 1):
        filters = b"".join(_field(topic) + quality for topic in topics[first : first + MAX_TOPICS])
        yield _packet(0x82, identifier.to_bytes(2, "big") + _no_properties(version) + filters)


def _version(wanted: object, subprotocol: str) -> int:
    if subprotocol == _OLDER_SUBPROTOCOL:
        return 3
    return MQTT_5 if wanted in (MQTT_5, "5", "5.0") else 4


def _keep_alive_s(wanted: object) -> int:
    return min(max(round(wanted), 0), _MAX_NUMBER) if isinstance(wanted, int | float) else KEEP_ALIVE_S


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
