"""JSON on indented lines, its folding, and the query terms of its values."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import message
from tests.support.queries import query
from wsmon.model.json_path import JsonPath, path_reader, raw_at
from wsmon.query.predicate import matches
from wsmon.tui.json_view import (
    MAX_DEPTH,
    Folding,
    JsonLines,
    JsonNode,
    TokenKind,
    json_fault,
    json_lines,
    query_term,
    tree_lines,
    value_text,
)

TEXT = '{"a":1,"b":{"c":[],"d":[{"e":"x\\"y"},null]},"odd key":true}'
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict | list))


def drawn(text: str, *folded: JsonPath) -> list[str]:
    return ["".join(token for token, _ in line.tokens) for line in tree_lines(text, Folding(None, frozenset(folded)))]


def nodes_of(text: str) -> list[JsonNode]:
    return [line.node for line in tree_lines(text) if line.node is not None]


def test_every_line_knows_its_value() -> None:
    assert [tuple(node) for node in nodes_of(TEXT)] == [
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
    assert drawn(TEXT, ("b",)) == ["{", '"a": 1,', '"b": { 2 … },', '"odd key": true', "}"]
    assert drawn(TEXT, ("b", "d"), ("b",)) == drawn(TEXT, ("b",))
    assert drawn(TEXT, ()) == ["{ 3 … }"]
    assert drawn('{"a":[1,2', ("a",)) == ["{", '"a": [ … ]']


@given(VALUES)
def test_what_a_line_names_is_what_the_document_has_there(value: object) -> None:
    text = json.dumps(value)
    nodes = nodes_of(text)
    for node in nodes:
        raw = raw_at(node.path, text)
        assert raw is not None
        assert json.loads(raw) == path_reader(node.path)(text)
        if node.kind == "value" and node.token not in ("{}", "[]"):
            assert value_text(node.token) == value_text(raw.decode())


@pytest.mark.parametrize("number", range(12))
def test_the_term_of_a_value_matches_the_event_it_came_from(number: int) -> None:
    node = nodes_of(TEXT)[number]
    if node.path:
        assert matches(query(query_term(node)), message(TEXT))


def test_terms_quote_texts_and_leave_numbers_as_they_stand() -> None:
    nodes = nodes_of('{"a b":"x\\\\\\"y","n":97.50,"l":[1]}')

    assert [query_term(node) for node in nodes if node.kind != "close"][1:] == [
        '$."a b"="x\\\\\\"y"',
        "$.n=97.50",
        "$.l:*",
        "$.l[0]=1",
    ]


def test_a_text_that_was_cut_is_shown_without_its_quote() -> None:
    assert value_text('"half') == "half"
    assert JsonNode(("a", "b"), "1", "value").container == ("a",)


@given(VALUES, st.integers(0, 4), st.data())
def test_what_is_folded_is_passed_over_and_the_rest_stays(value: object, level: int, data: st.DataObject) -> None:
    text = json.dumps(value, separators=data.draw(st.sampled_from([(",", ":"), (" , ", " : ")])))
    containers = [node.path for node in nodes_of(text) if node.kind == "open"]
    others = data.draw(st.frozensets(st.sampled_from(containers or [()])))
    folding = Folding(level, others)
    shown = [(line.depth, line.node) for line in tree_lines(text, folding)]
    folded = [path for path in containers if folding.folds(path)]
    outside = [
        (line.depth, line.node)
        for line in tree_lines(text)
        if line.node is not None
        and not any(line.node.path[: len(path)] == path and line.node.path != path for path in folded)
        and not (line.node.kind == "close" and line.node.path in folded)
    ]
    assert shown == outside


def test_a_folded_container_counts_its_members_whatever_they_are() -> None:
    text = '{"a":[{"x":[1,2]},"]}",{"y":"\\\\"},[],{},-1.5e3,null],"a":{"b":1,"b":2},"c":3}'
    assert drawn(text, ("a",), ("c",)) == ["{", '"a": [ 7 … ],', '"a": { 2 … },', '"c": 3', "}"]


def test_levels_fold_what_is_as_deep_or_deeper() -> None:
    shown = ["".join(token for token, _ in line.tokens) for line in tree_lines(TEXT, Folding(2))]
    assert shown == ["{", '"a": 1,', '"b": {', '"c": [],', '"d": [ 2 … ]', "},", '"odd key": true', "}"]
    assert Folding(2).toggle(("b", "d")).folds(("b", "d")) is False


def test_what_is_nested_beyond_reason_has_no_path_and_its_lines_come_at_once() -> None:
    text = "[" * 10_000
    lines = list(islice(tree_lines(text), 5_000))

    assert len(lines) == 5_000
    assert [line.node is None for line in lines] == [number > MAX_DEPTH for number in range(5_000)]
    assert [line.node for line in tree_lines(text, Folding(0))] == [JsonNode((), "[", "open")]


def test_folding_reads_no_line_of_what_it_passes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    token = JsonLines._token

    def counted(lines: JsonLines) -> tuple[str, TokenKind] | None:
        nonlocal read
        read += 1
        return token(lines)

    monkeypatch.setattr(JsonLines, "_token", counted)
    text = '{"big":[' + "1," * 500_000 + '1],"small":2}'
    assert len(list(tree_lines(text, Folding(1)))) == 4
    assert read < 20


def drawn_lines(text: str) -> list[str]:
    return ["  " * depth + "".join(token for token, _ in tokens) for depth, tokens in json_lines(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", ["{}"]),
        ("[]", ["[]"]),
        ("[1]", ["[", "  1", "]"]),
        ('{"a": 1, "b" :[true,null]}', ["{", '  "a": 1,', '  "b": [', "    true,", "    null", "  ]", "}"]),
        ("[[[]],{}]", ["[", "  [", "    []", "  ],", "  {}", "]"]),
        ('{"a":"x, {y}: \\" ["}', ["{", '  "a": "x, {y}: \\" ["', "}"]),
        ("[1.50e3,-0.0,12345678901234567890]", ["[", "  1.50e3,", "  -0.0,", "  12345678901234567890", "]"]),
        ('{"a":1,"a":2}', ["{", '  "a": 1,', '  "a": 2', "}"]),
    ],
)
def test_json_is_indented_as_it_stands(text: str, expected: list[str]) -> None:
    assert drawn_lines(text) == expected


def test_what_was_cut_is_shown_up_to_the_cut() -> None:
    assert drawn_lines('{"a":[1,"unfinis') == ["{", '  "a": [', "    1,", '    "unfinis']


def test_tokens_carry_their_kind() -> None:
    assert list(json_lines('{"a":"b","c":[1,null]}'))[1:4] == [
        (1, (('"a"', "key"), (": ", "sign"), ('"b"', "string"), (",", "sign"))),
        (1, (('"c"', "key"), (": ", "sign"), ("[", "sign"))),
        (2, (("1", "number"), (",", "sign"))),
    ]


@pytest.mark.parametrize(
    ("text", "is_cut", "expected"),
    [
        ('{"a":1}', False, None),
        (" [1]", False, None),
        ("plain", False, ""),
        ('"a text"', False, ""),
        ("[/b]", False, "JSON is malformed: invalid character (byte 1)"),
        ("[/b]", True, "invalid character (byte 1)"),
        ('{"a":[1,"unfin', True, None),
        ('{"a":tru', True, None),
        ("[" * 100_000, False, "nested too deep"),
    ],
)
def test_what_is_not_json_says_why(text: str, is_cut: bool, expected: str | None) -> None:
    assert json_fault(text, is_cut=is_cut) == expected


@pytest.mark.parametrize("text", ["[" * 200_000, '"' + "\\" * 200_000, "[" + "1," * 100_000, "-" * 200_000, "]" * 9999])
def test_any_text_ends(text: str) -> None:
    tokens = "".join(token for _, line in json_lines(text) for token, _ in line)

    assert tokens.replace(" ", "") == text
