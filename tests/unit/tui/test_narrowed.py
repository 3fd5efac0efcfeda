"""A search that goes on with one more term."""

from __future__ import annotations

import pytest

from tests.support.queries import query
from wsmon.tui.screen import narrowed


@pytest.mark.parametrize(
    ("text", "is_excluded", "expected"),
    [
        ("", False, "$.a=1"),
        ("", True, "-$.a=1"),
        ("conn:x", False, "conn:x $.a=1"),
        ("conn:x OR conn:y", True, "(conn:x OR conn:y) -$.a=1"),
    ],
)
def test_a_term_holds_beside_all_that_was_searched_for(text: str, is_excluded: bool, expected: str) -> None:
    found = narrowed(text, "$.a=1", is_excluded=is_excluded)

    assert found == expected
    assert query(found)
