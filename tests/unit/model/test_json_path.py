"""Paths find what JSON has, and say so where it has nothing."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsmon.model.json_path import (
    MISSING,
    JsonPath,
    compile_path,
    match_path,
    path_collector,
    path_reader,
    path_text,
    raw_items,
    text_path_reader,
)

DOCUMENT = b'{"data": {"qty": 10.5, "tags": ["a", {"b": null}], "a b": 1, "": 2}, "e": "x", "e": "last"}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.data.qty", 10.5),
        ("$.data.tags[0]", "a"),
        ("$.data.tags[-1].b", None),
        ('$.data."a b"', 1),
        ('$.data.""', 2),
        ("$.e", "last"),
        ("$.data.tags", ["a", {"b": None}]),
        ("$.data.tags[2]", MISSING),
        ("$.data[0]", MISSING),
        ("$.data.qty.more", MISSING),
        ("$.nothing", MISSING),
    ],
)
def test_a_path_reads_what_is_there(text: str, value: object) -> None:
    assert path_reader(compile_path(text))(DOCUMENT) == value


def test_the_document_itself_is_a_path_too() -> None:
    assert path_reader(compile_path("$"))(b"[1, 2]") == [1, 2]


@pytest.mark.parametrize("document", [b"", b"{", b"\xff", b"nonsense", b"[" * 100_000, '{"a": "\ud800"}'])
def test_what_is_no_json_has_nothing(document: bytes | str) -> None:
    assert path_reader(("a",))(document) is MISSING


@pytest.mark.parametrize(
    ("document", "first", "values"),
    [
        (b'{"a":{"b":1}}\n{"a":{"b":2}}\n{"a":{"c":3}}', 1, [1, 2]),
        (b'{"x":NaN}\n{"a":{"b":[1,2]}}\n{"a":{"b":3}}', [1, 2], [1, 2, 3]),
        (b'{"a":{"b":7},"c":Infinity}', 7, 7),
        (b'{"a":{"b":9223372036854775809},"c":"\\ud83d"}', 2**63 + 1, 2**63 + 1),
        (b'{"a":{"c":7},"c":NaN}', MISSING, MISSING),
        (b'{"a":{"b":1}', MISSING, MISSING),
        (b'{"a":{"b":4}}', 4, 4),
    ],
)
def test_p2_a_path_leads_into_texts_that_json_does_not_allow(document: bytes, first: object, values: object) -> None:
    path = compile_path("$.a.b")
    assert (path_reader(path)(document), path_collector(path)(document)) == (first, values)


def test_a_reader_of_one_text_refuses_anything_else() -> None:
    read = text_path_reader(compile_path("$.a"))
    assert [read(b'{"a":1}'), read(b"{}"), read(b"[1]")] == [1, MISSING, MISSING]
    for document in (b'{"a":NaN}', b'{"a":1}\n{"a":2}', b"", b'{"a":'):
        with pytest.raises(ValueError, match=r"JSON|truncated"):
            read(document)


def test_items_are_those_of_an_array() -> None:
    assert raw_items(b'[1, {"a":[2]}]') == (b"1", b'{"a":[2]}')
    assert raw_items(b"{}") == raw_items(b"[") == ()


@pytest.mark.parametrize("text", ["", "a", "$.", "$..a", "$[x]", "$.a b", "$" + ".a" * 33])
def test_what_is_no_path_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=" "):
        compile_path(text)


def test_a_path_in_a_query_ends_where_its_operator_begins() -> None:
    assert match_path("x $.data.qty>=10", 2) == (("data", "qty"), 12)


@given(st.lists(st.one_of(st.text(max_size=5), st.integers(-9, 9)), max_size=6))
def test_what_is_written_is_read_again(steps: list[str | int]) -> None:
    assert compile_path(path_text(tuple(steps))) == tuple(steps)


def walk_path(path: JsonPath, value: object) -> object:
    """What ``path_reader`` reads, of a document that is decoded already."""
    for step in path:
        match value, step:
            case dict(), str() if step in value:
                value = value[step]
            case list(), int() if -len(value) <= step < len(value):
                value = value[step]
            case _:
                return MISSING
    return value


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("ab", max_size=1), inner)),
        max_leaves=8,
    ),
    st.lists(st.one_of(st.text("ab", max_size=1), st.integers(-3, 3)), max_size=4),
)
def test_bytes_and_values_are_read_alike(value: object, steps: list[str | int]) -> None:
    assert path_reader(tuple(steps))(msgspec.json.encode(value)) == walk_path(tuple(steps), value)
