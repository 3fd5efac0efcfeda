"""Patterns find what they should, and never take the screen or a search with them."""

from __future__ import annotations

import random

import pytest
import regex

from tests.support.thoroughness import times
from wsmon.query.patterns import (
    MAX_PATTERN_CHARS,
    QUICK_CHARS,
    SHORT_CHARS,
    PatternTooSlowError,
    check,
    finder,
    group_collector,
    group_finder,
    required_run,
)


@pytest.mark.parametrize("length", [1, SHORT_CHARS + 1, QUICK_CHARS + 1], ids=["short", "quick", "long"])
@pytest.mark.parametrize("pattern", [r"b\d", r"[b]\d{1}", r"(b)\d", r"a*b\d+"])
def test_a_pattern_finds_the_same_in_texts_of_every_length(pattern: str, length: int) -> None:
    look = finder(pattern, ignores_case=False)
    assert [look("a" * length + end) for end in ("b7", "B7", "b")] == [True, False, False]
    assert finder(pattern, ignores_case=True)("a" * length + "B7")


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a+)+$", r"(\w+\s?)+$"])
def test_a_pattern_that_would_never_end_is_ended(pattern: str) -> None:
    look = finder(pattern, ignores_case=False)
    with pytest.raises(PatternTooSlowError, match="takes more than 20 ms for one event"):
        look("a" * 500 + "!")
    assert not look("!")


@pytest.mark.parametrize(
    ("pattern", "text", "first", "all_of_them"),
    [
        (r"b(\d)", "b1 b2", "1", ["1", "2"]),
        (r"b\d", "b1 b2", "b1", ["b1", "b2"]),
        (r"(a)|b", "b a", None, ["a"]),
        ("x", "b1 b2", None, []),
        (r"\d*", "ab", "", []),
        (r"\d", "12345", "1", ["1", "2", "3"]),
    ],
)
def test_the_first_group_of_a_match_is_found(
    pattern: str, text: str, first: str | None, all_of_them: list[str]
) -> None:
    assert group_finder(pattern)(text) == first
    assert group_collector(pattern, 3)(text) == all_of_them


def test_a_group_that_would_take_for_ever_is_ended() -> None:
    for find in (group_finder("(a|aa)+$"), group_collector("(a|aa)+$", 3)):
        with pytest.raises(PatternTooSlowError):
            find("a" * 500 + "!")


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "invalid regular expression"),
        ("a" * (MAX_PATTERN_CHARS + 1), "maximum 1,000 characters"),
        ("(" * 31 + ")" * 31, "nested at most 30 levels deep"),
    ],
)
def test_what_is_no_pattern_is_refused_with_a_sentence(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check(pattern)


@pytest.mark.parametrize(
    ("pattern", "chars", "count", "is_whole"),
    [
        (r"\d{13}", "0123456789", 13, True),
        (r"\d\d\d[0-9]{2,}", "0123456789", 5, True),
        ("[a-c_X]{4}", "abc_X", 4, True),
        (r"id=[xyz]{5}\d+", "xyz", 5, False),
        (r"\d{4}-\d{6}-\d{2}", "0123456789", 6, False),
    ],
)
def test_the_run_of_characters_that_a_pattern_needs_is_known(
    pattern: str, chars: str, count: int, is_whole: bool
) -> None:
    found = required_run(pattern, ignores_case=False)
    assert found is not None
    known = "".join(chr(byte) for byte in range(128) if found.table[byte] == ord("x"))
    assert (sorted(known), len(found.run), found.is_whole) == (sorted(chars), count, is_whole)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        r"\d{3}",
        r"\d{4}?",
        r"\d{4}|x",
        r"(\d{4})",
        r"\d{,4}",
        r"^\d{4}",
        r"\w{9}",
        "[^a]{9}",
        "[a-]{9}",
        "[[a]{9}",
        "a{9}{2}",
    ],
)
def test_nothing_is_known_of_short_runs_and_of_other_constructs(pattern: str) -> None:
    assert required_run(pattern, ignores_case=False) is None


def test_a_pattern_with_a_run_finds_what_the_engine_finds() -> None:
    rolls = random.Random(1)
    parts = (r"\d", "[0-9]", "[ab1-3]", "[a-f]", "a", "K", "7", "-", " ")
    repeats = ("", "{4}", "{2}", "{1,}", "{2,3}", "+")
    chars = "0123456789abfkKxs -\u0663\u212a\u017f\udc80"
    looked_for = 0
    for _ in range(times(500)):
        pattern = "".join(rolls.choice(parts) + rolls.choice(repeats) for _ in range(rolls.randint(1, 3)))
        ignores_case = rolls.random() < 0.5
        looked_for += required_run(pattern, ignores_case=ignores_case) is not None
        look = finder(pattern, ignores_case=ignores_case)
        engine = regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
        for _ in range(20):
            few = rolls.choices(chars, k=4)
            text = "".join(rolls.choices(rolls.choice((few, chars)), k=rolls.randint(0, 20)))
            assert look(text) is (engine.search(text) is not None), (pattern, text)
    assert looked_for > 100
