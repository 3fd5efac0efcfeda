"""Differences between JSON documents, texts and bytes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from wsmon.model.diff import (
    LONG_LINE,
    Added,
    DiffRun,
    Leaf,
    Removed,
    ValueChange,
    decode_json,
    diff,
    diff_runs,
    hex_rows,
    leaves,
    text_pieces,
)
from wsmon.model.json_path import JsonPath


def between(before: str, after: str) -> list[tuple[JsonPath, Leaf]]:
    first, second = decode_json(before.encode()), decode_json(after.encode())
    return list(leaves(diff(first, second)))


def test_members_are_added_removed_and_changed_by_path() -> None:
    assert between('{"e":"trade","d":{"p":1.50,"x":null}}', '{"d":{"p":1.5,"y":[]},"e":"trade"}') == [
        (("d", "p"), ValueChange(Decimal("1.50"), Decimal("1.5"))),
        (("d", "x"), Removed(None)),
        (("d", "y"), Added([])),
    ]


@pytest.mark.parametrize(
    ("before", "after"), [("1", "true"), ("0", "false"), ("1", "1.0"), ("1", '"1"'), ("null", "false"), ("[]", "{}")]
)
def test_values_that_python_takes_for_the_same_differ(before: str, after: str) -> None:
    first, second = decode_json(before.encode()), decode_json(after.encode())
    assert diff(first, second) == ValueChange(first, second)


def test_an_item_put_in_front_moves_the_others_and_changes_none() -> None:
    assert between("[1,2,3]", "[0,1,2,3]") == [((0,), Added(0))]
    assert between("[1,2,3]", "[1,3]") == [((1,), Removed(2))]
    assert between("[1,2,3]", "[1,9,3]") == [((1,), ValueChange(2, 9))]


def test_price_levels_are_compared_by_their_price() -> None:
    assert between("[[100,1],[99,2],[98,3]]", "[[101,5],[100,1],[98,4]]") == [
        ((0,), Added([101, 5])),
        ((1,), Removed([99, 2])),
        ((2, 1), ValueChange(3, 4)),
    ]


def test_objects_in_arrays_are_compared_by_what_they_are_about() -> None:
    before = '[{"id":1,"qty":5},{"id":2,"qty":6}]'
    after = '[{"id":7,"qty":1},{"id":1,"qty":5},{"id":2,"qty":0}]'
    assert between(before, after) == [((0,), Added({"id": 7, "qty": 1})), ((2, "qty"), ValueChange(6, 0))]


def test_objects_without_a_name_are_compared_in_their_places() -> None:
    assert between('[{"a":1},{"a":2}]', '[{"a":1},{"a":3},{"a":4}]') == [
        ((1, "a"), ValueChange(2, 3)),
        ((2,), Added({"a": 4})),
    ]


def test_arrays_too_long_to_align_are_compared_in_their_places() -> None:
    before = "[" + ",".join(map(str, range(2000))) + "]"
    after = "[" + ",".join(str(number + 1) for number in range(2000)) + "]"
    assert between(before, after)[0] == ((0,), ValueChange(0, 1))
    assert len(between(before, after)) == 2000


def test_numbers_of_any_size_are_exact() -> None:
    assert between("12345678901234567890123", "12345678901234567890124") == [
        ((), ValueChange(12345678901234567890123, 12345678901234567890124))
    ]


def test_documents_nested_too_deep_are_refused() -> None:
    with pytest.raises(RecursionError):
        decode_json(b"[" * 10_000 + b"]" * 10_000)


def test_lines_of_a_text_are_compared() -> None:
    assert list(diff_runs(text_pieces("a\nb\nc\n"), text_pieces("a\nx\nc\n"))) == [
        DiffRun("same", ("a\n",), 0),
        DiffRun("removed", ("b\n",), 1),
        DiffRun("added", ("x\n",), 1),
        DiffRun("same", ("c\n",), 2),
    ]


def test_words_of_a_long_line_are_compared() -> None:
    words = [f"word{number}," for number in range(100)]
    before, after = text_pieces("".join(words)), text_pieces("".join([*words[:50], "new,", *words[50:]]))
    assert [(run.kind, len(run.pieces)) for run in diff_runs(before, after)] == [
        ("same", 50),
        ("added", 1),
        ("same", 50),
    ]


def test_a_word_without_end_is_cut() -> None:
    assert {len(piece) for piece in text_pieces("x" * 10 * LONG_LINE)} == {LONG_LINE}


def test_texts_too_long_to_align_are_replaced_but_for_their_ends() -> None:
    before = ["same", *(f"a{number}" for number in range(1500)), "same"]
    after = ["same", *(f"b{number}" for number in range(1500)), "same"]
    assert [(run.kind, len(run.pieces)) for run in diff_runs(before, after)] == [
        ("same", 1), ("removed", 1500), ("added", 1500), ("same", 1),
    ]  # fmt: skip


def test_bytes_are_compared_in_rows() -> None:
    assert hex_rows(b"\x00" * 17) == (" ".join(["00"] * 16), "00")
