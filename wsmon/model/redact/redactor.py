"""The redactor of one connection: masks credentials in messages, headers, URLs, subprotocols and texts."""

from __future__ import annotations

import codecs
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import accumulate
from typing import Literal, TypeAlias

import regex

from wsmon.errors import UsageError
from wsmon.model.redact import urls
from wsmon.model.redact.key_values import credential_ranges, has_code
from wsmon.model.redact.masking import MASK, MASK_BYTES, ByteRange, StepBudget, mask_ranges
from wsmon.model.redact.names import ANYWHERE, CODE_AFTER, KEY_AFTER, SIGNATURES, KeyRules, Words, is_credential_key
from wsmon.model.redact.searches import (
    PIECE_BYTES,
    KeyReading,
    KeySearch,
    found_in_pieces,
    occurs,
    searcher,
    shortest,
    sixty_fours,
)
from wsmon.model.redact.shapes import SHAPE_MARKS, has_rare_shape, shape_ranges
from wsmon.model.redact.siblings import LOGIN_ENDS, login_ranges
from wsmon.model.redact.strings import JsonStrings, UnescapedText
from wsmon.model.redact.values import MIN_SECRET_CHARACTERS, SecretValues

_SUBPROTOCOLS = "sec-websocket-protocol"
# Headers whose value is a URL or its path, the last ones of requests that went through a proxy
_ADDRESSES = frozenset({
    "location", "content-location", "referer", "x-original-uri", "x-original-url", "x-forwarded-uri", "x-rewrite-url",
})  # fmt: skip
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


