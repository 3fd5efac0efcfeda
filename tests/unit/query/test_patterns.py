"""Patterns find what they should, and never take the screen or a search with them."""

from __future__ import annotations

import pytest

from wsmon.query.patterns import MAX_PATTERN_CHARS, QUICK_CHARS, SHORT_CHARS, PatternTooSlowError, check, finder


@pytest.mark.parametrize("length", [1, SHORT_CHARS + 1, QUICK_CHARS + 1], ids=["short", "quick", "long"])
@pytest.mark.parametrize("pattern", [r"b\d", r"[b]\d{1}", r"(b)\d", r"a*b\d+"])
def test_a_pattern_finds_the_same_in_texts_of_every_length(pattern: str, length: int) -> None:
    look = finder(pattern, ignores_case=False)
    assert [look("a" * length + end) for end in ("b7", "B7", "b")] == [True, False, False]
    assert finder(pattern, ignores_case=True)("a" * length + "B7")


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a+)+$", r"(\w+\s?)+$"])
def test_a_pattern_that_would_never_end_is_ended(pattern: str) -> None:
    look = finder(pattern, ignores_case=False)
    with pytest.raises(PatternTooSlowError, match="takes longer than 20 ms for one event"):
        look("a" * 500 + "!")
    assert not look("!")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "no regular expression"),
        ("a" * (MAX_PATTERN_CHARS + 1), "at most 1,000 characters"),
        ("(" * 31 + ")" * 31, "nest at most 30 deep"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_sentence(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(pattern)
