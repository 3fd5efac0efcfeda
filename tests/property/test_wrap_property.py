from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support.builders import message
from wsmon.model.sanitize import sanitize
from wsmon.tui.panes.log_line import LineStyle, line
from wsmon.tui.text import clip, left, wrap

TEXT = st.text(max_size=300)
WIDTH = st.integers(2, 90)


@given(TEXT, WIDTH)
def test_no_line_is_wider_than_asked_and_only_spaces_are_lost(text: str, width: int) -> None:
    clean = sanitize(text)
    lines = list(wrap(clean, width))

    assert all(cell_len(each) <= width for each in lines)
    assert "".join(lines).replace(" ", "") == clean.replace(" ", "")


@given(TEXT, WIDTH)
def test_fitted_text_has_exactly_the_width(text: str, width: int) -> None:
    clean = sanitize(text)

    assert cell_len(left(clean, width)) == width
    assert cell_len(clip(clean, width)) <= width


@given(st.binary(max_size=400), st.booleans(), st.integers(1, 220))
def test_a_line_of_the_log_fills_its_width_and_holds_nothing_raw(payload: bytes, is_text: bool, width: int) -> None:
    event = message(payload, connection="a", opcode="text" if is_text else "binary")
    text = "".join(text for text, _ in line(event, width, LineStyle()))

    assert cell_len(text) == width
    assert text.isprintable()
