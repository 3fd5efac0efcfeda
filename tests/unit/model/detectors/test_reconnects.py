"""Reconnect storms, exhausted retries, and logins that are refused."""

from __future__ import annotations

import pytest

from tests.support.builders import dialled, event, loss, usable
from tests.support.detectors import NAME, DetectorHarness, fact, incident_reasons
from wsmon.model.detectors.base import Expectation
from wsmon.model.detectors.reconnects import AuthDetector, RetriesDetector, StormDetector
from wsmon.model.events import Event, EventName

# What ended each dial
LAST = "last: “rate limit: 5 connections”, 1008, closed by peer"


def refused_dials(harness: DetectorHarness, *times_s: float) -> None:
    for attempt, after_s in enumerate(times_s, 1):
        harness.see(dialled(after_s, NAME, attempt))
        harness.see(loss(after_s + 0.1, NAME))


def test_five_dials_in_a_minute_are_a_storm_at_the_fifth() -> None:
    harness = DetectorHarness(StormDetector())
    refused_dials(harness, 0, 1, 3, 7)
    assert harness.check(8) == ()
    refused_dials(harness, 15)
    (opened,) = harness.check(15.2)
    assert opened.reason == f"5 attempts in 15 s; {LAST}"
    assert fact(opened, "evidence") == [1, 3, 5, 7, 8, 9]


def test_accepted_and_rejected_again_is_a_storm_that_says_so() -> None:
    harness = DetectorHarness(StormDetector())
    for after_s in (0, 2, 4, 6, 8):
        harness.see(dialled(after_s, NAME), usable(after_s + 0.1, NAME), loss(after_s + 0.5, NAME))
    (opened,) = harness.check(8.6)
    assert opened.reason == f"5 attempts in 8 s, 4 of them connected and then dropped; {LAST}"


def test_dials_that_are_far_between_are_none() -> None:
    harness = DetectorHarness(StormDetector())
    refused_dials(harness, *range(0, 600, 16))
    assert harness.check_until(0, 600, 5) == []


def test_a_session_that_holds_ends_it() -> None:
    harness = DetectorHarness(StormDetector(), Expectation(stable_after_s=10))
    refused_dials(harness, 0, 1, 2, 3)
    harness.see(dialled(4, NAME), usable(4.5, NAME))
    assert harness.check_until(4.5, 14) == [("opened", f"5 attempts in 4 s; {LAST}")]
    assert harness.check_until(14, 60) == [("closed", "open for 10 s")]


def test_a_session_that_is_lost_before_it_is_stable_does_not() -> None:
    harness = DetectorHarness(StormDetector())
    refused_dials(harness, 0, 1, 2, 3)
    harness.see(dialled(4, NAME), usable(4.5, NAME))
    harness.check(5)
    harness.see(loss(25, NAME))
    assert harness.check_until(25, 50) == []


def test_a_minute_with_hardly_a_dial_ends_it() -> None:
    harness = DetectorHarness(StormDetector())
    refused_dials(harness, 0, 1, 3, 7, 15, 31)
    harness.check(31)
    refused_dials(harness, 61, 91)
    assert harness.check_until(91, 160) == [("closed", "2 attempts in the last 60 s")]


def test_dials_at_the_longest_delay_do_not_open_it_again() -> None:
    harness = DetectorHarness(StormDetector())
    refused_dials(harness, 0, 1, 3, 7, 15, 31)
    for after_s in range(61, 3_600, 30):
        harness.check_until(after_s - 30, after_s - 0.25)
        refused_dials(harness, after_s)
    assert [event.name for event in harness.found] == ["incident.opened", "incident.closed"]


def test_closing_or_giving_up_ends_it() -> None:
    for to_status, reason in (("closed", "closed"), ("error", "gave up")):
        harness = DetectorHarness(StormDetector())
        refused_dials(harness, 0, 1, 2, 3, 4)
        harness.check(5)
        harness.see(loss(6, NAME, to_status=to_status))
        assert harness.check_until(6, 7) == [("closed", reason)]


def test_dials_by_hand_count_anew() -> None:
    harness = DetectorHarness(StormDetector())
    refused_dials(harness, 0, 1, 2, 3)
    harness.see(loss(4, NAME, to_status="closed"), dialled(5, NAME, from_status="closed"))
    assert harness.check_until(5, 70) == []


