"""Uptime, availability and frequency from transitions: the acceptance cases of the tracer (ST-04 … ST-21).

Times are milliseconds; a recorder runs from 0 until it is asked.
"""

from __future__ import annotations

import pytest

from wsmon.model.statuses import Status
from wsmon.model.uptime import RunPeriod, StatusChange, Uptime, observed_ns, reconnects_per_hour, uptime

MS = 1_000_000
FOREVER_MS = 10_000_000
MINUTE_MS = 60_000


def run_span(start_ms: int, end_ms: int) -> RunPeriod:
    return RunPeriod(start_ms * MS, start_ms * MS, end_ms * MS, end_ms * MS)


def added_up(
    *steps: tuple[int, Status],
    asked_ms: int = 5_000,
    since_ms: int = 0,
    until_ms: int = FOREVER_MS,
) -> Uptime:
    """Steps of one run whose clocks agree."""
    made = [StatusChange(at * MS, at * MS, 1, status) for at, status in steps]
    return uptime(made, {1: run_span(0, asked_ms)}, since_ms * MS, until_ms * MS)


def test_st_04_one_session_and_a_reconnect() -> None:
    assert added_up((1000, "connected"), (1500, "disconnected"), (1600, "reconnecting")) == Uptime(
        total_ns=500 * MS,
        ws_ns=0,
        wanted_ns=4_000 * MS,
        connections=1,
        opens=0,
        reconnections=1,
        last_connected_ns=1000 * MS,
        last_disconnected_ns=1500 * MS,
    )


def test_st_06_transport_counts_from_connected_usable_from_the_upgrade() -> None:
    found = added_up((900, "connecting"), (1000, "connected"), (1050, "websocket_connected"), (1500, "disconnected"))
    assert (found.connections, found.opens, found.reconnections) == (1, 1, 0)
    assert (found.total_ns, found.ws_ns) == (500 * MS, 450 * MS)
    assert (found.last_connected_ns, found.last_disconnected_ns) == (1000 * MS, 1500 * MS)


def test_st_08_a_living_session_counts_until_it_is_asked() -> None:
    assert added_up((1000, "connected"), asked_ms=1750).total_ns == 750 * MS


def test_st_09_a_session_within_one_tick_was_up_for_a_millisecond() -> None:
    assert added_up((1000, "connected"), (1000, "disconnected")).total_ns == 1 * MS


def test_st_10_without_steps_everything_is_zero() -> None:
    assert added_up() == Uptime()
    assert added_up().availability is None


def test_st_12_sessions_add_up() -> None:
    found = added_up(
        (1000, "connected"), (1500, "disconnected"), (1600, "reconnecting"), (1800, "connected"), (2000, "disconnected")
    )
    assert (found.connections, found.total_ns, found.reconnections) == (2, 700 * MS, 1)


def test_st_13_a_failed_dial_is_a_disconnect_without_uptime() -> None:
    found = added_up((900, "connecting"), (1500, "disconnected"))
    assert (found.total_ns, found.last_connected_ns, found.last_disconnected_ns) == (0, None, 1500 * MS)


def test_st_14_a_failed_attempt_does_not_add_the_session_before_it_again() -> None:
    found = added_up(
        (1000, "connected"),
        (1500, "disconnected"),
        (1600, "reconnecting"),
        (1700, "connecting"),
        (2000, "disconnected"),
    )
    assert (found.total_ns, found.last_disconnected_ns) == (500 * MS, 2000 * MS)


@pytest.mark.parametrize("end", ["error", "closed"])
def test_st_15_giving_up_and_closing_stop_the_clock(end: Status) -> None:
    found = added_up((1000, "connected"), (1500, end), asked_ms=5000)
    assert (found.total_ns, found.last_disconnected_ns) == (500 * MS, 1500 * MS)


def test_st_16_a_session_that_begins_as_the_last_one_ends_is_alive() -> None:
    found = added_up((1000, "connected"), (1500, "disconnected"), (1500, "connected"), asked_ms=2500)
    assert found.total_ns == 1500 * MS


