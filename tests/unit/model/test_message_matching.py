"""Message matching: pairs, leads, repeats, and what is undecided near edges, gaps and late messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from wsmon.model.message_matching import (
    MOST_EXAMPLES,
    Arrival,
    Example,
    Matching,
    MessageMatcher,
    Ranges,
    RecordedTimes,
    clipped,
    in_order,
    is_within,
    joined,
)

A, B = 0, 1
MS = 1_000_000
ALWAYS = RecordedTimes([(0, 1_000 * MS)], [(0, 1_000 * MS)])
WINDOW = 10 * MS


def matched(
    *arrivals: tuple[int, int, str], a: RecordedTimes = ALWAYS, b: RecordedTimes = ALWAYS, most: int = 100
) -> Matching:
    """Match messages of (ms, side, key); ids count up from 1."""
    matcher = MessageMatcher(WINDOW, a, b, most)
    matcher.feed((at * MS, side, number, key.encode()) for number, (at, side, key) in enumerate(arrivals, 1))
    return matcher.finish()


def test_a_pair_says_which_side_was_first_and_by_how_much() -> None:
    found = matched((100, A, "x"), (103, B, "x"), (200, B, "y"), (201, A, "y"), (300, A, "z"), (300, B, "z"))
    lead = found.a.lead_ms
    assert lead is not None
    assert (lead.count, lead.max, found.a.max_lead_ids) == (1, 3.0, (1, 2))
    assert (found.b.first, found.b.max_lead_ns, found.b.max_lead_ids) == (1, MS, (4, 3))
    assert (found.same_time, found.measured, found.a.matched, found.b.matched) == (1, 3, 3, 3)


def test_without_pairs_there_is_no_lead() -> None:
    assert (matched().a.lead_ms, matched().measured) == (None, 0)


def test_messages_further_apart_than_the_window_are_on_one_side_each() -> None:
    found = matched((100, A, "x"), (111, B, "x"), (200, A, "y"), (210, B, "y"))
    assert (found.a.only, found.b.only, found.measured) == (1, 1, 1)
    assert found.a.examples == [Example(1, 100 * MS)]


def test_a_key_that_is_repeated_is_counted_and_not_measured() -> None:
    found = matched((100, A, "x"), (101, B, "x"), (105, A, "x"), (106, B, "x"), (112, A, "x"))
    assert (found.a.matched, found.b.matched, found.a.more_often, found.measured) == (2, 2, 1, 0)
    assert (found.a.repeated, found.b.repeated, found.a.only) == (3, 2, 0)


def test_repeats_on_one_side_alone_are_all_only_there() -> None:
    found = matched((100, B, "x"), (104, B, "x"))
    assert (found.b.only, found.b.repeated, found.b.examples) == (2, 2, [Example(1, 100 * MS)])


@pytest.mark.parametrize(
    ("at", "field"), [(5, "near_edge"), (495, "near_edge"), (500, "not_recorded"), (550, "not_recorded"), (100, "only")]
)
def test_what_the_other_side_may_have_outside_of_its_recording_is_undecided(at: int, field: str) -> None:
    other = RecordedTimes([(0, 500 * MS), (600 * MS, 1_000 * MS)], None)
    found = matched((at, A, "x"), b=other)
    assert {name for name in ("near_edge", "not_recorded", "only") if getattr(found.a, name)} == {field}


def test_messages_while_the_other_side_was_not_connected_are_counted_apart() -> None:
    other = RecordedTimes([(0, 1_000 * MS)], [(0, 150 * MS), (300 * MS, 400 * MS)])
    found = matched((100, A, "x"), (200, A, "y"), b=other)
    assert (found.a.only, found.a.while_down, found.b.while_down) == (2, 1, 0)
    assert matched((100, A, "x"), b=RecordedTimes(other.recorded, None)).a.while_down is None


def test_more_keys_than_fit_are_forgotten_and_counted() -> None:
    found = matched((100, A, "x"), (101, A, "y"), (102, A, "z"), (103, B, "x"), most=2)
    assert (found.forgotten, found.a.crowded) == (2, 2)
    assert (found.a.only, found.b.only) == (1, 1)


def test_messages_that_are_late_by_more_than_the_window_are_not_compared() -> None:
    found = matched((100, A, "x"), (120, A, "y"), (105, B, "y"), (110, B, "y"), (112, B, "z"))
    assert (found.b.late, found.b.matched, found.b.first, found.b.only) == (1, 1, 1, 1)


def test_examples_are_bounded() -> None:
    found = matched(*((100 + n, A, str(n)) for n in range(3 * MOST_EXAMPLES)))
    assert (len(found.a.examples), found.a.only) == (MOST_EXAMPLES, 3 * MOST_EXAMPLES)


def test_the_keys_in_memory_are_those_of_the_window() -> None:
    matcher = MessageMatcher(WINDOW, ALWAYS, ALWAYS)
    for n in range(2_000):
        matcher.feed([(n * MS // 4, A, n, b"%d" % n), (n * MS // 4, B, n, b"beat")])
        assert len(matcher._open) <= 50
    assert matcher.finish().b.repeated == 2_000


def test_streams_are_merged_as_they_come() -> None:
    asked: list[str] = []

    def stream(name: str, side: int, *pieces: list[int]) -> Iterator[list[Arrival]]:
        for piece in pieces:
            asked.append(name)
            yield [(at, side, at, b"") for at in piece]

    merged = in_order(stream("a", A, [1, 2], [], [3, 9], [10]), stream("b", B, [5, 4], [11]))
    times = [[at for at, *_ in some] for some in merged]
    assert [at for some in times for at in some] == [1, 2, 3, 4, 5, 9, 10, 11]
    assert asked == ["a", "b", "a", "a", "b", "a"]


@pytest.mark.parametrize(
    ("first", "last", "is_in"), [(0, 9, True), (0, 10, False), (5, 25, False), (20, 20, True), (15, 15, False)]
)
def test_a_range_does_not_hold_its_end(first: int, last: int, is_in: bool) -> None:
    assert is_within([(0, 10), (20, 30)], first, last) is is_in


def test_ranges_are_joined_and_clipped() -> None:
    ranges: Ranges = joined([(20, 30), (0, 5), (5, 10), (40, 40), (25, 27)])
    assert ranges == [(0, 10), (20, 30)]
    assert clipped(ranges, 8, 22) == [(8, 10), (20, 22)]
