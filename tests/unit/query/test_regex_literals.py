"""What the matches of a pattern have in them; nothing where that is not plain to see."""

from __future__ import annotations

import random

import pytest
import regex

from wsmon.query.ast import Regex
from wsmon.query.predicate import casefold_utf8
from wsmon.query.regex_literals import required_texts

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
    *(
        "(a|b)",
        "(?:bc)",
        "(?:ab|b.|c)",
        "(b(a|c))",
        "(?i)",
        "(?i:ab)",
        "(?=a)",
        "(",
        ")",
        "[ab]",
        "[^a]",
        "[]a]",
        "[[:alpha:]]",
        r"[\]a]",
    ),
    *(r"\.", r"\\", r"\d", r"\b", r"\x61", r"\p{L}", r"\1", r"\"", "-", " ", "#", "*?", "+?", "?+", "{1}?"),
)
TEXT = 'aAbBcCkKsSéÉ\u212a\u017f.]}{ #-2\\"'
ROUNDS = 8_000


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"seq\":\s*\d{7}", ('seq":',)),
        ("rejected", ("rejected",)),
        (r"^order\.rejected$", ("order.rejected",)),
        ("colou?r", ("colo",)),
        ("a.*", ("a",)),
        ("reject(ed|ion) margin", (" margin",)),
        ("(rejected|cancelled) by", ("rejected", "cancelled")),
        ("rejected|cancel(led)+", ("rejected", "cancel")),
        ("(?:rejected|(late|early) fill)", ("rejected", " fill")),
        ("(rejected)? by", (" by",)),
        ("(rejected){0} by", (" by",)),
        ("(rejected)+ by", ("rejected",)),
        ("rejected|.*", ()),
        ("rejected|", ()),
        ("(rejected|)", ()),
        ("|".join(map(chr, range(ord("a"), ord("a") + 21))), ()),
        ("ab+cde", ("cde",)),
        ("ab{0}cd", ("acd",)),
        ("ab{2}cd", ("abbcd",)),
        ("ab{2,}cd", ("abb",)),
        ("ab{2}?cd", ("abbcd",)),
        ("(ab){2}cd", ("ab",)),
        (r"\d{2}[ab]margin[\]-]", ("margin",)),
        ("[abc]margin", ("margin",)),
        ("a|b", ("a", "b")),
        ("(?i)margin", ()),
        ("rejected(?i:x)", ()),
        (r"\x41margin", ()),
        (r"\p{Lu}margin", ()),
        ("[[:alpha:]]margin", ()),
        (".*", ()),
        ("margin{|}", ()),
        ("margin{1}(?:x){e<=1}", ()),
        ("[0-9a-f]{8}-margin[0-9a-f]{4}", ("-margin",)),
        ("x{99}|[ab]margin", ("x" * 64, "margin")),
        ("([0-9a-f]{8})*margin", ("margin",)),
        (r"[\]x-]margin", ("margin",)),
        (r"[^\d-]margin", ("margin",)),
        ("[0-9--5]margin", ()),
        (r"[0-\d]margin", ()),
        (r"[\x30-9]margin", ()),
        ("[0-9a-f]{8}", ()),
        ("", ()),
    ],
)
def test_the_longest_plain_texts_are_required(pattern: str, expected: tuple[str, ...]) -> None:
    assert required_texts(Regex(pattern)) == expected


def test_without_case_letters_with_relatives_beyond_ascii_are_left_out() -> None:
    assert required_texts(Regex("kontrakt übel", ignores_case=True)) == ("ontra",)
    assert regex.search("kontrakt", "\u212aontra\u212at", regex.IGNORECASE)


def test_whatever_is_found_has_one_of_the_texts_in_it() -> None:
    rolls = random.Random(3)
    told = found = 0
    for _ in range(ROUNDS):
        pattern = "".join(rolls.choices(TOKENS, k=rolls.randint(1, 5)))
        ignores_case = rolls.random() < 0.5
        required = required_texts(Regex(pattern, ignores_case))
        try:
            compiled = regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
        except regex.error:
            continue
        told += bool(required)
        for _ in range(5):
            text = "".join(rolls.choices(TEXT, k=8)) + rolls.choice(("ab", "bc", "a.b", "abc", ""))
            if compiled.search(text):
                found += 1
                assert not required or any(casefold_utf8(one) in casefold_utf8(text) for one in required), (
                    pattern,
                    text,
                    ignores_case,
                )
    assert told > ROUNDS / 10
    assert found > ROUNDS / 10
