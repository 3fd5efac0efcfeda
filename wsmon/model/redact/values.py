"""Credentials found by their value: configured secrets in any encoding, token shapes, URLs."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from wsmon.model.redact.masking import MASK, MASK_BYTES, ByteRange, mask_ranges
from wsmon.model.redact.names import is_credential_query

# Shorter values occur by chance; they are masked in configuration and headers only
MIN_SECRET_CHARACTERS = 8

# Long enough to be rare, short enough to be shared by the forms of one secret
_NEEDLE_BYTES = 8

_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UNICODE = re.compile(r"\\u[0-9a-f]{4}")
_NUMBER = re.compile(rb"[0-9.eE+-]+")
_STRING_OR_NUMBER = re.compile(rb"\"(?:[^\"\\]|\\.)*+\"?|(-?[0-9][0-9.eE+-]*+)", re.DOTALL)
_BASE64_TAIL = re.compile(rb"[A-Za-z0-9+/_-]?={0,2}")


class SecretValues:
    """The configured secrets in every form in which a message may contain them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        usable = {secret for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS and secret not in MASK}
        self._plain = sorted({form for secret in usable for form in _plain_forms(secret)})
        base64 = {needle: cut for secret in usable for needle, cut in _base64_forms(secret)}
        self._cuts = dict(enumerate(base64.values(), start=len(self._plain)))
        self._has_numbers = any(_NUMBER.fullmatch(form) for form in self._plain)
        self._forms = (*self._plain, *base64)
        self._search = BytesAhoCorasick(
            self._forms, matchkind=MatchKind.LeftmostLongest, implementation=Implementation.ContiguousNFA
        )

    @property
    def needles(self) -> tuple[bytes, ...]:
        """The beginnings of all forms in lower case: a message with a secret contains one of them."""
        return tuple({form[:_NEEDLE_BYTES].lower() for form in self._forms})

    def ranges(self, text: bytes) -> Iterator[ByteRange]:
        """Yield every occurrence of a secret in ``text``."""
        hits = self._search.find_matches_as_indexes(text) if self._forms else []
        for form, start, end in hits:
            cut = self._cuts.get(form)
            if cut is None:
                yield ByteRange(start, end)
            else:
                tail = _BASE64_TAIL.match(text, end)
                yield ByteRange(start - cut if start >= cut else 0, tail.end() if tail else end)
        if hits and self._has_numbers:
            yield from _whole_numbers(text, [ByteRange(start, end) for _, start, end in hits])


def _whole_numbers(text: bytes, hits: list[ByteRange]) -> Iterator[ByteRange]:
    """Yield the JSON numbers that contain a hit, with a mask in quotes, which keeps the document valid."""
    if text.lstrip()[:1] not in (b"{", b"["):
        return
    following = iter(hits)
    hit = next(following, None)
    for token in _STRING_OR_NUMBER.finditer(text):
        while hit and hit.end <= token.start():
            hit = next(following, None)
        if hit is None:
            return
        if token[1] and hit.start < token.end():
            yield ByteRange(token.start(), token.end(), b'"' + MASK_BYTES + b'"')


def _plain_forms(secret: str) -> set[bytes]:
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe="!'()*~")}
    forms |= {_PERCENT.sub(lambda match: match[0].lower(), form) for form in forms}
    escaped = {secret}
    # JSON, and JSON within JSON
    for _ in range(2):
        escaped |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in escaped for ascii_only in (True, False)}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    escaped |= {_UNICODE.sub(lambda match: f"\\u{match[0][2:].upper()}", form) for form in escaped}
    return {form.encode("utf-8", "surrogatepass") for form in forms | escaped}


