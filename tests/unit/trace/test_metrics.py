"""Counters and histograms of an application's events."""

from __future__ import annotations

import pytest

from wsmon.errors import UsageError
from wsmon.trace.metrics import MOST_SERIES, Counter, Histogram, MetricsBackend


def test_tk_20_a_counter_takes_whole_numbers_and_never_falls() -> None:
    counter = Counter()
    assert [counter.increment(), counter.increment(4), counter.increment(1.5), counter.increment(True)] == [
        True, True, False, False,
    ]  # fmt: skip
    with pytest.raises(UsageError, match="-1 is below 0"):
        counter.increment(-1)
    assert counter.value == 5


def test_tk_20_the_buckets_of_a_histogram_are_sorted_and_there_is_one() -> None:
    histogram = Histogram([1, 0.5])
    assert (histogram.bounds, histogram.average) == ((0.5, 1), 0.0)
    for value in (0.5, 0.7, 3):
        histogram.observe(value)
    assert (histogram.counts, round(histogram.average, 6)) == ((1, 1, 1), 1.4)
    with pytest.raises(UsageError, match="needs a bucket"):
        Histogram([])


def test_tk_22_events_are_counted_and_written_as_prometheus_reads_them() -> None:
    backend = MetricsBackend()
    odd = 'a"b\\c\nd'
    assert backend.handle_event("pay-ment.completed", {"duration": 0.2, ":handler": odd})
    assert backend.handle_event("pay_ment.completed", {"duration": 20, "handler": odd})
    assert backend.handle_event("7task.failed", {})
    assert [backend.handle_event("task.seen", {}), backend.handle_event("task.failed", "text")] == [False, False]
    backend.after_fork()
    lines = backend.exposition().splitlines()
    assert r'pay_ment_completed_total{handler="a\"b\\c\nd"} 2' in lines
    assert r'pay_ment_duration_seconds_bucket{handler="a\"b\\c\nd",le="+Inf"} 2' in lines
    assert "_7task_failed_total 1" in lines


def test_series_are_bounded() -> None:
    backend = MetricsBackend()
    for number in range(MOST_SERIES):
        assert backend.handle_event("task.started", {"handler": number})
    assert not backend.handle_event("task.started", {"handler": "one more"})
    assert backend.handle_event("task.started", {"handler": 1})
