from __future__ import annotations

from dataclasses import replace

import pytest

from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.panes.log_status import LogStatus, sentence

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


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "following · 1,204,311 events"),
        (
            {"hides_heartbeats": True, "hidden_heartbeats": 3210},
            "following · 1,204,311 events · hiding 3,210 heartbeats (h)",
        ),
        ({"hides_heartbeats": True, "hidden_heartbeats": 1}, "following · 1,204,311 events · hiding 1 heartbeat (h)"),
        ({"is_following": False, "new_below": 1203}, "paused at 14:02:24, 1,203 new below (F) · 1,204,311 events"),
        ({"events": 0, "shown": 0}, "waiting for the first event since 14:00:00"),
        (
            {"query": "x", "shown": 0, "searched": 12_000, "events": 12_000},
            "no match for 'x' in 12,000 events · Esc clears",
        ),
        (
            {"query": "x", "shown": 3, "searched": 600_000, "is_searching": True},
            "following · 3 of 600,000 events match 'x' · searching, 49 % · Esc clears",
        ),
        (
            {"query": "x", "shown": 0, "searched": 600_000, "is_searching": True},
            "following · 0 of 600,000 events match 'x' · searching, 49 % · Esc clears",
        ),
        (
            {"query": "x", "shown": 1, "hides_heartbeats": True, "hidden_heartbeats": None},
            "following · 1 of 1,204,311 events match 'x' · heartbeats hidden (h) · Esc clears",
        ),
        ({"pruned": 12_000}, "following · 1,204,311 events · 12,000 older pruned"),
        (
            {"query": "x", "is_in_context": True},
            "following · 'x' highlighted, ^f only · 1,204,311 events",
        ),
        ({"trouble": "no newer problem"}, "no newer problem"),
    ],
)
def test_the_sentence_says_what_is_shown_and_what_is_not(changes: dict[str, object], expected: str) -> None:
    assert sentence(replace(PLAIN, **changes), UNICODE) == expected  # type: ignore[arg-type]  # fields by name


def test_a_long_or_hostile_query_is_shortened_and_safe() -> None:
    text = sentence(replace(PLAIN, query="\x1b[/b]" * 100), ASCII)

    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 120
