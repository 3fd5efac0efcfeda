"""Values of credential keys in MessagePack: a key is a string with its length before it, and so is its value.

A mask is a string of MessagePack, so that the message stays one. https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Final, Literal, NamedTuple

from wsmon.model.redact.masking import MASK_BYTES, ByteRange, StepBudget

_MASK: Final = bytes([0xA0 | len(MASK_BYTES)]) + MASK_BYTES
_LONGEST_SHORT: Final = 31
_STR_8: Final = 0xD9
_BIN_8: Final = 0xC4
# Formats: bytes of the length behind the first byte, and of the type of an extension behind that
# fmt: off
_SIZED: Final = {
    0xC4: (1, 0), 0xC5: (2, 0), 0xC6: (4, 0), 0xC7: (1, 1), 0xC8: (2, 1), 0xC9: (4, 1),
    0xD9: (1, 0), 0xDA: (2, 0), 0xDB: (4, 0),
}
# Formats: bytes of the value behind the first byte; the last five are extensions with their type
_FIXED: Final = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
    0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17,
}
# fmt: on
# Formats: bytes of the count, values for each item
_CONTAINERS: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
_NEVER_USED: Final = 0xC1
# Nil, false and true are evidence, and stay
_KEPT: Final = frozenset({0xC0, 0xC2, 0xC3})
# Formats: a string with one byte of length, as text and as bytes
_SHORT: Final = frozenset({_STR_8, _BIN_8})
# A key with letters beyond ASCII; what has spaces, quotes or lines is a text
_NAME: Final = re.compile(rb"[a-zA-Z0-9_.$:/\x80-\xff-]{1,128}")
# A letter beyond ASCII; this takes some bytes for one that are none, which costs a look at the message and no more
_LETTER: Final = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})[\x80-\xbf]\Z")
# Values that are read in the time of a step, and the part of the budget that reading may take
_VALUES_PER_STEP: Final = 2
_PART_OF_BUDGET: Final = 4
# Values in a list or map that are read to find its end; a longer one is masked to the end of the message
_MAX_ITEMS: Final = 1_000


class PackedString(NamedTuple):
    """A string or bytes of a message, without its length."""

    start: int
    end: int
    role: Literal["key", "value", ""]
    """The items of a list are values. Empty outside of maps and lists."""


class PackedMessage:
    """A message of MessagePack, read from its beginning, for places that ascend.

    Only that tells a length from a letter (``0xB4`` announces 20 bytes, and ends "Ĵ"), and a key from a value. It is
    read as far as it is asked about, and not beyond a part of the budget. Where it was not, and where escapes were
    replaced in the text, so that lengths say nothing, what may be a key is taken for one.
    """

    def __init__(self, text: bytes, budget: StepBudget, *, is_original: bool) -> None:
        self.text = text
        self._budget = budget
        self._left = budget.left * _VALUES_PER_STEP // _PART_OF_BUDGET if is_original else 0
        # Where the first value begins that is not read yet
        self._at = 0
        # Values to come in each container around it: of a list below 0
        self._to_come: list[int] = []
        self._last: PackedString | None = None

    def string_around(self, at: int) -> PackedString | None:
        """Return the string that has the byte at ``at``; None where there is none, or that is unknown."""
        values = self._left
        while self._at <= at and self._left > 0:
            self._left -= 1
            self._last = self._read()
        self._budget.take((values - self._left) // _VALUES_PER_STEP)
        last = self._last
        return last if last is not None and last.start <= at < last.end else None

    def is_apart(self, at: int, other: int) -> bool:
        """Return whether the string that has the byte at ``at`` ends before ``other``, in a message that is whole."""
        found = self.string_around(at)
        return found is not None and found.end < other and self.is_whole

    @cached_property
    def is_whole(self) -> bool:
        """Whether the message is one value and nothing else, and not a text with its length before it, for example."""
        message = PackedMessage(self.text, self._budget, is_original=True)
        values = message._left = self._left
        while message._left > 0 and message._at < len(self.text):
            message._left -= 1
            message._read()
            while message._to_come and not message._to_come[-1]:
                message._to_come.pop()
            if not message._to_come:
                break
        self._budget.take((values - message._left) // _VALUES_PER_STEP)
        return message._left > 0 and not message._to_come and message._at == len(self.text)

    def _read(self) -> PackedString | None:
        """Read a value, of a container its head; return it if it is a string."""
        text, to_come = self.text, self._to_come
        while to_come and not to_come[-1]:
            to_come.pop()
        role: Literal["key", "value", ""] = ""
        if to_come and to_come[-1] < 0:
            role = "value"
            to_come[-1] += 1
        elif to_come:
            role = "value" if to_come[-1] % 2 else "key"
            to_come[-1] -= 1
        head = text[self._at]
        at = self._at = self._at + 1
        if head < 0x80 or head >= 0xE0:
            return None
        if head < 0xA0:
            to_come.append(2 * (head & 0x0F) if head < 0x90 else -(head & 0x0F))
        elif head < 0xC0:
            self._at += head & 0x1F
            return PackedString(at, min(self._at, len(text)), role)
        elif head in _SIZED:
            width, type_bytes = _SIZED[head]
            start = at + width + type_bytes
            self._at = start + int.from_bytes(text[at : at + width], "big")
            return PackedString(start, min(self._at, len(text)), role)
        elif head in _FIXED:
            self._at += _FIXED[head]
        elif head in _CONTAINERS:
            width, values = _CONTAINERS[head]
            count = int.from_bytes(text[at : at + width], "big")
            to_come.append(2 * count if values == 2 else -count)
            self._at += width
        elif head == _NEVER_USED:
            self._left = 0
        return None


def msgpack_value(
    message: PackedMessage, start: int, end: int, is_credential: Callable[[str], bool]
) -> tuple[ByteRange | None, bool]:
    """Return the value of the key around the word at ``start`` where it is one of MessagePack that holds a credential.

    Also return whether that is certain: where it is not, the word may be one of a text. Only messages that are no UTF-8
    are asked about: there few bytes of a letter are taken for a length.
    """
    text = message.text
    span, is_letter = _key(text, start, end)
    if span is None and not is_letter:
        return None, False
    if not is_letter and span is not None and not is_credential(_decoded(text, span)):
        return None, False
    found = message.string_around(start)
    role = ""
    if found is not None and found[:2] == span:
        role = found.role
    elif found is not None and _is_utf8(text[found.start : found.end]):
        is_name = found.role == "key" or _NAME.fullmatch(text, found.start, found.end)
        span, role = (found[:2], found.role) if end <= found.end and is_name else (None, "")
    if role == "value" or span is None or not is_credential(_decoded(text, span)):
        return None, False
    at = span[1]
    # A text that is followed by the name of a credential is the value before it: {"type": "token", "token": …}
    following = _string_at(text, at) if role != "key" else None
    if following is not None and is_credential(_decoded(text, following)):
        return None, False
    if at >= len(text) or text[at] in _KEPT or text[at] == 0xA0:
        return None, role == "key"
    return ByteRange(at, _value_end(text, at), _MASK), role == "key"


def _key(text: bytes, start: int, end: int) -> tuple[tuple[int, int] | None, bool]:
    """Return the string around the word by the length before it, and whether that may be a letter of a text."""
    for before in range(start - 1, max(-1, start - 1 - _LONGEST_SHORT), -1):
        head = text[before]
        if head >= 0x80:
            break
    else:
        return None, False
    at = before + 1
    length = 0
    if head & 0xE0 == 0xA0:
        length = head & 0x1F
    elif head in _SHORT and at < len(text):
        length, at = text[at], at + 1
    is_around = start >= at and end <= at + length <= len(text)
    return (at, at + length) if is_around else None, _LETTER.search(text, max(0, before - 3), before + 1) is not None


def _decoded(text: bytes, span: tuple[int, int]) -> str:
    return text[slice(*span)].decode("utf-8", "replace")


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _string_at(text: bytes, at: int) -> tuple[int, int] | None:
    """Return the content of a short string that begins at ``at``; None where there is none."""
    head = text[at] if at < len(text) else 0
    if head & 0xE0 == 0xA0:
        return at + 1, at + 1 + (head & 0x1F)
    if head in _SHORT and at + 1 < len(text):
        return at + 2, at + 2 + text[at + 1]
    return None


def _value_end(text: bytes, at: int) -> int:
    """Return the end of the value at ``at``; the end of the message where it is cut or holds too much."""
    todo = 1
    for _ in range(_MAX_ITEMS):
        if at >= len(text):
            break
        head = text[at]
        at += 1
        todo -= 1
        if head < 0x80 or head >= 0xE0:
            pass
        elif head < 0xA0:
            todo += (head & 0x0F) * (2 if head < 0x90 else 1)
        elif head < 0xC0:
            at += head & 0x1F
        elif head in _SIZED:
            width, type_bytes = _SIZED[head]
            at += width + type_bytes + int.from_bytes(text[at : at + width], "big")
        elif head in _FIXED:
            at += _FIXED[head]
        elif head in _CONTAINERS:
            width, values = _CONTAINERS[head]
            todo += values * int.from_bytes(text[at : at + width], "big")
            at += width
        if not todo:
            return min(at, len(text))
    return len(text)
