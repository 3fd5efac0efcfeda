"""Line filters: ASCII, 256 colours; and the scroll bar."""

from __future__ import annotations

import tomllib
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.color import ColorSystem
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.terminal.filters import (
    COLORS,
    FIRST,
    THUMB,
    TRACK,
    AsciiFilter,
    EightBitFilter,
    ScrollMark,
    in_ascii,
    number_of,
)

# Everything on its way to a terminal without Unicode.

# A dot, as two others
AMBIGUOUS = "between"


def test_a_glyph_becomes_its_own_ascii_form() -> None:
    names = [name for name in UNICODE.__slots__ if name not in ("is_ascii", AMBIGUOUS)]
    found = {name: in_ascii(getattr(UNICODE, name)) for name in names}
    assert found == {name: getattr(ASCII, name) for name in names}


@pytest.mark.parametrize(
    ("text", "ascii_text"),
    [
        ("╭─ 4 Log ━━╮", "+- 4 Log ==+"),
        ("⠀⡀⣀⣿", " ..#"),
        ("“1008” → 5–7 × 2 …", '"1008" > 5-7 x 2 >'),
        ("日本", "????"),
        ("e\u0301", "e"),
        ("plain", "plain"),
    ],
)
def test_signs_have_a_likeness_of_the_same_width(text: str, ascii_text: str) -> None:
    assert in_ascii(text) == ascii_text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_every_character_becomes_ascii_and_no_cell_moves(text: str) -> None:
    assert in_ascii(text).isascii()
    assert len(in_ascii(text)) == sum(cell_len(character) for character in text)


def test_styles_stay() -> None:
    bold = Style(bold=True)
    segments = [Segment("●", bold), Segment(" open")]
    assert AsciiFilter().apply(segments, Color(0, 0, 0)) == [Segment("*", bold), Segment(" open")]


THEMES = Path(__file__).parents[4] / "themes"


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


# The scroll bar.


def bar(virtual: int, window: int, position: int, size: int = 10) -> str:
    segments = ScrollMark.render_bar(size, virtual, window, position, back_color=RichColor.parse("blue")).segments
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize(
    ("virtual", "window", "position", "expected"),
    [
        (20, 10, 0, THUMB * 5 + TRACK * 5),
        (20, 10, 10, TRACK * 5 + THUMB * 5),
        (10_000, 10, 9_990, TRACK * 9 + THUMB),
        (10, 0, 0, TRACK * 10),
    ],
)
def test_the_thumb_is_where_the_window_is(virtual: int, window: int, position: int, expected: str) -> None:
    assert bar(virtual, window, position) == expected


@pytest.mark.parametrize("position", range(0, 91, 7))
def test_it_has_whole_cells_and_one_thumb(position: int) -> None:
    runs = [glyph for glyph, _ in groupby(bar(100, 10, position))]

    assert set(runs) == {TRACK, THUMB}
    assert runs.count(THUMB) == 1


def test_cells_keep_what_the_mouse_does_there() -> None:
    segments = ScrollMark.render_bar(10, 20, 5, 8).segments
    actions = [segment.style.meta["@mouse.down"] for segment in segments if segment.style is not None]

    assert [action for action, _ in groupby(actions)] == ["scroll_up", "grab", "scroll_down"]
