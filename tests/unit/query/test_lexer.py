"""Tokens of a query: kinds, texts, columns, and what the lexer refuses."""

from __future__ import annotations

import pytest

from wsmon.errors import QueryError
from wsmon.query.lexer import Token, tokens


def pairs(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokens(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a  b", [("word", "a"), ("word", "b")]),
        ('"a b"', [("string", "a b")]),
        (r'"say \"hi\" \\ \n"', [("string", r'say "hi" \ \n')]),
        ('"seq":7', [("word", '"seq":7')]),
        ("-a - b", [("negation", "-"), ("word", "a"), ("word", "-"), ("word", "b")]),
        ("/a b/i", [("regex", "a b")]),
        (r"/a\/b/", [("regex", r"a\/b")]),
        ("/usr/bin", [("word", "/usr/bin")]),
        ("dir:in,out", [("field", "dir"), ("operator", ":"), ("word", "in"), ("comma", ","), ("word", "out")]),
        ("size>=1", [("field", "size"), ("operator", ">="), ("word", "1")]),
        ("$.a[0]~b", [("path", "$.a[0]"), ("operator", "~"), ("word", "b")]),
        ("(a)", [("open", "("), ("word", "a"), ("close", ")")]),
        ("f(x) a)", [("word", "f(x)"), ("word", "a)")]),
        ("(f(x))", [("open", "("), ("word", "f(x)"), ("close", ")")]),
    ],
)
def test_a_text_is_cut_into_these_tokens(text: str, expected: list[tuple[str, str]]) -> None:
    assert pairs(text) == expected


def test_tokens_know_their_columns_and_a_regex_its_flag() -> None:
    assert tokens("a x:/b/i") == [
        Token("word", "a", 0),
        Token("field", "x", 2),
        Token("operator", ":", 3),
        Token("regex", "b", 4, ignores_case=True),
    ]


@pytest.mark.parametrize(("text", "is_sign"), [("OR", True), ("or", False), ('"OR"', False), ("ORDER", False)])
def test_signs_are_bare_words_in_upper_case(text: str, is_sign: bool) -> None:
    assert tokens(text)[0].is_sign("OR") is is_sign


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ('a "b', 2, "unclosed quote"),
        ("dir:", 4, "expected a value here"),
        ("dir:in,", 7, "expected a value here"),
        ("$.a x", 3, "expected a comparison here"),
        ('dir:"in"x', 8, "unexpected 'x' after a quoted value"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_its_column(text: str, column: int, what: str) -> None:
    with pytest.raises(QueryError) as caught:
        tokens(text)
    assert (caught.value.column, caught.value.what) == (column, what)
