"""Terms on bookmarks, notes and their tags."""

from __future__ import annotations

import pytest

from tests.support.builders import message, numbered
from tests.support.queries import NOW_NS, query
from wsmon.errors import QueryError
from wsmon.model.notes import Bookmark
from wsmon.query.fields import FIELDS
from wsmon.query.notes import asks_notes, tags, with_notes
from wsmon.query.predicate import matches

HOUR_NS = 3_600 * 10**9
EVENTS = numbered([message(str(number)) for number in range(5)])
BOOKMARKS = (
    Bookmark(EVENTS[0], NOW_NS - 2 * HOUR_NS),
    Bookmark(EVENTS[2], NOW_NS - HOUR_NS // 2, "asked the Vendor #vendor #ticket-17"),
    Bookmark(EVENTS[3], NOW_NS, "see issue#9, 10%"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mark:*", [1, 3, 4]),
        ("marked:*", [1, 3, 4]),
        ("-mark:*", [2, 5]),
        ("mark>=-1h", [3, 4]),
        ("mark:-3h..-1h", [1]),
        ("note:vendor", [3]),
        ("note:*", [3, 4]),
        ("note=asked", []),
        ("note~/^see/", [4]),
        ("note!=x", [1, 2, 3, 4, 5]),
        ("tag:VENDOR", [3]),
        ("tag:ticket-*", [3]),
        ("tag:9", []),
        ("tag:*", [3]),
        ("(tag:vendor OR id:1) -note:nothing", [1, 3]),
        ("mark:* note:issue", [4]),
        ("tag:none", []),
    ],
)
def test_terms_on_notes_find_the_events_marked(text: str, expected: list[int]) -> None:
    asked = with_notes(query(text), BOOKMARKS)

    assert asked.text == text
    assert [event.id for event in EVENTS if matches(asked, event)] == expected


def test_a_query_without_them_stays_as_it_is() -> None:
    plain = query("-(kind:message OR id:3)")
    assert with_notes(plain, BOOKMARKS) is plain
    assert not asks_notes(plain)


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.is_of_notes])
def test_where_no_notes_are_at_hand_they_are_refused_by_name(name: str) -> None:
    with pytest.raises(QueryError, match=f"{name}: needs the notes of a recording, which are not available here"):
        matches(query(f"-{name}:*"), EVENTS[0])


def test_tags_are_words_behind_a_number_sign() -> None:
    assert tags("#a, (#b-1) c#d ##e #") == ("a", "b-1", "e")
