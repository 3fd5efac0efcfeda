"""Masks credentials that only their place tells: ``{"op":"auth","args":["key",1700000000,"signature"]}``.

In what wsmon sends to authenticate, every text in the list of arguments is masked, by bytes, keys and numbers left as
they are. Arguments with names are the redactor's.
"""

from __future__ import annotations

import re

import msgspec

from wsmon.model.events import Opcode
from wsmon.model.redact.masking import MASK
from wsmon.protocols.decoding import UNDECODABLE
from wsmon.protocols.json_messages import decode_message, kind_of, type_of

_AUTH = re.compile(rb"auth|login", re.IGNORECASE)
# in every word that begins an authentication
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?')
# a JSON text; with a colon behind it, a key
_MASK = b'"' + MASK.encode() + b'"'


def mask_sent(opcode: Opcode, payload: bytes) -> tuple[bytes, bool]:
    """A message that goes out, and whether anything in it was masked."""
    if opcode != "text" or not _AUTH.search(payload):
        return payload, False
    try:
        message = decode_message(payload)
    except UNDECODABLE:
        return payload, False
    word = type_of(message)
    if kind_of(word) not in ("auth", "refresh") and not _AUTH.search(word.encode("utf-8", "replace")):
        return payload, False
    masked = payload
    for arguments in (message.args, message.params):
        masked = _without_texts(masked, arguments)
    return masked, masked != payload


def _without_texts(payload: bytes, arguments: msgspec.Raw) -> bytes:
    """The payload, the texts of a list in it masked."""
    listed = bytes(arguments)
    if listed[:1] != b"[":
        return payload
    start = payload.find(listed)
    return (
        payload[:start] + _TEXT.sub(lambda text: text[0] if text[1] else _MASK, listed) + payload[start + len(listed) :]
    )
