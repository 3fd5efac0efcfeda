"""What a typed query means, and what is said about one that means nothing."""

from __future__ import annotations

import pytest

from tests.support.queries import NOW_NS, query
from wsmon.errors import QueryError
from wsmon.query.ast import (
    EVERYTHING,
    And,
    Contains,
    Exact,
    FieldTerm,
    Glob,
    Not,
    Or,
    PathTerm,
    Query,
    Range,
    Regex,
    Term,
    Word,
)
from wsmon.query.fields import FIELDS, OPERATORS, TAKES, Field
from wsmon.query.parser import MAX_DEPTH, MAX_GLOB_CHARS, MAX_INT, MAX_ITEMS, MAX_TERMS

MINUTE_NS = 60 * 10**9


def ids(low: int | None, high: int | None = None) -> FieldTerm:
    return FieldTerm("id", (Range(low, high),))


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
        ("50%_* $ $5 /usr/bin f(x) a)", tuple(map(Word, ("50%_*", "$", "$5", "/usr/bin", "f(x)", "a)")))),
        ("-trade", (Not(Word("trade")),)),
        ("!dir:out", (Not(FieldTerm("direction", (Exact("out"),))),)),
        ("NOT trade", (Not(Word("trade")),)),
        ("-!trade", (Word("trade"),)),
        ("-" * 5_001 + "trade", (Not(Word("trade")),)),
        ('-"a b"', (Not(Word("a b")),)),
        ('"AND"', (Word("AND"),)),
    ],
)
def test_words(text: str, terms: tuple[Term, ...]) -> None:
    assert query(text) == Query(terms, text)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a OR b", (Or((Word("a"), Word("b"))),)),
        ("a b OR c", (Or((And((Word("a"), Word("b"))), Word("c"))),)),
        ("a (b OR c)", (Word("a"), Or((Word("b"), Word("c"))))),
        ("(a)", (Word("a"),)),
        ("-(a b)", (Not(And((Word("a"), Word("b")))),)),
        ("NOT (a OR f(x))", (Not(Or((Word("a"), Word("f(x)")))),)),
        ("(conn:a,b)", (FieldTerm("connection", (Exact("a"), Exact("b"))),)),
        ('("a b")', (Word("a b"),)),
        ("((/x y/))", (Regex("x y"),)),
        ("code:1006 OR is:storm", (Or((FieldTerm("code", (Range(1006, 1006),)), And(query("is:storm").terms))),)),
    ],
)
def test_groups_and_alternatives(text: str, terms: tuple[Term, ...]) -> None:
    assert query(text).terms == terms


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("connection:orders", FieldTerm("connection", (Exact("orders"),))),
        ("connection:a->b", FieldTerm("connection", (Exact("a->b"),))),
        ("conn:binance-*,kraken", FieldTerm("connection", (Glob("binance-*"), Exact("kraken")))),
        ('connection:"a*b","c d"', FieldTerm("connection", (Exact("a*b"), Exact("c d")))),
        ("CONN:x", FieldTerm("connection", (Exact("x"),))),
        ("conn=a*", FieldTerm("connection", (Exact("a*"),))),
        ("conn!=x", Not(FieldTerm("connection", (Exact("x"),)))),
        ("conn~x", FieldTerm("connection", (Contains("x"),))),
        ("conn!~/^x/i", Not(FieldTerm("connection", (Regex("^x", True),)))),
        ("name:connection.*", FieldTerm("name", (Glob("connection.*"),))),
        ("direction:IN,out", FieldTerm("direction", (Exact("IN"), Exact("out")))),
        ("reason:limit", FieldTerm("reason", (Contains("limit"),))),
        ("reason=limit", FieldTerm("reason", (Exact("limit"),))),
        ("id:7", ids(7, 7)),
        ("id:10..20,7", FieldTerm("id", (Range(10, 20), Range(7, 7)))),
        ("id:10..", ids(10)),
        ("id:..20", ids(None, 20)),
        ("id:*", FieldTerm("id", (Glob("*"),))),
        ("id:007", ids(7, 7)),
        ("size>10kb", FieldTerm("size", (Range(low=10_000, is_above=True),))),
        ("size:1KiB..1.5mib", FieldTerm("size", (Range(1024, 1_572_864),))),
        ("lat>250ms", FieldTerm("duration", (Range(low=250_000_000, is_above=True),))),
        ("lat<=1.5s", FieldTerm("duration", (Range(high=1_500_000_000),))),
        ("lat>=5", FieldTerm("duration", (Range(low=5_000_000),))),
        ("status:404", FieldTerm("status", (Exact("404"),))),
        ("outcome:error", FieldTerm("status", (Exact("error"),))),
        ("status:400..499,error", FieldTerm("status", (Range(400, 499), Exact("error")))),
        ("status>=400", FieldTerm("status", (Range(low=400),))),
        ("from:open", FieldTerm("from", (Exact("websocket_connected"),))),
        ("is:redacted", FieldTerm("is", (Exact("redacted"),))),
        ("is:storm", And((FieldTerm("name", (Glob("incident.*"),)), FieldTerm("type", (Exact("storm"),))))),
        ("state:closed", FieldTerm("to", (Exact("closed"),))),
        (
            "state:open->reconnecting",
            And((FieldTerm("from", (Exact("websocket_connected"),)), FieldTerm("to", (Exact("reconnecting"),)))),
        ),
        ("since:-15m", FieldTerm("ts", (Range(low=NOW_NS - 15 * MINUTE_NS),))),
        ("until:14:00", FieldTerm("ts", (Range(high=NOW_NS - 144 * 10**9, is_below=True),))),
        ("ts:14:00", FieldTerm("ts", (Range(NOW_NS - 144 * 10**9, NOW_NS - 84 * 10**9, is_below=True),))),
        ("ts:14:00..14:01", FieldTerm("ts", (Range(NOW_NS - 144 * 10**9, NOW_NS - 84 * 10**9),))),
        ("$.type:trade", PathTerm(("type",), (Exact("trade"),))),
        ("$.data.qty>=10", PathTerm(("data", "qty"), (Range(low=10),))),
        ('$.data[0]."a b":*', PathTerm(("data", 0, "a b"), (Glob("*"),))),
        ("$.p:1..2.5,x*", PathTerm(("p",), (Range(1, 2.5), Glob("x*")))),
        ("$.p=1..2", PathTerm(("p",), (Exact("1..2"),))),
        ("$.s!~usd", Not(PathTerm(("s",), (Contains("usd"),)))),
        (r"/seq\":\s*\d{7}/", Regex(r"seq\":\s*\d{7}")),
        ("/a b/i", Regex("a b", True)),
    ],
)
def test_comparisons(text: str, term: Term) -> None:
    assert query(text) == Query((term,) if not isinstance(term, And) else term.terms, text)


