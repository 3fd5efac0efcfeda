"""A storm is many dials in a minute, whether the peer refuses them or accepts and drops them."""

from __future__ import annotations

from tests.support.builders import dialled, loss, usable
from tests.support.detectors import NAME, Watching, fact, told
from wsmon.model.detectors.base import Expectation
from wsmon.model.detectors.reconnects import StormDetector

# What ended each dial
LAST = "the last: “rate limit: 5 connections”, 1008 by peer"


def refused(watching: Watching, *times_s: float) -> None:
    for attempt, after_s in enumerate(times_s, 1):
        watching.see(dialled(after_s, NAME, attempt))
        watching.see(loss(after_s + 0.1, NAME))


def test_five_dials_in_a_minute_are_a_storm_at_the_fifth() -> None:
    watching = Watching(StormDetector())
    refused(watching, 0, 1, 3, 7)
    assert watching.check(8) == ()
    refused(watching, 15)
    (opened,) = watching.check(15.2)
    assert opened.reason == f"5 attempts in 15 s; {LAST}"
    assert fact(opened, "evidence") == [1, 3, 5, 7, 8, 9]


def test_accepted_and_rejected_again_is_a_storm_that_says_so() -> None:
    watching = Watching(StormDetector())
    for after_s in (0, 2, 4, 6, 8):
        watching.see(dialled(after_s, NAME), usable(after_s + 0.1, NAME), loss(after_s + 0.5, NAME))
    (opened,) = watching.check(8.6)
    assert opened.reason == f"5 attempts in 8 s, 4 accepted and lost again; {LAST}"


def test_dials_that_are_far_between_are_none() -> None:
    watching = Watching(StormDetector())
    refused(watching, *range(0, 600, 16))
    assert watching.check_until(0, 600, 5) == []


def test_a_session_that_holds_ends_it() -> None:
    watching = Watching(StormDetector(), Expectation(stable_after_s=10))
    refused(watching, 0, 1, 2, 3)
    watching.see(dialled(4, NAME), usable(4.5, NAME))
    assert watching.check_until(4.5, 14) == [("opened", f"5 attempts in 4 s; {LAST}")]
    assert watching.check_until(14, 60) == [("closed", "open for 10 s")]


def test_a_session_that_is_lost_before_it_is_stable_does_not() -> None:
    watching = Watching(StormDetector())
    refused(watching, 0, 1, 2, 3)
    watching.see(dialled(4, NAME), usable(4.5, NAME))
    watching.check(5)
    watching.see(loss(25, NAME))
    assert watching.check_until(25, 50) == []


def test_a_minute_with_hardly_a_dial_ends_it() -> None:
    watching = Watching(StormDetector())
    refused(watching, 0, 1, 3, 7, 15, 31)
    watching.check(31)
    refused(watching, 61, 91)
    assert watching.check_until(91, 160) == [("closed", "2 attempts in the last 60 s")]


def test_dials_at_the_longest_delay_do_not_open_it_again() -> None:
    watching = Watching(StormDetector())
    refused(watching, 0, 1, 3, 7, 15, 31)
    for after_s in range(61, 3_600, 30):
        watching.check_until(after_s - 30, after_s - 0.25)
        refused(watching, after_s)
    assert [event.name for event in watching.found] == ["incident.opened", "incident.closed"]


def test_closing_or_giving_up_ends_it() -> None:
    for to_status, reason in (("closed", "closed"), ("error", "gave up")):
        watching = Watching(StormDetector())
        refused(watching, 0, 1, 2, 3, 4)
        watching.check(5)
        watching.see(loss(6, NAME, to_status=to_status))
        assert watching.check_until(6, 7) == [("closed", reason)]


def test_dials_by_hand_count_anew() -> None:
    watching = Watching(StormDetector())
    refused(watching, 0, 1, 2, 3)
    watching.see(loss(4, NAME, to_status="closed"), dialled(5, NAME, from_status="closed"))
    assert watching.check_until(5, 70) == []


def test_sessions_that_end_at_the_pace_of_the_storm_are_the_same_storm() -> None:
    watching = Watching(StormDetector(), Expectation(stable_after_s=5))
    for after_s in range(0, 180, 12):
        watching.see(dialled(after_s, NAME), usable(after_s + 0.1, NAME))
        watching.check_until(after_s + 0.25, after_s + 11)
        watching.see(loss(after_s + 11.5, NAME))
    assert told(watching.found) == [("opened", f"5 attempts in 48 s, 4 accepted and lost again; {LAST}")]
    watching.see(dialled(180, NAME), usable(180.1, NAME))
    assert watching.check_until(180.1, 300) == [("closed", "open for 24 s")]


def test_a_loss_after_the_storm_does_not_bring_it_back() -> None:
    watching = Watching(StormDetector(), Expectation(stable_after_s=5))
    refused(watching, 0, 1, 2, 3)
    watching.see(dialled(4, NAME), usable(4.5, NAME))
    watching.check_until(4.5, 10)
    watching.see(loss(10, NAME))
    refused(watching, 11, 12, 13)
    assert [event.name for event in watching.found] == ["incident.opened", "incident.closed"]
    assert watching.check_until(13, 60) == []