def _base64_forms(secret: str) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of the secret at each of the three alignments, without the characters that depend on the bytes
    around it, and how many characters before it contain a part of it."""
    raw = secret.encode("utf-8", "surrogatepass")
    for offset, shared in ((0, 0), (1, 2), (2, 3)):
        end = (offset + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * offset + raw)[shared:end], 1 if offset else 0


# In lower case; a message with a credential of a known shape contains one of them
TOKEN_NEEDLES = (b"bearer", b"basic ", b"eyj")

_BEARER = re.compile(rb"(?<![a-z0-9])bearer(?:[ \t]++|%20)([A-Za-z0-9._~+/=-]++)", re.IGNORECASE)
_BASIC = re.compile(rb"(?<![a-z0-9])basic[ \t]++([A-Za-z0-9+/_-]{4,}+={0,2})", re.IGNORECASE)
_JWT = re.compile(rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+){2,4}")
_BEARER_PROTOCOL = re.compile(
    rb"(?<![a-z0-9])base64url\.bearer\.(?:phx\.|authorization\.k8s\.io\.)?+([A-Za-z0-9_=+/-][A-Za-z0-9._=+/-]*+)",
    re.IGNORECASE,
)
# "bearer authentication failed" is no credential: a token has digits, capitals or length
_PROSE = re.compile(rb"[a-z]{1,15}[.]?|[.]+")


def token_ranges(text: bytes, lowered: bytes) -> Iterator[ByteRange]:
    """Yield credentials by their shape (Bearer, Basic, JWT, subprotocol); ``lowered`` is ``text`` in lower case."""
    if b"bearer" in lowered:
        yield from (ByteRange(*match.span(1)) for match in _BEARER.finditer(text) if not _PROSE.fullmatch(match[1]))
        yield from (ByteRange(*match.span(1)) for match in _BEARER_PROTOCOL.finditer(text))
    if b"basic" in lowered:
        yield from (ByteRange(*match.span(1)) for match in _BASIC.finditer(text) if _is_user_and_password(match[1]))
    if b"eyJ" in text:
        yield from (ByteRange(*match.span()) for match in _JWT.finditer(text))


def _is_user_and_password(encoded: bytes) -> bool:
    standard = encoded.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return b":" in b64decode(standard + b"=" * (-len(standard) % 4))
    except binascii.Error:
        return False


# The second is the form of the first that some JSON serialisers write
URL_NEEDLES = (b"://", b":\\/")

_URL = re.compile(rb":(?:\\*/){2}(?=[^\s\"'<>\\])((?:[^\s\"'<>\\]|\\++/)*+)")
_PARAMETER = re.compile(rb"(?:[?&#;]|%3[fF]|%26)([^=&#;?%/]+)(?:=|(%3[dD]))([^&#;]*)")
_PERCENT_END = re.compile(rb"%2[36]")
_AUTHORITY = re.compile(rb"[^/?#\\]*+")
_SCHEME = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_PORT = re.compile(rb"(?:\[[^\]]*\]|[^:]*)(?::[0-9]*)?")
# Punctuation behind a URL in a sentence; not "]", which may end a mask
_SENTENCE_END = b").,}"


def url_ranges(text: bytes, is_credential: Callable[[str], bool]) -> Iterator[ByteRange]:
    """Yield the credentials of all URLs in ``text``: userinfo, and credential parameters in query and fragment."""
    if not any(mark in text for mark in URL_NEEDLES):
        return
    for match in _URL.finditer(text):
        url_end = match.start(1) + len(match[1].rstrip(_SENTENCE_END))
        yield from _ranges_after_scheme(text, match.start(1), url_end, is_credential)


def whole_url_ranges(url: bytes, is_credential: Callable[[str], bool]) -> Iterator[ByteRange]:
    """Yield the credentials of a text that is one URL, absolute or not."""
    scheme = _SCHEME.match(url)
    return _ranges_after_scheme(url, scheme.end() if scheme else 0, len(url), is_credential)


def _ranges_after_scheme(
    text: bytes, start: int, end: int, is_credential: Callable[[str], bool]
) -> Iterator[ByteRange]:
    at = start + _userinfo_size(text[start:end])
    if at > start:
        yield ByteRange(start, at)
    for parameter in _PARAMETER.finditer(text, at, end):
        if parameter[3] and is_credential(parameter[1].decode("utf-8", "replace")):
            nested_end = _PERCENT_END.search(text, parameter.start(3), parameter.end(3)) if parameter[2] else None
            yield ByteRange(parameter.start(3), nested_end.start() if nested_end else parameter.end(3))


def _userinfo_size(after_scheme: bytes) -> int:
    """Return the length of ``user:password``; 0 where there is none.

    A password with an unescaped ``/``, ``?`` or ``#`` makes a broken URL, in which the port is no number: there
    everything up to the last ``@`` counts.
    """
    authority = _AUTHORITY.match(after_scheme)
    host = authority[0] if authority else b""
    is_broken = b"@" not in host and not _PORT.fullmatch(host)
    return max(0, (after_scheme if is_broken else host).rfind(b"@"))


def mask_url(url: str, is_credential: Callable[[str], bool] = is_credential_query) -> str:
    """Mask userinfo and the values of credential parameters of a URL."""
    as_bytes = url.encode("utf-8", "surrogatepass")
    return mask_ranges(as_bytes, whole_url_ranges(as_bytes, is_credential)).decode("utf-8", "surrogatepass")
