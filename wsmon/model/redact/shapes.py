"""Credentials found by their shape: tokens, private keys, passwords in commands, SASL, WAMP."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator

from wsmon.model.redact.masking import ByteRange, StepBudget
from wsmon.model.redact.strings import JsonStrings

# Steps of a match
_SHAPE_STEPS = 5

_BEARER = re.compile(rb"(?<![a-z0-9])bearer(?:[ \t]++|%20)([A-Za-z0-9._~+/=-]++)", re.IGNORECASE)
_BASIC = re.compile(rb"(?<![a-z0-9])basic[ \t]++([A-Za-z0-9+/_-]{4,}+={0,2})", re.IGNORECASE)
_JWT = re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){2,4}")
_BEARER_PROTOCOL = re.compile(
    rb"(?<![a-z0-9])base64url\.bearer\.(?:phx\.|authorization\.k8s\.io\.)?+([A-Za-z0-9_=+/-][A-Za-z0-9._=+/-]*+)",
    re.IGNORECASE,
)
# The key itself; certificates are public
_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----()")
# Twitch
_OAUTH = re.compile(rb"(?<![a-z0-9])oauth:([A-Za-z0-9_.~+/=-]{4,}+)", re.IGNORECASE)
# Commands of IRC, POP3, FTP and SMTP, at the beginning of a message, a line or a text. What AUTHENTICATE names first is
# a mechanism
_COMMAND = re.compile(
    rb"(?:\A|(?<=[\r\n\"'])|(?<=\\n)|(?<=\\r))"
    rb"(?:PASS|OPER [^\s\"\\]++|(?:(?:PRIVMSG|NOTICE) )?NickServ :?IDENTIFY(?: [^\s\"\\]++(?= ))?|(AUTHENTICATE)|"
    rb"AUTH [A-Z0-9-]{4,20})[ \t]++:?(?:oauth:)?([^\s\"'\\]++)"
)
_MECHANISM = re.compile(rb"[A-Z0-9-]{1,20}|[+*]")
# RFC 6120 and XEP-0388; "=" is an empty response
_SASL_ELEMENT = re.compile(
    rb"<(?:[a-z]{1,16}:)?(?:auth|response|initial-response)(?:\s[^<>]{0,512}+)?(?<!/)>\s*+(?!=<)([^<\"\s][^<\"]*+)"
)
_SASL_PLAIN = re.compile(rb"(?<![A-Za-z0-9+/=])([A-Za-z0-9+/]{8,2048}+={0,2})(?![A-Za-z0-9+/])")
# AUTHENTICATE of WAMP: the answer to a challenge, https://wamp-proto.org
_WAMP_BEGINS = (b"[", b" ", b"\t", b"\n", b"\r", b"\f", b"\v")
_WAMP = re.compile(rb"\s*+\[\s*+5\s*+,\s*+\"((?:[^\"\\]|\\.)++)\"(?=\s*+,\s*+\{)", re.DOTALL)
# "bearer authentication failed" is no credential: a token has digits, capitals or length
_PROSE = re.compile(rb"[a-z]{1,15}[.]?|[.]+")


# In lower case: a text with a shape contains one of these, or AUTH, or begins as a message of WAMP
SHAPE_MARKS = (
    b"bearer", b"basic", b"eyj", b"private key", b"oauth:", b"pass ", b"identify ", b"oper ", b"sasl", b"mechanism",
    b"plain",
)  # fmt: skip


def has_rare_shape(text: bytes, *, may_log_in: bool) -> bool:
    """Return whether a text without ``SHAPE_MARKS`` may have a shape all the same; ``may_log_in`` if it has AUTH."""
    return (may_log_in and b"AUTH" in text) or (text[:1] in _WAMP_BEGINS and _WAMP.match(text) is not None)


def shape_ranges(text: bytes, lowered: bytes, budget: StepBudget, strings: JsonStrings) -> Iterator[ByteRange]:
    """Yield credentials by their shape, whatever stands beside them; ``lowered`` is ``text`` in lower case."""
    for matches in _shapes(text, lowered):
        strings.restart()
        done = 0
        for match in matches:
            if match.start() < done:
                continue
            if not budget.take(_SHAPE_STEPS):
                yield budget.rest(match.start(), text)
                return
            found = _credential(match, text, strings)
            if found is not None:
                done = found.end
                yield found


def _shapes(text: bytes, lowered: bytes) -> Iterator[Iterator[re.Match[bytes]]]:
    if b"bearer" in lowered:
        yield _BEARER.finditer(text)
        yield _BEARER_PROTOCOL.finditer(text)
    if b"basic" in lowered:
        yield _BASIC.finditer(text)
    if b"eyJ" in text:
        yield _JWT.finditer(text)
    if b"PRIVATE KEY" in text:
        yield _PEM.finditer(text)
    if b"oauth:" in lowered:
        yield _OAUTH.finditer(text)
    if b"PASS " in text or b"AUTH" in text or b"IDENTIFY " in text or b"OPER " in text:
        yield _COMMAND.finditer(text)
    if b"sasl" in lowered or b"mechanism" in lowered:
        yield _SASL_ELEMENT.finditer(text)
    if b"plain" in lowered:
        yield _SASL_PLAIN.finditer(text)
    # Only at its beginning
    if wamp := _WAMP.match(text):
        yield iter((wamp,))


def _credential(match: re.Match[bytes], text: bytes, strings: JsonStrings) -> ByteRange | None:
    """Return the credential in a match, if it is one on a closer look."""
    start, end = match.span(match.re.groups)
    shape, found = match.re, match[match.re.groups]
    if shape is _PEM:
        limit = strings.end_around(text, start)
        limit = len(text) if limit is None else limit
        # Without an end, up to the end of the string or of the message
        closing = text.find(b"-----END", start, limit)
        end = closing if closing >= 0 else limit
    is_credential = not (
        (shape is _BEARER and _PROSE.fullmatch(found))
        or (shape is _BASIC and not _is_user_and_password(found))
        or (shape is _SASL_PLAIN and not _is_sasl_plain(found))
        or (shape is _COMMAND and (_MECHANISM.fullmatch(found) if match[1] else False))
    )
    return ByteRange(start, end) if is_credential and end > start else None


def _is_sasl_plain(encoded: bytes) -> bool:
    """Return whether base64 holds two NUL characters: identity, NUL, user, NUL, password (RFC 4616)."""
    try:
        return b64decode(encoded + b"=" * (-len(encoded) % 4)).count(b"\0") == 2
    except binascii.Error:
        return False


def _is_user_and_password(encoded: bytes) -> bool:
    standard = encoded.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return b":" in b64decode(standard + b"=" * (-len(standard) % 4))
    except binascii.Error:
        return False
