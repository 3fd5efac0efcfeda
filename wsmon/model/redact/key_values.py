"""Values of credential keys in JSON, forms, query strings, headers and plain text.

Only the text around a key is parsed, so that broken, truncated and deeply nested messages cost as much as valid ones.
JSON within JSON is JSON with more backslashes: on level L a quote has 2^L - 1 of them.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from wsmon.model.redact.masking import MASK_BYTES, ByteRange

_WORD = bytes(set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") | set(range(0x80, 0x100)))
# How far a key may reach beyond its suspicious word; longer runs are data
_KEY_REACH = 128

# White space between the tokens of JSON, also of JSON within JSON
_SPACE = rb"(?:\s|\\++[nrt])*+"
_KEY_REST = re.compile(rb"[^\"'\\\r\n]{0,64}")
_QUOTED_END = re.compile(rb"(\\*+)([\"'])" + _SPACE + rb"(?::|=>?)" + _SPACE)
_TEXT_END = re.compile(rb"\]?(?:%5[dD])?[ \t]*+(?:(?::(?!:|//)|=>|=(?!=))[ \t]*+|((?:%22)?%3[aAdD](?:%22)?))")
_ESCAPED_CHAR = re.compile(rb"[nrtbf]")
_HEX = re.compile(rb"[0-9a-fA-F]{2}")

_SCHEME = re.compile(rb"(?:bearer|basic|digest|token|negotiate|apikey|hmac)(?:[ \t]++|%20|\+)", re.IGNORECASE)
_QUOTE = re.compile(rb"(\\*+)([\"'])")
_BARE = re.compile(rb"(?:[^\s&\"'<>;,\\]|,(?!\s)|\\++(?![\"'nrt\s]|\Z))*+")
_PERCENT_BARE = re.compile(rb"(?:[^\s&\"'<>;,\\%]|%(?!2[26]))*+")
_JSON_BARE = re.compile(rb"[^,}\]\"'\\\r\n]*+")
_LINE = re.compile(rb"[^\r\n]*+")
_CLOSES = _SPACE + rb"(?:[,}\]:]|\\*+[\"']|\Z)"
# What follows a quote that ends a string
_CLOSING = re.compile(_CLOSES)
# A header within a JSON string: its own quotes follow a "=", as in Digest
_JSON_LINE = re.compile(
    rb"(?:=\\++\"(?!" + _CLOSES + rb")(?:[^\r\n\"\\]|\\++(?!\"))*+(?:\\++\"|\Z)|[^\r\n\"\\]|\\++(?![nr\"]))*+"
)
_WHOLE_LINE = re.compile(rb"authorization|cookie|passphrase", re.IGNORECASE)
_BRACKETS = re.compile(rb"[\[{]++|[\]}]++|[\"']")
# Keys beside which a signature is a credential
_COMPANION = re.compile(
    rb"(?<![a-z0-9])(?:client_?id|api_?key|access_?key(?:_?id)?|grant_type|key|login)(?:\\*+[\"'])?\s*+[:=]",
    re.IGNORECASE,
)
# Too short to be searched for in every message
_SHORT_SIGNATURE = re.compile(rb"(?i:sign?)(?=\\*[\"'])")

# JSON may follow the packet type, namespace and id of Engine.IO and Socket.IO
_JSON_START = re.compile(rb"\s*+(?:[0-9]*+(?:/[^,\"\[{]{0,64},)?[0-9]*+)?[\[{\"]")
_STRING = re.compile(rb"\"((?:[^\"\\]|\\.)*+)\"?", re.DOTALL)


class SuspiciousKey(NamedTuple):
    """A key that may hold a credential, and how its value is written."""

    name: bytes
    value_at: int
    quote: bytes = b""
    """The key's closing quote with its backslashes; empty where the key is not quoted."""
    is_percent_encoded: bool = False


