"""The title over a pane."""

from __future__ import annotations

import pytest

from wsmon.tui.layout import title_line
from wsmon.tui.text import width_of

TEXTS = ("bouncer: down 49 s · “token expired”, 1008 by peer", "bouncer: “token expired”, 1008 by peer")


def title(width: int, *texts: str) -> str:
    spans = title_line("connections", texts, width, is_focused=False)
    assert width_of(spans) == width
    return "".join(text for text, _ in spans).strip("─ ")


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "1 Connections ── bouncer: down 49 s · “token expired”, 1008 by peer"),
        (60, "1 Connections ── bouncer: “token expired”, 1008 by peer"),
        (40, "1 Connections ── bouncer: “token exp…"),
        (26, "1 Connections"),
    ],
)
def test_the_longest_that_fits_is_shown_and_the_shortest_is_cut(width: int, expected: str) -> None:
    assert title(width, *TEXTS) == expected


def test_without_anything_to_say_there_is_a_rule() -> None:
    assert title(40) == "1 Connections"
