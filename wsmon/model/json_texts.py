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
# Brackets and strings that are looked at where texts follow each other without a line each, a quarter of a microsecond
# each: at least so many, and one for so many bytes
_LEAST_TOKENS = 4_000
_BYTES_PER_TOKEN = 20

# Values that are repaired, a third of a microsecond each: at least so many, and one for so many bytes. A payload with
# more stays as it is
_LEAST_REPAIRS = 4_000
_BYTES_PER_REPAIR = 12

_BOM = b"\xef\xbb\xbf"
# Between texts: lines (newline-delimited JSON), NUL (as STOMP and SocketCluster end frames), RS (RFC 7464, SignalR).
# Inside a JSON string none of them may stand unescaped
_SEPARATORS = re.compile(rb"[\n\r\0\x1e]+")
_SEPARATOR_BYTES = (b"\n", b"\r", b"\0", b"\x1e")
# Begins of texts that say something; a lone word or number is left alone
_STARTS = (b"{", b"[")
# Ends and begins of texts without anything but blanks between them
_GLUED = (b"}{", b"}[", b"]{", b"][")
_BLANKS = b" \t"

# A string is matched whole, so that words in it stay; one without an end is matched to the end of the payload, which
# keeps the time linear
_STRING = rb'"(?:[^"\\]|\\(?:.|\Z))*+"?'
# All that stays is matched at once: a call for each string would take 150 ms for a mebibyte of quotes
_STAYS = rb"(?:[^\"NI\-]++|" + _STRING + rb"|-(?!NaN\b|Infinity\b)|N(?!aN\b)|I(?!nfinity\b))++"
_NOT_A_NUMBER = re.compile(rb"(" + _STAYS + rb")|-?(?:NaN|Infinity)\b", re.DOTALL)
_SURROGATE = re.compile(
    # A pair, any other escape, and what is none stay; all of it is matched at once, as above
    rb"((?:[^\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)++)"
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
    has_separators = any(separator in payload for separator in _SEPARATOR_BYTES)
    parts = [part.strip() for part in _SEPARATORS.split(payload, MAX_TEXTS)] if has_separators else [payload]
    texts = [part for part in parts if part]
    if len(texts) > 1 and 2 * sum(map(is_sound, texts)) > len(texts):
        return tuple(texts)
    glued = payload.translate(None, _BLANKS)
    return _glued(payload) if has_separators or any(seam in glued for seam in _GLUED) else ()


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
    most = max(_LEAST_REPAIRS, len(payload) // _BYTES_PER_REPAIR)
    if sum(map(payload.count, (b"NaN", b"Infinity", b"\\ud", b"\\uD"))) > most:
        return payload
    if b"NaN" in payload or b"Infinity" in payload:
        payload = _replaced(_NOT_A_NUMBER, payload, b"null")
    if b"\\ud" in payload or b"\\uD" in payload:
        payload = _replaced(_SURROGATE, payload, b"\\ufffd")
    return payload


def _replaced(pattern: re.Pattern[bytes], payload: bytes, replacement: bytes) -> bytes:
    """Return the payload with every match replaced that is not in the group of the pattern.

    Split and joined it takes a third of the time of a function for each match.
    """
    pieces: list[bytes | None] = pattern.split(payload)
    return b"".join([replacement if piece is None else piece for piece in pieces])


def _glued(payload: bytes) -> tuple[bytes, ...]:
    """Return the texts of a payload that follow each other without a separator, or over several lines each."""
    texts: list[bytes] = []
    depth = start = 0
    for token in islice(_TOKEN.finditer(payload), max(_LEAST_TOKENS, len(payload) // _BYTES_PER_TOKEN)):
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
