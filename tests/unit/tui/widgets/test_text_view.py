"""Lines of spans that break between words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.tui.text import Line, StyledText, width_of
from wsmon.tui.widgets.text_view import wrap_line

HINT: tuple[StyledText, ...] = (("j k", "key-name"), (" scroll  ", "dim"), ("Esc", "key-name"), (" close", "dim"))
SPANS = st.lists(st.tuples(st.text("ab 日é-", max_size=9), st.sampled_from(["text", "dim", "key-name"])), max_size=6)


def texts(line: tuple[StyledText, ...], width: int, indent: int = 0) -> list[str]:
    return ["".join(text for text, _ in part) for part in wrap_line(line, width, indent)]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, ["j k scroll  Esc close"]),
        (21, ["j k scroll  Esc close"]),
        (20, ["j k scroll", "Esc close"]),
        (9, ["j k", "scroll", "Esc close"]),
    ],
)
def test_a_key_stays_with_the_word_that_says_what_it_does(width: int, expected: list[str]) -> None:
    assert texts(HINT, width) == expected


def test_lines_that_go_on_are_indented_and_a_word_may_be_of_several_spans() -> None:
    assert texts((("one ", "text"), ("conn:", "key-name"), ("x two", "dim")), 10, 2) == ["one conn:x", "  two"]


def test_a_line_that_is_too_long_is_broken_between_words_below_its_label() -> None:
    line: Line = (("state   ", "dim"), ("reconnecting", "status-loss"), (" · open 59m in all", "text"))
    assert texts(line, 24, 8) == ["state   reconnecting ·", "        open 59m in all"]
    assert list(wrap_line(line, 80, 8)) == [line]


def test_a_word_that_is_too_long_is_cut_into_pieces() -> None:
    assert texts((("/exports/orders.jsonl is there", "text"),), 8) == ["/exports", "/orders.", "jsonl is", "there"]


@given(SPANS, st.integers(4, 30), st.integers(0, 3))
def test_nothing_but_blanks_is_left_out_and_no_line_is_too_wide(
    spans: list[StyledText], width: int, indent: int
) -> None:
    line = tuple(spans)
    parts = list(wrap_line(line, width, indent))
    assert all(width_of(part) <= max(width, indent + 2) for part in parts)
    whole = "".join(text for part in parts for text, _ in part)
    assert "".join(whole.split()) == "".join("".join(text for text, _ in line).split())