def test_st_17_a_wall_clock_that_steps_back_changes_no_duration() -> None:
    steps = [StatusChange(1000 * MS, 1000 * MS, 1, "connected"), StatusChange(400 * MS, 1500 * MS, 1, "disconnected")]
    found = uptime(steps, {1: run_span(0, 5000)}, 0, FOREVER_MS * MS)
    assert found.total_ns == 500 * MS
    alive = uptime(steps[:1], {1: RunPeriod(0, 0, 300 * MS, 1700 * MS)}, 0, FOREVER_MS * MS)
    assert alive.total_ns == 700 * MS


def test_st_21_three_reconnects_in_ten_minutes_are_eighteen_an_hour() -> None:
    watched_ns = observed_ns([run_span(0, 10 * MINUTE_MS)], 0, 10 * MINUTE_MS * MS)
    assert reconnects_per_hour(3, watched_ns) == pytest.approx(18.0)
    assert reconnects_per_hour(3, 59_999 * MS) is None


def test_the_gap_between_reconnections_is_measured_within_a_run() -> None:
    again: list[tuple[int, Status]] = [(1000, "reconnecting"), (4000, "reconnecting"), (5000, "reconnecting")]
    assert added_up(*again).reconnection_gap_ns == 2000 * MS
    assert added_up(*again[:1]).reconnection_gap_ns is None
    later = [StatusChange(9000 * MS, 1 * MS, 2, "reconnecting"), StatusChange(9100 * MS, 101 * MS, 2, "reconnecting")]
    first = [StatusChange(ts * MS, ts * MS, 1, status) for ts, status in again]
    runs = {1: run_span(0, 6000), 2: RunPeriod(8999 * MS, 0, 9200 * MS, 201 * MS)}
    assert uptime([*first, *later], runs, 0, FOREVER_MS * MS).reconnection_gap_ns == pytest.approx(4100 * MS / 3)


def test_a_period_counts_only_what_lies_in_it() -> None:
    steps: list[tuple[int, Status]] = [
        (1000, "connected"),
        (1100, "websocket_connected"),
        (3000, "disconnected"),
        (3100, "reconnecting"),
    ]
    found = added_up(*steps, since_ms=2000, until_ms=2500)
    assert found == Uptime(total_ns=500 * MS, ws_ns=500 * MS, wanted_ns=500 * MS)
    assert found.availability == 1.0


def test_the_status_before_the_period_is_carried_in() -> None:
    found = added_up((1000, "websocket_connected"), (3000, "disconnected"), since_ms=2000, until_ms=4000)
    assert (found.ws_ns, found.wanted_ns, found.availability) == (1000 * MS, 2000 * MS, 0.5)
    assert (found.opens, found.last_disconnected_ns) == (0, 3000 * MS)


def test_closed_by_us_is_not_wanted() -> None:
    found = added_up((0, "connecting"), (1000, "websocket_connected"), (2000, "closed"), asked_ms=9000)
    assert (found.wanted_ns, found.availability) == (2000 * MS, 0.5)


def test_gave_up_is_wanted_and_down() -> None:
    assert added_up((0, "websocket_connected"), (1000, "error"), asked_ms=4000).availability == 0.25


def test_the_time_between_two_runs_does_not_count() -> None:
    runs = {1: run_span(0, 2000), 2: RunPeriod(9000 * MS, 100 * MS, 10_000 * MS, 1100 * MS)}
    steps = [
        StatusChange(1000 * MS, 1000 * MS, 1, "websocket_connected"),
        StatusChange(9500 * MS, 600 * MS, 2, "websocket_connected"),
    ]
    found = uptime(steps, runs, 0, FOREVER_MS * MS)
    assert found == Uptime(
        total_ns=1500 * MS, ws_ns=1500 * MS, wanted_ns=1500 * MS, opens=2, last_connected_ns=9500 * MS
    )
    assert observed_ns(runs.values(), 1000 * MS, 9500 * MS) == 1500 * MS


def test_only_a_session_that_ended_in_the_period_was_up_for_at_least_a_millisecond() -> None:
    steps: tuple[tuple[int, Status], ...] = ((1000, "connected"), (1000, "disconnected"))
    assert added_up(*steps, since_ms=1000, until_ms=1001).total_ns == 1 * MS
    assert added_up(*steps, since_ms=1001).total_ns == 0
    assert added_up(*steps, until_ms=1000).total_ns == 0