def test_sessions_that_end_at_the_pace_of_the_storm_are_the_same_storm() -> None:
    harness = DetectorHarness(StormDetector(), Expectation(stable_after_s=5))
    for after_s in range(0, 180, 12):
        harness.see(dialled(after_s, NAME), usable(after_s + 0.1, NAME))
        harness.check_until(after_s + 0.25, after_s + 11)
        harness.see(loss(after_s + 11.5, NAME))
    assert incident_reasons(harness.found) == [
        ("opened", f"5 attempts in 48 s, 4 of them connected and then dropped; {LAST}")
    ]
    harness.see(dialled(180, NAME), usable(180.1, NAME))
    assert harness.check_until(180.1, 300) == [("closed", "open for 24 s")]


def test_a_loss_after_the_storm_does_not_bring_it_back() -> None:
    harness = DetectorHarness(StormDetector(), Expectation(stable_after_s=5))
    refused_dials(harness, 0, 1, 2, 3)
    harness.see(dialled(4, NAME), usable(4.5, NAME))
    harness.check_until(4.5, 10)
    harness.see(loss(10, NAME))
    refused_dials(harness, 11, 12, 13)
    assert [event.name for event in harness.found] == ["incident.opened", "incident.closed"]
    assert harness.check_until(13, 60) == []


def refused(after_s: float, status: int) -> Event:
    return event(
        "connection.disconnected", after_s, NAME, to_status="disconnected", status=status, error_type="http_status"
    )


def auth(name: EventName, after_s: float, **fields: object) -> Event:
    return event(name, after_s, NAME, **fields)


def test_exhausted_retries_are_an_incident_until_the_next_dial() -> None:
    harness = DetectorHarness(RetriesDetector())
    harness.see(event("connection.transition", 0, NAME, to_status="error", meta={"attempts": 1}, error="no such name"))
    assert harness.check_until(0, 60, 10) == [("opened", "gave up: no such name")]
    harness.see(dialled(60, NAME, from_status="error"))
    assert harness.check_until(60, 61) == [("closed", "reconnected")]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_upgrade_is_a_login_refused(status: int) -> None:
    harness = DetectorHarness(AuthDetector())
    harness.see(refused(0, status), refused(60, status))
    assert harness.check_until(60, 61) == [("opened", f"the upgrade was refused with {status}")]
    harness.see(usable(120, NAME))
    assert harness.check_until(120, 121) == [("closed", "accepted")]


def test_other_refusals_are_not() -> None:
    harness = DetectorHarness(AuthDetector())
    harness.see(*(refused(0, status) for status in (400, 404, 407, 426, 429, 503)))
    assert harness.check(1) == ()


def test_a_login_that_failed_ends_with_one_that_works_and_not_with_a_socket() -> None:
    harness = DetectorHarness(AuthDetector())
    harness.see(auth("auth.failed", 0, error="invalid_credentials", error_type="auth"))
    assert harness.check_until(0, 1) == [("opened", "login failed: “invalid_credentials”")]
    harness.see(usable(5, NAME))
    assert harness.check(5) == ()
    harness.see(auth("auth.completed", 6))
    assert harness.check_until(6, 7) == [("closed", "logged in")]


def test_a_login_that_a_loss_broke_off_was_not_refused() -> None:
    harness = DetectorHarness(AuthDetector())
    harness.see(auth("auth.failed", 0, error_type="disconnected"))
    assert harness.check(1) == ()


def test_closing_the_connection_ends_a_refused_login() -> None:
    harness = DetectorHarness(AuthDetector())
    harness.see(refused(0, 401))
    harness.check(0)
    harness.see(loss(5, NAME, to_status="closed"))
    assert harness.check_until(5, 6) == [("closed", "closed")]


def test_the_thresholds_of_a_storm_are_configurable() -> None:
    limits = {"storm": {"opens": 3.0, "within": 20.0, "closes": 0.0}}
    harness = DetectorHarness(StormDetector(), Expectation(thresholds=limits))
    refused_dials(harness, 0, 15, 30)
    assert harness.check(30) == ()
    refused_dials(harness, 31, 32)
    assert [event.name for event in harness.check(32)] == ["incident.opened"]
    assert harness.check_until(32, 60) == [("closed", "0 attempts in the last 20 s")]