def _offered(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Return the subprotocols that a request offers."""
    return [part.strip() for name, value in headers if name.lower() == _SUBPROTOCOLS for part in value.split(",")]


def _names_credential(name: str) -> bool:
    return name.lower() in _NAMES or is_credential_key(name)


# In lower case; a message with a credential by the built-in rules contains one of these. They are 64 at most, as many
# as one search finds with SIMD
MARKS = (
    *(b"pass", b"token", b"secret", b"cookie", b"credential", b"auth", b"otp", b"pwd", b"jwt", b"ssn", b"cvv"),
    *(b"srf", b"sess", b"signature", b"device_code", b"devicecode", b"verif", b"identify", b"oper "),
    *(b"_key", b"-key", b".key", b" key", b"apikey", b"privatekey", b"accesskey", b"signingkey", b"nkey"),
    *(b"clientkey", b"pin_", b"pincode"),
    *(word + end for word in (b"sid", b"pin") for end in (b'"', b"\\", b"=", b":")),
    # JSON in a URL, and the ticket of WAMP
    *(b"%22", b'[5,"', b'[5, "'),
    # In MessagePack
    *(b"\xa3sid", b"\xa3pin"),
    # Shapes, and messages that log in
    *(b"bearer", b"basic ", b"eyj", b"-----begin", b"mechanism", b"sasl", b'login"', b"login\\", b'signin"'),
    # A code of OAuth
    *(b"grant_type", b"redirect_uri", b"code="),
    # URLs, also as some JSON serialisers write them, and escaped ASCII
    *(b"://", b":\\/"),
    *(rb"\u00%d" % digit for digit in range(2, 8)),
)
_SHORTEST_MARKS = shortest({*MARKS})
_URL_BEGIN = b"://"
_URL_MARK = _SHORTEST_MARKS.index(_URL_BEGIN)
# What a message may have to mask: nothing, credentials of its URLs, and of keys whose sign of equality is encoded, or
# any
Suspicion: TypeAlias = Literal["", "URLs", "any"]
# A text has a shape, or is a login, where it has one of these
_PLACES = (*SHAPE_MARKS, *LOGIN_ENDS)
# In a text with none of these is no place, no URL and no code of OAuth
_SIGNS = shortest({_URL_BEGIN, b":\\/", b"auth", b"code", *_PLACES})
_URL_SIGNS = frozenset({_SIGNS.index(_URL_BEGIN)})
_find_signs = searcher(_SIGNS).find_matches_as_indexes
_find_places = searcher(_PLACES).find_matches_as_indexes
_LONGEST_PLACE = max(map(len, _PLACES))
# A mask can join text before and after it into a new key; the second round almost always finds nothing
_ROUNDS = 4
_SEPARATORS = ("", "_", "-", ".", " ")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]*[ \t]+")
# How long a pattern of the user may take: as long as all other redaction
_PATTERN_LIMIT_S = 0.005
_PATTERN_LIMIT_S_PER_BYTE = 50e-9
# Messages that are searched together have this byte between them: no text in UTF-8 has it, and no mark
_BETWEEN = b"\xff"
# Escapes of characters that are read for each step that is left, and those that take a step
_ESCAPES_FOR_STEP = 4
_ESCAPES_PER_STEP = 5
# Steps of a match of a pattern
_MATCH_STEPS = 2


class Redactor:
    """Masks the credentials of one connection, as configured.

    ``keys``, ``headers``, ``query`` add to the built-in names, ``allow`` exempts names, ``patterns`` are regular
    expressions whose matches are masked, ``secrets`` are values that are masked wherever they occur. With
    ``filters_metadata``, personal headers and metadata are masked too. Bytes outside the masked ranges stay as they
    are, no input raises, and redacting twice gives the same as redacting once, but where the budget is over.

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
        self._any_secret: tuple[re.Pattern[str], ...] = (_any_of(longest_first),)
        self._values: tuple[SecretValues, ...] = (SecretValues(longest_first),)
        key_needles = _key_needles(self._rules.words)
        short = {word + end: (0, len(end)) for word in _SHORT_WORDS for end in _SHORT_ENDS}
        short |= {_PACKED + word: (len(_PACKED), 0) for word in _SHORT_WORDS}
        self._keys = KeySearch({needle: short.get(needle, (0, 0)) for needle in {*key_needles, *short}})
        added = {needle for needle in key_needles if not any(mark in needle for mark in MARKS)}
        escaped = {json.dumps(needle.decode())[1:-1].lower().encode() for needle in added}
        needles = self._values[0].needles
        configured = shortest({*added, *escaped, *needles})
        # The first is for what is built in
        self._searches = tuple(
            searcher(marks).find_matches_as_indexes for marks in (_SHORTEST_MARKS, *sixty_fours(configured))
        )
        self._longest_mark = max(map(len, {*MARKS, *configured}))
        self._has_values = bool(needles or self._patterns)
        # Whether no key and no secret has other characters
        self._is_ascii = all(needle.isascii() for needle in {*key_needles, *needles})
        # Of the last message that was changed: whether a part of it was not read, and masked
        self.is_over_budget = False

    def knowing(self, secrets: Iterable[str]) -> Redactor:
        """Return this redactor with further secrets, such as those of one session; shorter than 8 characters is none.

        It takes 0.4 ms and 60 KB for a secret, where a new one takes 4 ms.
        """
        usable = sorted({secret for secret in secrets if len(secret) >= MIN_SECRET_CHARACTERS}, key=len, reverse=True)
        values = SecretValues(usable)
        needles = shortest({*values.needles})
        if not needles:
            return self
        redactor = copy(self)
        redactor._any_secret = (*self._any_secret, _any_of(usable))
        redactor._values = (*self._values, values)
        searches = (searcher(each).find_matches_as_indexes for each in sixty_fours(needles))
        redactor._searches = (*self._searches, *searches)
        redactor._longest_mark = max(self._longest_mark, *map(len, needles))
        redactor._has_values = True
        redactor._is_ascii = self._is_ascii and all(needle.isascii() for needle in needles)
        redactor.is_over_budget = False
        return redactor

    def payload(self, payload: bytes) -> tuple[bytes, bool]:
        """Return the message with its credentials masked, and whether that changed it.

        A JSON document stays one: a string keeps its quotes, any other value becomes a string. Where the message takes
        more steps than ``StepBudget`` has, the rest of it is masked, and where a pattern takes too long, all of it;
        ``is_over_budget`` says so of the last message that was changed.
        """
        lowered = payload.lower()
        suspicion = self._suspicion(lowered)
        if not suspicion and not self._patterns:
            return payload, False
        self.is_over_budget = False
        masked = payload
        try:
            # The first round has a budget, all others have one together
            budget = StepBudget(len(payload))
            for number in range(_ROUNDS):
                if number:
                    lowered, suspicion = masked.lower(), "any"
                ranges = self._ranges(masked, lowered, suspicion, budget)
                if not ranges:
                    break
                before, masked = masked, mask_ranges(masked, ranges)
                self.is_over_budget |= budget.is_over
                if masked == before or budget.is_over:
                    break
                budget = budget if number else StepBudget(len(payload))
        except TimeoutError:
            self.is_over_budget = True
            return MASK_BYTES, True
        return masked, masked != payload

    def suspicious(self, payloads: Sequence[bytes]) -> Sequence[int]:
        """Return the places of the messages that ``payload`` has to look at, ascending; all others it returns as given.

        One search through all of them together costs a message of 300 bytes a quarter of a search of its own.
        """
        if self._patterns:
            return range(len(payloads))
        joined = _BETWEEN.join(payloads).lower()
        # Where each message ends, the byte behind it included
        ends: list[int] = []
        found: set[int] = set()
        for find in self._searches:
            end = 0
            for _, start, _ in found_in_pieces(find, joined, self._longest_mark):
                if start >= end:
                    ends = ends or list(accumulate(len(payload) + len(_BETWEEN) for payload in payloads))
                    place = bisect_right(ends, start)
                    found.add(place)
                    end = ends[place]
        return sorted(found)

    def text(self, text: str) -> str:
        """Mask the credentials of a text, such as a reason, an error or a line of a log.

        Other than in a message, where IDs are data, tokens in the paths of its URLs and requests are masked, too.
        """
        masked = self.payload(text.encode("utf-8", "surrogatepass"))[0]
        if b"/" in masked:
            masked = mask_ranges(masked, urls.path_ranges(masked, self._rules, StepBudget(len(masked))))
        return masked.decode("utf-8", "surrogatepass")

    def url(self, url: str) -> str:
        """Mask userinfo, credential parameters, tokens in the path, and secrets of a URL."""
        as_bytes = url.encode("utf-8", "surrogatepass")
        budget = StepBudget(len(as_bytes))
        ranges = (
            *urls.whole_url_ranges(as_bytes, self._rules.is_query, budget),
            *urls.whole_path_ranges(as_bytes, self._rules, budget),
            *shape_ranges(as_bytes, as_bytes.lower(), budget, JsonStrings()),
            *self._value_ranges(as_bytes, budget),
        )
        return mask_ranges(as_bytes, ranges).decode("utf-8", "surrogatepass")

    def headers(
        self, headers: Iterable[tuple[str, str]], request: Iterable[tuple[str, str]] = ()
    ) -> tuple[tuple[str, str], ...]:
        """Mask the values of credential headers; a scheme such as Bearer stays.

        ``request``: the headers that they answer; a subprotocol that is a credential there is one in the answer, too.
        """
        offered = _offered(request)
        return tuple((name, self._header(name, value, offered)) for name, value in headers)

    def subprotocol(self, subprotocol: str, request: Iterable[tuple[str, str]] = ()) -> str:
        """Mask the credential of a subprotocol: ``base64url.bearer.phx.[FILTERED]``.

        ``request``: the headers that offered it; one that they make a credential is masked whole.
        """
        return self._chosen(subprotocol, _offered(request))

    def subprotocols(self, subprotocols: Sequence[str]) -> tuple[str, ...]:
        """Mask offered subprotocols; one that follows ``access_token`` or the like is the credential itself."""
        return tuple(self.text(subprotocol) for subprotocol in mask_subprotocols(subprotocols))

    def hides(self, key: str) -> bool:
        """Return whether the value of this key of an event's metadata is masked, whatever it is."""
        return self._rules.is_key(key) or (self._filters_metadata and self._rules.is_personal(key))

    def is_credential(self, header: str) -> bool:
        """Return whether the value of a header of this name is a credential, and not masked as personal."""
        return self._rules.is_header(header)

    def _chosen(self, subprotocol: str, offered: Sequence[str]) -> str:
        masked = dict(zip(offered, mask_subprotocols(offered), strict=True))
        return self.text(masked.get(subprotocol, mask_subprotocol(subprotocol)))

    def _header(self, name: str, value: str, offered: Sequence[str]) -> str:
        if name.lower() == _SUBPROTOCOLS:
            parts = [part.strip() for part in value.split(",")]
            masked = [self._chosen(part, offered) for part in parts] if offered else self.subprotocols(parts)
            return ", ".join(masked)
        if self._filters_metadata and self._rules.is_personal(name):
            return MASK
        if name.lower() in _CHALLENGES:
            # "Bearer realm=…" asks for a credential; as text, what follows the scheme would be one
            pieces = _CHALLENGE_SCHEME.split(value)
            return "".join(
                self._without_secrets(self.text(piece)) if at % 2 == 0 else piece for at, piece in enumerate(pieces)
            )
        if not self._rules.is_header(name):
            return self._without_secrets(self.text(self.url(value) if name.lower() in _ADDRESSES else value))
        scheme = _SCHEME.match(value) if "authorization" in name.lower() else None
        return (scheme[0] if scheme else "") + MASK

    def _without_secrets(self, text: str) -> str:
        """Mask short secrets too: a header is text of the recorder, or the peer's response to it."""
        for secrets in self._any_secret:
            text = MASK.join(secrets.sub(MASK, piece) for piece in text.split(MASK))
        return text

    def _ranges(self, payload: bytes, lowered: bytes, suspicion: Suspicion, budget: StepBudget) -> list[ByteRange]:
        """Return what is to be masked. What costs a look at each byte begins with a search that ends most messages."""
        found = list(self._value_ranges(payload, budget)) if self._has_values else []
        # A byte is found in a tenth of the time of four
        if b"\\" not in payload or (b"\\u00" if self._is_ascii else b"\\u") not in payload:
            return found + self._text_ranges(payload, lowered, suspicion, budget)
        unescaped = UnescapedText(payload, max(1, _ESCAPES_FOR_STEP * budget.left), is_ascii=self._is_ascii)
        budget.left -= unescaped.escapes // _ESCAPES_PER_STEP
        if unescaped.unread_at is not None:
            found.append(budget.rest(unescaped.unread_at, payload))
        lowered = unescaped.text.lower()
        # Most escapes hide no key: they are the signs of HTML
        suspicion = self._suspicion(lowered)
        if not suspicion:
            return found
        ranges = self._text_ranges(unescaped.text, lowered, suspicion, budget, is_original=unescaped.is_original)
        if unescaped.is_original:
            return found + ranges
        if self._has_values:
            for values in self._values:
                ranges += values.ranges(unescaped.text, budget)
        if not ranges:
            return found
        found += (ByteRange(unescaped.original(start), unescaped.original(end), mask) for start, end, mask in ranges)
        return found

    def _text_ranges(
        self, text: bytes, lowered: bytes, suspicion: Suspicion, budget: StepBudget, *, is_original: bool = True
    ) -> list[ByteRange]:
        """Return what keys, URLs, shapes and places show, in a text without escapes."""
        found: list[ByteRange] = []
        is_short = len(text) <= PIECE_BYTES
        strings = JsonStrings()
        reading = None if is_short else KeyReading()
        may_have_keys = suspicion != "URLs" or b"%" in text
        hits = self._keys.hits(text, lowered, reading) if may_have_keys else ()
        # One search instead of five; nothing that begins within the begin of a URL is a sign
        signs = _find_signs(lowered) if is_short else ()
        has_others = not is_short or (bool(signs) and not {number for number, _, _ in signs} <= _URL_SIGNS)
        may_have_code = has_others and b"code" in lowered and has_code(lowered)
        if hits or may_have_code:
            found += credential_ranges(
                text, lowered, hits, self._rules, budget, strings, reading,
                is_text=_is_text(text), is_original=is_original, may_have_code=may_have_code,
            )  # fmt: skip
        has_urls = not has_others and bool(signs)
        if has_urls or (has_others and (_URL_BEGIN in text or b":\\/" in text)):
            found += urls.url_ranges(text, self._rules, budget)
        has_place = has_others and occurs(_find_places, lowered, _LONGEST_PLACE)
        # What begins as an object is no message of WAMP
        may_be_rare = has_others or text[:1] != b"{"
        if has_place or (may_be_rare and has_rare_shape(text, may_log_in=has_others)):
            found += shape_ranges(text, lowered, budget, strings)
            found += login_ranges(text, lowered, budget, strings)
        return found

    def _suspicion(self, lowered: bytes) -> Suspicion:
        """Return whether a message may have something to mask, and whether that is in its URLs alone.

        Nothing else that is searched for begins within the begin of a URL, so that none is hidden by one.
        """
        if len(lowered) > PIECE_BYTES:
            return "any" if any(occurs(find, lowered, self._longest_mark) for find in self._searches) else ""
        suspicion: Suspicion = ""
        for find in self._searches:
            for number, _, _ in find(lowered):
                if number != _URL_MARK or find is not self._searches[0]:
                    return "any"
                suspicion = "URLs"
        return suspicion

    def _value_ranges(self, text: bytes, budget: StepBudget) -> Iterator[ByteRange]:
        """Yield the matches of secrets and patterns; patterns read text between masks only, to be idempotent.

        Raises ``TimeoutError`` where a pattern takes too long.
        """
        for values in self._values:
            yield from values.ranges(text, budget)
        if not self._patterns:
            return
        limit_s = max(_PATTERN_LIMIT_S, len(text) * _PATTERN_LIMIT_S_PER_BYTE)
        start = 0
        for piece in text.split(MASK_BYTES):
            end = start + len(piece)
            for pattern in self._patterns if piece else ():
                for match in pattern.finditer(text, start, end, timeout=limit_s):
                    if not budget.take(_MATCH_STEPS):
                        raise TimeoutError
                    if match.end() > match.start():
                        yield ByteRange(*match.span())
            start = end + len(MASK_BYTES)


def _any_of(longest_first: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, longest_first)) or "(?!)")


