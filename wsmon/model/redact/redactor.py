"""The redactor of one connection: masks credentials in messages, headers, URLs, subprotocols and texts."""

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

_BEARER = re.compile(r"(base64url\.bearer\.(?:phx\.|authorization\.k8s\.io\.)?+).+", re.IGNORECASE | re.DOTALL)
# base64 of a JSON object that contains headers
_HEADER = re.compile(r"(header-)ey.+", re.IGNORECASE | re.DOTALL)
_NAMED = re.compile(r"([A-Za-z0-9_-]+)([.:=|~]).+", re.DOTALL)
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){2,4}")
_NAMES = frozenset({"bearer", "auth", "ticket", "jwt", "basic"})


# RFC 9110, sections 11.6.1 and 11.7.1, and the parameters of RFC 6750, 7617, 9449 and 9728
_CHALLENGES = frozenset({"www-authenticate", "proxy-authenticate"})
_CHALLENGE_SCHEME = re.compile(
    r"((?:^|(?<=,))\s*(?:Bearer|Basic)\s+)"
    r"(?=(?:realm|scope|error|error_description|error_uri|charset|algs|resource_metadata|authorization_uri)\s*=)",
    re.IGNORECASE,
)


def mask_subprotocol(subprotocol: str) -> str:
    """Mask the credential of a subprotocol, the only header that a browser lets an application choose."""
    if shaped := _BEARER.fullmatch(subprotocol) or _HEADER.fullmatch(subprotocol):
        return shaped[1] + MASK
    named = _NAMED.fullmatch(subprotocol)
    if named and _names_credential(named[1]):
        return named[1] + named[2] + MASK
    return _JWT.sub(MASK, subprotocol)


def mask_subprotocols(subprotocols: Sequence[str]) -> tuple[str, ...]:
    """Mask the credentials of offered subprotocols; in ``("access_token", "x")`` the first one names the second."""
    before = ("", *subprotocols)
    return tuple(
        MASK if _names_credential(previous) else mask_subprotocol(subprotocol)
        for previous, subprotocol in zip(before, subprotocols, strict=False)
    )


def _names_credential(name: str) -> bool:
    return name.lower() in _NAMES or is_credential_key(name)


_ESCAPED_ASCII = tuple(rb"\u00%d" % digit for digit in range(2, 8))
# A mask can join text before and after it into a new key; the second round almost always finds nothing
_ROUNDS = 4
_SEPARATORS = ("", "_", "-", ".", " ")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]*[ \t]+")


