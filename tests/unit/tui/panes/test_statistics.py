"""Which time the statistics are about."""

from __future__ import annotations

from wsmon.model.units import SECOND_NS
from wsmon.tui.panes.statistics import LENGTHS_S, StatisticsSelection

NOW_NS = 10_000_000 * SECOND_NS


def test_it_begins_with_an_hour_and_never_before_there_is_anything() -> None:
    assert StatisticsSelection().since_ns(NOW_NS, 0) == NOW_NS - 3_600 * SECOND_NS
    assert StatisticsSelection().since_ns(NOW_NS, NOW_NS - 5) == NOW_NS - 5


def test_longer_and_shorter_end_at_everything_and_at_a_minute() -> None:
    longest, shortest = StatisticsSelection(), StatisticsSelection()
    for _ in LENGTHS_S:
        longest, shortest = longest.longer(), shortest.shorter()
    assert (longest.since_ns(NOW_NS, 7), shortest.since_ns(NOW_NS, 7)) == (None, NOW_NS - 60 * SECOND_NS)


def test_everything_goes_there_and_back() -> None:
    assert StatisticsSelection(at=0).everything().since_ns(NOW_NS, 7) is None
    assert StatisticsSelection(at=0).everything().everything() == StatisticsSelection()


def test_others_stand_beside_in_turn_and_then_nobody() -> None:
    first = StatisticsSelection().next_beside("b", ("a", "b", "c"))
    second = first.next_beside("b", ("a", "b", "c"))
    last = second.next_beside("b", ("a", "b", "c"))
    assert [first.beside, second.beside, last.beside] == ["a", "c", ""]


def test_one_that_is_gone_is_left() -> None:
    assert StatisticsSelection(beside="gone").next_beside("a", ("a", "b")).beside == "b"
