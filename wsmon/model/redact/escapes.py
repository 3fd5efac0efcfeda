r"""A message with its ``\uXXXX`` escapes undone, and the way back to the bytes as received.

``"\u0074oken"`` is the key ``token``, and serialisers that avoid quotes nest JSON as ``{\u0022token\u0022: …}``: keys
are looked for in the undone text, masks are laid on the original.
"""

from __future__ import annotations

import re
from bisect import bisect_right

_ESCAPE = re.compile(rb"(?<!\\)(\\++)u([0-9a-fA-F]{4})")
_PASSES = 3
# an escape within an escaped escape (\u005cu0074) shows after the next pass; nobody writes four


class Undone:
    """``text`` without its Unicode escapes; ``original(i)`` is the offset in the message of ``text[i]``."""

    __slots__ = ("_maps", "text")

    def __init__(self, message: bytes) -> None:
        self.text = message
        self._maps: list[tuple[list[int], list[int]]] = []
        for _ in range(_PASSES):
            if b"\\u" not in self.text or not self._undo():
                break

    @property
    def is_original(self) -> bool:
        """Whether the message held no escape."""
        return not self._maps

    def original(self, at: int) -> int:
        """The offset in the message of ``text[at]``."""
        for starts, origins in reversed(self._maps):
            piece = bisect_right(starts, at) - 1
            is_escape = piece % 2
            at = origins[piece] + (0 if is_escape else at - starts[piece])
        return at

    def _undo(self) -> bool:
        """One pass. Pieces alternate: verbatim, escape, verbatim, …, each with its start here and in the origin."""
        pieces: list[bytes] = []
        starts, origins = [0], [0]
        length = done = 0
        for match in _ESCAPE.finditer(self.text):
            plain = _plain(len(match[1]), int(match[2], 16))
            if plain is None:
                continue
            verbatim = self.text[done : match.start()]
            starts += length + len(verbatim), length + len(verbatim) + len(plain)
            origins += match.start(), match.end()
            pieces += verbatim, plain
            length, done = starts[-1], match.end()
        if not pieces:
            return False
        pieces.append(self.text[done:])
        self.text = b"".join(pieces)
        self._maps.append((starts, origins))
        return True


def _plain(backslashes: int, code: int) -> bytes | None:
    r"""What an escape behind so many backslashes stands for; None for what is better left alone.

    A quote or a backslash keeps the backslashes that its short form has on the same level of nesting: the escape
    itself takes the lowest power of two of the run (1 in JSON, 2 in JSON within JSON, …), the rest is literal.
    """
    own = backslashes & -backslashes
    if code == 0x22:
        return b"\\" * (backslashes + own - 1) + b'"'
    if code == 0x5C:
        return b"\\" * (backslashes + own)
    if code < 0x20 or 0xD800 <= code <= 0xDFFF:
        return None
    return chr(code).encode()
