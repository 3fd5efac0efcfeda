"""Credentials that another member of their object names: ``{"name":"password","value":"x"}``, arguments of a login."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wsmon.model.redact.masking import ByteRange, StepBudget
from wsmon.model.redact.names import KeyRules
from wsmon.model.redact.notation import SPACE, ValueKey, is_evidence, value_range
from wsmon.model.redact.strings import JsonStrings

# Between the two members: others, which are no objects or lists
_REACH = 1024
_NAME_REACH = 128
_COLON = SPACE + rb":" + SPACE
_MEMBERS = SPACE + rb",(?:[^{}\[\]]{0,%d}?,)??" % _REACH + SPACE

_NAMING = re.compile(
    rb"(\\*+\")(?:name|key|field|header|param|parameter|id|label|attribute|k|n)\1" + _COLON + rb"\1\Z", re.IGNORECASE
)
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
# In lower case; a message that authenticates contains one of them
_LOGIN_MARKS = (b"auth", b"login", b"logon", b"signin")

# Steps of such a member
_STEPS = 8


def named_value(
    text: bytes, start: int, end: int, rules: KeyRules, strings: JsonStrings, budget: StepBudget
) -> ByteRange | None:
    """Return the value beside a text around ``text[start:end]`` that is the name of a credential; None beside none."""
    opening = text.rfind(b'"', max(0, start - _NAME_REACH), start)
    closing = _NAME_REST.match(text, end)
    if opening < 0 or closing is None:
        return None
    naming = _NAMING.search(text, max(0, opening - 64), opening + 1)
    if naming is None:
        return None
    name = text[opening + 1 : closing.end()].decode("utf-8", "replace")
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
    if not any(mark in lowered for mark in _LOGIN_MARKS):
        return
    strings.restart()
    for login in _LOGIN.finditer(text):
        if not budget.take(_STEPS):
            yield budget.rest(login.start(), text)
            return
        key = _sibling(text, login.start(), login.end(), login[1], _ARGUMENTS_AFTER, _ARGUMENTS_BEFORE)
        if key is None:
            continue
        if (flat := _FLAT_LIST.match(text, key.value_at)) and key.quote == b'"':
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
