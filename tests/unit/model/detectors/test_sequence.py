"""Gaps, duplicates and reordered messages are found to the last number; reconnects are no gaps."""

from __future__ import annotations

import random
from functools import partial

from tests.support.builders import event
from tests.support.detectors import NAME, DetectorHarness, fact, incident_reasons
from wsmon.model.detectors.base import Expectation
from wsmon.model.detectors.sequence import (
    MAX_KEYS,
    MAX_RANGES,
    KeySequence,
    MissingRange,
    PendingRanges,
    SequenceDetector,
)
from wsmon.model.measures import SequenceNumber


def test_numbers_that_rise_by_one_are_nothing() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, *range(100, 1_100))
    assert harness.check_until(0, 70) == []


def test_a_gap_is_told_after_a_second_with_what_is_missing() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 2, 6, 7, 9, key="BTC")
    assert harness.check(0.9) == ()
    (opened,) = harness.check(1.0)
    assert (opened.type, opened.reason) == ("gap", "4 missing messages: BTC 3-5, 8")
    assert opened.meta == {
        "evidence": [3, 5],
        "silence": 'sequence.path = "" or silence = ["gap"]',
        "missing": 4,
        "ranges": {"BTC": [[3, 5], [8, 8]]},
    }


def test_a_gap_ends_after_a_minute_without_another_and_says_all_that_was_missing() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 3)
    harness.check(1)
    harness.numbers(30, 4, 7)
    assert harness.check_until(30, 91) == []
    (closed,) = harness.check(91.5)
    assert closed.reason == "3 missing messages: 2, 5-6; none for 60 s"
    assert fact(closed, "missing") == 3
    assert fact(closed, "ranges") == {"": [[2, 2], [5, 6]]}


def test_what_comes_within_a_second_is_out_of_order_and_no_gap() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 4, 2, 3, 5)
    harness.check_until(0, 2)
    assert [(found.type, found.reason) for found in harness.found] == [("reorder", "2 out-of-order messages: 2-3")]


def test_what_comes_after_it_was_told_as_missing_is_said_at_the_end() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 4)
    harness.check(2)
    harness.numbers(3, 2)
    harness.check_until(3, 70)
    closed = next(each for each in harness.found if (each.name, each.type) == ("incident.closed", "gap"))
    assert closed.reason == "2 missing messages: 2-3; 1 came late; none for 60 s"
    assert fact(closed, "arrived") == 1


def test_a_number_that_came_before_is_a_duplicate() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 5, 6, 6, 7, 5)
    harness.check(1)
    assert [(found.type, found.reason) for found in harness.found] == [("duplicate", "2 duplicate messages: 6, 5")]


def test_p3_a_heartbeat_may_repeat_the_newest_number_and_shows_what_is_missing() -> None:
    harness = DetectorHarness(SequenceDetector())
    beat = partial(SequenceNumber, "A", mark="heartbeat")
    harness.messages(0, SequenceNumber("A", 5), beat(5), beat(5), SequenceNumber("A", 6), beat(5), beat(6))
    assert harness.check_until(0, 2) == []
    harness.messages(2, beat(9))
    assert harness.check_until(2, 4) == [("opened", "2 missing messages: A 7-8")]


def test_p3_after_a_message_that_restarts_the_count_any_number_is_the_next() -> None:
    harness = DetectorHarness(SequenceDetector())
    restart = SequenceNumber("A", 1, mark="restart")
    harness.messages(0, restart, SequenceNumber("A", 4_118_596_219), SequenceNumber("A", 4_118_596_220))
    harness.messages(1, SequenceNumber("B", 3), restart, SequenceNumber("A", 7), SequenceNumber("B", 4))
    assert harness.check_until(0, 70) == []


def test_a_restart_without_a_key_is_one_of_all_keys() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.messages(0, SequenceNumber("A", 5), SequenceNumber("B", 50), SequenceNumber("", None, mark="restart"))
    harness.messages(1, SequenceNumber("A", 1), SequenceNumber("B", 1))
    assert harness.check_until(0, 70) == []


