"""How the value of a key is written: where it begins and ends in JSON, forms, headers, XML and sentences.

Only the text behind the key is parsed, so that broken, truncated and deeply nested messages cost as much as valid ones.
JSON within JSON is JSON with more backslashes: on level L a quote has 2^L - 1 of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from wsmon.model.redact.masking import MASK_BYTES, ByteRange, StepBudget
from wsmon.model.redact.names import KeyRules
from wsmon.model.redact.strings import JsonStrings

# White space between the tokens of JSON, also of JSON within JSON
SPACE = rb"(?:\s|\\++[nrt])*+"

_SCHEME = re.compile(rb"(?:bearer|basic|digest|token|negotiate|apikey|hmac)(?:[ \t]++|%20|\+)", re.IGNORECASE)
_QUOTE = re.compile(rb"(\\*+)([\"'])")
_BARE = re.compile(rb"(?:[^\s&\"'<>;,\\]++|,(?!\s)|\\++(?![\"'nrt\s]|\Z))*+")
_PERCENT_BARE = re.compile(rb"(?:[^\s&\"'<>;,\\%]++|%(?!(?:25)*+2[26]))*+")
# Of a value that is no string in encoded JSON
_PERCENT_PLAIN = re.compile(rb"(?:[^\s&\"'<>;,\\%]++|%(?!(?:25)*+(?:2[26cC]|[57][dD]|0[aAdD])))*+")
_JSON_BARE = re.compile(rb"[^,}\]\"'\\\r\n]*+")
_LINE = re.compile(rb"[^\r\n]*+")
_CLOSES = SPACE + rb"(?:[,}\]:]|\\*+[\"']|\Z)"
# What follows a quote that ends a string
_CLOSING = re.compile(_CLOSES)
# A header within a JSON string: its own quotes follow a "=", as in Digest
_JSON_LINE = re.compile(
    rb"(?:=\\++\"(?!" + _CLOSES + rb")(?:[^\r\n\"\\]|\\++(?!\"))*+(?:\\++\"|\Z)|[^\r\n\"\\=]++|=|\\++(?![nr\"]))*+"
)
_WHOLE_LINE = re.compile(rb"authorization|cookie|passphrase", re.IGNORECASE)
_BRACKETS = re.compile(rb"[\[{]++|[\]}]++|[\"']")

# What is kept under any key: it says that there is no credential
_EVIDENCE = re.compile(rb"null|true|false|none|nil|undefined", re.IGNORECASE)
_LONGEST_EVIDENCE = len(b"undefined")
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]*+")

# Steps of a string in a list or an object that is a value, and of a run of brackets
_STRING_STEPS = 6
_BRACKET_STEPS = 2
# Bytes of a header with quotes within a string that are read in the time of a step
_LINE_BYTES_PER_STEP = 12
_QUOTES = (b'"', b"'")


class ValueKey(NamedTuple):
    """A key whose value is asked for, and how it is written."""

    name: bytes
    value_at: int
    quote: bytes = b""
    """The key's closing quote with its backslashes; empty where the key is not quoted."""
    is_percent_encoded: bool = False
    is_element: bool = False
    """Whether it is the name of an XML element."""


def is_evidence(text: bytes, value: ByteRange, name: str, rules: KeyRules) -> bool:
    """Return whether a value is no credential but says something about one: null, true, the number of an expiry."""
    start, end = value.start, value.end
    if end - start <= _LONGEST_EVIDENCE and _EVIDENCE.fullmatch(text, start, end):
        # A text in quotes is a value, whatever it says
        return text[start - 1 : start] not in (b'"', b"'")
    return bool(_NUMBER.fullmatch(text, start, end)) and rules.keeps_numbers(name)


def value_range(text: bytes, key: ValueKey, strings: JsonStrings, budget: StepBudget) -> ByteRange:
    """Return the range of the value of ``key``, and its mask."""
    around = None if key.quote == b'"' else strings.end_around(text, key.value_at)
    limit = len(text) if around is None else around
    if key.is_element:
        return _element_value(text, key, limit, budget)
    if key.quote:
        return _quoted_key_value(text, key, limit, budget)
    return _text_value(text, key, limit, budget, in_string=around is not None)


