"""What a kind of text looks like: names of meanings to styles, from the variables of the theme.

Panes that draw lines by themselves name a meaning; nobody but the theme knows the colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

Meaning = Literal[
    "text", "strong", "dim", "rule", "key-name", "problem", "caution",
    "status-open", "status-connecting", "status-loss", "status-stalled", "status-closed", "status-off",
    "direction-in", "direction-out",
]  # fmt: skip
MEANINGS: tuple[Meaning, ...] = get_args(Meaning)

Span = tuple[str, Meaning]
Line = tuple[Span, ...]


def width_of(spans: Sequence[Span]) -> int:
    """How many cells spans take."""
    return sum(cell_len(text) for text, _ in spans)


class Palette:
    """The styles of one theme."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` are those of ``App.theme_variables``."""
        self._variables = variables
        self._styles: dict[Meaning, Style] = {"text": Style(), "strong": Style(bold=True)}
        attribute = variables.get("cursor-text-style", "none")
        self._cursor_attributes = Style() if attribute == "none" else Style.parse(attribute)

    def style(self, meaning: Meaning) -> Style:
        """Its colour, for use over the background of the pane."""
        if meaning not in self._styles:
            self._styles[meaning] = Style(color=self._color(meaning))
        return self._styles[meaning]

    def cursor(self, has_focus: bool) -> Style:
        """The background of the line under the cursor."""
        if not has_focus:
            return Style(bgcolor=self._color("cursor-blurred-background"))
        return Style(bgcolor=self._color("cursor-background")) + self._cursor_attributes

    def _color(self, variable: str) -> RichColor:
        return Color.parse(self._variables[variable]).rich_color
