"""Plots, bars and the table of message types of the statistics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest

from tests.support.builders import T0_NS, at_ns
from wsmon.model.statistics import MessageType, Percentiles, Trend
from wsmon.tui.panes.statistics_plots import (
    byte_plot,
    count_bars,
    heartbeat_plot,
    percentile_plot,
    plot_buckets,
    rate_plot,
    size_bars,
    type_lines,
)
from wsmon.tui.text import Line, width_of

EMPTY = Trend("a", T0_NS, 10**9, (), (), (), {}, ())
FED = replace(EMPTY, messages=(1, 2), rtt_ms=(Percentiles(10, 20, 40), None), bucket_ns=60 * 10**9)


def texts(found: tuple[Line, ...]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in found]


def test_a_plot_without_data_has_no_zero() -> None:
    silent = replace(EMPTY, messages=(None,) * 8)
    assert texts(tuple(rate_plot(silent, 20))) == ["messages/s   no data"]


def test_a_plot_says_its_scale_and_what_was_last() -> None:
    fed = replace(EMPTY, bucket_ns=5 * 10**9, messages=(None, 0, 150, 60, 9))
    assert texts(tuple(rate_plot(fed, 48, UTC))) == [
        "messages/s        current 12  max 30 at 14:02:34",
        "     50",
        " " * 28 + "⣿" * 10,
        "      0" + " " * 11 + "⣀" * 10 + "⣿" * 20,
        " " * 20 + "14:02:30" + " " * 12 + "14:02:40",
    ]
    assert plot_buckets(40) == 64


def test_percentiles_are_one_plot() -> None:
    found = texts(tuple(percentile_plot("ping RTT", FED.rtt_ms, FED, 60, UTC)))
    assert found[0].startswith("ping RTT")
    assert found[0].endswith("▄ p50  ˙ p95, p99  max p99 40 ms at 14:02:24")
    assert len(found) == 5


def test_bars_say_number_and_share_and_what_is_left_out() -> None:
    many = {f"type-{n}": 1 for n in range(10)}
    found = texts(tuple(count_bars("types", {"trade": 3, "book": 1}, 50, "text")))
    assert found[0] == "types"
    assert found[1].split()[:3] == ["trade", "3", "75.00"]
    assert texts(tuple(count_bars("types", many, 50, "text")))[-1] == "  and 2 more, 2 in all"
    assert texts(tuple(count_bars("errors", {}, 50, "text"))) == ["errors", "  –"]


def test_small_sizes_are_put_together_where_there_are_many() -> None:
    sizes = {0: 1, **{1 << power: 1 for power in range(1, 12)}}
    found = texts(tuple(size_bars(replace(EMPTY, sizes=sizes), 60)))
    assert (len(found), found[1].split()[:4]) == (9, ["≤", "16", "B", "5"])


def test_heartbeats_have_a_plot_of_their_own_that_says_how_many_were_missed() -> None:
    beating = replace(EMPTY, bucket_ns=10**10, messages=(0, 0, 0), heartbeats=(1, 2, 1), missed=(0, 3, 0))
    assert texts(tuple(heartbeat_plot(beating, 60, UTC)))[0].split("  ")[-3:] == [
        "current 0.2", "max 0.2 at 14:02:34", "missed 3",
    ]  # fmt: skip
    assert texts(tuple(byte_plot(replace(beating, bytes=(0, 20_480, 0)), 60, UTC)))[0].endswith(
        "max 2.0 KiB at 14:02:34"
    )


@pytest.mark.parametrize("width", [10, 20, 40, 60, 97, 200])
def test_a_plot_has_times_below_it_and_no_line_is_wider(width: int) -> None:
    fed = replace(EMPTY, bucket_ns=10**9, messages=(5,) * plot_buckets(width))
    found = tuple(rate_plot(fed, width, UTC))
    assert max(map(width_of, found)) <= width
    if width >= 40:
        assert "14:02" in texts(found)[-1]


TYPES = (
    MessageType("trade", 900, 100.0, at_ns(-2)),
    MessageType("book", 90, None, at_ns(-86_400)),
    MessageType("other", 10, None, None),
)


def test_types_have_number_share_rate_bytes_and_when_they_were_last_seen() -> None:
    found = [line.split() for line in texts(tuple(type_lines(TYPES, 10**11, T0_NS, 97, UTC)))]
    assert [line[:7] if line[0] == "book" else line[:8] for line in found] == [
        ["Message", "types", "messages", "share", "rate", "bytes", "last", "seen"],
        ["trade", "900", "90.00", "%", "9.0/s", "~88", "KiB", "14:02:22"],
        ["book", "90", "9.00", "%", "0.9/s", "–", "2026-01-09"],
        ["other", "10", "1.00", "%", "0.1/s", "–", "–", "▎"],
    ]


@pytest.mark.parametrize("width", [16, 30, 40, 58, 76, 97, 198])
def test_types_fit_and_all_of_them_are_listed(width: int) -> None:
    many = tuple(MessageType(f"type-{number}", 1, 1.0, T0_NS) for number in range(100))
    found = tuple(type_lines(many, 10**9, T0_NS, width, UTC))
    assert (len(found), max(map(width_of, found)) <= width) == (101, True)


def test_without_types_it_says_so() -> None:
    assert texts(tuple(type_lines((), 10**9, T0_NS, 60))) == ["Message types", "  –"]


def test_the_rate_of_a_bucket_that_is_not_over_is_not_told_and_a_plot_fills_its_width() -> None:
    steady = replace(EMPTY, messages=(200, 200, 200, 7))
    title, *_, lowest, _axis = texts(tuple(rate_plot(steady, 38)))
    assert title.split() == ["messages/s", "current", "200", "max", "200"]
    assert len(lowest) == 38
