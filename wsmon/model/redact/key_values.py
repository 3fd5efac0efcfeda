"""Values of credential keys in JSON, forms, query strings, headers, XML, MessagePack and plain text.

Only the text around a key is parsed, so that broken, truncated and deeply nested messages cost as much as valid ones.
JSON within JSON is JSON with more backslashes: on level L a quote has 2^L - 1 of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial

from wsmon.model.redact.masking import NAME_STEPS, ByteRange, StepBudget
from wsmon.model.redact.msgpack_values import PackedMessage, msgpack_value
from wsmon.model.redact.names import KeyMeaning, KeyRules
from wsmon.model.redact.notation import SPACE, ValueKey, is_evidence, period_of, value_range
from wsmon.model.redact.searches import KeyReading
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
# Behind a word of a sentence: nothing that ``_AFTER`` matches
_NO_KEY = re.compile(
    rb"[" + _WORD_CHARS + rb"]{0,64}+(?![" + _WORD_CHARS + rb"\]%])"
    rb"(?=[^\"'\\\r\n]{0,64}+(?!\\*+[\"']" + SPACE + rb"[:=]))[ \t]*+(?![:=%&])"
)
# Before it: no letter of the same word, and no sign of an element
_BEFORE_NO_KEY = frozenset(range(0x80)) - frozenset(_WORD) - frozenset(b"<:;")
# How far behind a word the end of its key is looked for
_AFTER_REACH = 128 + 64
_WORD_BYTES = frozenset(_WORD)
_RUN = re.compile(rb"[" + _WORD_CHARS + rb"]*+")
_QUOTE_BYTE = ord('"')
# Behind a word: what is left of a key of JSON, and a string that is its whole value
_PLAIN_KEY = re.compile(rb"([" + _WORD_CHARS + rb"]{0,128}+)\"\s*+:\s*+")
_RUN_KEY = re.compile(rb"([" + _WORD_CHARS + rb"]{0,64}+)\"" + SPACE + rb":" + SPACE)
_RUN_REACH = 64
_PLAIN_VALUE = re.compile(rb'"([^"\\]*+)"')
_DIGITS = frozenset(b"-0123456789")
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

# Steps of a word in a key of JSON; of any other word more; of the value of a credential: a string of JSON, any other
_WORD_STEPS = 1
_CLOSER_STEPS = 4
_PLAIN_VALUE_STEPS = 3
_VALUE_STEPS = 12

# So many times a harmless key is looked at in one message; then the search leaves it out
_REPEATS = 16
# So many keys are left out, because each costs a search of its own
_MOST_REPEATED = 8


def credential_ranges(
    text: bytes,
    lowered: bytes,
    hits: Iterable[tuple[int, int]],
    rules: KeyRules,
    budget: StepBudget,
    strings: JsonStrings,
    reading: KeyReading | None,
    *,
    is_text: bool,
    is_original: bool,
    may_have_code: bool,
) -> Iterator[ByteRange]:
    """Yield the values of the credential keys among ``hits`` (start and end of suspicious words, ascending).

    Where the message is no text, keys of MessagePack count, too; ``is_original`` where no escape was replaced in it.
    ``reading`` is for the search of a long message in pieces. ``may_have_code``: the message has the word, and what
    ``has_code`` looks for.
    """
    meaning = rules.meaning
    meanings: dict[bytes, KeyMeaning] = {}
    counts: dict[bytes, int] = {}
    repeated = [] if reading is None else reading.repeated

    message = None if is_text else PackedMessage(text, budget, is_original=is_original)
    signatures: list[ValueKey] = []
    done = covered = packed_end = 0
    for start, end in hits:
        if start < covered - _AFTER_REACH or start < packed_end:
            if reading is not None:
                reading.done = max(covered - _AFTER_REACH, packed_end)
            continue
        # A key of MessagePack may stand in what looks like one long key of a text
        if message is not None and start >= covered:
            packed, is_certain = msgpack_value(message, start, end, partial(_is_packed_key, rules, budget))
            if not budget.take(_VALUE_STEPS if packed else _CLOSER_STEPS):
                yield budget.rest(start, text)
                return
            if packed:
                yield packed
            if is_certain:
                covered = packed_end = packed.end if packed else end
                continue
        if start < done:
            if reading is not None and message is None:
                reading.done = done
            continue
        budget.left -= _WORD_STEPS
        if budget.left < 0:
            yield budget.rest(start, text)
            return
        # Most keys stand in JSON: {"tokenId": …}
        name, plain = b"", None
        before = text[start - 1] if start else -1
        if before == _QUOTE_BYTE:
            if plain := _PLAIN_KEY.match(text, end):
                name = text[start : plain.end(1)]
        elif (
            before in _WORD_BYTES
            and is_text
            and start >= covered
            and (plain := _RUN_KEY.match(text, end))
            and (run := _run_before(text, start, done))
        ):
            name = run + text[start : plain.end(1)]
        if name and plain:
            kind = meanings.get(name)
            if kind is None:
                if not budget.take(NAME_STEPS):
                    yield budget.rest(start, text)
                    return
                kind = meanings[name] = meaning(name)
            if not kind:
                done = plain.end()
                if reading is not None:
                    _count(counts, repeated, b'"' + name + b'":')
                continue
            if start < covered and plain.end() < covered and kind == "credential" and is_text:
                continue
            if kind == "credential" and is_text and (value := _PLAIN_VALUE.match(text, plain.end())):
                if not budget.take(_PLAIN_VALUE_STEPS):
                    yield budget.rest(start, text)
                    return
                done = plain.end()
                found = ByteRange(*value.span(1))
                covered = found.end
                if covered > found.start and not (
                    text[found.start] in _DIGITS and is_evidence(text, found, _decoded(name), rules)
                ):
                    yield found
                continue
        elif before in _BEFORE_NO_KEY and is_text and _NO_KEY.match(text, end):
            # A word of a sentence
            pair = named_value(text, start, end, rules, strings, budget) if start >= covered else None
            if pair is not None:
                yield pair
                if budget.is_over:
                    return
            continue
        if not budget.take(_CLOSER_STEPS):
            yield budget.rest(start, text)
            return
        low = _low(text, start, done, covered, repeated) if repeated else done
        key = _key_around(text, start, end, low)
        # What follows a value may be the value of a key that it ends with: "token: password: …"
        if start < covered and (key is None or key.value_at < covered):
            continue
        # No key reaches from one string of MessagePack into the next
        if key is not None and message is not None and message.is_apart(start, key.value_at):
            continue
        if key is None:
            # No word in the same long run of letters can be a key, except near its end
            letters = _RUN.match(text, end)
            done = max(done, letters.end() - _AFTER_REACH) if letters else done
            pair = named_value(text, start, end, rules, strings, budget)
            if pair is not None:
                yield pair
                if budget.is_over:
                    return
            continue
        if not budget.take_name(key.name):
            yield budget.rest(start, text)
            return
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
        elif reading is not None and is_text and key.quote and text[start - 1] == _QUOTE_BYTE:
            # JSON within JSON
            _count(counts, repeated, text[start - 1 : key.value_at])
    if signatures or covered or may_have_code:
        yield from _companions(
            text, lowered, signatures, rules, budget, strings, has_credentials=covered > 0, may_have_code=may_have_code
        )


def _is_packed_key(rules: KeyRules, budget: StepBudget, name: str) -> bool:
    return budget.take_name(name.encode("utf-8", "surrogatepass")) and rules.is_key(name)


def _count(counts: dict[bytes, int], repeated: list[bytes], key: bytes) -> None:
    """Count a harmless key with its quotes and colon, and add it to those that the message repeats."""
    count = counts[key] = counts.get(key, 0) + 1
    if count == _REPEATS and len(repeated) < _MOST_REPEATED and key.endswith(b'":'):
        repeated.append(key)


def _run_before(text: bytes, start: int, low: int) -> bytes:
    """Return the letters of a key between its quote and ``start``; none where no quote is near."""
    head = text[max(low, start - _RUN_REACH) : start]
    run = len(head) - len(head.rstrip(_WORD))
    is_quoted = run < len(head) and head[-run - 1] == _QUOTE_BYTE
    return head[-run:] if run and is_quoted else b""


def _low(text: bytes, start: int, done: int, covered: int, repeated: list[bytes]) -> int:
    """Return where the key around ``start`` may begin: behind the keys before it, those included that were left out."""
    for name in repeated:
        at = text.rfind(name, max(covered - _AFTER_REACH, start - _KEY_REACH - len(name)), start)
        done = max(done, at + len(name)) if at >= 0 else done
    return done


def _companions(
    text: bytes,
    lowered: bytes,
    signatures: list[ValueKey],
    rules: KeyRules,
    budget: StepBudget,
    strings: JsonStrings,
    *,
    has_credentials: bool,
    may_have_code: bool,
) -> Iterator[ByteRange]:
    """Yield the values of keys that hold a credential beside others: signatures, and the code of a login by OAuth."""
    if signatures and not (has_credentials or _has_companion(lowered)):
        signatures = []
    strings.restart()
    names: dict[bytes, bool] = {}
    for key in signatures:
        if not budget.take(_VALUE_STEPS):
            yield budget.rest(key.value_at, text)
            return
        yield value_range(text, key, strings, budget)
    for is_wanted, pattern, is_named in (
        (has_credentials, _SHORT_SIGNATURE, rules.is_signature),
        (may_have_code, _CODE, rules.is_code),
    ):
        if not is_wanted:
            continue
        strings.restart()
        names.clear()
        done = 0
        for match in pattern.finditer(text):
            if match.start() < done:
                continue
            if not budget.take(_VALUE_STEPS):
                yield budget.rest(match.start(), text)
                return
            found_key = _key_around(text, *match.span(), 0)
            if found_key is None:
                continue
            if not budget.take_name(found_key.name):
                yield budget.rest(match.start(), text)
                return
            if found_key.name not in names:
                names[found_key.name] = is_named(_decoded(found_key.name))
            if names[found_key.name]:
                found = value_range(text, found_key, strings, budget)
                done = found.end
                is_status = pattern is _CODE and _SMALL_NUMBER.fullmatch(text, found.start, found.end)
                if not (is_status or is_evidence(text, found, "", rules)):
                    yield found


def has_code(lowered: bytes) -> bool:
    """Return whether a code in a text in lower case may be that of a login by OAuth."""
    return any(word in lowered for word in _CODE_COMPANIONS)


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
