"""Colours for a terminal of 256."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from rich.color import ColorSystem
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from wsmon.tui.terminal.filters import COLORS, FIRST, EightBitFilter, number_of

THEMES = Path(__file__).parents[3] / "themes"


def triplet(hexadecimal: str) -> ColorTriplet:
    """A colour as themes write it."""
    return ColorTriplet(*Color.parse(hexadecimal).rgb)


@pytest.mark.parametrize(
    ("color", "number"),
    [("#000000", 16), ("#ffffff", 231), ("#1c2530", 235), ("#0f1419", 233), ("#ff6b6b", 203), ("#080808", 232)],
)
def test_the_nearest_colour_is_taken(color: str, number: int) -> None:
    assert number_of(triplet(color)) == number


def test_every_colour_that_there_is_stays_what_it_is() -> None:
    assert [COLORS[number_of(ColorTriplet(*color)) - FIRST] for color in COLORS] == list(COLORS)


@pytest.mark.parametrize("name", ["wsmon-dark", "wsmon-light"])
def test_the_grounds_of_a_theme_stay_apart_and_without_a_hue(name: str) -> None:
    colors = tomllib.loads((THEMES / f"{name}.toml").read_text())["colors"]
    grounds = [COLORS[number_of(triplet(colors[part])) - FIRST] for part in ("background", "surface", "panel")]
    assert len(set(grounds)) == 3
    assert all(len(set(ground)) == 1 for ground in grounds)


def test_lines_are_painted_with_numbers_and_keep_everything_else() -> None:
    before = [Segment("a", Style.parse("bold #ff6b6b on #1c2530")), Segment("b", Style.parse("red")), Segment("c")]
    painted = EightBitFilter().apply(before, Color(0, 0, 0))
    styles = [segment.style or Style.null() for segment in painted]
    written = "".join(
        style.render(segment.text, color_system=ColorSystem.EIGHT_BIT)
        for style, segment in zip(styles, painted, strict=True)
    )
    assert written == "\x1b[1;38;5;203;48;5;235ma\x1b[0m\x1b[31mb\x1b[0mc"