@pytest.mark.parametrize("pasted", ['{"type": "trade", "conn:x', "[1, OR, -2]", ' {"a":1} '])
def test_pasted_json_is_one_literal(pasted: str) -> None:
    assert query(pasted) == Query((Word(pasted.strip()),), pasted)


@pytest.mark.parametrize(
    ("text", "column", "what", "hint"),
    [
        ("a conection:x", 2, "unknown field 'conection'", "did you mean 'connection'?"),
        ("http://x", 0, "unknown field 'http'", "quote it to search for the text"),
        ("sice:-5m", 0, "unknown field 'sice'", "did you mean 'since'?"),
        ('x "abc', 2, "unclosed quote", ""),
        ("conn:", 5, "expected a value here", ""),
        ("size>=", 6, "expected a value here", ""),
        ("conn:a, b", 7, "expected a value here", ""),
        ('conn:"a"b', 8, "unexpected 'b' after a quoted value", ""),
        ("dir:up", 4, "invalid direction 'up': expected in or out", ""),
        ("name:nonsense", 5, "unknown name 'nonsense'", "example: name:connection.*"),
        ("state:open->up", 12, "invalid to 'up': expected initialized, connecting", ""),
        ("state:->open", 6, "expected a status on both sides of ->", ""),
        ("status:reconnecting", 7, "reconnecting is a connection state", "did you mean state:reconnecting?"),
        ("-status:404,stalled", 12, "stalled is a connection state", "did you mean is:stall?"),
        ("type>3", 4, "type does not support >", "supported: : = != ~ !~"),
        ("size~3", 4, "size does not support ~", "supported: : = != > >= < <="),
        ("is>x", 2, "is does not support >", ""),
        ("is:odd", 3, "invalid is 'odd': expected redacted, truncated", ""),
        ("since>14:00", 5, "since does not support >", "since:-15m"),
        ("since:14:00,15:00", 12, "since takes a single time", ""),
        ("since:noon", 6, "invalid time 'noon'", "examples: 14:02, 14:02:24, -15m, today, Nov 17 10:00"),
        ("type:/x/", 5, "type: does not support regular expressions", "use type~/…/"),
        ("type~/(/", 5, "invalid regular expression", "quote it to search for the text"),
        ("/[/", 0, "invalid regular expression", ""),
        ('type~""', 5, "empty quotes", ""),
        ("id:abc", 3, "invalid id 'abc'", "10..20"),
        ("id:..", 3, "invalid id '..'", ""),
        ("size:5furlongs", 5, "invalid size '5furlongs'", "b kb mb kib mib"),
        ("lat>5kb", 4, "invalid duration '5kb'", "us ms s m h d"),
        ("id:²", 3, "invalid id '²'", ""),
        ("id:20..10", 3, "empty range 20..10", ""),
        (
            "seq:" + "9" * 41,
            4,
            "invalid number '" + "9" * 41 + "'",
            "examples: 7, 10..20, 10.., 7,9",
        ),
        ("id:" + "9" * 19, 3, f"number too large (maximum {MAX_INT})", ""),
        ('""', 0, "empty quotes", ""),
        ("$.qty", 5, "expected a comparison here", "$.qty>10"),
        ("$" + ".a" * 40 + ":1", 0, "a path has at most 32 steps", ""),
        ("NOT", 0, "expected a term after the negation", ""),
        ("-AND", 0, "expected a term after the negation", ""),
        ("AND a", 0, "AND must be between two terms", ""),
        ("a AND", 2, "AND must be between two terms", ""),
        ("a AND OR b", 2, "AND must be between two terms", ""),
        ("a OR", 2, "expected a term after OR", ""),
        ("OR a", 0, "expected a term before OR", ""),
        ("()", 0, "empty parentheses", ""),
        ("(a", 0, "unclosed parenthesis", ""),
        ("(" * (MAX_DEPTH + 1), MAX_DEPTH, f"parentheses can be nested at most {MAX_DEPTH} levels deep", ""),
        ("conn:" + "*" * (MAX_GLOB_CHARS + 1), 5, "pattern too long (maximum 1,000 characters)", ""),
        ("x " * (MAX_TERMS + 1), 2 * MAX_TERMS, "too many terms (maximum 100)", ""),
        (
            "conn:" + ",".join("x" * (MAX_ITEMS + 1)),
            5 + 2 * MAX_ITEMS - 1,
            "too many values in the list (maximum 500)",
            "",
        ),
    ],
)
def test_what_cannot_be_understood_is_named_with_its_column(text: str, column: int, what: str, hint: str) -> None:
    with pytest.raises(QueryError) as caught:
        query(text)
    assert (caught.value.column, caught.value.what[: len(what)]) == (column, what)
    assert hint in caught.value.hint


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_field_takes_an_operator_or_refuses_it_by_name(field: Field, operator: str) -> None:
    value = field.choices[0] if field.choices else "14:02" if field.kind == "time" else "5"
    text = f"{field.name}{operator}{value}"
    if operator in TAKES[field.kind]:
        assert query(text).terms
    else:
        with pytest.raises(QueryError, match=f"{field.name} does not support {operator}"):
            query(text)


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_every_example_of_the_help_is_a_query(field: Field) -> None:
    assert query(field.example).terms


def test_an_error_points_at_its_place() -> None:
    with pytest.raises(QueryError) as caught:
        query("a conection:x")
    assert str(caught.value).splitlines()[1:] == ["  a conection:x", "    ^"]


def test_of_a_long_query_an_error_shows_what_is_around_its_place() -> None:
    with pytest.raises(QueryError) as caught:
        query('"' + "bc" * 1_000 + '\x1b" conection:x ' + "d" * 1_000)
    _, shown, caret = str(caught.value).splitlines()
    assert shown == "  …" + ("bc" * 34)[1:] + ' " conection:x ' + "d" * 58 + "…"
    assert shown.index("conection") == caret.index("^")


def test_a_query_without_terms_is_false_and_matches_everything() -> None:
    assert not query("  ")
    assert not EVERYTHING
    assert query("x")


def test_a_query_can_be_narrowed_to_a_range_of_ids() -> None:
    assert query("x").within(3, 9) == Query((Word("x"), ids(3, 9)), "x")
