"""What a typed query means, and what is said about one that means nothing."""

from __future__ import annotations

import pytest

from wsmon.errors import QueryError
from wsmon.query.ast import EVERYTHING, Exact, FieldTerm, Glob, IdRange, Not, Query, Term, Word
from wsmon.query.parser import MAX_GLOB_CHARS, MAX_ID, MAX_ITEMS, MAX_TERMS, parse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        (" \t ", ()),
        ("trade", (Word("trade"),)),
        ("trade  BTCUSDT", (Word("trade"), Word("BTCUSDT"))),
        ("trade AND BTCUSDT", (Word("trade"), Word("BTCUSDT"))),
        ('"rate limit"', (Word("rate limit"),)),
        (r'"say \"hi\" \\ \n"', (Word(r'say "hi" \ \n'),)),
        ('dir:in "seq":7', (FieldTerm("direction", (Exact("in"),)), Word('"seq":7'))),
        ("12:30 a-b -", (Word("12:30"), Word("a-b"), Word("-"))),
        ("50%_*", (Word("50%_*"),)),
        ("connection:orders", (FieldTerm("connection", (Exact("orders"),)),)),
        ("conn:binance-*,kraken", (FieldTerm("connection", (Glob("binance-*"), Exact("kraken"))),)),
        ('connection:"a*b","c d"', (FieldTerm("connection", (Exact("a*b"), Exact("c d"))),)),
        ("CONN:x", (FieldTerm("connection", (Exact("x"),)),)),
        ("name:connection.*", (FieldTerm("name", (Glob("connection.*"),)),)),
        ("direction:IN,out", (FieldTerm("direction", (Exact("IN"), Exact("out"))),)),
        ("id:7", (FieldTerm("id", (IdRange(7, 7),)),)),
        ("id:10..20,7", (FieldTerm("id", (IdRange(10, 20), IdRange(7, 7))),)),
        ("id:10.. id:..20", (FieldTerm("id", (IdRange(10, MAX_ID),)), FieldTerm("id", (IdRange(0, 20),)))),
        ("id:*", (FieldTerm("id", (IdRange(0, MAX_ID),)),)),
        ("id:007", (FieldTerm("id", (IdRange(7, 7),)),)),
        ("-trade", (Not(Word("trade")),)),
        ("!dir:out", (Not(FieldTerm("direction", (Exact("out"),))),)),
        ("NOT trade", (Not(Word("trade")),)),
        ("-!trade", (Word("trade"),)),
        ("-" * 5_001 + "trade", (Not(Word("trade")),)),
        ('-"a b"', (Not(Word("a b")),)),
    ],
)
def test_a_query_means_these_terms(text: str, terms: tuple[Term, ...]) -> None:
    assert parse(text) == Query(terms, text)


@pytest.mark.parametrize("pasted", ['{"type": "trade", "conn:x', "[1, OR, -2]", ' {"a":1} '])
def test_pasted_json_is_one_literal(pasted: str) -> None:
    assert parse(pasted) == Query((Word(pasted.strip()),), pasted)


@pytest.mark.parametrize(
    ("text", "column", "what", "hint"),
    [
        ("a conection:x", 2, "unknown field 'conection'", "did you mean 'connection'?"),
        ("http://x", 0, "unknown field 'http'", "as text it goes in quotes"),
        ("kind:message", 0, "unknown field 'kind'", "fields: connection, name, direction, id"),
        ('x "abc', 2, "this quote is not closed", ""),
        ("conn:", 5, "a value is missing here", ""),
        ("conn:a, b", 7, "a value is missing here", ""),
        ('conn:"a"b', 8, "'b' follows a quoted value", ""),
        ("dir:up", 4, "direction is in or out, not 'up'", ""),
        ("id:abc", 3, "'abc' is neither an id nor a range of ids", "id:10..20"),
        ("id:..", 3, "'..' is neither an id nor a range of ids", ""),
        ("id:-5", 3, "'-5' is neither an id", ""),
        ("id:²", 3, "'²' is neither an id", ""),
        ("id:20..10", 3, "the range 20..10 is empty", ""),
        ("id:" + "9" * 5_000, 3, f"no id is greater than {MAX_ID}", ""),
        ('""', 0, "there is no text between these quotes", ""),
        ("a OR b", 2, "'OR' is not understood by this version", "as text it goes in quotes"),
        ("(a", 0, "'(' is not understood by this version", ""),
        ("$.qty>3", 0, "'$.' is not understood by this version", ""),
        ("/a.b/i", 0, "'/a.b/i' is not understood by this version", ""),
        ("size>=10", 0, "'>=' is not understood by this version", ""),
        ("NOT", 0, "nothing follows that could be negated", ""),
        ("-AND", 1, "AND cannot be negated", ""),
        ("conn:" + "*" * (MAX_GLOB_CHARS + 1), 5, "a pattern has at most 1,000 characters", ""),
        ("x " * (MAX_TERMS + 1), 2 * MAX_TERMS, "a query has at most 100 terms", ""),
        ("conn:" + ",".join("x" * (MAX_ITEMS + 1)), 5 + 2 * MAX_ITEMS - 1, "a list has at most 500 values", ""),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_column(text: str, column: int, what: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.column == column
    assert caught.value.what.startswith(what)
    assert hint in caught.value.hint


def test_an_error_points_at_its_place() -> None:
    with pytest.raises(QueryError) as caught:
        parse("a conection:x")
    assert str(caught.value).splitlines()[1:] == ["  a conection:x", "    ^"]


def test_a_query_without_terms_is_false_and_matches_everything() -> None:
    assert not parse("  ")
    assert not EVERYTHING
    assert parse("x")


def test_a_query_can_be_narrowed_to_a_range_of_ids() -> None:
    assert parse("x").within(3, 9) == Query((Word("x"), FieldTerm("id", (IdRange(3, 9),))), "x")
