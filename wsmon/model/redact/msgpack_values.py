"""Values of credential keys in MessagePack: a key is a string with its length before it, and so is its value.

A mask is a string of MessagePack, so that the message stays one. https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from wsmon.model.redact.masking import MASK_BYTES, ByteRange

_MASK: Final = bytes([0xA0 | len(MASK_BYTES)]) + MASK_BYTES
_LONGEST_SHORT: Final = 31
_STR_8: Final = 0xD9
# Formats: bytes of the length behind the first byte
_SIZED: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
# Formats: bytes of the value behind the first byte
_FIXED: Final = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
# Formats: bytes of the count, values for each item
_CONTAINERS: Final = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
# Nil, false and true are evidence, and stay
_KEPT: Final = frozenset({0xC0, 0xC2, 0xC3})
# Values in a list or map that are read to find its end; a longer one is masked to the end of the message
_MAX_ITEMS: Final = 1_000


def msgpack_value(text: bytes, start: int, end: int, is_credential: Callable[[str], bool]) -> ByteRange | None:
    """Return the value of the key around ``text[start:end]`` where it is one of MessagePack that holds a credential.

    Only messages that are no UTF-8 are asked about: there no byte of a letter is taken for a length.
    """
    span = _key(text, start, end)
    if span is None or not is_credential(text[span[0] : span[1]].decode("utf-8", "replace")):
        return None
    at = span[1]
    # A text that is followed by the name of a credential is the value before it: {"type": "token", "token": …}
    following = _string_at(text, at)
    if following is not None and is_credential(text[following[0] : following[1]].decode("utf-8", "replace")):
        return None
    if at >= len(text) or text[at] in _KEPT or text[at] == 0xA0:
        return None
    return ByteRange(at, _value_end(text, at), _MASK)


def _key(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Return the string around the word: its length stands before it."""
    for before in range(start - 1, max(-1, start - 1 - _LONGEST_SHORT), -1):
        head = text[before]
        if head >= 0x80:
            break
    else:
        return None
    at = before + 1
    if head & 0xE0 == 0xA0:
        length = head & 0x1F
    elif head == _STR_8 and at < len(text):
        length, at = text[at], at + 1
    else:
        return None
    return (at, at + length) if start >= at and end <= at + length <= len(text) else None


def _string_at(text: bytes, at: int) -> tuple[int, int] | None:
    """Return the content of a short string that begins at ``at``; None where there is none."""
    head = text[at] if at < len(text) else 0
    if head & 0xE0 == 0xA0:
        return at + 1, at + 1 + (head & 0x1F)
    if head == _STR_8 and at + 1 < len(text):
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
            width = _SIZED[head]
            at += width + int.from_bytes(text[at : at + width], "big")
        elif head in _FIXED:
            at += _FIXED[head]
        elif head in _CONTAINERS:
            width, values = _CONTAINERS[head]
            todo += values * int.from_bytes(text[at : at + width], "big")
            at += width
        if not todo:
            return min(at, len(text))
    return len(text)
