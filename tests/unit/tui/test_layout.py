"""Which panes are in sight and how high they are; titles of slots."""

from __future__ import annotations

import pytest

from wsmon.tui.layout import PANES, Arrangement, PaneName, connections_height, is_roomy, middle_height, title_line
from wsmon.tui.text import width_of


@pytest.mark.parametrize(
    ("size", "in_sight"),
    [
        ((120, 40), ("connections", "timeline", "log")),
        ((100, 30), ("connections", "timeline", "log")),
        ((99, 30), ("connections", "log")),
        ((100, 29), ("connections", "log")),
        ((40, 12), ("connections", "log")),
    ],
)
def test_room_decides_how_many(size: tuple[int, int], in_sight: tuple[PaneName, ...]) -> None:
    assert Arrangement().visible(*size) == in_sight


@pytest.mark.parametrize("pane", PANES)
@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
def test_a_pane_that_is_asked_for_is_in_sight(pane: PaneName, size: tuple[int, int]) -> None:
    assert pane in Arrangement().ask(pane).visible(*size)
    assert Arrangement(zoomed="log").ask(pane).visible(*size) == (pane,)


def test_statistics_take_the_place_of_the_timeline_where_there_is_room() -> None:
    asked = Arrangement().ask("statistics")
    assert asked.visible(120, 40) == ("connections", "statistics", "log")
    assert asked.ask("timeline").visible(120, 40) == ("connections", "timeline", "log")


def test_the_detail_takes_a_part_of_the_log_once_it_is_asked_for_and_until_it_is_closed() -> None:
    opened = Arrangement().ask("detail").ask("log")
    assert opened.visible(120, 40) == ("connections", "timeline", "log", "detail")
    assert opened.visible(80, 24) == ("connections", "log")
    assert opened.close_detail().visible(120, 40) == ("connections", "timeline", "log")
    assert Arrangement().ask("detail").close_detail().visible(80, 24) == ("connections", "log")


def test_the_list_of_a_small_terminal_shows_eight_and_leaves_the_log_nine_rows() -> None:
    assert [connections_height(rows, 24, roomy=False) for rows in (0, 1, 5, 8, 50)] == [3, 3, 7, 10, 10]
    assert [20 - 2 - connections_height(50, 20, roomy=False) - 1, connections_height(50, 60, roomy=False)] == [9, 23]
    assert [connections_height(rows, 12, roomy=False) for rows in (1, 50)] == [3, 4]


@pytest.mark.parametrize("height", [30, 40, 60])
def test_the_log_keeps_a_third_with_any_number_of_connections(height: int) -> None:
    for pane in ("timeline", "statistics"):
        for rows in (1, 5, 500):
            above = connections_height(rows, height, roomy=True) + middle_height(rows, height, pane)
            assert height - 2 - above >= height * 0.25, (pane, rows)


def test_a_side_pane_needs_width_and_height() -> None:
    assert [is_roomy(*size) for size in ((100, 30), (99, 30), (100, 29))] == [True, False, False]


def test_where_two_panes_have_no_room_one_is_shown_the_one_asked_for_last() -> None:
    tiny = (20, 5)
    assert Arrangement().visible(*tiny) == ("connections",)
    assert Arrangement().ask("detail").visible(*tiny) == ("detail",)
    assert Arrangement().ask("detail").ask("connections").visible(*tiny) == ("connections",)
    assert Arrangement().ask("timeline").visible(40, 12) == ("connections", "timeline")


# The title over a pane.

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
