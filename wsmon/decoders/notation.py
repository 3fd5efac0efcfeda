"""Decoders of messages in another notation: base64, and MessagePack, which becomes JSON."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

import msgspec

from wsmon.decoders.base import DecodeError, Decoder, too_large
from wsmon.model.msgpack_cost import is_too_costly

# Both alphabets of RFC 4648, with or without padding; MIME breaks lines
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_\r\n-]*={0,2}\s*")
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_BREAKS: Final = b"\r\n\t "
# How base64 of gzip, zlib and zstd begins
COMPRESSED_BEGINS: Final = frozenset({b"H4", b"eA", b"eF", b"eJ", b"eN", b"KL"})
_COMPRESSED: Final = re.compile(rb"H4sI|eA[E-H]|eF[4-7]|eJ[w-z]|eN[o-r]|KLUv[/_]")


def _unbase64(payload: bytes, _state: None, room: int) -> bytes:
    if len(payload) // 4 * 3 > room:
        raise too_large(room)
    if not _BASE64.fullmatch(payload):
        raise DecodeError("it is no base64")
    digits = payload.translate(_URL_SAFE, _BREAKS).rstrip(b"=")
    try:
        content = binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)
    except binascii.Error:
        raise DecodeError("it is no base64") from None
    if len(content) > room:
        raise too_large(room)
    return content


def begins_compressed(text: bytes) -> bool:
    """Whether a text begins as base64 of a compressed message does."""
    return _COMPRESSED.match(text) is not None


def _unmsgpack(payload: bytes, _state: None, room: int) -> bytes:
    """Return a message of MessagePack as JSON: bytes as base64, times as RFC 3339, and null for what is no number."""
    if is_too_costly(payload):
        raise DecodeError("it is too large to be decoded: it may hold too many values", "refused")
    try:
        text = msgspec.json.encode(msgspec.msgpack.decode(payload), enc_hook=_extension)
    except RecursionError:
        raise DecodeError("nested too deep", "refused") from None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise DecodeError(str(error).removeprefix("MessagePack data is malformed: ")) from None
    # As msgspec says it itself from 0.23 on
    except UnicodeDecodeError:
        raise DecodeError("Invalid UTF-8 encoded string") from None
    # Keys that JSON does not have: nil, a truth value, a list. Times and numbers beyond what Python's types hold
    except (TypeError, ValueError, OverflowError):
        raise DecodeError("it holds a key or a value that JSON does not have") from None
    if len(text) > room:
        raise too_large(room)
    return text


def _extension(value: object) -> object:
    """Return an extension type of MessagePack, which has a number and bytes, as a JSON object."""
    if isinstance(value, msgspec.msgpack.Ext):
        return {"ext": value.code, "data": base64.b64encode(value.data).decode()}
    raise TypeError


BASE64: Final = Decoder("base64", _unbase64, takes_text=True)
MSGPACK: Final = Decoder("msgpack", _unmsgpack)
