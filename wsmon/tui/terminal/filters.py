"""What a terminal without Unicode gets: every character of the screen in ASCII, in as many cells. Pure.

It stands on the way out, so that nothing a pane, a border or a library draws is forgotten. What is lost is the
difference between some signs; words say the same wherever a sign stands.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from wsmon.tui.glyphs import ASCII, UNICODE

LIKENESS = {
    "-": "─┄┈╌╶╴▔–—−", "=": "━═┅╍", "|": "│┆┊╎╏║╷╵▎▌▐▊", "+": "╭╮╰╯┌┐└┘┏┓┗┛├┤┬┴┼╞╡✓±◆", "_": "▁", "#": "█┃▀▄▓▒≠",
    ".": "·•◌˙", "~": "…⇄⇅◐", "<": "‹«←◀◂≤", ">": "›»→▶▸≥", "^": "↑▲▴", "v": "↓▼▾", "*": "●◉", "o": "○◇°",
    "x": "×✗✕", "!": "⚠", "$": "⏎", "u": "µ", '"': "“”„", "'": "‘’", " ": "\u00a0",
}  # fmt: skip
BRAILLE = range(0x2800, 0x2900)
BRAILLE_ASCII = " ..::++##"
# by how many of the eight dots are set
UNKNOWN = "?"


class AsciiFilter(LineFilter):
    """Turns lines into ASCII as they are painted."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same cells, each of one ASCII character."""
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def in_ascii(text: str) -> str:
    """``text`` in ASCII, exactly as many cells wide; what has no likeness is ``?``."""
    return text.translate(_TABLE)


class _Table(dict[int, str]):
    """What each character becomes, as ``str.translate`` asks for it."""

    def __missing__(self, code: int) -> str:
        if code < 0x80:
            return chr(code)
        if code in BRAILLE:
            return BRAILLE_ASCII[(code - BRAILLE.start).bit_count()]
        return UNKNOWN * cell_len(chr(code))  # a mark on a letter has no cell of its own


def _signs() -> dict[int, str]:
    glyphs = {
        ord(sign): getattr(ASCII, name)
        for name in UNICODE.__slots__
        if isinstance(sign := getattr(UNICODE, name), str) and len(sign) == 1
    }
    likeness = {ord(sign): like for like, signs in LIKENESS.items() for sign in signs}
    return glyphs | likeness | dict(zip(map(ord, UNICODE.blocks), ASCII.blocks, strict=True))


_TABLE = _Table(_signs())
