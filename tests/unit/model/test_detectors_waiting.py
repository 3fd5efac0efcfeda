"""Missing numbers are waited for by key, and a feed that mixes up everything costs no more than its messages."""

from __future__ import annotations

from wsmon.model.detectors.sequence import MOST_RANGES, MissingRange, PendingRanges


def missing(first: int, last: int, since_ns: int = 0, key: str = "") -> MissingRange:
    return MissingRange(key, (first, last), since_ns + 1, since_ns)


def test_what_arrives_in_the_middle_leaves_both_sides() -> None:
    waiting = PendingRanges()
    waiting.add(missing(5, 9))
    assert waiting.arrive("", 7)
    assert [waiting.arrive("", 7), waiting.arrive("", 4), waiting.arrive("", 10), waiting.arrive("b", 5)] == [False] * 4
    assert waiting.take() == [missing(5, 6), missing(8, 9)]
    assert waiting.take() == []


def test_only_what_was_missed_long_enough_ago_is_taken() -> None:
    waiting = PendingRanges()
    for each in (missing(1, 2, 10), missing(4, 4, 20), missing(6, 6, 15, "b"), missing(8, 8, 30)):
        waiting.add(each)
    assert waiting.take(20) == [missing(1, 2, 10), missing(6, 6, 15, "b"), missing(4, 4, 20)]
    assert waiting.take(29) == []


def test_what_is_given_up_does_not_arrive_and_is_told_in_its_time() -> None:
    waiting = PendingRanges()
    waiting.add(missing(5, 9, 10))
    waiting.give_up("")
    waiting.add(missing(2, 3, 20))
    assert not waiting.arrive("", 7)
    assert [waiting.take(9), waiting.take(10), waiting.take(20)] == [[], [missing(5, 9, 10)], [missing(2, 3, 20)]]


def test_a_key_waits_for_so_many_ranges_and_no_number_of_others_is_lost() -> None:
    waiting = PendingRanges()
    for number in range(MOST_RANGES + 5):
        waiting.add(missing(2 * number, 2 * number, number))
    assert not waiting.arrive("", 8)
    assert waiting.arrive("", 10)
    assert [each.range[0] for each in waiting.take()] == [2 * n for n in range(MOST_RANGES + 5) if n != 5]
