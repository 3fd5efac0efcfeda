"""What every match of a pattern has in it; nothing where that is not plain to see."""

from __future__ import annotations

import random

import pytest
import regex

from wsmon.query.ast import Regex
from wsmon.query.fold import fold
from wsmon.query.literals import required_text

TOKENS = (
    *(
        "ab",
        "a",
        "b",
        "c",
        "K",
        "s",
        "é",
        "\u212a",
        ".",
        "^",
        "$",
        "*",
        "?",
        "+",
        "{2}",
        "{0,1}",
        "{,1}",
        "a{",
        "|",
        "]",
        "}",
    ),
    *("(a|b)", "(?:bc)", "(?i)", "(?i:ab)", "(?=a)", "(", ")", "[ab]", "[^a]", "[]a]", "[[:alpha:]]", r"[\]a]"),
    *(r"\.", r"\\", r"\d", r"\b", r"\x61", r"\p{L}", r"\1", r"\"", "-", " ", "#", "*?", "+?", "?+", "{1}?"),
)
TEXT = 'aAbBcCkKsSéÉ\u212a\u017f.]}{ #-2\\"'
ROUNDS = 6_000


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"seq\":\s*\d{7}", 'seq":'),
        ("rejected", "rejected"),
        (r"^order\.rejected$", "order.rejected"),
        ("colou?r", "colo"),
        ("reject(ed|ion) margin", " margin"),
        ("ab+cde", "cde"),
        ("ab{0}cd", "cd"),
        ("[abc]margin", "margin"),
        ("a|b", ""),
        ("(a|b)", ""),
        ("(?i)margin", ""),
        (r"\x41margin", ""),
        (r"\p{Lu}margin", ""),
        ("[[:alpha:]]margin", ""),
        (".*", ""),
        ("", ""),
    ],
)
def test_the_longest_plain_text_is_required(pattern: str, expected: str) -> None:
    assert required_text(Regex(pattern)) == expected


def test_without_case_letters_with_relatives_beyond_ascii_are_left_out() -> None:
    assert required_text(Regex("kontrakt übel", ignores_case=True)) == "ontra"
    assert regex.search("kontrakt", "\u212aontra\u212at", regex.IGNORECASE)


def test_whatever_is_found_has_the_text_in_it() -> None:
    rolls = random.Random(3)
    told = found = 0
    for _ in range(ROUNDS):
        pattern = "".join(rolls.choices(TOKENS, k=rolls.randint(1, 5)))
        ignores_case = rolls.random() < 0.5
        required = required_text(Regex(pattern, ignores_case))
        try:
            compiled = regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
        except regex.error:
            continue
        told += bool(required)
        for _ in range(5):
            text = "".join(rolls.choices(TEXT, k=8)) + rolls.choice(("ab", "bc", "a.b", "abc", ""))
            if compiled.search(text):
                found += 1
                assert fold(required) in fold(text), (pattern, text, ignores_case)
    assert told > ROUNDS / 10
    assert found > ROUNDS / 10