class Redactor:
    """Masks the credentials of one connection, as configured.

    ``keys``, ``headers``, ``query`` add to the built-in names, ``allow`` exempts names, ``patterns`` are regular
    expressions whose matches are masked, ``secrets`` are values that are masked wherever they occur. With
    ``filters_metadata``, personal headers and metadata are masked too. Bytes outside the masked ranges stay as they
    are, no input raises, and redacting twice gives the same as redacting once.

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
        """Return the message with its credentials masked, and whether that changed it.

        A JSON document stays one: a string keeps its quotes, any other value becomes a string.
        """
        if not self._find_any(payload.lower()) and not self._patterns:
            return payload, False
        masked = payload
        for _ in range(_ROUNDS):
            before, masked = masked, mask_ranges(masked, self._ranges(masked))
            if masked == before:
                break
        return masked, masked != payload

    def text(self, text: str) -> str:
        """Mask the credentials of a text, such as a reason, an error or a line of a log."""
        return self.payload(text.encode("utf-8", "surrogatepass"))[0].decode("utf-8", "surrogatepass")

    def url(self, url: str) -> str:
        """Mask userinfo, credential parameters and secrets of a URL."""
        as_bytes = url.encode("utf-8", "surrogatepass")
        ranges = (
            *values.whole_url_ranges(as_bytes, self._rules.is_query),
            *values.token_ranges(as_bytes, as_bytes.lower()),
            *self._value_ranges(as_bytes),
        )
        return mask_ranges(as_bytes, ranges).decode("utf-8", "surrogatepass")

    def headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Mask the values of credential headers; a scheme such as Bearer stays."""
        return tuple((name, self._header(name, value)) for name, value in headers)

    def subprotocol(self, subprotocol: str) -> str:
        """Mask the credential of a subprotocol: ``base64url.bearer.phx.[FILTERED]``."""
        return self.text(mask_subprotocol(subprotocol))

    def subprotocols(self, subprotocols: Sequence[str]) -> tuple[str, ...]:
        """Mask offered subprotocols; one that follows ``access_token`` or the like is the credential itself."""
        return tuple(self.text(subprotocol) for subprotocol in mask_subprotocols(subprotocols))

    def hides(self, key: str) -> bool:
        """Return whether the value of this key of an event's metadata is masked, whatever it is."""
        return self._rules.is_key(key) or (self._filters_metadata and self._rules.is_personal(key))

    def _header(self, name: str, value: str) -> str:
        if name.lower() == "sec-websocket-protocol":
            return ", ".join(self.subprotocols([part.strip() for part in value.split(",")]))
        if self._filters_metadata and self._rules.is_personal(name):
            return MASK
        if name.lower() in _CHALLENGES:
            # "Bearer realm=…" asks for a credential; as text, what follows the scheme would be one
            pieces = _CHALLENGE_SCHEME.split(value)
            return "".join(
                self._without_secrets(self.text(piece)) if at % 2 == 0 else piece for at, piece in enumerate(pieces)
            )
        if not self._rules.is_header(name):
            return self._without_secrets(self.text(value))
        scheme = _SCHEME.match(value) if "authorization" in name.lower() else None
        return (scheme[0] if scheme else "") + MASK

    def _without_secrets(self, text: str) -> str:
        """Mask short secrets too: a header is text of the recorder, or the peer's response to it."""
        return MASK.join(self._any_secret.sub(MASK, piece) for piece in text.split(MASK))

    def _ranges(self, payload: bytes) -> Iterator[ByteRange]:
        unescaped = UnescapedText(payload)
        text = unescaped.text
        lowered = text.lower()
        hits = [(start, end) for _, start, end in self._find_keys(lowered)]
        yield from self._value_ranges(payload)
        for ranges in (
            credential_ranges(text, hits, self._rules.is_key, self._rules.is_signature),
            values.url_ranges(text, self._rules.is_query),
            values.token_ranges(text, lowered),
            () if unescaped.is_original else self._values.ranges(text),
        ):
            if unescaped.is_original:
                yield from ranges
            else:
                yield from (
                    ByteRange(unescaped.original(start), unescaped.original(end), mask) for start, end, mask in ranges
                )

    def _value_ranges(self, text: bytes) -> Iterator[ByteRange]:
        """Yield the matches of secrets and patterns; patterns read text between masks only, to be idempotent."""
        yield from self._values.ranges(text)
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
    """Compile a pattern of ``redact.patterns`` for UTF-8 text; raises UsageError where it is no regular expression."""
    try:
        return re.compile(pattern.encode())
    except (re.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise UsageError(
            f"redact pattern {pattern!r} is no regular expression: {error}",
            "Patterns are Python regular expressions; put \\ before a sign that stands for itself",
        ) from error


def _key_needles(added: Iterable[Words]) -> set[bytes]:
    """Return all forms of credential keys in a message in lower case, joined by any separator."""
    phrases: set[Words] = {(word,) for word in ANYWHERE | SIGNATURES - {"sig", "sign"}} | {("token",)}
    phrases |= {(word, "key") for word in KEY_AFTER} | {("authsig",), ("auth_sig",)}
    phrases |= {words if len(words) <= 2 else (max(words, key=len),) for words in added}
    names = {separator.join(words) for words in phrases for separator in _SEPARATORS}
    # bytes.lower() leaves other scripts alone
    return {form.encode().lower() for name in names for form in (name, name.upper(), name.capitalize())}


def _searcher(needles: set[bytes]) -> BytesAhoCorasick:
    """Build a search for any of the needles in a text in lower case.

    Leftmost-first is the only kind of match that uses SIMD, up to 64 needles (0.13-0.25 µs for 200 bytes instead of
    0.5): needles that contain another one are left out.
    """
    shortest = sorted(needle for needle in needles if not any(other != needle and other in needle for other in needles))
    return BytesAhoCorasick(shortest, matchkind=MatchKind.LeftmostFirst, implementation=Implementation.DFA)
