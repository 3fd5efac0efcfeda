"""Blocks side by side."""

from __future__ import annotations

from wsmon.tui.text import Line, fit_line, side_by_side


def line(text: str) -> Line:
    return ((text, "text"),)


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in each) for each in lines]


def test_the_shorter_block_leaves_room() -> None:
    assert texts(list(side_by_side([line("a"), line("b")], [line("c")], 10))) == ["a     c", "b     "]


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert texts(list(side_by_side([line("abcdefgh")], [line("ijklmnop")], 10))) == ["abc…  ijk…"]
    assert fit_line((("abc", "text"), ("defg", "dim")), 5) == (("abc", "text"), ("d…", "dim"))


def test_wide_characters_count_two() -> None:
    assert texts([fit_line(line("日本"), 6, is_filled=True)]) == ["日本  "]
