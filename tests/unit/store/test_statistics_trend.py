"""Trends: nothing is counted twice or left out, and what was not measured is not zero."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import T0_NS, at_ns, message, pong
from tests.support.recordings import FixedClock, Recording
from tests.support.thoroughness import times
from wsmon.model.events import Event
from wsmon.model.statistics import Trend
from wsmon.store.reader import Reader

NAME = "binance-spot"


def trend(path: Path, since_s: float, until_s: float, buckets: int, name: str = NAME) -> Trend:
    view = Reader(path, FixedClock(until_s))
    try:
        return view.trend(name, at_ns(since_s), at_ns(until_s), buckets)
    finally:
        view.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def recorded(path: Path, *events: Event, end_s: float) -> Path:
    with Recording(path, NAME) as recording:
        recording.write(events, rolled_after_s=end_s)
    return path


def test_messages_and_round_trips_are_where_they_happened(path: Path) -> None:
    recorded(path, message("x", 1.5), message("x", 1.6), pong(3.2, rtt_ms=20), end_s=6)
    found = trend(path, 0, 6, 3)
    assert (found.since_ns, found.bucket_ns, found.messages) == (T0_NS, 2 * 10**9, (2, 0, None))
    assert [None if each is None else round(each.p50) for each in found.rtt_ms] == [None, 20, None]
    assert found.latency_ms == (None, None, None)


def test_buckets_are_whole_rollups_so_that_steady_traffic_is_steady(path: Path) -> None:
    recorded(path, *(message("x", second + 0.5) for second in range(200)), end_s=200)
    found = trend(path, 0, 200, 130)
    assert (found.bucket_ns, found.messages) == (2 * 10**9, (2,) * 100)
    long = trend(path, 30, 7_230, 100)
    minute = 60 * 10**9
    assert (long.since_ns, long.bucket_ns, len(long.messages)) == (at_ns(30) // minute * minute, 2 * minute, 61)


def test_sizes_are_by_the_power_of_two_that_they_do_not_exceed(path: Path) -> None:
    recorded(path, message(""), *(message("x" * size, 1) for size in (1, 2, 3, 4, 5, 211)), end_s=6)
    assert trend(path, 0, 6, 3).sizes == {0: 1, 1: 1, 2: 1, 4: 2, 8: 1, 256: 1}


def test_types_are_the_most_frequent_first(path: Path) -> None:
    recorded(path, message(type="book"), message(type="trade"), message("y", 2.0, type="trade"), end_s=6)
    assert [(each.name, each.count) for each in trend(path, 0, 6, 3).types] == [("trade", 2), ("book", 1)]


def test_an_unknown_connection_has_nothing(path: Path) -> None:
    recorded(path, message(), end_s=6)
    assert trend(path, 0, 6, 2, "nobody") == Trend(
        "nobody", T0_NS, 3 * 10**9, (None,) * 2, (None,) * 2, (None,) * 2, {}, (), *[(None,) * 2] * 3
    )


@settings(max_examples=times(25))
@given(st.lists(st.floats(0, 7_000), min_size=1, max_size=30), st.integers(1, 200))
def test_all_messages_of_the_period_are_in_one_bucket_each(
    tmp_path_factory: pytest.TempPathFactory, times_s: list[float], buckets: int
) -> None:
    path = tmp_path_factory.mktemp("trend") / "store.db"
    recorded(path, *(message("x", at_s) for at_s in sorted(times_s)), end_s=7_200)
    found = trend(path, 0, 7_200, buckets)
    assert (sum(filter(None, found.messages)), sum(found.sizes.values())) == (len(times_s), len(times_s))
