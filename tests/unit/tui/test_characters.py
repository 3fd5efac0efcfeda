"""Everything on its way to a terminal without Unicode."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.terminal.filters import AsciiFilter, in_ascii

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
        ("“1008” → 5–7 × 2 …", '"1008" > 5-7 x 2 ~'),
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
