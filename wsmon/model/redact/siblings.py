"""Credentials that another member of their object names: ``{"name":"password","value":"x"}``, arguments of a login."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsmon.model.redact.masking import ByteRange, StepBudget
from wsmon.model.redact.names import KeyRules
from wsmon.model.redact.notation import SPACE, ValueKey, is_evidence, value_range
from wsmon.model.redact.searches import found_in_pieces, searcher
from wsmon.model.redact.strings import JsonStrings

# Between the two members: others, which are no objects or lists
_REACH = 1024
_NAME_REACH = 128
_COLON = SPACE + rb":" + SPACE
_MEMBERS = SPACE + rb",(?:[^{}\[\]]{0,%d}?,)??" % _REACH + SPACE

_NAMING_KEYS = (
    b"name", b"key", b"field", b"header", b"param", b"parameter", b"id", b"label", b"attribute", b"k", b"n",
)  # fmt: skip
_NAMES_OF_NAMES = frozenset(_NAMING_KEYS)
_NAMING = re.compile(rb"(\\*+\")(?:" + b"|".join(_NAMING_KEYS) + rb")\1" + _COLON + rb"\1\Z", re.IGNORECASE)
_NAMING_REACH = 64
# What stands before the quote of a name: its key's colon, white space, also as an escape, and a backslash of the quote
_ESCAPED_SPACE = frozenset(b"nrt")
_BEFORE_NAME = frozenset(b": \t\n\r\f\v\\") | _ESCAPED_SPACE
_BACKSLASH = ord("\\")
_NAME_REST = re.compile(rb"[^\"\\\r\n]{0,64}+")
_VALUE_KEYS = rb"(?:value|val|content|data|v)"

# A message that authenticates, and the members that hold its credentials without a name for each
_LOGIN = re.compile(
    rb"(\\*+\")(?:op|action|type|method|event|cmd|command|ev|e|req|request|function|msg)\1" + _COLON + rb"\1"
    rb"(?:[A-Za-z0-9_./:-]{0,64}?[./:_-])?(?:auth|login|logon|authenticate|authentication|authorize|signin)(?=\1)",
    re.IGNORECASE,
)
_ARGUMENT_KEYS = rb"(?:params|args|arguments|credentials|key|ticket|hash|pw)"
# A list of texts and numbers, and the texts in it
_FLAT_LIST = re.compile(rb"\[(?:[^\"\[\]{}\\]++|\"(?:[^\"\\]++|\\.)*+\")*+\]", re.DOTALL)
_TEXT = re.compile(rb"\"((?:[^\"\\]++|\\.)++)\"", re.DOTALL)
# In lower case: the ends of messages' types that authenticate, with the quote behind them or its first backslash
LOGIN_ENDS = tuple(
    word + end
    for word in (b"auth", b"login", b"logon", b"authenticate", b"authentication", b"authorize", b"signin")
    for end in (b'"', b"\\")
)
_find_login_ends = searcher(LOGIN_ENDS).find_matches_as_indexes
_LONGEST_END = max(map(len, LOGIN_ENDS))
# How far before its end a login begins, and the longest quote behind it
_LOGIN_REACH = 256
_QUOTE_REACH = 64

# Steps of such a member, of a look for the key of a text, and of the end of what may be a login
_STEPS = 12
_LOOK_STEPS = 2
_END_STEPS = 3
# Bytes of a list of arguments that are read in the time of a step
_LIST_BYTES_PER_STEP = 16


def named_value(
    text: bytes, start: int, end: int, rules: KeyRules, strings: JsonStrings, budget: StepBudget
) -> ByteRange | None:
    """Return the value beside a text around ``text[start:end]`` that is the name of a credential; None beside none."""
    # Most words stand in sentences, or under other keys
    opening = text.rfind(b'"', start - _NAME_REACH if start > _NAME_REACH else 0, start)
    before = text[opening - 1] if opening > 1 else -1
    if before not in _BEFORE_NAME or (before in _ESCAPED_SPACE and text[opening - 2] != _BACKSLASH):
        return None
    budget.left -= _LOOK_STEPS
    if budget.left < 0:
        return budget.rest(start, text)
    low = opening - _NAMING_REACH if opening > _NAMING_REACH else 0
    key_end = text.rfind(b'"', low, opening)
    key_start = text.rfind(b'"', low, key_end) + 1 if key_end > low else 0
    if not key_start or text[key_start:key_end].rstrip(b"\\").lower() not in _NAMES_OF_NAMES:
        return None
    closing = _NAME_REST.match(text, end)
    if closing is None:
        return None
    naming = _NAMING.search(text, low, opening + 1)
    if naming is None:
        return None
    as_bytes = text[opening + 1 : closing.end()]
    if not budget.take_name(as_bytes):
        return budget.rest(start, text)
    name = as_bytes.decode("utf-8", "replace")
    if not (rules.is_key(name) or rules.is_header(name)):
        return None
    if not budget.take(_STEPS):
        return budget.rest(start, text)
    key = _sibling(text, naming.start(), closing.end(), naming[1], _VALUE_AFTER, _VALUE_BEFORE)
    if key is None:
        return None
    found = value_range(text, key, strings, budget)
    return None if is_evidence(text, found, name, rules) else found


def login_ranges(text: bytes, lowered: bytes, budget: StepBudget, strings: JsonStrings) -> Iterator[ByteRange]:
    """Yield the arguments of logins that only their place shows: ``{"action": "auth", "params": "key"}``.

    Texts in a list are masked, numbers stay; members of an object have names, by which they are masked.
    """
    strings.restart()
    done = 0
    for _, start, end in found_in_pieces(_find_login_ends, lowered, _LONGEST_END):
        if not budget.take(_END_STEPS):
            yield budget.rest(start, text)
            return
        login = _login_at(text, start, end, done)
        if login is None:
            continue
        done = login.end()
        if not budget.take(_STEPS):
            yield budget.rest(login.start(), text)
            return
        key = _sibling(text, login.start(), login.end(), login[1], _ARGUMENTS_AFTER, _ARGUMENTS_BEFORE)
        if key is None:
            continue
        reach = key.value_at + _LIST_BYTES_PER_STEP * max(0, budget.left)
        flat = _FLAT_LIST.match(text, key.value_at, reach) if key.quote == b'"' else None
        end = flat.end() if flat else min(reach, len(text))
        if text[key.value_at : key.value_at + 1] == b"[" and not (
            budget.take((end - key.value_at) // _LIST_BYTES_PER_STEP if flat else 0) and (flat or len(text) <= reach)
        ):
            yield budget.rest(key.value_at, text)
            return
        if flat:
            for argument in _TEXT.finditer(text, key.value_at, flat.end()):
                if not budget.take(1):
                    yield budget.rest(argument.start(), text)
                    return
                yield ByteRange(*argument.span(1))
        elif text[key.value_at : key.value_at + 1] not in (b"{", b"["):
            found = value_range(text, key, strings, budget)
            # Of texts alone: a number or null is no key
            if found.end > found.start and text[found.start - 1 : found.start] == b'"':
                yield found


def _login_at(text: bytes, start: int, end: int, low: int) -> re.Match[bytes] | None:
    """Return the member with the type of a login that ends in ``text[start:end]``; it does not begin before ``low``."""
    low = max(low, start - _LOGIN_REACH)
    # The quotes around the key and before the value
    opening = start
    for _ in range(3):
        opening = text.rfind(b'"', low, opening)
        if opening < 0:
            return None
    head = text[max(low, opening - _QUOTE_REACH) : opening]
    return _LOGIN.search(text, opening - len(head) + len(head.rstrip(b"\\")), min(len(text), end + _QUOTE_REACH))


def _sibling(
    text: bytes, start: int, end: int, quote: bytes, after: re.Pattern[bytes], before: re.Pattern[bytes]
) -> ValueKey | None:
    """Return the member of the object around ``text[start:end]``, a member without its last quote, that is wanted."""
    if (match := after.match(text, end)) and match[1] == quote:
        return ValueKey(b"", match.end(), quote)
    low = max(0, start - _REACH)
    low = max(low, text.rfind(b"{", low, start))
    found = None
    for match in before.finditer(text, low, start):
        found = match if match[1] == quote else found
    return ValueKey(b"", found.end(), quote) if found else None


def _after(keys: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(\\*+\")" + _MEMBERS + rb"\1" + keys + rb"\1" + _COLON, re.IGNORECASE)


def _before(keys: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(\\*+\")" + keys + rb"\1" + _COLON, re.IGNORECASE)


_VALUE_AFTER, _VALUE_BEFORE = _after(_VALUE_KEYS), _before(_VALUE_KEYS)
_ARGUMENTS_AFTER, _ARGUMENTS_BEFORE = _after(_ARGUMENT_KEYS), _before(_ARGUMENT_KEYS)
