"""JSON-RPC 2.0 messages: the envelope, ids, error objects and error codes, decoded as far as they are needed.

What a message carries is left undecoded until a decoder asks for it: the data of a feed never is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import msgspec

from wsmon.model.events import Json
from wsmon.model.json_texts import json_texts
from wsmon.model.measures import MeasuredText
from wsmon.protocols.base import MAX_NAME_CHARS, UNDECODABLE, UNREAD, Decoded, Happening, cut, is_heartbeat, unreadable

# A longer message is not decoded: decoding stays under some 10 ms
MAX_BYTES = 2**20
# Messages of one batch that are decoded
MAX_BATCH = 1_000

# Integers up to here are the same number in every JSON implementation
_EXACT = 2**53

NOTHING = msgspec.Raw()

# JSON-RPC 2.0, section 5.1
ERROR_NAMES: Mapping[int, str] = MappingProxyType(
    {
        -32700: "parse_error",
        -32600: "invalid_request",
        -32601: "method_not_found",
        -32602: "invalid_params",
        -32603: "internal_error",
    }
)


class Envelope(msgspec.Struct, gc=False):
    """A request, notification or response; a member that is absent is empty."""

    method: str | None = None
    notification: str | None = None
    """The method of a notification of rpc-websockets, which has no other member but its params."""
    id: msgspec.Raw = NOTHING
    params: msgspec.Raw = NOTHING
    result: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    usDiff: msgspec.Raw = NOTHING  # noqa: N815 - the peer's spelling

    @property
    def has_error(self) -> bool:
        """Whether it is a response that failed; ``"error": null`` beside a result is no error."""
        return bool(self.error) and bytes(self.error) != b"null"


class ErrorObject(msgspec.Struct, gc=False):
    """The error of a response; most protocols name its text ``message``, some otherwise."""

    code: Any = None
    message: Any = None
    reason: Any = None
    msg: Any = None
    detail: Any = None
    description: Any = None

    @property
    def text(self) -> str:
        """What the peer says about it; empty where it says nothing."""
        texts = (self.message, self.reason, self.msg, self.detail, self.description)
        return next((text for text in texts if isinstance(text, str) and text), "")


decode_envelope = msgspec.json.Decoder(Envelope).decode
decode_batch = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_error = msgspec.json.Decoder(ErrorObject).decode
_decode_text = msgspec.json.Decoder(str).decode


def is_text(payload: bytes, opcode: str) -> bool:
    """Whether a message may be JSON: every text, and binary that starts like an object or array."""
    return opcode == "text" or (opcode == "binary" and payload[:64].lstrip()[:1] in (b"{", b"["))


def too_large(size_bytes: int) -> Decoded:
    """Return what is known of a message that is not decoded for its size."""
    return Decoded(error_type="too_large", error=f"{size_bytes} bytes; only messages up to {MAX_BYTES} are parsed")


def keepalive(direction: str, payload: bytes) -> Decoded | None:
    """Return what an empty text is: a heartbeat, as SocketCluster and others send it; None for any other message."""
    if payload and not payload.isspace():
        return None
    return _EMPTY_SENT if direction == "out" else _EMPTY_RECEIVED


_EMPTY_SENT = Decoded(happenings=(Happening("heartbeat.sent", "heartbeat"),))
_EMPTY_RECEIVED = Decoded(happenings=(Happening("heartbeat.received", "heartbeat"),))


def read_texts(payload: bytes, error: Exception, protocol: str, read: Callable[[bytes], Decoded]) -> Decoded:
    """Decode a frame that is not one sound JSON text by the texts in it; ``error`` is what decoding it raised.

    The result has the type, topic and id of the first text.
    """
    is_malformed = isinstance(error, ValueError) and not isinstance(error, msgspec.ValidationError)
    texts = json_texts(payload)[:MAX_BATCH] if is_malformed else ()
    return joined(texts, [guarded(text, protocol, read) for text in texts]) if texts else unreadable(error, protocol)


def guarded(text: bytes, protocol: str, read: Callable[[bytes], Decoded]) -> Decoded:
    """Decode one of several texts; one that cannot be decoded leaves the others readable."""
    try:
        return read(text)
    except UNDECODABLE as error:
        return unreadable(error, protocol)


def joined(texts: Sequence[bytes], decoded: Sequence[Decoded]) -> Decoded:
    """Return several decoded texts as one message: the columns of the first, the first error, all happenings."""
    first = decoded[0] if decoded else UNREAD
    broken = next((each for each in decoded if each.error_type), UNREAD)
    return Decoded(
        first.type,
        first.topic,
        first.ref,
        broken.error_type,
        broken.error,
        tuple(happening for each in decoded for happening in each.happenings),
        {"texts": len(texts)} if len(texts) > 1 else None,
        measured(texts, decoded),
    )


def measured(texts: Sequence[bytes], decoded: Sequence[Decoded]) -> tuple[MeasuredText, ...]:
    """Return what is to be measured in each of several texts."""
    return tuple(
        MeasuredText(text, each.type, each.topic, is_heartbeat(each)) for text, each in zip(texts, decoded, strict=True)
    )


def id_key(raw: msgspec.Raw) -> str:
    """Return the key of an id: ``1`` and ``"1"`` are two; an absent one is ``null``."""
    text = str(bytes(raw), "utf-8") if raw else "null"
    # The same string may be escaped in one way and come back in another
    if text[0] == '"' and "\\" in text:
        text = str(msgspec.json.encode(_decode_text(raw)), "utf-8")
    if len(text) <= MAX_NAME_CHARS:
        return text
    digest = sha256(text.encode()).hexdigest()[:32]
    return f"{text[:100]}…{digest}"


def id_ref(raw: msgspec.Raw) -> str:
    """Return an id for display: without quotes, and empty for null."""
    if not raw:
        return ""
    text = str(bytes(raw), "utf-8")
    if text == "null":
        return ""
    return cut(_decode_text(raw) if text[0] == '"' else text)


def error_object(raw: msgspec.Raw) -> ErrorObject:
    """Return the error of a response, whatever its shape."""
    match bytes(raw)[:1]:
        case b"{":
            return _decode_error(raw)
        case b'"':
            return ErrorObject(message=_decode_text(raw))
    return ErrorObject()


def code_meta(code: float | str | None) -> dict[str, Json]:
    """Return a peer's code for ``meta``: a number as ``code``, a text as ``code_text``; so each key has one type."""
    if code is None:
        return {}
    return {"code_text": code} if isinstance(code, str) else {"code": code}


def scalar(value: object) -> int | float | str | None:
    """Return a peer's code or time as it can be stored: integers past 53 bits as text; None for other types."""
    match value:
        case bool():
            return None
        case str():
            return cut(value)
        case int() if abs(value) > _EXACT:
            return cut(str(value))
        case int() | float():
            return value
    return None


def error_type(code: object, names: Mapping[int, str] = ERROR_NAMES) -> str:
    """Return the name of a known code, else ``rpc_<code>``; ``rpc_error`` where there is no code."""
    if not isinstance(code, int) or isinstance(code, bool):
        return "rpc_error"
    return names.get(code) or cut(f"rpc_{code}")
