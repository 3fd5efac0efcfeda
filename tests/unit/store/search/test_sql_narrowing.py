"""What is known of the matches of a query before any row is read."""

from __future__ import annotations

import pytest

from tests.support.queries import query
from wsmon.model.events import EVENT_NAMES
from wsmon.query.ast import And
from wsmon.query.parser import MAX_INT
from wsmon.store.search.sql import ALL_NAMES, decided_names, id_bounds, is_settled, names_of

ERRORS = {name for name in EVENT_NAMES if name.startswith("error.")}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ALL_NAMES),
        ("kind:error", ERRORS),
        ("name:error.* trade", ERRORS),
        ("kind:error OR name:message.sent", ERRORS | {"message.sent"}),
        ("kind:error OR trade", ALL_NAMES),
        ("-kind:error", ALL_NAMES - ERRORS),
        ("kind:error -name:error.occurred", ERRORS - {"error.occurred"}),
        ("kind:error kind:message", set()),
    ],
)
def test_names_without_which_a_query_has_no_match(text: str, names: set[str]) -> None:
    assert names_of(And(query(text).terms)) == names


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("trade", (0, MAX_INT)),
        ("id:3..9", (3, 9)),
        ("id:3,9", (3, 9)),
        ("id>=3 id:..9 trade", (3, 9)),
        ("id:3 OR id:9..", (3, MAX_INT)),
        ("id:3 OR trade", (0, MAX_INT)),
        ("-id:3", (0, MAX_INT)),
        ("id:3 id:9", (9, 3)),
    ],
)
def test_ids_between_which_all_matches_are(text: str, bounds: tuple[int, int]) -> None:
    assert id_bounds(And(query(text).terms)) == bounds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id:3..9", True),
        ("id>3", False),
        ("id:3,9", False),
        ("kind:error", True),
        ("-kind:error", True),
        ("trade", False),
        ("kind:error OR trade", False),
    ],
)
def test_a_term_is_settled_where_names_or_bounds_say_it_all(text: str, expected: bool) -> None:
    (term,) = query(text).terms
    assert is_settled(term) is expected


def test_a_term_about_something_else_tells_no_names() -> None:
    assert [decided_names(term) for term in query("trade -trade id:3").terms] == [None, None, None]