class _JsonStrings:
    """The strings of a JSON text, found on demand: a value in a string must not reach beyond it."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        # Start and end of the content of each string, alternating
        self._bounds: list[int] | None = None

    def end_around(self, at: int) -> int | None:
        """Return the end of the string around ``at``; None outside strings, and where the text is no JSON."""
        if self._bounds is None:
            self._bounds = list(self._find()) if _JSON_START.match(self._text) else []
        following = bisect_left(self._bounds, at)
        return self._bounds[following] if following % 2 else None

    def _find(self) -> Iterator[int]:
        for match in _STRING.finditer(self._text):
            yield from (match.start(), match.end(1))


def credential_ranges(
    text: bytes,
    hits: Iterable[tuple[int, int]],
    is_credential: Callable[[str], bool],
    is_signature: Callable[[str], bool],
) -> Iterator[ByteRange]:
    """Yield the values of the credential keys among ``hits`` (start and end of suspicious words, ascending)."""
    strings = _JsonStrings(text)
    signatures: list[ByteRange] = []
    done = covered = 0
    for start, end in hits:
        key = _key_around(text, start, end, done) if start >= done else None
        if key is None:
            continue
        done = key.value_at
        if key.value_at < covered:
            continue
        if is_credential(_decoded(key.name)):
            found = _value_range(text, key, strings)
            covered = found.end
            yield found
        elif is_signature(_decoded(key.name)):
            signatures.append(_value_range(text, key, strings))
    if signatures and (covered or _COMPANION.search(text)):
        yield from signatures
    if covered:
        short = (_key_around(text, *match.span(), 0) for match in _SHORT_SIGNATURE.finditer(text))
        yield from (_value_range(text, key, strings) for key in short if key and is_signature(_decoded(key.name)))


def _key_around(text: bytes, start: int, end: int, low: int) -> SuspiciousKey | None:
    """Return the key around ``text[start:end]`` if a value follows; it does not begin before ``low``."""
    head = text[max(low, start - _KEY_REACH) : start]
    start -= len(head) - len(head.rstrip(_WORD))
    tail = text[end : end + _KEY_REACH]
    end += len(tail) - len(tail.lstrip(_WORD))
    if match := _TEXT_END.match(text, end):
        start += _escape_before(text, start)
        return SuspiciousKey(text[start:end], match.end(), is_percent_encoded=match[1] is not None)
    rest = _KEY_REST.match(text, end)
    match = _QUOTED_END.match(text, rest.end() if rest else end)
    if not match:
        return None
    opening = text.rfind(match[2], max(low, start - _KEY_REACH), start)
    quote = b"\\" * (_period(match[1]) - 1) + match[2]
    return SuspiciousKey(text[opening + 1 if opening >= 0 else start : match.start()], match.end(), quote)


def _escape_before(text: bytes, start: int) -> int:
    r"""Return how many bytes at ``start`` belong to an escape sequence: ``%3Ftoken``, ``\ntoken``."""
    before = text[start - 1 : start]
    if before == b"%" and _HEX.match(text, start):
        return 2
    return 1 if before == b"\\" and _ESCAPED_CHAR.match(text, start) else 0


def _decoded(key: bytes) -> str:
    return key.decode("utf-8", "replace")


def _value_range(text: bytes, key: SuspiciousKey, strings: _JsonStrings) -> ByteRange:
    """Return the range of the value of ``key``, and its mask."""
    around = None if key.quote == b'"' else strings.end_around(key.value_at)
    limit = len(text) if around is None else around
    if key.quote:
        return _quoted_key_value(text, key, limit)
    return _text_value(text, key, limit, in_string=around is not None)


def _quoted_key_value(text: bytes, key: SuspiciousKey, limit: int) -> ByteRange:
    at = key.value_at
    opening = _QUOTE.match(text, at, limit)
    if opening and _ends_string_around(text, key, opening, limit):
        return ByteRange(at, at, b"")
    if opening:
        return ByteRange(opening.end(), _string_end(text, opening, limit))
    if text[at : at + 1] in (b"[", b"{") and at < limit:
        end = _composite_end(text, at, limit, key.quote)
    else:
        end = at + len(text[at : _end_of(_JSON_BARE, text, at, limit)].rstrip())
    return ByteRange(at, end, key.quote + MASK_BYTES + key.quote if end > at else b"")


def _ends_string_around(text: bytes, key: SuspiciousKey, quote: re.Match[bytes], limit: int) -> bool:
    """Return whether a quote in place of a value ends the string around the key: ``"enter 'token':"``."""
    is_of_other_kind = quote[2] != key.quote[-1:]
    return _period(quote[1]) < len(key.quote) or (is_of_other_kind and bool(_CLOSING.match(text, quote.end(), limit)))


def _text_value(text: bytes, key: SuspiciousKey, limit: int, *, in_string: bool) -> ByteRange:
    """Return the value of a key without quotes, in a form, a header or a sentence; a JSON string limits it."""
    at = key.value_at
    if scheme := _SCHEME.match(text, at, limit):
        at = scheme.end()
    opening = _QUOTE.match(text, at, limit)
    if key.is_percent_encoded:
        end = _end_of(_PERCENT_BARE, text, at, limit)
    elif _WHOLE_LINE.search(key.name) and text[key.value_at - 1 : key.value_at] in (b":", b" ", b"\t"):
        end = _end_of(_JSON_LINE if in_string else _LINE, text, at, limit)
    elif opening and not _CLOSING.match(text, opening.end(), limit):
        at, end = opening.end(), _string_end(text, opening, limit)
    elif text[at : at + 1] in (b"[", b"{") and at < limit:
        end = _bare_end(text, _composite_end(text, at, limit, b'\\"' if in_string else b'"'), limit)
    else:
        end = _bare_end(text, at, limit)
    return ByteRange(at, end) if end > at else ByteRange(at, at, b"")


def _end_of(pattern: re.Pattern[bytes], text: bytes, at: int, limit: int) -> int:
    match = pattern.match(text, at, limit)
    return match.end() if match else at


def _bare_end(text: bytes, at: int, limit: int) -> int:
    """Return the end of a value without quotes; brackets and stops behind it belong to the sentence around it."""
    value = text[at : _end_of(_BARE, text, at, limit)]
    return at + len(value.rstrip(b").,}" if b"[" in value else b").,]}"))


def _string_end(text: bytes, opening: re.Match[bytes], limit: int) -> int:
    """Return where the content of a string ends; ``limit`` where it is not closed."""
    period = _period(opening[1])
    at = opening.end()
    while (quote := text.find(opening[2], at, limit)) >= 0:
        backslashes = _backslashes_before(text, quote, at)
        if backslashes % (2 * period) < period:
            return quote - min(backslashes, period - 1)
        at = quote + 1
    return limit


def _period(backslashes: bytes) -> int:
    """Return 2^L for a quote behind backslashes on level L: 2^L - 1 are its own, the rest are pairs of the content."""
    count = len(backslashes) + 1
    return count & -count


def _backslashes_before(text: bytes, at: int, low: int) -> int:
    run = text[low:at]
    return len(run) - len(run.rstrip(b"\\"))


def _composite_end(text: bytes, at: int, limit: int, quote: bytes) -> int:
    """Return the end of the list or object at ``at``, quoted with ``quote``; unclosed, the end of its string."""
    period = len(quote)
    depth, low = 0, at
    while match := _BRACKETS.search(text, low, limit):
        before, low = low, match.end()
        run = match[0]
        if run[0] in b"[{":
            depth += len(run)
        elif run[0] in b"]}":
            if len(run) >= depth:
                return match.start() + depth
            depth -= len(run)
        elif run == quote[-1:]:
            backslashes = _backslashes_before(text, match.start(), before)
            if backslashes + 1 < period:
                return match.start() - backslashes
            opening = _QUOTE.match(text, match.start() - backslashes)
            low = _string_end(text, opening, limit) if opening else low
            closing = _QUOTE.match(text, low, limit)
            if closing is None or len(closing[0]) < period:
                return low
            low = closing.end()
    return limit


_ESCAPE = re.compile(rb"(?<!\\)(\\++)u([0-9a-fA-F]{4})")
# An escape within an escaped escape (\u005cu0074) is visible after the next pass; more levels do not occur
_PASSES = 3


class UnescapedText:
    r"""A message without its ``\uXXXX`` escapes: ``original(i)`` is the offset in the message of ``text[i]``.

    ``"\u0074oken"`` is the key ``token``, and serialisers that avoid quotes nest JSON as ``{\u0022token\u0022: …}``:
    keys are searched for in the unescaped text, masks are applied to the original.
    """

    __slots__ = ("_maps", "text")

    def __init__(self, message: bytes) -> None:
        self.text = message
        self._maps: list[tuple[list[int], list[int]]] = []
        for _ in range(_PASSES):
            if b"\\u" not in self.text or not self._unescape():
                break

    @property
    def is_original(self) -> bool:
        """Whether the message contains no escape."""
        return not self._maps

    def original(self, at: int) -> int:
        """Return the offset in the message of ``text[at]``."""
        for starts, origins in reversed(self._maps):
            piece = bisect_right(starts, at) - 1
            is_escape = piece % 2
            at = origins[piece] + (0 if is_escape else at - starts[piece])
        return at

    def _unescape(self) -> bool:
        """Run one pass; return whether the text changed. Pieces alternate: verbatim, escape, verbatim, …"""
        pieces: list[bytes] = []
        starts, origins = [0], [0]
        length = done = 0
        for match in _ESCAPE.finditer(self.text):
            plain = _plain(len(match[1]), int(match[2], 16))
            if plain is None:
                continue
            verbatim = self.text[done : match.start()]
            starts += length + len(verbatim), length + len(verbatim) + len(plain)
            origins += match.start(), match.end()
            pieces += verbatim, plain
            length, done = starts[-1], match.end()
        if not pieces:
            return False
        pieces.append(self.text[done:])
        self.text = b"".join(pieces)
        self._maps.append((starts, origins))
        return True


def _plain(backslashes: int, code: int) -> bytes | None:
    r"""Return the text of an escape behind backslashes; None for control characters and surrogates, which stay.

    A quote or a backslash gets the backslashes of its short form on the same level of nesting: the escape itself takes
    the lowest power of two of the run (1 in JSON, 2 in JSON within JSON, …), the rest is literal.
    """
    own = backslashes & -backslashes
    if code == 0x22:
        return b"\\" * (backslashes + own - 1) + b'"'
    if code == 0x5C:
        return b"\\" * (backslashes + own)
    if code < 0x20 or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code).encode()