def test_p3_numbers_that_jump_are_not_called_missing() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 4_118_596_219, 4_118_596_220, key="A")
    assert harness.check_until(0, 2) == [("opened", "sequence numbers for A jumped from 1 to 4,118,596,219")]
    assert "missing" not in (harness.found[0].meta or {})


def test_p3_ranges_that_follow_each_other_or_overlap_are_nothing() -> None:
    harness = DetectorHarness(SequenceDetector())
    ranges = [(1, 10), (11, 20), (15, 25), (26, 26)]
    harness.messages(0, *(SequenceNumber("", last, first) for first, last in ranges))
    assert harness.check_until(0, 70) == []


def test_p3_a_missing_range_is_counted_in_numbers() -> None:
    harness = DetectorHarness(SequenceDetector())
    ranges = [(1, 10), (31, 40), (11, 20), (31, 40)]
    harness.messages(0, *(SequenceNumber("", last, first) for first, last in ranges))
    assert sorted(harness.check_until(0, 2)) == [
        ("opened", "10 duplicate numbers: 31-40"),
        ("opened", "10 missing numbers: 21-30"),
        ("opened", "10 out-of-order numbers: 11-20"),
    ]


def test_p3_numbers_may_be_larger_than_64_bits() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 2**64 + 1, 2**64 + 2, 2**64 + 4)
    assert harness.check_until(0, 2) == [("opened", f"1 missing message: {2**64 + 3}")]


def test_p2_a_message_that_could_not_be_read_is_no_gap() -> None:
    harness = DetectorHarness(SequenceDetector())
    unread = SequenceNumber("", 1, mark="unread")
    harness.messages(0, SequenceNumber("A", 1), SequenceNumber("B", 1), unread, SequenceNumber("A", 3))
    harness.messages(1, SequenceNumber("A", 4), SequenceNumber("B", 3), SequenceNumber("B", 4))
    assert harness.check_until(0, 70) == []


def test_p2_a_gap_around_a_message_that_could_not_be_read_says_so() -> None:
    harness = DetectorHarness(SequenceDetector())
    unread = SequenceNumber("", 1, mark="unread")
    harness.messages(0, SequenceNumber("", 1), unread, SequenceNumber("", 5), SequenceNumber("", 7))
    assert harness.check_until(0, 2) == [
        ("opened", "4 missing messages: 2-4, 6; 1 message could not be read and may be among them")
    ]


def test_p3_an_open_incident_has_the_running_count() -> None:
    harness = DetectorHarness(detector := SequenceDetector())
    harness.numbers(0, 1, 3)
    (opened,) = harness.check(1)
    incident_id = harness.last_id
    assert detector.running() == ()
    harness.numbers(2, 7)
    harness.check(4)
    assert detector.running() == ((incident_id, "4 missing messages: 2, 4-6"),)
    assert detector.running() == ()
    assert opened.reason == "1 missing message: 2"


def test_keys_count_by_themselves() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 2, key="a")
    harness.numbers(0, 7, 8, key="b")
    harness.numbers(0, 3, key="a")
    harness.numbers(0, 9, key="b")
    assert harness.check_until(0, 5) == []


def test_a_new_session_that_begins_anew_is_no_gap_and_no_duplicate() -> None:
    for first in (1, 50, 99, 100, 150):
        harness = DetectorHarness(SequenceDetector())
        harness.numbers(0, *range(90, 101))
        harness.numbers(5, *range(first, first + 10), session="s2")
        assert harness.check_until(5, 70) == []


def test_a_new_session_that_goes_on_may_bring_what_was_missing() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 2, 4)
    harness.numbers(0.5, 5, 3, 6, session="s2")
    harness.check_until(0.5, 3)
    assert [found.type for found in harness.found] == ["reorder"]


def test_a_gap_in_a_new_session_is_one() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 2)
    harness.numbers(1, 1, 2, 4, session="s2")
    assert harness.check_until(1, 3) == [("opened", "1 missing message: 3")]


