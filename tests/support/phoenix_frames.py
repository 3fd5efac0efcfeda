"""Phoenix frames as clients send them and wsmon only reads them: binary pushes, and text of version 1."""

from __future__ import annotations

import msgspec

from wsmon.protocols.phoenix_codec import Frame


def push(frame: Frame) -> bytes:
    """A binary push; no field may be longer than 255 bytes, the size of which is one byte."""
    fields = [field.encode() for field in (frame.join_ref, frame.ref, frame.topic, frame.event)]
    return bytes((0, *map(len, fields))) + b"".join(fields) + frame.payload


def text_of_version_1(frame: Frame) -> bytes:
    """A text frame as an object."""
    payload = msgspec.Raw(frame.payload)
    join_ref, ref = frame.join_ref or None, frame.ref or None
    return msgspec.json.encode(
        {"topic": frame.topic, "event": frame.event, "payload": payload, "ref": ref, "join_ref": join_ref}
    )
