"""Lines of the statistics at each width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.builders import T0_NS, at_ns
from tests.support.screen_harness import connection_statistics
from wsmon.model.statistics import ConnectionStatistics, Flow, Statistics, Summary, Trend, kpis
from wsmon.tui.panes.statistics_render import (
    StatisticsAnswer,
    kpi_lines,
    number_lines,
    period,
    state_lines,
    statistics_lines,
)
from wsmon.tui.text import Line, width_of

EMPTY = Trend("a", T0_NS, 10**9, (), (), (), {}, ())


def texts(found: tuple[Line, ...]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in found]


def answer(*connections: ConnectionStatistics) -> StatisticsAnswer:
    judged = tuple(replace(each, kpis=kpis(each)) for each in connections)
    return StatisticsAnswer(
        Statistics(at_ns(-3600), at_ns(0), judged), tuple(replace(EMPTY, connection=each.name) for each in judged)
    )


@pytest.mark.parametrize("width", [20, 38, 56, 78, 118, 198])
@pytest.mark.parametrize("shown", [0, 1, 2])
def test_no_line_is_wider_than_the_pane(width: int, shown: int) -> None:
    two = answer(connection_statistics("binance-spot", errors={"x" * 90: 3}), connection_statistics("deribit"))
    found = statistics_lines(replace(two, trends=two.trends[:shown]), T0_NS, (1, 2), width)
    assert max(map(width_of, found)) <= width


def test_a_narrow_pane_has_numbers_only_and_a_wide_one_plots() -> None:
    one = answer(connection_statistics("a"))
    assert [
        any("messages/s" in text for text in texts(statistics_lines(one, T0_NS, (), width))) for width in (38, 78)
    ] == [
        False,
        True,
    ]


def test_two_stand_side_by_side_where_there_is_room_and_below_each_other_elsewhere() -> None:
    two = answer(connection_statistics("a"), connection_statistics("b"))
    assert texts(statistics_lines(two, T0_NS, (), 118))[0].split() == ["a", "b"]
    assert [text for text in texts(statistics_lines(two, T0_NS, (), 78)) if text in ("a", "b")] == ["a", "b"]


def test_what_two_have_in_common_stands_on_one_line_whatever_only_one_of_them_has() -> None:
    slow = Summary(3, 1.0, 1.0, 1.0, 1.0, 1.0)
    once, often = connection_statistics("a", connection_count=1), connection_statistics("b", feed_latency_ms=slow)
    found = texts(statistics_lines(answer(replace(once, reconnection_count=12_345_678), often), T0_NS, (), 118))
    halves = [(line[:58].strip(), line[60:].strip()) for line in found[: found.index("all connections, last hour")]]
    labels = {(one[:12], other[:12]) for one, other in halves[1:]}
    differing = {("(0.0/h)", ""), ("", "feed latency")}
    assert {(one, other.split("   ")[0]) for one, other in labels if one != other} == differing


def test_no_value_is_cut_in_a_narrow_pane() -> None:
    found = texts(statistics_lines(answer(connection_statistics("a", errors={"reset": 3, "eof": 4})), T0_NS, (), 38))
    assert [text for text in found if "…" in text] == []


def test_where_there_is_no_room_for_words_a_line_stays_one() -> None:
    found = texts(statistics_lines(answer(connection_statistics("a")), T0_NS, (), 20))
    assert [text.split()[0] for text in found[:4]] == ["status", "uptime", "sessions", "last"]
    assert all(text.endswith("…") for text in found[:4])


def test_a_word_that_is_too_long_for_a_line_goes_on_below() -> None:
    found = texts(statistics_lines(answer(connection_statistics("a", errors={"x" * 30: 3})), T0_NS, (), 38))
    assert [text.strip() for text in found if "xx" in text] == ["errors        " + "x" * 24, "x" * 6 + " × 3"]


def test_key_figures_say_value_threshold_samples_and_budget() -> None:
    took = Summary(3, 212.0, 212.0, 212.0, 212.0, 212.0)
    judged = kpis(connection_statistics("a", sessions=40, connection_count=30, connect_ms=took))
    assert texts(tuple(kpi_lines(judged, 58)))[:3] == [
        "KPI                   actual      target   samples  budget",
        "connection success      75 % ✗    > 99 %        40 used up",
        "connect time          212 ms ✓   < 1.0 s         3    78 %",
    ]
    breached = [role for line in kpi_lines(judged, 58) for text, role in line if "75 %" in text]
    assert breached == ["problem"]


def test_the_longest_value_of_a_key_figure_stands_apart_from_its_name() -> None:
    odd = kpis(connection_statistics("a", sessions=30, connection_count=20))
    assert texts(tuple(kpi_lines(odd, 58)))[1] == "connection success  66.667 % ✗    > 99 %        30 used up"


def test_a_key_figure_of_few_samples_is_not_judged() -> None:
    few = kpis(connection_statistics("a", sessions=3, connection_count=2))
    line = tuple(kpi_lines(few, 58))[1]
    assert texts((line,)) == ["connection success  66.667 %      > 99 %         3 too few"]
    assert [meaning for text, meaning in line if "66.667 %" in text] == ["dim"]


def test_a_share_of_time_says_of_how_much_time() -> None:
    hardly = kpis(connection_statistics("a", availability=0.0014, scheduled_ms=540_000.0))
    assert texts(tuple(kpi_lines(hardly, 58)))[7] == "uptime                0.14 % ✗    > 99 %        9m used up"


def test_figures_of_errors_and_throughput_say_their_unit_and_that_there_is_no_target() -> None:
    found = kpis(
        connection_statistics(
            "a", messages=Flow(27_000, 0), scheduled_ms=540_000.0, recovered_errors=8, unrecovered_errors=2,
            alert_ms=Summary(4, 1_200.0, 1_200.0, 1_200.0, 1_200.0, 1_200.0), failed_alerts=1,
        ),
        {"error_to_alert_ms": 5_000.0},
    )  # fmt: skip
    assert texts(tuple(kpi_lines(found, 58)))[9:] == [
        "error recovery          80 % ✗    > 99 %        10 used up",
        "error to alert         1.2 s ✗   < 5.0 s         5  missed",
        "throughput              50/s        none        9m",
    ]


def test_a_key_figure_without_samples_has_no_value() -> None:
    never = kpis(connection_statistics("a", sessions=0, connection_count=0, connect_ms=None))
    assert texts(tuple(kpi_lines(never, 58)))[1].split() == ["connection", "success", "n/a", ">", "99", "%", "n/a"]


def shown(each: ConnectionStatistics) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in (*state_lines(each, T0_NS), *number_lines(each, 76))]


def test_a_session_of_half_a_millisecond_is_not_zero() -> None:
    bounced = connection_statistics(
        "bouncer", "reconnecting", ws_uptime_ms=0.5, total_uptime_ms=7.1, availability=0.0002, reconnection_count=1
    )

    assert shown(bounced)[:3] == [
        "status        reconnecting · open for 0.5 ms in total (TCP connected for 7.1 ms)",
        "uptime        0.02 % (of enabled time)",
        "sessions      1 attempt · 1 opened · 1 reconnect (0.0/h)",
    ]


def test_one_that_was_never_wanted_has_no_availability() -> None:
    assert "uptime        n/a: disabled for the whole period" in shown(
        connection_statistics("legacy", availability=None)
    )


def test_bytes_say_what_they_were_on_the_wire() -> None:
    each = connection_statistics("a", bytes=Flow(2048, 10), wire_bytes=Flow(1024, 14))

    assert "bytes         received 2.0 KiB, sent 10 B (on the wire: 1.0 KiB received, 14 B sent)" in shown(each)


@pytest.mark.parametrize(("seconds", "expected"), [(8, "last 8.0 s"), (59, "last 59 s"), (3600, "last hour")])
def test_the_period_is_the_one_that_was_answered_for(seconds: int, expected: str) -> None:
    assert period(replace(Statistics(0, 0, ()), since_ns=at_ns(-seconds), until_ns=at_ns(0))) == expected