def test_numbers_that_begin_anew_within_a_session_are_told() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 5_000, 5_001, 1, 2, 3)
    (opened,) = harness.check(1)
    assert (opened.type, opened.reason) == ("gap", "sequence numbers restarted 1 time within a session")


def test_a_silenced_kind_is_not_told_and_the_others_are() -> None:
    harness = DetectorHarness(SequenceDetector(), Expectation(silenced=frozenset({"gap"})))
    harness.numbers(0, 1, 3, 3)
    harness.check_until(0, 3)
    assert [found.type for found in harness.found] == ["duplicate"]


def test_the_end_of_the_recorder_tells_what_is_still_missing() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 3)
    assert harness.end(0.1) == [
        ("opened", "1 missing message: 2"),
        ("closed", "1 missing message: 2; the recorder stopped"),
    ]


def test_a_connection_that_left_the_configuration_ends_its_incidents() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 3)
    harness.check(1)
    harness.expect()
    assert harness.check_until(2, 3) == [("closed", "1 missing message: 2; detector disabled")]


def test_memory_is_bounded_whatever_the_keys() -> None:
    harness = DetectorHarness(SequenceDetector())
    for number in range(MAX_KEYS + 10):
        harness.numbers(0, 1, key=str(number))
    harness.numbers(0, 9, key="0")  # forgotten, so it begins anew
    harness.numbers(0, 9, key=str(MAX_KEYS))
    assert harness.check_until(0, 2) == [("occurred", ""), ("opened", f"7 missing messages: {MAX_KEYS} 2-8")]


def test_that_keys_are_forgotten_is_told_once() -> None:
    harness = DetectorHarness(SequenceDetector())
    for number in range(MAX_KEYS):
        harness.numbers(0, 1, key=str(number))
    assert harness.check(1) == ()
    harness.numbers(1, 1, key="one more")
    (told,) = harness.check(2)
    assert (told.name, told.source.connection, told.error_type) == ("error.occurred", NAME, "too_many_keys")
    assert told.error == "more than 10,000 sequence keys: gaps of the least recently used ones are not detected"
    harness.numbers(2, 1, key="and another")
    assert harness.check(3) == ()


def test_a_key_that_is_heard_of_is_not_forgotten_for_keys_that_come_once() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, key="busy")
    for number in range(MAX_KEYS):
        harness.numbers(0, 1, key=str(number))
        if number == MAX_KEYS // 2:
            harness.numbers(0, 2, key="busy")
    harness.numbers(0, 4, key="busy")
    assert harness.check_until(0, 2) == [("occurred", ""), ("opened", "1 missing message: busy 3")]


def test_numbers_at_random_are_told_as_missing_and_out_of_order() -> None:
    harness = DetectorHarness(SequenceDetector())
    chance = random.Random(7)
    for batch in range(40):
        harness.numbers(batch / 40, *(chance.randrange(10**6) for _ in range(500)))
    assert {found.type for found in harness.check(2)} >= {"gap", "reorder"}


def test_ranges_past_the_most_are_counted() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, *range(1, 2_403, 2))
    (opened,) = harness.check(1)
    assert (fact(opened, "missing"), fact(opened, "unlisted")) == (1_200, 200)
    assert opened.reason == "1,200 missing messages: 2, 4, 6 and 997 more"


def test_a_numbering_fills_the_middle_of_a_range() -> None:
    numbering = KeySequence(0, "s1")
    assert [numbering.follow(number, number, "s1") for number in (9, 5, 5, 1, 8, 10)] == [
        "gap",
        "late",
        "duplicate",
        "late",
        "late",
        "next",
    ]
    assert numbering.last_gap == (6, 7)


def missing(first: int, last: int, since_ns: int = 0, key: str = "") -> MissingRange:
    return MissingRange(key, (first, last), since_ns + 1, since_ns)


