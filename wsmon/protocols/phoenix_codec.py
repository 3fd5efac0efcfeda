"""Frames of Phoenix Channels: objects (v1), arrays (v2), and binary with a layout per direction.

Sources: phoenix ``V1.JSONSerializer``, ``V2.JSONSerializer`` and ``serializer.js``. What a text frame carries is left
undecoded until somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.model.events import Direction
from wsmon.protocols.base import cut

# A size is one byte in a binary frame
MAX_FIELD_BYTES = 255

REPLY = "phx_reply"

_PUSH = 0
# By direction and kind: push, reply, broadcast; a push has a ref on its way to the server, and none on its way back
_LAYOUTS: Mapping[tuple[Direction, int], tuple[str, ...]] = MappingProxyType(
    {
        ("out", _PUSH): ("join_ref", "ref", "topic", "event"),
        ("in", _PUSH): ("join_ref", "topic", "event"),
        ("in", 1): ("join_ref", "ref", "topic", "status"),
        ("in", 2): ("topic", "event"),
    }
)


class FrameError(ValueError):
    """A binary frame that is none, or a field that does not fit into one."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A frame, whatever it was written in."""

    join_ref: str
    """Empty where there is none."""
    ref: str
    """Likewise."""
    topic: str
    event: str
    payload: bytes
    """JSON, or of a binary frame anything."""
    status: str = ""
    """Of a binary reply; of a text reply it is in the payload."""
    is_binary: bool = False


class ReplyBody(msgspec.Struct, gc=False):
    """What a text reply carries; of any type, since servers are free."""

    status: Any = None
    response: Any = None

    @property
    def status_text(self) -> str:
        """``ok``, ``error``, or whatever else a server says; empty where that is no text."""
        return cut(self.status) if isinstance(self.status, str) else ""

    @property
    def reason(self) -> str:
        """Why it was refused; empty where the server gives no text."""
        return reason_of(self.response)


# A string by the book; some clients count in numbers, and servers echo what they get
_Ref = str | int | None


class _Array(msgspec.Struct, array_like=True, gc=False):
    """Version 2; more elements are allowed and ignored."""

    join_ref: _Ref
    ref: _Ref
    topic: str
    event: str
    payload: msgspec.Raw


class _Object(msgspec.Struct, gc=False):
    """Version 1; a ``join_ref`` is not in its specification, and newer servers read it."""

    topic: str
    event: str
    payload: msgspec.Raw
    ref: _Ref = None
    join_ref: _Ref = None


_decode_array = msgspec.json.Decoder(_Array).decode
_decode_object = msgspec.json.Decoder(_Object).decode
_decode_reply = msgspec.json.Decoder(ReplyBody).decode


def decode_text(payload: bytes) -> Frame:
    """A text frame of either version; raises what ``decoding.UNDECODABLE`` lists."""
    is_object = payload[:64].lstrip(b" \t\r\n")[:1] == b"{"
    read: _Array | _Object = _decode_object(payload) if is_object else _decode_array(payload)
    return Frame(_text(read.join_ref), _text(read.ref), read.topic, read.event, bytes(read.payload))


def decode_reply(frame: Frame) -> ReplyBody:
    """What a reply says; raises what ``decoding.UNDECODABLE`` lists."""
    return ReplyBody(frame.status) if frame.is_binary else _decode_reply(frame.payload)


def reason_of(response: object) -> str:
    """The text under ``reason``, where a server gives one."""
    reason = response.get("reason") if isinstance(response, dict) else None
    return reason if isinstance(reason, str) else ""


def decode_binary(direction: Direction, payload: bytes) -> Frame:
    """A binary frame; raises FrameError."""
    if not payload:
        raise FrameError("empty")
    layout = _LAYOUTS.get((direction, payload[0]))
    if layout is None:
        raise FrameError(f"no kind {payload[0]} in this direction")
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


def encode_text(frame: Frame, version: int = 2) -> bytes:
    """The frame as it goes to the server; its payload is JSON already."""
    join_ref, ref = frame.join_ref or None, frame.ref or None
    raw = msgspec.Raw(frame.payload)
    if version == 1:
        return msgspec.json.encode(
            {"topic": frame.topic, "event": frame.event, "payload": raw, "ref": ref, "join_ref": join_ref}
        )
    return msgspec.json.encode([join_ref, ref, frame.topic, frame.event, raw])


def encode_push(frame: Frame) -> bytes:
    """A binary push as it goes to the server; raises FrameError where a field is longer than a size can say."""
    fields = [field.encode() for field in (frame.join_ref, frame.ref, frame.topic, frame.event)]
    for name, field in zip(("join_ref", "ref", "topic", "event"), fields, strict=True):
        if len(field) > MAX_FIELD_BYTES:
            raise FrameError(f"{name} of {len(field)} bytes; a binary frame has room for {MAX_FIELD_BYTES}")
    return bytes((_PUSH, *map(len, fields))) + b"".join(fields) + frame.payload


def _fields(payload: bytes, count: int) -> tuple[list[str], bytes]:
    """The fields behind the sizes behind the kind, and what is left."""
    fields: list[str] = []
    at = 1 + count
    for size in payload[1:at]:
        fields.append(_utf8(payload[at : at + size]))
        at += size
    if len(fields) < count or at > len(payload):
        raise FrameError(f"{len(payload)} bytes are less than its sizes say")
    return fields, payload[at:]


def _utf8(field: bytes) -> str:
    try:
        return field.decode()
    except UnicodeDecodeError as error:
        raise FrameError("a field is not UTF-8") from error


def _text(ref: _Ref) -> str:
    return "" if ref is None else str(ref)