def _is_text(message: bytes) -> bool:
    if message.isascii():
        return True
    try:
        # One that is cut within a character is a text, too
        codecs.utf_8_decode(message)
    except UnicodeDecodeError:
        return False
    return True


def compile_pattern(pattern: str) -> regex.Pattern[bytes]:
    """Compile a pattern of ``redact.patterns`` for UTF-8 text; raises UsageError where it is no regular expression."""
    try:
        return regex.compile(pattern.encode())
    except (regex.error, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise UsageError(
            f"redact pattern {pattern!r} is not a valid regular expression: {error}",
            "patterns are Python regular expressions; escape special characters with \\",
        ) from error


def _key_needles(added: Iterable[Words]) -> set[bytes]:
    """Return all forms of credential keys in a message in lower case, joined by any separator."""
    phrases: set[Words] = {(word,) for word in ANYWHERE | SIGNATURES - {"sig", "sign"}} | {("token",), ("pass",)}
    phrases |= {(word, "key") for word in KEY_AFTER}
    phrases |= {("authsig",), ("auth_sig",), ("session", "id"), ("sess", "id"), ("code", "verifier")}
    phrases |= {words if len(words) <= 2 else (max(words, key=len),) for words in added}
    names = {separator.join(words) for words in phrases for separator in _SEPARATORS}
    names |= {f"{word}{separator}code" for word in CODE_AFTER for separator in ("", "_")}
    # bytes.lower() leaves other scripts alone
    return {form.encode().lower() for name in names for form in (name, name.upper(), name.capitalize())}


# Parts of many words: searched for with what begins or ends a key
_SHORT_WORDS = (b"sid", b"pin")
# The length of such a word in MessagePack, which stands before it
_PACKED = b"\xa3"
_SHORT_ENDS = (b'"', b"\\", b"=", b":", b"%")
