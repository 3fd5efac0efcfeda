"""Functions that SQLite calls: leaves by number, how long a number is valid, and why a question was ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from wsmon.errors import QueryError
from wsmon.query.ast import Contains, FieldTerm, Glob, PathTerm, Regex
from wsmon.query.patterns import PatternTooSlowError
from wsmon.store.search import functions
from wsmon.store.search.functions import LEAF, Leaf, QueryFunctions


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as made:
        yield made


def answer(connection: sqlite3.Connection, number: int, *values: str | bytes | None) -> bool:
    places = ", ".join("?" * len(values))
    (found,) = connection.execute(f"SELECT {LEAF}({number}, {places})", values).fetchone()
    return bool(found)


@pytest.mark.parametrize(
    ("leaf", "fits", "fits_not"),
    [
        (Regex("mar.in"), "a margin call", "nothing"),
        (Regex("MARGIN", ignores_case=True), b"\xff margin", b"\xff"),
        (Glob("order.*"), "order.new", "reorder.new"),
        (PathTerm(("id",), (Contains("17"),)), '{"id": "a17"}', '{"ref": "a17"}'),
        (PathTerm(("id",), (Contains("17"),)), b'{"id": "a17"}', None),
    ],
)
def test_a_leaf_is_asked_of_a_value(
    connection: sqlite3.Connection, leaf: Leaf, fits: str | bytes, fits_not: str | bytes | None
) -> None:
    number = QueryFunctions(connection).number(leaf)
    assert (answer(connection, number, fits), answer(connection, number, fits_not)) == (True, False)


def test_an_expression_is_asked_of_all_values_of_a_row(connection: sqlite3.Connection) -> None:
    number = QueryFunctions(connection).number(Regex("b"))
    assert [answer(connection, number, *values) for values in (("a", "b"), (None, "a"), (None, None))] == [
        True,
        False,
        False,
    ]


def test_a_verdict_is_asked_by_its_words_and_none_fits_nothing(connection: sqlite3.Connection) -> None:
    number = QueryFunctions(connection).number(FieldTerm("verdict", (Contains("x"),)))
    assert not answer(connection, number, None)


def test_a_leaf_keeps_its_number_until_too_many_others_came(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(functions, "HELD_LEAVES", 2)
    leaves = QueryFunctions(connection)
    first, second = leaves.number(Glob("a*")), leaves.number(Glob("b*"))
    assert leaves.number(Glob("a*")) == first
    third = leaves.number(Glob("c*"))
    assert len({first, second, third}) == 3
    assert answer(connection, first, "abc")
    with pytest.raises(sqlite3.OperationalError):
        answer(connection, second, "bcd")


def test_a_pattern_that_is_too_slow_too_often_ends_the_question(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_value: str) -> bool:
        raise PatternTooSlowError("(a+)+$")

    monkeypatch.setattr(functions, "finder", lambda _pattern, **_options: slow)
    leaves = QueryFunctions(connection)
    number = leaves.number(Regex("(a+)+$"))
    rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) "
    with pytest.raises(sqlite3.OperationalError, match="interrupted") as caught:
        connection.execute(f"{rows}SELECT count(*) FROM n WHERE {LEAF}({number}, CAST(i AS TEXT))").fetchone()
    reason = leaves.cause_of(caught.value, "text~/(a+)+$/")
    assert isinstance(reason, QueryError)
    leaves.begin()
    assert leaves.cause_of(caught.value, "") is None


def test_what_a_leaf_raises_is_the_reason(connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = RuntimeError("of a leaf")

    def failing(_value: str) -> bool:
        raise failure

    monkeypatch.setattr(functions, "finder", lambda _pattern, **_options: failing)
    leaves = QueryFunctions(connection)
    number = leaves.number(Regex("a"))
    with pytest.raises(sqlite3.OperationalError) as caught:
        answer(connection, number, "a")
    assert leaves.cause_of(caught.value, "") is failure
