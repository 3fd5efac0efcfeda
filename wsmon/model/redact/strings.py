"""Strings and escapes of JSON texts in messages: which string is around an offset, and a message without its escapes.

Both find out on demand and in one pass of compiled code. With all other redaction, a mebibyte of strings took 75 ms on
a loaded machine, one of escapes 81.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate, islice

# JSON may follow the packet type, namespace and id of Engine.IO and Socket.IO
_JSON_START = re.compile(rb"\s*+(?:[0-9]*+(?:/[^,\"\[{]{0,64},)?[0-9]*+)?[\[{\"]")
# One round for each escape: an alternative of escapes and other characters takes two, and twice as long
_CONTENT = rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+"
_STRING = re.compile(rb"\"" + _CONTENT + rb"\"?", re.DOTALL)
# Up to the first quote of a string that is not closed before the end
_CLOSED = re.compile(rb"(?:[^\"]++|\"" + _CONTENT + rb"\")*+", re.DOTALL)


class JsonStrings:
    """The strings of a JSON text: a value in a string must not reach beyond it. Asked in ascending order."""

    __slots__ = ("_end", "_is_json", "_outside", "_start")

    def __init__(self) -> None:
        self._is_json: bool | None = None
        # An offset outside strings, and the string behind it that was found last
        self._outside = self._start = self._end = 0

    def restart(self) -> None:
        """Begin anew: the next question is about a lower offset."""
        self._outside = self._start = self._end = 0

    def end_around(self, text: bytes, at: int) -> int | None:
        """Return the end of the string around ``at``; None outside strings, and where the text is no JSON."""
        if self._is_json is None:
            self._is_json = _JSON_START.match(text) is not None
        if not self._is_json:
            return None
        if at < self._outside:
            if self._start <= at <= self._end:
                return self._end
            self.restart()
        closed = _CLOSED.match(text, self._outside, at)
        start = closed.end() if closed else self._outside
        if start >= at:
            self._outside = at
            return None
        string = _STRING.match(text, start)
        if string is None:
            return None
        closing = string.end() - 1
        is_closed = (
            closing > start and text[closing : closing + 1] == b'"' and not _is_escaped(text, start + 1, closing)
        )
        self._start, self._end = start + 1, closing if is_closed else string.end()
        self._outside = string.end()
        return self._end


def _is_escaped(text: bytes, low: int, at: int) -> bool:
    run = text[low:at]
    return (len(run) - len(run.rstrip(b"\\"))) % 2 == 1


# The first backslash of a run stands before the condition that it is the first: a literal is found at once, the
# condition alone is tried at each byte (16 ms a mebibyte instead of 0.3)
_ESCAPE = re.compile(rb"(\\(?<!\\\\)\\*+u[0-9a-fA-F]{4})")
# Built-in keys have no other characters; texts in other scripts are often escaped as a whole
_ASCII_ESCAPE = re.compile(rb"(\\(?<!\\\\)\\*+u00[2-7][0-9a-fA-F])")
# An escape within an escaped escape (\u005cu0074) is visible after the next pass; more levels do not occur
_PASSES = 3
# So many escapes of the first pass cost as much as one of a later pass, with its offsets in two texts
_AGAIN = 2
# Longer ones have more backslashes than nesting gives them, and are not kept
_CACHED_ESCAPE_BYTES = 22
_MOST_CACHED = 4096
_CODE_BYTES = len(b"u0074")
# Pieces whose offsets are added up together
_PIECES_TOGETHER = 256


class UnescapedText:
    r"""A message without its ``\uXXXX`` escapes: ``original(i)`` is the offset in the message of ``text[i]``.

    ``"\u0074oken"`` is the key ``token``, and serialisers that avoid quotes nest JSON as ``{\u0022token\u0022: …}``:
    keys are searched for in the unescaped text, masks are applied to the original. Past ``most`` escapes the text ends,
    and ``unread_at`` is the offset in the message at which it does; ``is_ascii`` leaves out escapes of other characters
    than those of ASCII.
    """

    __slots__ = ("_offsets", "_passes", "escapes", "text", "unread_at")

    def __init__(self, message: bytes, most: int = 0, *, is_ascii: bool = False) -> None:
        self.text = message
        self.unread_at: int | None = None
        # Escapes that were read, those of later passes counted as more
        self.escapes = 0
        # Of each pass the pieces before and after it, and the sizes of the text
        self._passes: list[tuple[list[bytes], list[bytes], int, int]] = []
        # Made when the first offset is asked for
        self._offsets: list[_PassOffsets] = []
        escape, mark = (_ASCII_ESCAPE, b"\\u00") if is_ascii else (_ESCAPE, b"\\u")
        for number in range(_PASSES):
            # A byte is found in a tenth of the time of four
            if number and (b"\\" not in self.text or mark not in self.text):
                break
            weight = _AGAIN if number else 1
            left = (most - self.escapes) // weight
            if most and left <= 0:
                # All passes together have the most
                if more := escape.search(self.text):
                    self._end_at(more.start())
                break
            if not self._unescape(escape, left if most else 0, weight) or self.unread_at is not None:
                break

    @property
    def is_original(self) -> bool:
        """Whether the message contains no escape."""
        return not self._passes

    def original(self, at: int) -> int:
        """Return the offset in the message of ``text[at]``."""
        while len(self._offsets) < len(self._passes):
            self._offsets.append(_PassOffsets(*self._passes[len(self._offsets)]))
        for each in reversed(self._offsets):
            at = each.origin(at)
        return at

    def _end_at(self, at: int) -> None:
        self.unread_at = self.original(at)
        self.text = self.text[:at]

    def _unescape(self, escape: re.Pattern[bytes], most: int, weight: int) -> bool:
        """Run one pass; return whether the text changed. Pieces alternate: verbatim, escape, verbatim, …"""
        pieces = escape.split(self.text, maxsplit=most)
        escapes = pieces[1::2]
        self.escapes += len(escapes) * weight
        if most and len(escapes) == most and escape.search(pieces[-1]):
            self._end_at(len(self.text) - len(pieces[-1]))
            pieces[-1] = b""
        plain = list(map(_PLAIN.__getitem__, escapes))
        if plain == escapes:
            return False
        before, size = pieces[:], len(self.text)
        pieces[1::2] = plain
        self.text = b"".join(pieces)
        self._passes.append((before, pieces, size, len(self.text)))
        return True


class _PassOffsets:
    """The offsets of one pass: its pieces alternate, verbatim, escape, verbatim, …

    They are added up as far as they are asked for: a message over its budget has few that are.
    """

    __slots__ = ("_more_origins", "_more_starts", "_origins", "_size_after", "_size_before", "_starts")

    def __init__(self, before: list[bytes], after: list[bytes], size_before: int, size_after: int) -> None:
        self._size_before, self._size_after = size_before, size_after
        self._starts, self._origins = [0], [0]
        self._more_starts = accumulate(map(len, after))
        self._more_origins = accumulate(map(len, before))

    def origin(self, at: int) -> int:
        """Return the offset before the pass of what is at this one after it."""
        if at >= self._size_after:
            return self._size_before
        starts = self._starts
        while starts[-1] <= at:
            starts += islice(self._more_starts, _PIECES_TOGETHER)
            self._origins += islice(self._more_origins, _PIECES_TOGETHER)
        piece = bisect_right(starts, at) - 1
        is_escape = piece % 2
        return self._origins[piece] + (0 if is_escape else at - starts[piece])


def _plain(escape: bytes) -> bytes:
    r"""Return the text of an escape behind backslashes; control characters and surrogates stay as they are.

    A quote or a backslash gets the backslashes of its short form on the same level of nesting: the escape itself takes
    the lowest power of two of the run (1 in JSON, 2 in JSON within JSON, …), the rest is literal.
    """
    backslashes = len(escape) - _CODE_BYTES
    code = int(escape[-4:], 16)
    own = backslashes & -backslashes
    if code == 0x22:
        return b"\\" * (backslashes + own - 1) + b'"'
    if code == 0x5C:
        return b"\\" * (backslashes + own)
    if code < 0x20 or 0xD800 <= code <= 0xDFFF:
        return escape
    return chr(code).encode()


class _PlainTexts(dict[bytes, bytes]):
    """The texts of escapes, each worked out once; a look into it is that of a dict."""

    def __missing__(self, escape: bytes) -> bytes:
        plain = _plain(escape)
        if len(escape) <= _CACHED_ESCAPE_BYTES:
            if len(self) >= _MOST_CACHED:
                self.clear()
            self[escape] = plain
        return plain


_PLAIN = _PlainTexts()