def test_what_arrives_in_the_middle_leaves_both_sides() -> None:
    pending = PendingRanges()
    pending.add(missing(5, 9))
    assert pending.arrive("", 7, 7)
    assert [
        pending.arrive("", 7, 7),
        pending.arrive("", 4, 4),
        pending.arrive("", 10, 10),
        pending.arrive("b", 5, 5),
    ] == [False] * 4
    assert pending.take() == [missing(5, 6), missing(8, 9)]
    assert pending.take() == []


def test_only_what_was_missed_long_enough_ago_is_taken() -> None:
    pending = PendingRanges()
    for each in (missing(1, 2, 10), missing(4, 4, 20), missing(6, 6, 15, "b"), missing(8, 8, 30)):
        pending.add(each)
    assert pending.take(20) == [missing(1, 2, 10), missing(6, 6, 15, "b"), missing(4, 4, 20)]
    assert pending.take(29) == []


def test_what_is_given_up_does_not_arrive_and_is_told_in_its_time() -> None:
    pending = PendingRanges()
    pending.add(missing(5, 9, 10))
    pending.give_up("")
    pending.add(missing(2, 3, 20))
    assert not pending.arrive("", 7, 7)
    assert [pending.take(9), pending.take(10), pending.take(20)] == [[], [missing(5, 9, 10)], [missing(2, 3, 20)]]


def test_a_key_waits_for_so_many_ranges_and_no_number_of_others_is_lost() -> None:
    pending = PendingRanges()
    for number in range(MAX_RANGES + 5):
        pending.add(missing(2 * number, 2 * number, number))
    assert not pending.arrive("", 8, 8)
    assert pending.arrive("", 10, 10)
    assert [each.range[0] for each in pending.take()] == [2 * n for n in range(MAX_RANGES + 5) if n != 5]


def test_the_thresholds_of_gaps_duplicates_and_reorders_are_configurable() -> None:
    limits = {
        "gap": {"opens": 3.0, "grace": 5.0, "calm": 10.0},
        "duplicate": {"opens": 2.0, "calm": 10.0},
        "reorder": {"opens": 2.0},
    }
    harness = DetectorHarness(SequenceDetector(), Expectation(thresholds=limits))
    harness.numbers(0, 1, 3, 3)
    # What is too little to open an incident is forgotten after the calm
    assert harness.check_until(0, 20) == []
    harness.numbers(20, 4, 6, 6, 9, 5)
    assert harness.check_until(20, 24) == []
    harness.numbers(24, 9, 11, 13)
    assert harness.check_until(24, 24) == [("opened", "2 duplicate messages: 6, 9")]
    assert harness.check_until(25, 40) == [
        ("opened", "4 missing messages: 7-8, 10, 12"),
        ("closed", "2 duplicate messages: 6, 9; none for 10 s"),
        ("closed", "4 missing messages: 7-8, 10, 12; none for 10 s"),
    ]


def test_numbers_that_begin_anew_open_an_incident_whatever_the_threshold_of_missing_ones() -> None:
    harness = DetectorHarness(SequenceDetector(), Expectation(thresholds={"gap": {"opens": 100.0}}))
    harness.numbers(0, 5_000, 1)
    assert harness.check_until(0, 1) == [("opened", "sequence numbers restarted 1 time within a session")]


def test_messages_that_wsmon_dropped_are_no_gap_and_no_duplicates() -> None:
    harness = DetectorHarness(SequenceDetector())
    harness.numbers(0, 1, 2, 4, key="A")
    harness.numbers(1.2, 1, 2, 5, key="B")
    harness.see(event("self.shed", 1.3, NAME, meta={"name": "message.received", "events": 40}))
    harness.numbers(1.5, 30, 31, 29, key="A")
    harness.numbers(1.5, 5, 6, key="B")
    # What was missing for longer than the grace before is missing; what was not may have been dropped
    assert harness.check_until(1.5, 5) == [
        ("opened", "1 missing message: A 3"),
        ("opened", "1 out-of-order message: A 29"),
    ]
    harness.see(event("self.shed", 6, NAME, meta={"name": "message.sent", "events": 40}))
    harness.numbers(7, 33, key="A")
    harness.check_until(7, 9)
    assert incident_reasons(harness.found)[2:] == []
