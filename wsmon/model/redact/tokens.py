"""Credentials that show by their own shape, whatever key they stand under: Bearer, Basic, JWT, subprotocols."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator

from wsmon.model.redact.spans import Span

NEEDLES = (b"bearer", b"basic ", b"eyj")
# in lower case; a message that holds none of them holds no credential of these shapes

_BEARER = re.compile(rb"(?<![a-z0-9])bearer(?:[ \t]++|%20)([A-Za-z0-9._~+/=-]++)", re.IGNORECASE)
_BASIC = re.compile(rb"(?<![a-z0-9])basic[ \t]++([A-Za-z0-9+/_-]{4,}+={0,2})", re.IGNORECASE)
_JWT = re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){2,4}")
_BEARER_PROTOCOL = re.compile(
    rb"(?<![a-z0-9])base64url\.bearer\.(?:phx\.|authorization\.k8s\.io\.)?+([A-Za-z0-9_=+/-][A-Za-z0-9._=+/-]*+)",
    re.IGNORECASE,
)
_PROSE = re.compile(rb"[a-z]{1,15}[.]?|[.]+")
# "bearer authentication failed" is no credential; a token has digits, capitals or length


def token_spans(text: bytes, lowered: bytes) -> Iterator[Span]:
    """The credentials in ``text`` that need no key; ``lowered`` is the same text in lower case."""
    if b"bearer" in lowered:
        yield from (Span(*match.span(1)) for match in _BEARER.finditer(text) if not _PROSE.fullmatch(match[1]))
        yield from (Span(*match.span(1)) for match in _BEARER_PROTOCOL.finditer(text))
    if b"basic" in lowered:
        yield from (Span(*match.span(1)) for match in _BASIC.finditer(text) if _is_user_and_password(match[1]))
    if b"eyJ" in text:
        yield from (Span(*match.span()) for match in _JWT.finditer(text))


def _is_user_and_password(encoded: bytes) -> bool:
    standard = encoded.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return b":" in b64decode(standard + b"=" * (-len(standard) % 4))
    except binascii.Error:
        return False
