"""Text in terminal cells: cut with an ellipsis where it is too long, filled where it is too short."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from wsmon.tui.palette import Span

ELLIPSIS = "…"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """``text`` in exactly ``width`` cells."""
    if width <= 0:
        return ""
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    filler = " " * (width - cell_len(text))
    return filler + text if right else text + filler


def width_of(spans: Sequence[Span]) -> int:
    """How many cells spans take."""
    return sum(cell_len(text) for text, _ in spans)
