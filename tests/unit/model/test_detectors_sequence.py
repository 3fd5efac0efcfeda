"""Numbers that are missing, come twice or come late are found to the last one; reconnects are no reason."""

from __future__ import annotations

import random

from tests.support.detectors import NAME, Watching, fact
from wsmon.model.detectors.base import Expectation
from wsmon.model.detectors.sequence import MOST_KEYS, KeySequence, SequenceDetector


def test_numbers_that_rise_by_one_are_nothing() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, *range(100, 1_100))
    assert watching.check_until(0, 70) == []


def test_a_gap_is_told_after_a_second_with_what_is_missing() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 2, 6, 7, 9, key="BTC")
    assert watching.check(0.9) == ()
    (opened,) = watching.check(1.0)
    assert (opened.type, opened.reason) == ("gap", "4 messages missing: BTC 3-5, 8")
    assert opened.meta == {
        "evidence": [3, 5],
        "silence": 'sequence.path = "" or silence = ["gap"]',
        "missing": 4,
        "ranges": {"BTC": [[3, 5], [8, 8]]},
    }


def test_a_gap_ends_after_a_minute_without_another_and_says_all_that_was_missing() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 3)
    watching.check(1)
    watching.numbers(30, 4, 7)
    assert watching.check_until(30, 91) == []
    (closed,) = watching.check(91.5)
    assert closed.reason == "3 messages missing: 2, 5-6; none for a minute"
    assert fact(closed, "missing") == 3
    assert fact(closed, "ranges") == {"": [[2, 2], [5, 6]]}


def test_what_comes_within_a_second_is_out_of_order_and_no_gap() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 4, 2, 3, 5)
    watching.check_until(0, 2)
    assert [(found.type, found.reason) for found in watching.found] == [("reorder", "2 messages out of order: 2-3")]


def test_what_comes_after_it_was_told_as_missing_is_said_at_the_end() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 4)
    watching.check(2)
    watching.numbers(3, 2)
    watching.check_until(3, 70)
    closed = next(each for each in watching.found if (each.name, each.type) == ("incident.closed", "gap"))
    assert closed.reason == "2 messages missing: 2-3; 1 came late; none for a minute"
    assert fact(closed, "arrived") == 1


def test_a_number_that_came_before_is_a_duplicate() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 5, 6, 6, 7, 5)
    watching.check(1)
    assert [(found.type, found.reason) for found in watching.found] == [
        ("duplicate", "2 messages more than once: 6, 5")
    ]


def test_keys_count_by_themselves() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 2, key="a")
    watching.numbers(0, 7, 8, key="b")
    watching.numbers(0, 3, key="a")
    watching.numbers(0, 9, key="b")
    assert watching.check_until(0, 5) == []


def test_a_new_session_that_begins_anew_is_no_gap_and_no_duplicate() -> None:
    for first in (1, 50, 99, 100, 150):
        watching = Watching(SequenceDetector())
        watching.numbers(0, *range(90, 101))
        watching.numbers(5, *range(first, first + 10), session="s2")
        assert watching.check_until(5, 70) == []


def test_a_new_session_that_goes_on_may_bring_what_was_missing() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 2, 4)
    watching.numbers(0.5, 5, 3, 6, session="s2")
    watching.check_until(0.5, 3)
    assert [found.type for found in watching.found] == ["reorder"]


def test_a_gap_in_a_new_session_is_one() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 2)
    watching.numbers(1, 1, 2, 4, session="s2")
    assert watching.check_until(1, 3) == [("opened", "1 message missing: 3")]


def test_numbers_that_begin_anew_within_a_session_are_told() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 5_000, 5_001, 1, 2, 3)
    (opened,) = watching.check(1)
    assert (opened.type, opened.reason) == ("gap", "the numbers began anew 1 time within a session")


def test_a_silenced_kind_is_not_told_and_the_others_are() -> None:
    watching = Watching(SequenceDetector(), Expectation(silenced=frozenset({"gap"})))
    watching.numbers(0, 1, 3, 3)
    watching.check_until(0, 3)
    assert [found.type for found in watching.found] == ["duplicate"]


def test_the_end_of_the_recorder_tells_what_is_still_missing() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 3)
    assert watching.end(0.1) == [
        ("opened", "1 message missing: 2"),
        ("closed", "1 message missing: 2; the recorder ended"),
    ]


def test_a_connection_that_left_the_configuration_ends_its_incidents() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, 3)
    watching.check(1)
    watching.expect()
    assert watching.check_until(2, 3) == [("closed", "1 message missing: 2; it is no longer watched")]


def test_memory_is_bounded_whatever_the_keys() -> None:
    watching = Watching(SequenceDetector())
    for number in range(MOST_KEYS + 10):
        watching.numbers(0, 1, key=str(number))
    watching.numbers(0, 9, key="0")  # forgotten, so it begins anew
    watching.numbers(0, 9, key=str(MOST_KEYS))
    assert watching.check_until(0, 2) == [("occurred", ""), ("opened", f"7 messages missing: {MOST_KEYS} 2-8")]


def test_that_keys_are_forgotten_is_told_once() -> None:
    watching = Watching(SequenceDetector())
    for number in range(MOST_KEYS):
        watching.numbers(0, 1, key=str(number))
    assert watching.check(1) == ()
    watching.numbers(1, 1, key="one more")
    (told,) = watching.check(2)
    assert (told.name, told.source.connection, told.error_type) == ("error.occurred", NAME, "too_many_keys")
    assert told.error == "more than 10,000 sequence keys: gaps of those not heard of for longest are not seen"
    watching.numbers(2, 1, key="and another")
    assert watching.check(3) == ()


def test_a_key_that_is_heard_of_is_not_forgotten_for_keys_that_come_once() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, 1, key="busy")
    for number in range(MOST_KEYS):
        watching.numbers(0, 1, key=str(number))
        if number == MOST_KEYS // 2:
            watching.numbers(0, 2, key="busy")
    watching.numbers(0, 4, key="busy")
    assert watching.check_until(0, 2) == [("occurred", ""), ("opened", "1 message missing: busy 3")]


def test_numbers_at_random_are_told_as_missing_and_out_of_order() -> None:
    watching = Watching(SequenceDetector())
    chance = random.Random(7)
    for batch in range(40):
        watching.numbers(batch / 40, *(chance.randrange(10**9) for _ in range(500)))
    assert {found.type for found in watching.check(2)} >= {"gap", "reorder"}


def test_ranges_past_the_most_are_counted() -> None:
    watching = Watching(SequenceDetector())
    watching.numbers(0, *range(1, 2_403, 2))
    (opened,) = watching.check(1)
    assert (fact(opened, "missing"), fact(opened, "unlisted")) == (1_200, 200)
    assert opened.reason == "1,200 messages missing: 2, 4, 6 and 997 more"


def test_a_numbering_fills_the_middle_of_a_range() -> None:
    numbering = KeySequence(0, "s1")
    assert [numbering.follow(number, "s1") for number in (9, 5, 5, 1, 8, 10)] == [
        "gap",
        "late",
        "duplicate",
        "late",
        "late",
        "next",
    ]
    assert numbering.last_gap == (6, 7)
