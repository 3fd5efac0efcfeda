"""Blocks side by side."""

from __future__ import annotations

from wsmon.tui.columns import Line, beside, broken, fitted


def line(text: str) -> Line:
    return ((text, "text"),)


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in each) for each in lines]


def test_the_shorter_block_leaves_room() -> None:
    assert texts(list(beside([line("a"), line("b")], [line("c")], 10))) == ["a     c", "b     "]


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert texts(list(beside([line("abcdefgh")], [line("ijklmnop")], 10))) == ["abc…  ijk…"]
    assert fitted((("abc", "text"), ("defg", "dim")), 5) == (("abc", "text"), ("d…", "dim"))


def test_wide_characters_count_two() -> None:
    assert texts([fitted(line("日本"), 6, is_filled=True)]) == ["日本  "]


def test_a_line_that_is_too_long_is_broken_between_words_below_its_label() -> None:
    line: Line = (("state   ", "dim"), ("reconnecting", "status-loss"), (" · open 59m in all", "text"))
    told = ["".join(text for text, _ in each) for each in broken(line, 24, 8)]
    assert told == ["state   reconnecting ·", "        open 59m in all"]
    assert list(broken(line, 80, 8)) == list(broken(line, 20, 8)) == [line]  # there is room; there is none for words


def test_a_word_that_is_too_long_stands_alone() -> None:
    told = list(broken((("a ", "dim"), ("x" * 30, "text"), (" y", "text")), 20, 2))
    assert ["".join(text for text, _ in each) for each in told] == ["a " + "x" * 30, "  y"]
