"""JSON as a tree."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import message
from tests.queries import query
from wsmon.model.json_path import JsonPath, raw_at, read_path
from wsmon.query.predicate import matches
from wsmon.tui.json_tree import JsonNode, term_of, text_of, tree_lines

TEXT = '{"a":1,"b":{"c":[],"d":[{"e":"x\\"y"},null]},"odd key":true}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict | list))


def drawn(text: str, *folded: JsonPath) -> list[str]:
    return ["".join(token for token, _ in line.tokens) for line in tree_lines(text, frozenset(folded))]


def test_every_line_knows_its_value() -> None:
    assert [(line.node.path, line.node.token, line.node.role) for line in tree_lines(TEXT)] == [
        ((), "{", "open"),
        (("a",), "1", "value"),
        (("b",), "{", "open"),
        (("b", "c"), "[]", "value"),
        (("b", "d"), "[", "open"),
        (("b", "d", 0), "{", "open"),
        (("b", "d", 0, "e"), '"x\\"y"', "value"),
        (("b", "d", 0), "{", "close"),
        (("b", "d", 1), "null", "value"),
        (("b", "d"), "[", "close"),
        (("b",), "{", "close"),
        (("odd key",), "true", "value"),
        ((), "{", "close"),
    ]


def test_a_folded_container_says_how_many_members_it_has() -> None:
    assert drawn(TEXT, ("b",)) == ["{", '"a": 1,', '"b": { 2 … }', '"odd key": true', "}"]
    assert drawn(TEXT, ("b", "d"), ("b",)) == drawn(TEXT, ("b",))
    assert drawn(TEXT, ()) == ["{ 3 … }"]
    assert drawn('{"a":[1,2', ("a",)) == ["{", '"a": [ 2 … ]']


@given(VALUES)
def test_what_a_line_names_is_what_the_document_has_there(value: object) -> None:
    text = json.dumps(value)
    nodes = [line.node for line in tree_lines(text)]
    for node in nodes:
        raw = raw_at(node.path, text)
        assert raw is not None
        assert json.loads(raw) == read_path(node.path, text)
        if node.role == "value" and node.token not in ("{}", "[]"):
            assert text_of(node.token) == text_of(raw.decode())


@pytest.mark.parametrize("number", range(12))
def test_the_term_of_a_value_matches_the_event_it_came_from(number: int) -> None:
    node = [line.node for line in tree_lines(TEXT)][number]
    if node.path:
        assert matches(query(term_of(node)), message(TEXT))


def test_terms_quote_texts_and_leave_numbers_as_they_stand() -> None:
    nodes = [line.node for line in tree_lines('{"a b":"x\\\\\\"y","n":97.50,"l":[1]}')]

    assert [term_of(node) for node in nodes if node.role != "close"][1:] == [
        '$."a b"="x\\\\\\"y"',
        "$.n=97.50",
        "$.l:*",
        "$.l[0]=1",
    ]


def test_a_text_that_was_cut_is_shown_without_its_quote() -> None:
    assert text_of('"half') == "half"
    assert JsonNode(("a", "b"), "1", "value").container == ("a",)
