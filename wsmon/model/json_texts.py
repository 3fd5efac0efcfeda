"""JSON texts of a payload that is not one text by RFC 8259, as peers write them.

Read are several texts in one frame, NaN and Infinity, halves of surrogate pairs, a byte order mark, separators at the
ends. Sound payloads never come here: their readers decode them first, and ask for the texts only where that failed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

# Texts of one frame that are read
MAX_TEXTS: Final = 1_000
# Brackets and strings that are looked at where texts follow each other without a line each: some 25 ms
_MAX_TOKENS = 100_000

# Values that are repaired. A payload with more stays as it is: 260,000 took 150 ms on a loaded machine
_MAX_REPAIRS = 100_000

_BOM = b"\xef\xbb\xbf"
# Between texts: lines (newline-delimited JSON), NUL (as STOMP and SocketCluster end frames), RS (RFC 7464, SignalR).
# Inside a JSON string none of them may stand unescaped
_SEPARATORS = re.compile(rb"[\n\r\0\x1e]+")
# Begins of texts that say something; a lone word or number is left alone
_STARTS = (b"{", b"[")
# Ends and begins of texts without anything between them
_GLUED = re.compile(rb"[}\]][ \t]*(?=[{\[])")

# A string is matched whole, so that words in it stay; one without an end is matched to the end of the payload, which
# keeps the time linear
_STRING = rb'"(?:[^"\\]|\\(?:.|\Z))*+"?'
# All that stays is matched at once: a call for each string would take 150 ms for a mebibyte of quotes
_STAYS = rb"(?:[^\"NI\-]++|" + _STRING + rb"|-(?!NaN\b|Infinity\b)|N(?!aN\b)|I(?!nfinity\b))++"
_NOT_A_NUMBER = re.compile(rb"(" + _STAYS + rb")|-?(?:NaN|Infinity)\b", re.DOTALL)
_SURROGATE = re.compile(
    # A pair, or any other escape, stays
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)"
    # Half of a pair
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
_TOKEN = re.compile(_STRING + rb"|[\[{]|[\]}]", re.DOTALL)

_check = msgspec.json.Decoder(msgspec.Raw).decode


def json_texts(payload: bytes) -> tuple[bytes, ...]:
    """Return the JSON texts of a payload, each one that RFC 8259 allows; at most ``MAX_TEXTS`` and one more.

    NaN and Infinity become null, half of a surrogate pair U+FFFD. Where most of several texts can be read, those that
    cannot stay among them as they are. Empty where the payload is no JSON. The time is linear.
    """
    payload = payload.removeprefix(_BOM).strip(b" \t\n\r\0\x1e")
    if payload[:1] not in _STARTS:
        return ()
    payload = _repaired(payload)
    if is_sound(payload):
        return (payload,)
    parts = [part.strip() for part in _SEPARATORS.split(payload, MAX_TEXTS)]
    texts = [part for part in parts if part]
    if len(texts) > 1 and 2 * sum(map(is_sound, texts)) > len(texts):
        return tuple(texts)
    return _glued(payload)


def repairing(decode: Callable[[bytes], T]) -> Callable[[bytes], T]:
    """Return a decoder that reads one text that JSON does not allow, too; it raises what ``decode`` raises."""

    def decode_any(text: bytes) -> T:
        try:
            return decode(text)
        except msgspec.ValidationError:
            raise
        except ValueError:
            texts = json_texts(text)
            if len(texts) != 1:
                raise
            return decode(texts[0])

    return decode_any


def is_sound(text: bytes) -> bool:
    """Whether bytes are one JSON text as RFC 8259 has it."""
    try:
        _check(text)
    except (ValueError, RecursionError):
        return False
    return True


def _repaired(payload: bytes) -> bytes:
    """Return the payload with what JSON does not allow in a value replaced by what it does."""
    if sum(map(payload.count, (b"NaN", b"Infinity", b"\\ud", b"\\uD"))) > _MAX_REPAIRS:
        return payload
    if b"NaN" in payload or b"Infinity" in payload:
        payload = _NOT_A_NUMBER.sub(lambda found: found[1] or b"null", payload)
    if b"\\ud" in payload or b"\\uD" in payload:
        payload = _SURROGATE.sub(lambda found: found[1] or b"\\ufffd", payload)
    return payload


def _glued(payload: bytes) -> tuple[bytes, ...]:
    """Return the texts of a payload that follow each other without a separator, or over several lines each."""
    texts: list[bytes] = []
    depth = start = 0
    if _GLUED.search(payload) or _SEPARATORS.search(payload):
        for token in islice(_TOKEN.finditer(payload), _MAX_TOKENS):
            kind = token[0][:1]
            if kind in _STARTS:
                start = token.start() if not depth else start
                depth += 1
            elif kind != b'"':
                depth -= 1
                if not depth:
                    texts.append(payload[start : token.end()])
            if depth < 0 or len(texts) > MAX_TEXTS:
                break
    return tuple(texts) if len(texts) > 1 and 2 * sum(map(is_sound, texts)) > len(texts) else ()
