"""The scroll bar."""

from __future__ import annotations

from itertools import groupby

import pytest
from rich.color import Color

from wsmon.tui.terminal.filters import THUMB, TRACK, ScrollMark


def bar(virtual: int, window: int, position: int, size: int = 10) -> str:
    segments = ScrollMark.render_bar(size, virtual, window, position, back_color=Color.parse("blue")).segments
    return "".join(segment.text for segment in segments)


@pytest.mark.parametrize(
    ("virtual", "window", "position", "expected"),
    [
        (20, 10, 0, THUMB * 5 + TRACK * 5),
        (20, 10, 10, TRACK * 5 + THUMB * 5),
        (10_000, 10, 9_990, TRACK * 9 + THUMB),
        (10, 0, 0, TRACK * 10),
    ],
)
def test_the_thumb_is_where_the_window_is(virtual: int, window: int, position: int, expected: str) -> None:
    assert bar(virtual, window, position) == expected


@pytest.mark.parametrize("position", range(0, 91, 7))
def test_it_has_whole_cells_and_one_thumb(position: int) -> None:
    runs = [glyph for glyph, _ in groupby(bar(100, 10, position))]

    assert set(runs) == {TRACK, THUMB}
    assert runs.count(THUMB) == 1


def test_cells_keep_what_the_mouse_does_there() -> None:
    segments = ScrollMark.render_bar(10, 20, 5, 8).segments
    actions = [segment.style.meta["@mouse.down"] for segment in segments if segment.style is not None]

    assert [action for action, _ in groupby(actions)] == ["scroll_up", "grab", "scroll_down"]
