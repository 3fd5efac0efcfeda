from __future__ import annotations

from dataclasses import replace

import pytest

from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.panes.log_filter import MatchCount
from wsmon.tui.panes.log_status import InSight, LogStatus, sentences

PLAIN = LogStatus(
    is_following=True,
    events=1_204_311,
    shown=1_204_311,
    searched=1_204_311,
    is_searching=False,
    query="",
    hidden_heartbeats=0,
    hides_heartbeats=False,
    paused_at="14:02:24",
    new_below=0,
    waiting_since="14:00:00",
)


WHOLE = MatchCount(41, 3, is_complete=True)


@pytest.mark.parametrize(
    ("changes", "expected", "shorter"),
    [
        ({}, "following · 1,204,311 events", "following · 1,204,311"),
        (
            {"hides_heartbeats": True, "hidden_heartbeats": 3210},
            "following · 1,204,311 events · hiding 3,210 heartbeats (h)",
            "following · 1,204,311 · 3,210 hidden (h)",
        ),
        (
            {"hides_heartbeats": True, "hidden_heartbeats": 1},
            "following · 1,204,311 events · hiding 1 heartbeat (h)",
            "following · 1,204,311 · 1 hidden (h)",
        ),
        (
            {"is_following": False, "new_below": 1203},
            "paused at 14:02:24 · 1,203 new (F to follow) · 1,204,311 events",
            "paused · 1,203 new (F) · 1,204,311",
        ),
        (
            {"events": 0, "shown": 0},
            "Waiting for the first event (since 14:00:00)",
            "Waiting for the first event (since 14:00:00)",
        ),
        (
            {"query": "x", "shown": 0, "searched": 12_000, "events": 12_000},
            "no matches for x in 12,000 events · Esc clears",
            "no matches for x",
        ),
        (
            {"query": "x", "shown": 0, "searched": 9, "events": 9, "why_never": "what follows a is b or c"},
            "no matches for x in 9 events · what follows a is b or c · Esc clears",
            "no matches for x",
        ),
        (
            {"query": "x", "shown": 3, "searched": 600_000, "is_searching": True},
            "following · 3 of 600,000 events match x · searching, 49 % · Esc clears",
            "following · 3 x · 49 %",
        ),
        (
            {"query": "x", "shown": 0, "searched": 600_000, "is_searching": True},
            "following · no matches yet for x in 600,000 events · searching, 49 % · Esc clears",
            "following · 0 x · 49 %",
        ),
        (
            {"query": "x", "shown": 41, "searched": 600_000, "is_searching": True, "searched_back_to": "13:02:11"},
            "following · 41 of 600,000 events match x · searched back to 13:02:11 · Esc clears",
            "following · 41 x · 49 %",
        ),
        (
            {"query": "x", "shown": 1, "hides_heartbeats": True, "hidden_heartbeats": None},
            "following · 1 of 1,204,311 events match x · heartbeats hidden (h) · Esc clears",
            "following · 1 x · heartbeats hidden (h)",
        ),
        (
            {"query": "x", "shown": 41, "is_following": False, "match_count": WHOLE},
            "paused at 14:02:24 · match 3 of 41 for x in 1,204,311 events · Esc clears",
            "paused · 3 of 41 x",
        ),
        (
            {"pruned": 12_000},
            "following · 1,204,311 events · 12,000 older pruned",
            "following · 1,204,311 · 12,000 pruned",
        ),
        (
            {"in_sight": InSight(2, 5), "pruned": 7},
            "following · 1,204,311 events · 7 older pruned · in sight 2 cut, 5 redacted",
            "following · 1,204,311 · 7 pruned · 2 cut, 5 redacted",
        ),
        (
            {"query": "x", "is_in_context": True, "is_following": False, "match_count": WHOLE},
            "paused at 14:02:24 · match 3 of 41 for x, ^f only · 1,204,311 events",
            "paused · 3 of 41 x",
        ),
        (
            {"query": "x", "is_in_context": True, "match_count": MatchCount(41, 0, is_complete=False)},
            "following · 41 matches so far for x, ^f only · 1,204,311 events",
            "following · 41 x",
        ),
        (
            {"query": "x", "is_in_context": True, "match_count": MatchCount(1, 0, is_complete=True)},
            "following · 1 match for x, ^f only · 1,204,311 events",
            "following · 1 x",
        ),
        ({"trouble": "no newer problem"}, "no newer problem", "no newer problem"),
        (
            {
                "trouble": "no match",
                "is_following": False,
                "new_below": 7,
                "hides_heartbeats": True,
                "hidden_heartbeats": 9,
            },
            "no match · paused at 14:02:24 · 7 new (F to follow) · hiding 9 heartbeats (h)",
            "no match",
        ),
    ],
)
def test_the_sentence_says_what_is_shown_and_what_is_not(
    changes: dict[str, object], expected: str, shorter: str
) -> None:
    status = replace(PLAIN, **changes)  # type: ignore[arg-type]  # fields by name
    assert sentences(status, UNICODE)[:3:2] == (expected, shorter)


def test_words_go_before_the_units_of_numbers() -> None:
    status = replace(PLAIN, is_following=False, new_below=707, hides_heartbeats=True, hidden_heartbeats=4168)

    assert sentences(status, UNICODE)[1] == "paused · 707 new (F) · 1,204,311 events · 4,168 heartbeats hidden (h)"


def test_a_long_or_hostile_query_is_shortened_and_safe() -> None:
    whole, _, shorter, *_ = sentences(replace(PLAIN, query="\x1b[/b]" * 100), ASCII)

    assert whole.isascii()
    assert whole.isprintable()
    assert len(shorter) < len(whole) < 120


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "1,204,311"),
        ({"hides_heartbeats": True, "hidden_heartbeats": 3210}, "1,204,311 · 3,210 hid"),
        ({"hides_heartbeats": True, "hidden_heartbeats": None, "query": "x", "shown": 4}, "4 found · h hides"),
        (
            {
                "query": "x",
                "shown": 41,
                "is_following": False,
                "match_count": WHOLE,
                "new_below": 12,
                "in_sight": InSight(1, 2),
            },
            "3 of 41 found · 12 new · 3 not whole",
        ),
        ({"pruned": 5}, "1,204,311 · 5 pruned"),
        ({"trouble": "no newer problem"}, "no newer problem"),
    ],
)
def test_the_shortest_sentence_counts_the_same(changes: dict[str, object], expected: str) -> None:
    assert sentences(replace(PLAIN, **changes), UNICODE)[-1] == expected  # type: ignore[arg-type]  # fields by name


def test_before_it_leaves_out_words_it_leaves_out_the_query() -> None:
    asked = replace(PLAIN, query="kind:message conn:chat", shown=41, is_following=False, match_count=WHOLE, new_below=2)
    assert sentences(asked, UNICODE)[1:4] == (
        "paused · 2 new (F) · 3 of 41 kind:message conn:chat",
        "paused · 2 new (F) · 3 of 41 kind:message co…",
        "paused · 2 new (F) · 3 of 41 found",
    )