_CDATA = b"<![CDATA["
# Before and behind the name in the end of an element
_ELEMENT_CLOSING = re.compile(rb"(?:\]\]>)?(?:<|&lt;)\\*+/(?:[A-Za-z0-9_.-]{1,32}:)?\Z")
_CLOSING_REACH = 64
_BOUNDARY = re.compile(rb"\b")
# Longer elements without an end of their own end with the next bracket
_ELEMENT_REACH = 4096
# Steps of the name within the element
_CLOSING_STEPS = 3


def _element_value(text: bytes, key: ValueKey, limit: int, budget: StepBudget) -> ByteRange:
    """Return the content of an XML element, with the elements in it."""
    at = key.value_at + (len(_CDATA) if text.startswith(_CDATA, key.value_at) else 0)
    reach = min(limit, at + _ELEMENT_REACH)
    name = key.name
    found = at
    while (found := text.find(name, found, reach)) >= 0 and budget.take(_CLOSING_STEPS):
        before = _ELEMENT_CLOSING.search(text, max(at, found - _CLOSING_REACH), found)
        found += len(name)
        if before and _BOUNDARY.match(text, found, reach):
            return ByteRange(at, before.start(), MASK_BYTES if before.start() > at else b"")
    bracket = text.find(b"<", at, limit)
    end = bracket if bracket >= 0 else limit
    return ByteRange(at, end, MASK_BYTES if end > at else b"")


def _quoted_key_value(text: bytes, key: ValueKey, limit: int, budget: StepBudget) -> ByteRange:
    at = key.value_at
    opening = _QUOTE.match(text, at, limit)
    if opening and _ends_string_around(text, key, opening, limit):
        return ByteRange(at, at, b"")
    if opening:
        end = string_end(text, opening, limit)
        return ByteRange(opening.end(), end, MASK_BYTES if end > opening.end() else b"")
    if text[at : at + 1] in (b"[", b"{") and at < limit:
        end = composite_end(text, at, limit, key.quote, budget)
    else:
        end = at + len(text[at : _end_of(_JSON_BARE, text, at, limit)].rstrip())
    return ByteRange(at, end, key.quote + MASK_BYTES + key.quote if end > at else b"")


def _ends_string_around(text: bytes, key: ValueKey, quote: re.Match[bytes], limit: int) -> bool:
    """Return whether a quote in place of a value ends the string around the key: ``"enter 'token':"``."""
    is_of_other_kind = quote[2] != key.quote[-1:]
    return period_of(quote[1]) < len(key.quote) or (is_of_other_kind and bool(_CLOSING.match(text, quote.end(), limit)))


def _text_value(text: bytes, key: ValueKey, limit: int, budget: StepBudget, *, in_string: bool) -> ByteRange:
    """Return the value of a key without quotes, in a form, a header or a sentence; a JSON string limits it."""
    at = key.value_at
    if scheme := _SCHEME.match(text, at, limit):
        at = scheme.end()
    opening = _QUOTE.match(text, at, limit)
    if key.is_percent_encoded:
        is_string = _ENCODED_QUOTE.search(text, max(0, at - 8), at)
        end = _end_of(_PERCENT_BARE if is_string else _PERCENT_PLAIN, text, at, limit)
    elif _WHOLE_LINE.search(key.name) and text[key.value_at - 1 : key.value_at] in (b":", b" ", b"\t"):
        end = _json_line_end(text, at, limit, budget) if in_string else _end_of(_LINE, text, at, limit)
    elif opening and not _CLOSING.match(text, opening.end(), limit):
        at, end = opening.end(), string_end(text, opening, limit)
    elif text[at : at + 1] in (b"[", b"{") and at < limit:
        end = _bare_end(text, composite_end(text, at, limit, b'\\"' if in_string else b'"', budget), limit)
    else:
        end = _bare_end(text, at, limit)
    return ByteRange(at, end) if end > at else ByteRange(at, at, b"")


