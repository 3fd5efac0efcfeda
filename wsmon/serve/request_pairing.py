"""Requests and their replies by id, in JSON-RPC and Phoenix: which reply was recorded, and a reply for a live request.

``mqtt_pairing`` has those of MQTT. Messages of other shapes are no requests. JSON-RPC is taken as many servers speak
it, with or without ``jsonrpc``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from wsmon.protocols.base import UNDECODABLE

# A longer message is no request, and no reply that gets another id
_MOST_BYTES: Final = 2**20
_PHOENIX_ITEMS: Final = 5
_PHOENIX_REPLY: Final = "phx_reply"
_PHOENIX_JOIN: Final = "phx_join"
_NULL: Final = b"null"

_Members: TypeAlias = "dict[str, msgspec.Raw] | list[msgspec.Raw]"
_decode: Final[Callable[[bytes], _Members]] = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class PairedRequest:
    """A request that a reply answers by its id."""

    id: bytes
    """The id as JSON; of Phoenix, its ``ref``; of MQTT, type and packet identifier of the reply."""
    kind: str
    """The method; of Phoenix, event and topic; of MQTT, the packet and what its reply depends on."""
    arguments: bytes = b""
    """The parameters in one spelling; empty for Phoenix; of MQTT, the topics."""
    topic: str = ""
    """Of Phoenix alone."""
    join_ref: bytes = b""
    """Of Phoenix alone, as JSON; empty where there is none."""
    is_join: bool = False
    is_opening: bool = False
    """Of MQTT alone: a CONNECT, before whose reply a server sends nothing."""


def request_of(payload: bytes) -> PairedRequest | None:
    """Return what a message asks; None where no reply is paired with it."""
    message = _read(payload)
    if message is None:
        return None
    frame = _phoenix(message)
    if frame is not None:
        ref = _present(frame["ref"])
        topic, event = _text(frame["topic"]), _text(frame["event"])
        if not ref or event == _PHOENIX_REPLY:
            return None
        joined = _present(frame["join_ref"])
        return PairedRequest(ref, f"{event} {topic}", b"", topic, joined, event == _PHOENIX_JOIN)
    if isinstance(message, list) or not (method := _text(message.get("method"))):
        return None
    id_ = _present(message.get("id"))
    return PairedRequest(id_, method, _sorted(message.get("params"))) if id_ else None


def replied_id(payload: bytes) -> bytes:
    """Return the id of the request that a message answers, as JSON; empty where it is no reply."""
    message = _read(payload)
    if message is None:
        return b""
    frame = _phoenix(message)
    if frame is not None:
        return _present(frame["ref"]) if _text(frame["event"]) == _PHOENIX_REPLY else b""
    if isinstance(message, list) or "method" in message:
        return b""
    return _present(message.get("id"))


def reply_to(reply: bytes, request: PairedRequest) -> bytes:
    """Return a recorded reply with the id of a live request; all other values stay byte for byte."""
    message = _read(reply)
    if message is None:
        return reply
    if _phoenix(message) is None:
        return _with(message, {"id": request.id})
    return _with(
        message, {"ref": request.id, "join_ref": request.join_ref} if request.join_ref else {"ref": request.id}
    )


def rejoined(payload: bytes, join_refs: Mapping[str, bytes]) -> bytes:
    """Return a message of Phoenix with the join reference of the live client for its topic.

    Clients drop messages with another. ``join_refs`` has those by topic; other messages are returned as they are.
    """
    message = _read(payload)
    frame = None if message is None else _phoenix(message)
    if message is None or frame is None or not _present(frame["join_ref"]):
        return payload
    live = join_refs.get(_text(frame["topic"]))
    return _with(message, {"join_ref": live}) if live else payload


def _read(payload: bytes) -> _Members | None:
    if len(payload) > _MOST_BYTES or payload[:64].lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        return _decode(payload)
    except UNDECODABLE:
        return None


def _phoenix(message: _Members) -> dict[str, msgspec.Raw | None] | None:
    """Return the members of a Phoenix frame of either version; None where it is none."""
    if isinstance(message, list):
        if len(message) != _PHOENIX_ITEMS or not (_text(message[2]) and _text(message[3])):
            return None
        return {"join_ref": message[0], "ref": message[1], "topic": message[2], "event": message[3]}
    if not (_text(message.get("topic")) and _text(message.get("event")) and "payload" in message and "ref" in message):
        return None
    return {name: message.get(name) for name in ("join_ref", "ref", "topic", "event")}


_PLACES: Final = {"join_ref": 0, "ref": 1}


def _with(message: _Members, values: Mapping[str, bytes]) -> bytes:
    if isinstance(message, list):
        items = [bytes(item) for item in message]
        for name, value in values.items():
            items[_PLACES[name]] = value
        return b"[" + b",".join(items) + b"]"
    members = {name: bytes(value) for name, value in message.items()}
    members |= {name: value for name, value in values.items() if name in members}
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + value for name, value in members.items()) + b"}"


def _present(value: msgspec.Raw | None) -> bytes:
    found = b"" if value is None else bytes(value)
    return b"" if found == _NULL else found


def _text(value: msgspec.Raw | None) -> str:
    if value is None or bytes(value)[:1] != b'"':
        return ""
    return str(msgspec.json.decode(value))


def _sorted(value: msgspec.Raw | None) -> bytes:
    if value is None:
        return b""
    return msgspec.json.encode(msgspec.json.decode(value), order="sorted")
