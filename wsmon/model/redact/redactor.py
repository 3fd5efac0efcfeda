"""Masks credentials in everything that a connection sends, receives or says about itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from wsmon.errors import UsageError
from wsmon.model.redact import values
from wsmon.model.redact.key_values import UnescapedText, credential_ranges
from wsmon.model.redact.masking import MASK, MASK_BYTES, ByteRange, mask_ranges
from wsmon.model.redact.names import ANYWHERE, KEY_AFTER, SIGNATURES, KeyRules, Words, is_credential_key
from wsmon.model.redact.values import SecretValues

# Masks credentials in subprotocols, the only header that a browser lets an application choose.

_BEARER = re.compile(r"(base64url\.bearer\.(?:phx\.|authorization\.k8s\.io\.)?+).+", re.IGNORECASE | re.DOTALL)
# base64 of a JSON object with the headers in it
_HEADER = re.compile(r"(header-)ey.+", re.IGNORECASE | re.DOTALL)
_NAMED = re.compile(r"([A-Za-z0-9_-]+)([.:=|~]).+", re.DOTALL)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){2,4}")
_NAMES = frozenset({"bearer", "auth", "ticket", "jwt", "basic"})


def mask_subprotocol(subprotocol: str) -> str:
    """A subprotocol without its credential; one that has none as it was."""
    if shaped := _BEARER.fullmatch(subprotocol) or _HEADER.fullmatch(subprotocol):
        return shaped[1] + MASK
    named = _NAMED.fullmatch(subprotocol)
    if named and _names_credential(named[1]):
        return named[1] + named[2] + MASK
    return _JWT.sub(MASK, subprotocol)


def mask_subprotocols(subprotocols: Sequence[str]) -> tuple[str, ...]:
    """An offer of subprotocols without credentials: ``("access_token", "x")`` names the second by the first."""
    before = ("", *subprotocols)
    return tuple(
        MASK if _names_credential(previous) else mask_subprotocol(subprotocol)
        for previous, subprotocol in zip(before, subprotocols, strict=False)
    )


def _names_credential(name: str) -> bool:
    return name.lower() in _NAMES or is_credential_key(name)


_ESCAPED_ASCII = tuple(rb"\u00%d" % digit for digit in range(2, 8))
# A mask can bring together what was apart, and make a key of it; the second round almost always finds nothing
_ROUNDS = 4
_SEPARATORS = ("", "_", "-", ".", " ")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]*[ \t]+")


class Redactor:
    """What one connection's configuration says about secrets, compiled.

    ``keys``, ``headers``, ``query`` add to the built-in names, ``allow`` exempts names, ``patterns`` are regular
    expressions whose matches are masked, ``secrets`` are values that are masked wherever they occur. Masks are laid
    on byte ranges: everything else stays as it was. No input raises, and redacting twice is redacting once.
    ``filters_metadata``: personal headers and metadata are masked too.

    Raises UsageError for a pattern that is no regular expression.
    """

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        patterns: Iterable[str] = (),
        headers: Iterable[str] = (),
        query: Iterable[str] = (),
        allow: Iterable[str] = (),
        secrets: Iterable[str] = (),
        filters_metadata: bool = False,
    ) -> None:
        self._rules = KeyRules(keys, headers, query, allow)
        self._filters_metadata = filters_metadata
        self._patterns = tuple(compile_pattern(pattern) for pattern in patterns)
        longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._any_secret = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._values = SecretValues(longest_first)
        key_needles = _key_needles(self._rules.words)
        self._find_keys = _searcher(key_needles).find_matches_as_indexes
        escaped = {json.dumps(needle.decode())[1:-1].lower().encode() for needle in key_needles}
        self._find_any = _searcher(
            {*key_needles, *escaped, *values.TOKEN_NEEDLES, *_ESCAPED_ASCII, *values.URL_NEEDLES, *self._values.needles}
        ).find_matches_as_indexes

    def payload(self, payload: bytes) -> tuple[bytes, bool]:
        """The message with its credentials masked, and whether that changed it.

        A JSON document stays one: a string keeps its quotes, any other value becomes a string.
        """
        if not self._find_any(payload.lower()) and not self._patterns:
            return payload, False
        masked = payload
        for _ in range(_ROUNDS):
            before, masked = masked, mask_ranges(masked, self._spans(masked))
            if masked == before:
                break
        return masked, masked != payload

    def text(self, text: str) -> str:
        """A reason, an error, a line of a log, with its credentials masked."""
        return self.payload(text.encode("utf-8", "surrogatepass"))[0].decode("utf-8", "surrogatepass")

    def url(self, url: str) -> str:
        """A URL with userinfo, credential parameters and secrets masked."""
        as_bytes = url.encode("utf-8", "surrogatepass")
        spans = (
            *values.whole_url_ranges(as_bytes, self._rules.is_query),
            *values.token_ranges(as_bytes, as_bytes.lower()),
            *self._value_spans(as_bytes),
        )
        return mask_ranges(as_bytes, spans).decode("utf-8", "surrogatepass")

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Names and values of headers, the values of credential headers masked; a scheme such as Bearer stays."""
        return tuple((name, self._header(name, value)) for name, value in headers)

    def subprotocol(self, subprotocol: str) -> str:
        """A subprotocol, its credential masked: ``base64url.bearer.phx.[FILTERED]``."""
        return self.text(mask_subprotocol(subprotocol))

    def subprotocols(self, subprotocols: Sequence[str]) -> tuple[str, ...]:
        """The subprotocols of an offer; one that follows ``access_token`` or the like is the credential itself."""
        return tuple(self.text(subprotocol) for subprotocol in mask_subprotocols(subprotocols))

    def hides(self, key: str) -> bool:
        """Whether the value of this key of an event's metadata is masked, whatever it is."""
        return self._rules.is_key(key) or (self._filters_metadata and self._rules.is_personal(key))

    def _header(self, name: str, value: str) -> str:
        if name.lower() == "sec-websocket-protocol":
            return ", ".join(self.subprotocols([part.strip() for part in value.split(",")]))
        if self._filters_metadata and self._rules.is_personal(name):
            return MASK
        if not self._rules.is_header(name):
            return self._without_secrets(self.text(value))
        scheme = _SCHEME.match(value) if "authorization" in name.lower() else None
        return (scheme[0] if scheme else "") + MASK

    def _without_secrets(self, text: str) -> str:
        """Short secrets too: a header is our own text or the peer's answer to it."""
        return MASK.join(self._any_secret.sub(MASK, piece) for piece in text.split(MASK))

    def _spans(self, payload: bytes) -> Iterator[ByteRange]:
        undone = UnescapedText(payload)
        text = undone.text
        lowered = text.lower()
        hits = [(start, end) for _, start, end in self._find_keys(lowered)]
        yield from self._value_spans(payload)
        for spans in (
            credential_ranges(text, hits, self._rules.is_key, self._rules.is_signature),
            values.url_ranges(text, self._rules.is_query),
            values.token_ranges(text, lowered),
            () if undone.is_original else self._values.spans(text),
        ):
            if undone.is_original:
                yield from spans
            else:
                yield from (ByteRange(undone.original(start), undone.original(end), mask) for start, end, mask in spans)

    def _value_spans(self, text: bytes) -> Iterator[ByteRange]:
        """What secrets and patterns match; patterns see the text between masks only, which keeps them idempotent."""
        yield from self._values.spans(text)
        if not self._patterns:
            return
        start = 0
        for piece in text.split(MASK_BYTES):
            end = start + len(piece)
            for pattern in self._patterns:
                matches = pattern.finditer(text, start, end)
                yield from (ByteRange(*match.span()) for match in matches if match.end() > match.start())
            start = end + len(MASK_BYTES)


