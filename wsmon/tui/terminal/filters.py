"""Line filters for terminals with ASCII only or with 256 colours, and the scroll bar.

Filters see everything that is painted, so that no character of a pane, a border or a library is missed. In ASCII some
signs look alike; wherever a sign is drawn, words give the same information.
"""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.color import ColorType
from rich.color_triplet import ColorTriplet
from rich.palette import Palette
from rich.segment import Segment, Segments
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.scrollbar import ScrollBarRender

from wsmon.tui.glyphs import ASCII, UNICODE

# Characters of the screen by the ASCII character that is drawn instead
LIKENESS = {
    "-": "─┄┈╌╶╴▔–—−", "=": "━┅╍", "|": "│┆┊╎╏║╷╵▎▌▐▊", "+": "╭╮╰╯┌┐└┘┏┓┗┛├┤┬┴┼╞╡✓±◆", "_": "▁",
    "#": "█▀▄▓▒", "8": "┃",
    ".": "·•◌˙", "~": "░◐", "%": "⇄⇅", "<": "‹«←◀◂≤", ">": "…›»→▶≥", "^": "↑▴", "v": "↓▾", "*": "●◉", "o": "○◇°",
    "x": "×✗✕", "!": "⚠▲≠", "$": "⏎", "u": "µ", '"': "“”„", "'": "‘’", " ": "\u00a0",
}  # fmt: skip
BRAILLE = range(0x2800, 0x2900)
# By how many of the eight dots of a braille character are set
BRAILLE_ASCII = " ..::++##"
UNKNOWN = "?"


class AsciiFilter(LineFilter):
    """Turns lines into ASCII as they are painted, each character into as many cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same cells, each with one ASCII character."""
        return [
            segment if segment.text.isascii() else Segment(in_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def in_ascii(text: str) -> str:
    """Return ``text`` in ASCII, exactly as many cells wide; characters without a likeness become ``?``."""
    return text.translate(_TABLE)


class _Table(dict[int, str]):
    """The replacement of each character, as ``str.translate`` looks it up."""

    def __missing__(self, code: int) -> str:
        if code < 0x80:
            return chr(code)
        if code in BRAILLE:
            return BRAILLE_ASCII[(code - BRAILLE.start).bit_count()]
        # A combining mark has no cell of its own.
        return UNKNOWN * cell_len(chr(code))


def _signs() -> dict[int, str]:
    glyphs = {
        ord(sign): getattr(ASCII, name)
        for name in UNICODE.__slots__
        if isinstance(sign := getattr(UNICODE, name), str) and len(sign) == 1
    }
    likeness = {ord(sign): like for like, signs in LIKENESS.items() for sign in signs}
    return glyphs | likeness | dict(zip(map(ord, UNICODE.blocks), ASCII.blocks, strict=True))


_TABLE = _Table(_signs())


# Levels of red, green and blue in the cube of xterm's colours
LEVELS = (0, 95, 135, 175, 215, 255)
# The 16 colours before it can be set by the user, so that they are unknown.
FIRST = 16
COLORS = tuple((red, green, blue) for red in LEVELS for green in LEVELS for blue in LEVELS) + tuple(
    (8 + 10 * step,) * 3 for step in range(24)
)
# Rich's search by perceived difference
NEAREST = Palette(COLORS)


class EightBitFilter(LineFilter):
    """Gives lines the nearest of a terminal's 256 colours as they are painted.

    Rich rounds red, green and blue each by itself: it makes navy of a dark grey, and one black of two dark backgrounds.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same text, each colour replaced by the nearest one."""
        return [Segment(text, None if style is None else _worn(style), control) for text, style, control in segments]


@lru_cache(4096)
def number_of(triplet: ColorTriplet) -> int:
    """Return the number of the nearest colour."""
    return FIRST + NEAREST.match(triplet)


@lru_cache(4096)
def _worn(style: Style) -> Style:
    colors = Style.from_color(_nearest(style.color), _nearest(style.bgcolor))
    return style + colors if colors else style


def _nearest(color: RichColor | None) -> RichColor | None:
    """Return the nearest colour, with the triplet for filters that blend colours; None where it can stay as it is."""
    if color is None or color.type is not ColorType.TRUECOLOR or color.triplet is None:
        return None
    return RichColor(color.name, ColorType.EIGHT_BIT, number_of(color.triplet), color.triplet)


# The scroll bar: a thin rule with a thick part, which is not mistaken for a bar of a chart
TRACK, THUMB = "│", "┃"
DEFAULT = RichColor.default()


class ScrollMark(ScrollBarRender):
    """Draws whole cells in two colours without a background; Textual's own bar ends in eighths of a block."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    """One step a cell, because a thumb of whole cells has no partial ends."""

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: RichColor = DEFAULT,
        bar_color: RichColor = DEFAULT,
    ) -> Segments:
        """Return Textual's cells with their mouse actions; the cells that it would reverse are the thumb."""
        bar = super().render_bar(size, virtual_size, window_size, position, thickness, vertical, back_color, bar_color)
        if not vertical:
            return bar
        segments = [
            Segment(
                (THUMB if style.reverse else TRACK) * thickness,
                Style(color=bar_color if style.reverse else back_color, meta=style.meta),
            )
            for _, style, _ in bar.segments
            if style is not None
        ]
        return Segments(segments, new_lines=True)
