"""The scroll bar: a thin rule with a thick part, so that nobody takes it for a bar of a chart."""

from __future__ import annotations

from typing import ClassVar

from rich.color import Color as RichColor
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBarRender

TRACK, THUMB = "│", "┃"
DEFAULT = RichColor.default()


class ScrollMark(ScrollBarRender):
    """Draws whole cells in two colours without a background; Textual's own bar ends in eighths of a block."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "]
    # one step a cell: a thumb has no partial ends

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
        """Textual's cells with their mouse actions; those that it would reverse are the thumb."""
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
