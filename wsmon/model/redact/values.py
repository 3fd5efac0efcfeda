"""Finds secrets by their value: as they are, escaped for JSON or a URL, and within base64."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from wsmon.model.redact.masking import MASK
from wsmon.model.redact.spans import MASK_BYTES, Span

MIN_SECRET_CHARACTERS = 8
# shorter values occur by chance; they are masked in configuration and headers only

_NEEDLE_BYTES = 8
# long enough to be rare, short enough that the forms of one secret share it

_PERCENT = re.compile(r"%[0-9A-F]{2}")
_UNICODE = re.compile(r"\\u[0-9a-f]{4}")
_NUMBER = re.compile(rb"[0-9.eE+-]+")
_STRING_OR_NUMBER = re.compile(rb"\"(?:[^\"\\]|\\.)*+\"?|(-?[0-9][0-9.eE+-]*+)", re.DOTALL)
_BASE64_TAIL = re.compile(rb"[A-Za-z0-9+/_-]?={0,2}")


class SecretValues:
    """The secrets of a configuration in every form in which a message may hold them."""

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
        """What a message that holds a secret holds, in lower case: the beginnings of its forms, many of them alike."""
        return tuple({form[:_NEEDLE_BYTES].lower() for form in self._forms})

    def spans(self, text: bytes) -> Iterator[Span]:
        """Every occurrence of a secret in ``text``."""
        hits = self._search.find_matches_as_indexes(text) if self._forms else []
        for form, start, end in hits:
            cut = self._cuts.get(form)
            if cut is None:
                yield Span(start, end)
            else:
                tail = _BASE64_TAIL.match(text, end)
                yield Span(start - cut if start >= cut else 0, tail.end() if tail else end)
        if hits and self._has_numbers:
            yield from _whole_numbers(text, [Span(start, end) for _, start, end in hits])


def _whole_numbers(text: bytes, hits: list[Span]) -> Iterator[Span]:
    """The JSON numbers that hold a hit, with the quotes that keep the document valid."""
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
            yield Span(token.start(), token.end(), b'"' + MASK_BYTES + b'"')


def _plain_forms(secret: str) -> set[bytes]:
    forms = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), quote(secret, safe="!'()*~")}
    forms |= {_PERCENT.sub(lambda match: match[0].lower(), form) for form in forms}
    escaped = {secret}
    for _ in range(2):  # JSON, and JSON within JSON
        escaped |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in escaped for ascii_only in (True, False)}
    escaped |= {form.replace("/", "\\/") for form in escaped}
    escaped |= {_UNICODE.sub(lambda match: f"\\u{match[0][2:].upper()}", form) for form in escaped}
    return {form.encode("utf-8", "surrogatepass") for form in forms | escaped}


def _base64_forms(secret: str) -> Iterator[tuple[bytes, int]]:
    """What base64 makes of the secret at each of the three alignments, without the characters that the bytes around
    it change too; and how many characters before hold a part of it."""
    raw = secret.encode("utf-8", "surrogatepass")
    for offset, shared in ((0, 0), (1, 2), (2, 3)):
        end = (offset + len(raw)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * offset + raw)[shared:end], 1 if offset else 0
