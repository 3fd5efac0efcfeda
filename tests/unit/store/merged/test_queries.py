"""Queries of several recordings as one of them understands them; what they find is in ``tests/property``."""

from __future__ import annotations

import pytest

from tests.support.queries import query
from wsmon.query.ast import Exact, FieldTerm, Ids, Or, Query, Range
from wsmon.store.merged.queries import RecordingQueries

# The ids of the recording are 101, 102, … for the even ids of the order
EU = RecordingQueries(
    "eu",
    lambda: ("orders", "quotes"),
    lambda event_id: 100 + (event_id + 1) // 2,
    lambda ids: [100 + each // 2 for each in ids if each % 2 == 0],
)


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("recording:eu", query("").terms),
        ("recording:us*", (Ids(frozenset()),)),
        ("conn:us/orders", (FieldTerm("connection", (Exact("us/orders"),)),)),
        (
            "conn:eu/orders",
            (
                Or(
                    (
                        FieldTerm("connection", (Exact("eu/orders"),)),
                        FieldTerm("connection", (Exact("orders"),)),
                    )
                ),
            ),
        ),
        ("id:4..7", (FieldTerm("id", (Range(102, 103),)),)),
        ("id>4", (FieldTerm("id", (Range(low=103),)),)),
        ("id<4", (FieldTerm("id", (Range(high=101),)),)),
        ("type:trade", query("type:trade").terms),
    ],
)
def test_a_term_is_translated(text: str, translated: tuple[object, ...]) -> None:
    found = EU.translated(query(text))
    assert found.text == text
    assert tuple(term for term in found.terms if term != query_of_all()) == translated


def query_of_all() -> object:
    """What stands for a term that all events of the recording match."""
    return EU.translated(query("recording:*")).terms[0]


def test_ids_are_those_of_the_recording() -> None:
    assert EU.translated(Query((Ids(frozenset((3, 4, 8))),))) == Query((Ids(frozenset((102, 104))),))
