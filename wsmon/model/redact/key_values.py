"""Values of credential keys in JSON, forms, query strings, headers, XML, MessagePack and plain text.

Only the text around a key is parsed, so that broken, truncated and deeply nested messages cost as much as valid ones.
JSON within JSON is JSON with more backslashes: on level L a quote has 2^L - 1 of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wsmon.model.redact.masking import ByteRange, StepBudget
from wsmon.model.redact.msgpack_values import PackedMessage, msgpack_value
from wsmon.model.redact.names import KeyRules
from wsmon.model.redact.notation import SPACE, ValueKey, is_evidence, period_of, value_range
from wsmon.model.redact.siblings import named_value
from wsmon.model.redact.strings import JsonStrings

# Characters of a key
_WORD_CHARS = rb"a-zA-Z0-9_.\x80-\xff-"
_WORD = bytes(set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") | set(range(0x80, 0x100)))
# How far a key may reach beyond its suspicious word; longer runs are data
_KEY_REACH = 128

# A percent sign may be encoded itself, once or more: %22, %2522
_PERCENT = rb"%(?:25)*+"
_QUOTE_SIGN = rb"(?:" + _PERCENT + rb"22|&quot;|&#34;)"
_COLON_SIGN = rb"(?:" + _PERCENT + rb"3[aAdD]|:)"
_AFTER = re.compile(
    rb"[" + _WORD_CHARS + rb"]{0,128}+"
    # A key without quotes
    rb"(?:(\]?(?:%5[dD])?[ \t]*+(?:(?::(?!:|//)|=>|=(?!=))[ \t]*+"
    rb"|(" + _QUOTE_SIGN + _COLON_SIGN + rb"(?:%20|\+|[ \t])*+" + _QUOTE_SIGN + rb"?"
    rb"|" + _PERCENT + rb"3[aAdD](?:%20|\+)*+" + _QUOTE_SIGN + rb"?)))"
    # In quotes, with some words more
    rb"|[^\"'\\\r\n]{0,64}+(\\*+)([\"'])" + SPACE + rb"(?::|=>?)" + SPACE + rb")"
)
# How far behind a word the end of its key is looked for
_AFTER_REACH = 128 + 64
_RUN = re.compile(rb"[" + _WORD_CHARS + rb"]*+")
_QUOTE_BYTE = ord('"')
_PLAIN_KEY = re.compile(rb"([" + _WORD_CHARS + rb"]{0,128}+)\"\s*+:\s*+")
# Before and behind the name of an XML element
_ELEMENT = re.compile(rb"(?:<|&lt;)(?:[A-Za-z0-9_.-]{1,32}:)?\Z")
_ELEMENT_END = re.compile(rb"[" + _WORD_CHARS + rb"]{0,128}+((?:\s[^<>]{0,256}+)?(?<!/)(?:>|&gt;))")
# Before a key: %3F, %253F; \n, \t, \u000a, \x0a
_ESCAPE_BEFORE = re.compile(rb"(?:25)*+[0-9a-fA-F]{2}")
_ESCAPED_CHAR = re.compile(rb"u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrtbfv0]")

# Of a message with a signature: what stands beside it where it is a credential
_COMPANION = re.compile(
    rb"(?<![a-z0-9])(?:client_?id|api_?key|access_?key(?:_?id)?|grant_type|key|login)(?:\\*+[\"'])?\s*+[:=]"
)
_COMPANION_WORDS = (b"key", b"clientid", b"client_id", b"grant_type", b"login")
# Beside one of these, a code is that of an OAuth login; state alone says so in a query
_CODE_COMPANIONS = (b"grant_type", b"redirect_uri", b"code_verifier", b"client_secret", b"state=", b"state%3d")
# Too short to be searched for in every message
_SHORT_SIGNATURE = re.compile(rb"(?i:sign?)(?=\\*[\"'])")
_CODE = re.compile(rb"(?<![A-Za-z0-9_.-])code(?=\\*[\"']|=|%)")

# A status or a close code
_SMALL_NUMBER = re.compile(rb"[0-9]{1,4}")

# Steps of a word that is no key of a credential, of one that is
_WORD_STEPS = 1
_VALUE_STEPS = 8


def credential_ranges(
    text: bytes,
    lowered: bytes,
    hits: Iterable[tuple[int, int]],
    rules: KeyRules,
    budget: StepBudget,
    strings: JsonStrings,
    *,
    is_text: bool,
    is_original: bool,
) -> Iterator[ByteRange]:
    """Yield the values of the credential keys among ``hits`` (start and end of suspicious words, ascending).

    Where the message is no text, keys of MessagePack count, too; ``is_original`` where no escape was replaced in it.
    """
    meaning = rules.meaning
    message = None if is_text else PackedMessage(text, budget, is_original=is_original)
    signatures: list[ValueKey] = []
    done = covered = packed_end = 0
    for start, end in hits:
        if start < covered - _AFTER_REACH or start < packed_end:
            continue
        # A key of MessagePack may stand in what looks like one long key of a text
        if message is not None and start >= covered:
            packed, is_certain = msgpack_value(message, start, end, rules.is_key)
            if not budget.take(_VALUE_STEPS if packed else _WORD_STEPS):
                yield budget.rest(start, text)
                return
            if packed:
                yield packed
            if is_certain:
                covered = packed_end = packed.end if packed else end
                continue
        if start < done:
            continue
        # Most keys that only look like one of a credential: {"tokenId": …}
        if start and text[start - 1] == _QUOTE_BYTE and (plain := _PLAIN_KEY.match(text, end)):
            if not budget.take(_WORD_STEPS):
                yield budget.rest(start, text)
                return
            if not meaning(text[start : plain.end(1)]):
                done = plain.end()
                continue
        if not budget.take(_WORD_STEPS):
            yield budget.rest(start, text)
            return
        key = _key_around(text, start, end, done)
        # What follows a value may be the value of a key that it ends with: "token: password: …"
        if start < covered and (key is None or key.value_at < covered):
            continue
        if key is None:
            # No word in the same long run of letters can be a key, except near its end
            run = _RUN.match(text, end)
            done = max(done, run.end() - _AFTER_REACH) if run else done
            if not budget.take(_WORD_STEPS):
                yield budget.rest(start, text)
                return
            pair = named_value(text, start, end, rules, strings, budget)
            if pair is not None:
                yield pair
            continue
        done = key.value_at
        kind = meaning(key.name)
        if kind == "credential":
            if not budget.take(_VALUE_STEPS):
                yield budget.rest(start, text)
                return
            found = value_range(text, key, strings, budget)
            covered = found.end
            if not is_evidence(text, found, _decoded(key.name), rules):
                yield found
        elif kind:
            signatures.append(key)
    yield from _companions(text, lowered, signatures, rules, budget, strings, has_credentials=covered > 0)


def _companions(
    text: bytes,
    lowered: bytes,
    signatures: list[ValueKey],
    rules: KeyRules,
    budget: StepBudget,
    strings: JsonStrings,
    *,
    has_credentials: bool,
) -> Iterator[ByteRange]:
    """Yield the values of keys that hold a credential beside others: signatures, and the code of a login by OAuth."""
    if signatures and not (has_credentials or _has_companion(lowered)):
        signatures = []
    strings.restart()
    for key in signatures:
        if not budget.take(_VALUE_STEPS):
            yield budget.rest(key.value_at, text)
            return
        yield value_range(text, key, strings, budget)
    for is_wanted, pattern, is_named in (
        (has_credentials, _SHORT_SIGNATURE, rules.is_signature),
        (b"code" in lowered and any(word in lowered for word in _CODE_COMPANIONS), _CODE, rules.is_code),
    ):
        if not is_wanted:
            continue
        strings.restart()
        done = 0
        for match in pattern.finditer(text):
            if match.start() < done:
                continue
            if not budget.take(_VALUE_STEPS):
                yield budget.rest(match.start(), text)
                return
            found_key = _key_around(text, *match.span(), 0)
            if found_key and is_named(_decoded(found_key.name)):
                found = value_range(text, found_key, strings, budget)
                done = found.end
                is_status = pattern is _CODE and _SMALL_NUMBER.fullmatch(text, found.start, found.end)
                if not (is_status or is_evidence(text, found, "", rules)):
                    yield found


def _has_companion(lowered: bytes) -> bool:
    # The words are looked for first: an alternation costs ten times as much a byte
    return any(word in lowered for word in _COMPANION_WORDS) and _COMPANION.search(lowered) is not None


def _key_around(text: bytes, start: int, end: int, low: int) -> ValueKey | None:
    """Return the key around ``text[start:end]`` if a value follows; it does not begin before ``low``."""
    head = text[max(low, start - _KEY_REACH) : start]
    start -= len(head) - len(head.rstrip(_WORD))
    if (
        text[start - 1 : start] in _BEFORE_ELEMENT
        and _ELEMENT.search(text, max(0, start - 40), start)
        and (element := _ELEMENT_END.match(text, end))
    ):
        return ValueKey(text[start : element.start(1)], element.end(), is_element=True)
    match = _AFTER.match(text, end)
    if match is None:
        return None
    if (separator := match.start(1)) >= 0:
        start += _escape_before(text, start)
        if not (name := text[start:separator]).isascii():
            start = separator - len(_last_word(name))
        return ValueKey(text[start:separator], match.end(), is_percent_encoded=match[2] is not None)
    opening = text.rfind(match[4], max(low, start - _KEY_REACH), start)
    quote = b"\\" * (period_of(match[3]) - 1) + match[4]
    name = text[opening + 1 if opening >= 0 else start : match.start(3)]
    return ValueKey(name, match.end(), quote)


_BEFORE_ELEMENT = (b"<", b":", b";")


# Signs that are no letters: a key begins behind the last one, as in "line😀token"
_SIGNS = re.compile(r"[^\w.-]")


def _last_word(name: bytes) -> bytes:
    return _SIGNS.split(name.decode("utf-8", "surrogateescape"))[-1].encode("utf-8", "surrogateescape")


def _escape_before(text: bytes, start: int) -> int:
    r"""Return how many bytes at ``start`` belong to an escape sequence: ``%3Ftoken``, ``\ntoken``, ``\u000atoken``."""
    before = text[start - 1 : start]
    escape = _ESCAPE_BEFORE if before == b"%" else _ESCAPED_CHAR if before == b"\\" else None
    match = escape.match(text, start) if escape is not None else None
    return match.end() - start if match else 0


def _decoded(key: bytes) -> str:
    return key.decode("utf-8", "replace")
