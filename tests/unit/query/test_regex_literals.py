"""What the matches of a pattern have in them; nothing where that is not plain to see."""

from __future__ import annotations

import random

import pytest
import regex

from wsmon.query.ast import Regex
from wsmon.query.predicate import casefold_utf8, utf8
from wsmon.query.regex_literals import HIGH, required_stretches, required_texts

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
        ("", ()),
    ],
)
def test_the_longest_plain_texts_are_required(pattern: str, expected: tuple[str, ...]) -> None:
    assert required_texts(Regex(pattern)) == expected


def test_without_case_letters_with_relatives_beyond_ascii_are_left_out() -> None:
    assert required_texts(Regex("kontrakt übel", ignores_case=True)) == ("ontra",)
    assert regex.search("kontrakt", "\u212aontra\u212at", regex.IGNORECASE)


def bits(chars: str) -> int:
    return sum(1 << ord(char) for char in chars)


LOWER_HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[0-9a-f]{8}", [(bits(LOWER_HEX), 8)]),
        ("[0-9a-f]{8}-[0-9a-f]{4}", [(bits(LOWER_HEX + "-"), 13)]),
        ("[0-9a-f]{8,}-[0-9a-f]{4}", [(bits(LOWER_HEX), 8)]),
        ("([0-9a-f]{8})+", [(bits(LOWER_HEX), 8)]),
        ("([0-9a-f]{8})*", []),
        (r"\d{9}", [(bits("0123456789") | HIGH, 9)]),
        (r"[\dx]{9}", [(bits("0123456789x") | HIGH, 9)]),
        (r"[\]x-]{4}", [(bits("]x-"), 4)]),
        ("[xyz]{4}.*[^a]", [(bits("xyz"), 4)]),
        ("x{99}|[ab]{5}", [(bits("x"), 64), (bits("ab"), 5)]),
        ("[а-я]{3}", [(HIGH, 3)]),
        ("x{99}|a", []),
        (r"\d{2}", []),
        ("[^a]{9}", []),
        (".{99}", []),
        (r"(?i)\d{9}", []),
        (r"\d{9}(?=x)", []),
        ("[[:digit:]]{9}", []),
        ("[0-9--5]{9}", []),
        (r"[\x30-9]{9}", []),
        ("[ab]{9}|a{|}", []),
        ("[ab]{9}(?:x){e<=1}", []),
        ("[ab]{9}c{,1}", [(bits("ab"), 9)]),
        ("", []),
    ],
)
def test_the_most_telling_stretches_are_required(pattern: str, expected: list[tuple[int, int]]) -> None:
    assert [(each.bits, each.length) for each in required_stretches(Regex(pattern))] == expected


def test_without_case_a_stretch_has_both_and_their_relatives() -> None:
    (plain,) = required_stretches(Regex("[ab]{4}", ignores_case=True))
    (related,) = required_stretches(Regex("[ak]{4}", ignores_case=True))
    assert (plain.bits, related.bits) == (bits("abAB"), bits("aAkKsSiI") | HIGH)
    assert related.is_in(utf8("x ak\u212aA x"))
    assert not related.is_in(b"x akA x")


def test_whatever_is_found_has_one_of_the_texts_in_it() -> None:
    rolls = random.Random(3)
    told = found = stretched = 0
    for _ in range(ROUNDS):
        pattern = "".join(rolls.choices(TOKENS, k=rolls.randint(1, 5)))
        ignores_case = rolls.random() < 0.5
        required = required_texts(Regex(pattern, ignores_case))
        try:
            compiled = regex.compile(pattern, regex.IGNORECASE if ignores_case else 0)
        except regex.error:
            continue
        told += bool(required)
        stretches = required_stretches(Regex(pattern, ignores_case))
        stretched += bool(stretches)
        for _ in range(5):
            text = "".join(rolls.choices(TEXT, k=8)) + rolls.choice(("ab", "bc", "a.b", "abc", ""))
            if compiled.search(text):
                found += 1
                assert not required or any(casefold_utf8(one) in casefold_utf8(text) for one in required), (
                    pattern,
                    text,
                    ignores_case,
                )
                assert not stretches or any(one.is_in(utf8(text)) for one in stretches), (pattern, text, ignores_case)
    assert told > ROUNDS / 10
    assert stretched > ROUNDS / 20
    assert found > ROUNDS / 10