def compile_pattern(pattern: str) -> re.Pattern[bytes]:
    """A pattern of ``redact.patterns`` for UTF-8 text; UsageError where it is no regular expression."""
    try:
        return re.compile(pattern.encode())
    except (re.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise UsageError(
            f"redact pattern {pattern!r} is no regular expression: {error}",
            "Patterns are Python regular expressions; put \\ before a sign that stands for itself",
        ) from error


def _key_needles(added: Iterable[Words]) -> set[bytes]:
    """Every way in which a credential key may show in a message in lower case, joined by any separator."""
    phrases: set[Words] = {(word,) for word in ANYWHERE | SIGNATURES - {"sig", "sign"}} | {("token",)}
    phrases |= {(word, "key") for word in KEY_AFTER} | {("authsig",), ("auth_sig",)}
    phrases |= {words if len(words) <= 2 else (max(words, key=len),) for words in added}
    names = {separator.join(words) for words in phrases for separator in _SEPARATORS}
    # bytes.lower() leaves other scripts alone
    return {form.encode().lower() for name in names for form in (name, name.upper(), name.capitalize())}


def _searcher(needles: set[bytes]) -> BytesAhoCorasick:
    """Finds where any needle stands in a text in lower case.

    Leftmost-first is the only kind that uses SIMD, up to 64 needles (0.13-0.25 µs for 200 bytes where the standard
    kind costs 0.5): what holds another needle is left out.
    """
    fewest = sorted(needle for needle in needles if not any(other != needle and other in needle for other in needles))
    return BytesAhoCorasick(fewest, matchkind=MatchKind.LeftmostFirst, implementation=Implementation.DFA)