_ENCODED_QUOTE = re.compile(rb"(?:22|quot;|&#34;)\Z")


def _end_of(pattern: re.Pattern[bytes], text: bytes, at: int, limit: int) -> int:
    match = pattern.match(text, at, limit)
    return match.end() if match else at


def _json_line_end(text: bytes, at: int, limit: int, budget: StepBudget) -> int:
    """Return the end of a header in a JSON string; ``limit``, and no steps left, where it takes too many."""
    reach = at + _LINE_BYTES_PER_STEP * max(0, budget.left)
    end = _end_of(_JSON_LINE, text, at, min(limit, reach))
    if budget.take((end - at) // _LINE_BYTES_PER_STEP) and end < reach:
        return end
    budget.is_over = True
    return limit


def _bare_end(text: bytes, at: int, limit: int) -> int:
    """Return the end of a value without quotes; brackets and stops behind it belong to the sentence around it."""
    value = text[at : _end_of(_BARE, text, at, limit)]
    return at + len(value.rstrip(b").,}" if b"[" in value else b").,]}"))


def string_end(text: bytes, opening: re.Match[bytes], limit: int) -> int:
    """Return where the content of a string ends; ``limit`` where it is not closed."""
    match = _content(period_of(opening[1]), opening[2]).match(text, opening.end(), limit)
    assert match is not None
    end = match.end()
    # Backslashes of the closing quote may be preceded by pairs of the content
    run = _BACKSLASHES.match(text, end, limit)
    behind = run.end() if run else end
    if behind >= limit or text[behind : behind + 1] != opening[2]:
        return limit
    return behind - min(behind - end, period_of(opening[1]) - 1)


_BACKSLASHES = re.compile(rb"\\*+")


@lru_cache(maxsize=64)
def _content(period: int, quote: bytes) -> re.Pattern[bytes]:
    """Return a pattern of the content of a string whose quotes have ``period - 1`` backslashes.

    A quote belongs to the content where the backslashes before it, counted modulo ``2 * period``, are at least
    ``period``. One match does what a loop over the quotes would: a mebibyte of escaped quotes took 149 ms with it,
    and takes 40. In JSON that is not nested, each backslash belongs to what follows it, which takes half of that.
    """
    if period == 1:
        return re.compile(rb"[^\\" + quote + rb"]*+(?:\\.[^\\" + quote + rb"]*+)*+", re.DOTALL)
    pair, own, rest = (b"{%d}" % count for count in (2 * period, period, period - 1))
    up_to = b"{0," + rest[1:]
    return re.compile(
        rb"(?:[^\\" + quote + rb"]++|(?:\\" + pair + rb")*+\\" + own + rb"\\" + up_to + rb"+" + quote
        + rb"|\\++(?![\\" + quote + rb"]))*+"
    )  # fmt: skip


def period_of(backslashes: bytes) -> int:
    """Return 2^L for a quote behind backslashes on level L: 2^L - 1 are its own, the rest are pairs of the content."""
    count = len(backslashes) + 1
    return count & -count


def _backslashes_before(text: bytes, at: int, low: int) -> int:
    run = text[low:at]
    return len(run) - len(run.rstrip(b"\\"))


def composite_end(text: bytes, at: int, limit: int, quote: bytes, budget: StepBudget) -> int:
    """Return the end of the list or object at ``at``, quoted with ``quote``; unclosed, the end of its string."""
    period = len(quote)
    depth, low = 0, at
    while match := _BRACKETS.search(text, low, limit):
        if not budget.take(_STRING_STEPS if match[0] in _QUOTES else _BRACKET_STEPS):
            budget.is_over = True
            return limit
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
            low = string_end(text, opening, limit) if opening else low
            closing = _QUOTE.match(text, low, limit)
            if closing is None or len(closing[0]) < period:
                return low
            low = closing.end()
    return limit
