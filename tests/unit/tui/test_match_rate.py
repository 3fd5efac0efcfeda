from __future__ import annotations

from datetime import UTC

import pytest
from rich.cells import cell_len

from tests.support.builders import T0_NS, event, loss, message, numbered
from tests.support.fake_ports import FakeView
from tests.support.queries import query
from wsmon.model.events import Event
from wsmon.model.ranges import MatchHistogram
from wsmon.model.units import MINUTE_NS, SECOND_NS
from wsmon.query.ast import EVERYTHING
from wsmon.query.predicate import matches
from wsmon.tui.glyphs import ASCII, UNICODE
from wsmon.tui.match_rate import chart_lines, rate_choices, run_histogram

TRADE = message('{"e":"trade","s":"BTCUSDT","p":"97120.5"}', type="trade")
NESTED = message('{"stream":"btc@trade","data":{"symbol":"BTC \\"x\\""}}')


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (
            TRADE,
            ["trade events with $.s BTCUSDT", "trade events on binance-spot",
             "all events on binance-spot", "all events"],
        ),
        (
            NESTED,
            ['messages with $.data.symbol BTC "x"', "messages with $.stream btc@trade", "messages on binance-spot",
             "all events on binance-spot", "all events"],
        ),
        (
            message('{"s":"BTC","symbol":"BTC"}', type="trade", topic="BTC"),
            ["trade events with topic BTC", "trade events on binance-spot", "all events on binance-spot", "all events"],
        ),
        (message("no json"), ["messages on binance-spot", "all events on binance-spot", "all events"]),
        (loss(), ["connection.disconnected events on deribit", "all events on deribit", "all events"]),
        (event("self.run.started", 0, ""), ["self.run.started events from the recorder", "all events"]),
    ],
)  # fmt: skip
def test_events_like_one_are_those_of_its_type_and_of_what_it_is_about(each: Event, expected: list[str]) -> None:
    choices = rate_choices(EVERYTHING, each)

    assert [choice.label for choice in choices] == expected
    # Each search finds the event that it was made of
    assert [choice.label for choice in choices if not matches(query(choice.text), each)] == []


def test_the_search_in_force_is_the_first_choice() -> None:
    search = query("type:trade")

    choices = rate_choices(search, TRADE)

    assert (choices[0].label, choices[0].query) == ("matches for type:trade", search)
    assert [choice.text for choice in rate_choices(EVERYTHING, None, "a")] == ["conn:a", ""]


def test_steps_are_round_and_the_part_with_matches_is_shown() -> None:
    events = [message("hay", number * 60) for number in range(120)]
    events += [message("needle", 7_200 + number) for number in range(30)]
    view = FakeView(numbered(events))

    found = list(run_histogram(view, query("needle"), 60))

    assert [(each.step_ns // SECOND_NS, sum(each.counts)) for each in found] == [(300, 30), (5, 30)]
    (whole,) = run_histogram(view, EVERYTHING, 60)
    assert (whole.step_ns, len(whole.counts), sum(whole.counts)) == (5 * MINUTE_NS, 25, 150)


FOUND = MatchHistogram(T0_NS // MINUTE_NS * MINUTE_NS, MINUTE_NS, (0, 1, 16, 8) * 10, 1_204_311, is_complete=False)


def test_the_chart_has_a_scale_times_and_the_rate_under_the_cursor() -> None:
    lines = ["".join(text for text, _ in line) for line in chart_lines(FOUND, 2, 80, 2, UNICODE, UTC)]

    assert {cell_len(line) <= 80 for line in lines} == {True}
    assert [line.rstrip() for line in lines[:3]] == [
        "     16 " + "  █ " * 9 + "  █",
        "      0 " + " ▁██" * 10,
        " " * 10 + "^",
    ]
    assert "14:10" in lines[3]
    assert lines[5:] == [
        "14:04:00 + 1 min · 16 events · 0.3/s, 16/min",
        "total 250 events · mean 0.1/s, 6.2/min · 1,204,311 events searched so far",
    ]


def test_a_rare_event_has_a_rate_an_hour() -> None:
    rare = MatchHistogram(T0_NS, 3_600 * SECOND_NS, (2, 0), 9, is_complete=True)
    lines = ["".join(text for text, _ in line) for line in chart_lines(rare, 0, 80, 3, ASCII, UTC)]

    assert lines[-2].endswith(" - 2 events - 2.0/h")
    assert lines[-1] == "total 2 events - mean 1.0/h - 9 events searched"
