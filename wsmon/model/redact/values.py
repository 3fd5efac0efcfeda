"""Credentials found by their value: configured secrets in any encoding."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from wsmon.model.redact.masking import MASK, MASK_BYTES, ByteRange, StepBudget
from wsmon.model.redact.searches import found_in_pieces
from wsmon.model.redact.strings import JsonStrings

# Shorter values occur by chance; they are masked in configuration and headers only
MIN_SECRET_CHARACTERS = 8

# Long enough to be rare, short enough to be shared by the forms of one secret
_NEEDLE_BYTES = 8

_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UNICODE = re.compile(r"\\u[0-9a-f]{4}")
_NUMBER = re.compile(rb"[0-9.eE+-]+")
_LONGEST_NUMBER = 400
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
# Characters behind a secret in base64 that contain a part of it; of base64 of base64, those of its last character, too
_BASE64_TAILS = tuple(re.compile(rb"[A-Za-z0-9+/_-]{0,%d}={0,2}" % count) for count in (1, 4))

# Levels of JSON within JSON, as deep as messages nest it
_LEVELS = 4

# Steps of a secret
_SECRET_STEPS = 8


class SecretValues:
    """The configured secrets in every form in which a message may contain them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        usable = {secret for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS and secret not in MASK}
        self._plain = sorted({form for secret in usable for form in _plain_forms(secret)})
        base64 = {needle: cut for secret in usable for needle, cut in _base64_forms(secret)}
        self._cuts = dict(enumerate(base64.values(), start=len(self._plain)))
        self._has_numbers = any(_NUMBER.fullmatch(form) for form in self._plain)
        self._forms = (*self._plain, *base64)
        self._find = BytesAhoCorasick(
            self._forms, matchkind=MatchKind.LeftmostLongest, implementation=Implementation.ContiguousNFA
        ).find_matches_as_indexes
        self._longest = max(map(len, self._forms), default=0)

    @property
    def needles(self) -> tuple[bytes, ...]:
        """The beginnings of all forms in lower case: a message with a secret contains one of them."""
        return tuple({form[:_NEEDLE_BYTES].lower() for form in self._forms})

    def ranges(self, text: bytes, budget: StepBudget) -> Iterator[ByteRange]:
        """Yield every occurrence of a secret in ``text``; a number of JSON is masked whole, in quotes."""
        if not self._forms:
            return
        strings = JsonStrings() if self._has_numbers and text.lstrip()[:1] in (b"{", b"[") else None
        for form, start, end in found_in_pieces(self._find, text, self._longest):
            if not budget.take(_SECRET_STEPS):
                yield budget.rest(start, text)
                return
            cut = self._cuts.get(form)
            if cut is not None:
                tail = _BASE64_TAILS[cut > 1].match(text, end)
                before = text[max(0, start - cut) : start]
                start -= len(before) - len(before.rstrip(_BASE64))
                yield ByteRange(start, tail.end() if tail else end)
                continue
            yield ByteRange(start, end)
            if strings is not None and strings.end_around(text, start) is None:
                yield from _whole_number(text, start, end)


def _whole_number(text: bytes, start: int, end: int) -> Iterator[ByteRange]:
    """Yield the JSON number around a secret, with a mask in quotes, which keeps the document valid."""
    before = text[max(0, start - _LONGEST_NUMBER) : start]
    start -= len(before) - len(before.rstrip(b"0123456789.eE+-"))
    if number := _NUMBER.match(text, start):
        yield ByteRange(start, max(number.end(), end), b'"' + MASK_BYTES + b'"')


def _plain_forms(secret: str) -> set[bytes]:
    encoded = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe="!'()*~")}
    # A URL within a URL
    forms = encoded | {quote(form, safe="") for form in encoded}
    forms |= {_PERCENT.sub(lambda match: match[0].lower(), form) for form in forms}
    escaped = {secret}
    # JSON within JSON
    for _ in range(_LEVELS):
        escaped |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in escaped for ascii_only in (True, False)}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    escaped |= {_UNICODE.sub(lambda match: f"\\u{match[0][2:].upper()}", form) for form in escaped}
    in_hex = secret.encode("utf-8", "surrogatepass").hex()
    return {form.encode("utf-8", "surrogatepass") for form in forms | escaped | {in_hex, in_hex.upper()}}


def _base64_forms(secret: str) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 of the secret, and of that, and how many characters before it contain a part of it."""
    for once, cut in _base64_of(secret.encode("utf-8", "surrogatepass")):
        yield once, cut
        yield quote(once, safe="").encode(), cut
        yield from ((twice, 2 + outer_cut) for twice, outer_cut in _base64_of(once))


def _base64_of(raw: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the base64 at each of the three alignments, without the characters that depend on the bytes around it."""
    for offset, shared in ((0, 0), (1, 2), (2, 3)):
        end = (offset + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * offset + raw)[shared:end], 1 if offset else 0
