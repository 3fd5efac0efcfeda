"""Phoenix Channels frames on the wire: objects (version 1), arrays (version 2), and binary with a layout per direction.

The payload of a text frame is left undecoded until a reader needs it.
Sources: phoenix ``V1.JSONSerializer``, ``V2.JSONSerializer`` and ``serializer.js``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.model.events import Direction
from wsmon.model.json_texts import repairing
from wsmon.protocols.base import cut, text_of

REPLY = "phx_reply"

_PUSH = 0
# Fields by direction and kind: push, reply, broadcast; only a push to the server has a ref
_LAYOUTS: Mapping[tuple[Direction, int], tuple[str, ...]] = MappingProxyType(
    {
        ("out", _PUSH): ("join_ref", "ref", "topic", "event"),
        ("in", _PUSH): ("join_ref", "topic", "event"),
        ("in", 1): ("join_ref", "ref", "topic", "status"),
        ("in", 2): ("topic", "event"),
    }
)


class FrameError(ValueError):
    """A binary frame is malformed."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A frame of any version and encoding."""

    join_ref: str
    """Empty where there is none."""
    ref: str
    """Empty where there is none."""
    topic: str
    event: str
    payload: bytes
    """JSON; in a binary frame any bytes."""
    status: str = ""
    """Status of a binary reply; a text reply has it in the payload."""
    is_binary: bool = False


class ReplyBody(msgspec.Struct, gc=False):
    """The payload of a text reply; servers may use any types."""

    status: Any = None
    response: Any = None

    @property
    def status_text(self) -> str:
        """``ok``, ``error``, or another text of the server; empty where the status is no text."""
        return cut(self.status) if isinstance(self.status, str) else ""

    @property
    def reason(self) -> str:
        """Why the server refused; empty where it gives no text."""
        return reason_of(self.response)


# A string by the protocol; some clients send numbers, and servers echo them
_Ref = str | int | None


class _Array(msgspec.Struct, array_like=True, gc=False):
    """Version 2; further elements are ignored."""

    join_ref: _Ref
    ref: _Ref
    topic: str
    event: str
    payload: msgspec.Raw


class _Object(msgspec.Struct, gc=False):
    """Version 1; ``join_ref`` is not in its specification, but newer servers read it."""

    topic: str
    event: str
    payload: msgspec.Raw
    ref: _Ref = None
    join_ref: _Ref = None


_decode_array = repairing(msgspec.json.Decoder(_Array).decode)
_decode_object = repairing(msgspec.json.Decoder(_Object).decode)
_decode_reply = msgspec.json.Decoder(ReplyBody).decode


def decode_text(payload: bytes) -> Frame:
    """Return a text frame of either version; raises one of ``UNDECODABLE``."""
    is_object = payload[:64].lstrip(b" \t\r\n")[:1] == b"{"
    read: _Array | _Object = _decode_object(payload) if is_object else _decode_array(payload)
    return Frame(_text(read.join_ref), _text(read.ref), read.topic, read.event, bytes(read.payload))


def decode_reply(frame: Frame) -> ReplyBody:
    """Return the body of a reply; raises one of ``UNDECODABLE``."""
    return ReplyBody(frame.status) if frame.is_binary else _decode_reply(frame.payload)


def reason_of(response: object) -> str:
    """Return the text under ``reason``; empty where there is none."""
    return text_of(response.get("reason")) if isinstance(response, dict) else ""


def decode_binary(direction: Direction, payload: bytes) -> Frame:
    """Return a binary frame; raises ``FrameError``."""
    if not payload:
        raise FrameError("empty")
    layout = _LAYOUTS.get((direction, payload[0]))
    if layout is None:
        raise FrameError(f"unknown message kind {payload[0]} in this direction")
    texts, data = _fields(payload, len(layout))
    fields = dict(zip(layout, texts, strict=True))
    return Frame(
        fields.get("join_ref", ""),
        fields.get("ref", ""),
        fields["topic"],
        fields.get("event", REPLY),
        data,
        fields.get("status", ""),
        is_binary=True,
    )


def encode_text(frame: Frame) -> bytes:
    """Return the frame as it goes to the server, in version 2; its payload is JSON already."""
    raw = msgspec.Raw(frame.payload)
    return msgspec.json.encode([frame.join_ref or None, frame.ref or None, frame.topic, frame.event, raw])


def _fields(payload: bytes, count: int) -> tuple[list[str], bytes]:
    """Return the fields, which follow the kind and their sizes, and the rest of the payload."""
    fields: list[str] = []
    at = 1 + count
    for size in payload[1:at]:
        fields.append(_utf8(payload[at : at + size]))
        at += size
    if len(fields) < count or at > len(payload):
        raise FrameError(f"{len(payload)} bytes are fewer than its length fields declare")
    return fields, payload[at:]


def _utf8(field: bytes) -> str:
    try:
        return field.decode()
    except UnicodeDecodeError as error:
        raise FrameError("a field is not UTF-8") from error


def _text(ref: _Ref) -> str:
    return "" if ref is None else str(ref)
