"""Colours for a terminal of 256: of those that it has, the nearest one. Pure.

Rich takes the nearest of each of red, green and blue by itself: of a dark grey it makes navy, of two dark backgrounds
the same black.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.color import ColorType
from rich.color_triplet import ColorTriplet
from rich.palette import Palette
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

LEVELS = (0, 95, 135, 175, 215, 255)
# of red, green and blue in the cube of xterm's colours
FIRST = 16
# those before are the user's own, nobody knows which
COLORS = tuple((red, green, blue) for red in LEVELS for green in LEVELS for blue in LEVELS) + tuple(
    (8 + 10 * step,) * 3 for step in range(24)
)
NEAREST = Palette(COLORS)
# Rich's search by what eyes tell apart


class EightBitFilter(LineFilter):
    """Gives lines the terminal's colours as they are painted."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text, each colour the nearest there is."""
        return [Segment(text, None if style is None else _worn(style), control) for text, style, control in segments]


@lru_cache(4096)
def number_of(triplet: ColorTriplet) -> int:
    """The number of the nearest colour."""
    return FIRST + NEAREST.match(triplet)


@lru_cache(4096)
def _worn(style: Style) -> Style:
    colors = Style.from_color(_nearest(style.color), _nearest(style.bgcolor))
    return style + colors if colors else style


def _nearest(color: RichColor | None) -> RichColor | None:
    """``None`` where it may stay as it is; its triplet goes along, for those who mix it."""
    if color is None or color.type is not ColorType.TRUECOLOR or color.triplet is None:
        return None
    return RichColor(color.name, ColorType.EIGHT_BIT, number_of(color.triplet), color.triplet)
