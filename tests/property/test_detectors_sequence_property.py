"""Injected gaps, duplicates and reorders are found to the last one; a clean feed with reconnects gives no false one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from tests.support.detectors import DetectorHarness
from wsmon.model.detectors.sequence import SequenceDetector

# Key, session, number
Arrival = tuple[str, str, int]


@dataclass(slots=True)
class Feed:
    """What arrives of one key, and what was done to it."""

    arrivals: list[Arrival] = field(default_factory=list)
    dropped: Counter[tuple[str, int]] = field(default_factory=Counter)
    repeated: int = 0
    late: int = 0


@st.composite
def runs(draw: st.DrawFn, key: str, *, is_clean: bool) -> Feed:
    """Some numberings of a key, each begun anew in a session of its own, and gone on with in others."""
    feed = Feed()
    newest: int | None = None
    for place in range(draw(st.integers(1, 3))):
        first = draw(st.integers(0, 300).filter(lambda number: newest is None or number != newest + 1))  # noqa: B023 - drawn at once
        numbers = list(range(first, first + draw(st.integers(1, 80))))
        order = numbers if is_clean else _disturb(draw, key, numbers, feed)
        _recount(draw, feed, key, f"s{place}", order)
        newest = numbers[-1]
    return feed


def _disturb(draw: st.DrawFn, key: str, numbers: list[int], feed: Feed) -> list[int]:
    """Drop, delay and repeat numbers; the first comes first, and the last comes."""
    inner = numbers[1:-1]
    dropped = draw(st.sets(st.sampled_from(inner))) if inner else set()
    feed.dropped.update((key, number) for number in dropped)
    kept = [number for number in inner if number not in dropped]
    delays = draw(st.lists(st.integers(0, 5), min_size=len(kept), max_size=len(kept)))
    moved = [number for _, number in sorted(zip((at + d for at, d in enumerate(delays)), kept, strict=True))]
    order = [numbers[0], *moved, *numbers[1:][-1:]]
    for _ in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, len(order) - 1))
        order.insert(draw(st.integers(place + 1, len(order))), order[place])
    return order


def _recount(draw: st.DrawFn, feed: Feed, key: str, name: str, order: Iterable[int]) -> None:
    """Count by hand what arrives twice or late; a reconnect may come wherever the next number goes on."""
    seen: set[int] = set()
    session = 0
    for number in order:
        if number in seen:
            feed.repeated += 1
        elif seen and number < max(seen):
            feed.late += 1
        elif seen and number == max(seen) + 1:
            session += draw(st.integers(0, 1))
        seen.add(number)
        feed.arrivals.append((key, f"{name}-{session}", number))


def watch(*feeds: Feed) -> DetectorHarness:
    """Both keys, as they come, a batch each; then a minute and more of nothing."""
    harness = DetectorHarness(SequenceDetector())
    for feed in feeds:
        for key, session, number in feed.arrivals:
            harness.numbers(0, number, key=key, session=session)
    harness.check_until(0, 63, 1)
    return harness


def total(harness: DetectorHarness, what: str) -> int:
    """What the incidents that ended counted."""
    counts = [(found.meta or {}).get(what, 0) for found in harness.found if found.name == "incident.closed"]
    return sum(count for count in counts if isinstance(count, int))


def missing(harness: DetectorHarness) -> Counter[tuple[str, int]]:
    """The numbers that gaps list."""
    found: Counter[tuple[str, int]] = Counter()
    for event in harness.found:
        ranges = (event.meta or {}).get("ranges")
        if (event.name, event.type) == ("incident.closed", "gap") and isinstance(ranges, dict):
            for key, listed in ranges.items():
                found.update((key, number) for first, last in listed for number in range(first, last + 1))
    return found


@given(runs("a", is_clean=False), runs("b", is_clean=False))
def test_what_was_injected_is_found_to_the_last_one(one: Feed, other: Feed) -> None:
    harness = watch(one, other)
    assert (missing(harness), total(harness, "duplicates"), total(harness, "reordered")) == (
        one.dropped + other.dropped,
        one.repeated + other.repeated,
        one.late + other.late,
    )
    assert total(harness, "missing") == sum(missing(harness).values())


@given(runs("a", is_clean=True), runs("b", is_clean=True))
def test_a_clean_feed_with_reconnects_gives_no_false_alarm(one: Feed, other: Feed) -> None:
    assert watch(one, other).found == []
