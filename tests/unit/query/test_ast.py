"""Terms of a query: numbers within bounds, and queries combined."""

from __future__ import annotations

import pytest

from wsmon.query.ast import EVERYTHING, FieldTerm, Query, Range, Word


@pytest.mark.parametrize(
    ("bounds", "inside"),
    [
        (Range(), [0, 1, 2, 3]),
        (Range(1, 2), [1, 2]),
        (Range(1, 2, is_above=True), [2]),
        (Range(1, 2, is_below=True), [1]),
        (Range(low=1.5), [2, 3]),
        (Range(high=1), [0, 1]),
    ],
)
def test_a_range_holds_the_numbers_within_its_bounds(bounds: Range, inside: list[int]) -> None:
    assert [number for number in range(4) if bounds.holds(number)] == inside


def test_a_query_is_narrowed_by_another_and_by_ids_and_keeps_its_text() -> None:
    a, b = Query((Word("a"),), "a"), Query((Word("b"),), "b")
    assert a.also(b) == Query((Word("a"), Word("b")), "a")
    assert a.within(3, 9) == Query((Word("a"), FieldTerm("id", (Range(3, 9),))), "a")


def test_only_the_query_without_terms_is_false() -> None:
    assert not EVERYTHING
    assert Query((Word("a"),))
