"""Styled text clipped, padded, wrapped and put side by side; short paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from wsmon.tui.text import Line, clip, fit_line, keep_ends, left, right, short_path, side_by_side, wrap


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("plain", 5, "plain"),
        ("plain", 4, "pla…"),
        ("two words", 5, "two…"),
        ("红茶红茶", 8, "红茶红茶"),
        ("红茶红茶", 7, "红茶红…"),
        ("红茶红茶", 6, "红茶…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
        ("anything", 0, ""),
        ("", 3, ""),
    ],
)
def test_what_is_cut_ends_in_an_ellipsis_and_fits(text: str, width: int, expected: str) -> None:
    assert clip(text, width) == expected
    assert cell_len(clip(text, width)) <= width


def test_alignment_fills_the_width_whatever_the_characters() -> None:
    assert (left("红茶", 6), right("红茶", 6), left("红茶红", 5)) == ("红茶  ", "  红茶", "红茶…")


def test_another_sign_may_stand_for_what_is_cut() -> None:
    assert clip("abcdef", 4, "~") == "abc~"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("short", ["short"]),
        ("one two three", ["one two", "three"]),
        ("exactly ten", ["exactly", "ten"]),
        ("0123456789", ["0123456789"]),
        ("01234567890", ["0123456789", "0"]),
        ("0123456789 next", ["0123456789", "next"]),
        ("红茶红茶红茶", ["红茶红茶红", "茶"]),
        ("a" * 25, ["a" * 10, "a" * 10, "a" * 5]),
    ],
)
def test_lines_break_at_spaces_or_where_they_are_full(text: str, expected: list[str]) -> None:
    assert list(wrap(text, 10)) == expected


def test_the_first_line_of_a_mebibyte_is_made_without_the_rest() -> None:
    assert next(wrap("x" * 1_000_000, 10)) == "x" * 10


def test_marks_alone_end() -> None:
    assert "".join(wrap("\u0301" * 500, 10)) == "\u0301" * 500


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("orders", 8, "orders  "),
        ("127.0.0.1-36181", 12, "127.0.…36181"),
        ("127.0.0.1-35983", 11, "127.0…35983"),
        ("orders", 4, "ord…"),
        ("名名名名", 5, "名名…"),
    ],
)
def test_a_name_keeps_both_ends(text: str, width: int, shown: str) -> None:
    assert keep_ends(text, width) == shown


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


HOME = Path("/home/ann")
EXPORT = HOME / "exports" / "2026" / "demo-20261121-032209.jsonl"


@pytest.mark.parametrize(
    ("path", "width", "expected"),
    [
        (EXPORT, 80, "~/exports/2026/demo-20261121-032209.jsonl"),
        (Path("/tmp/demo.jsonl"), 80, "/tmp/demo.jsonl"),
        (EXPORT, 40, "…/2026/demo-20261121-032209.jsonl"),
        (EXPORT, 30, "…/demo-20261121-032209.jsonl"),
        (EXPORT, 24, "demo-202611…032209.jsonl"),
        (HOME, 80, "~"),
        (HOME / "a\x1b[31mb.csv", 80, "~/a␛[31mb.csv"),
    ],
)
def test_the_name_of_the_file_stays_and_what_is_left_out_says_so(path: Path, width: int, expected: str) -> None:
    assert short_path(path, HOME, width) == expected


@pytest.mark.parametrize("width", range(1, 60))
def test_it_never_grows_beyond_its_width(width: int) -> None:
    for path in (EXPORT, Path("/") / ("红茶" * 20) / "é.csv", Path("/")):
        assert cell_len(short_path(path, HOME, width)) <= width
