"""Metric families of connections and of the recorder, and histograms cut at their bounds."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.metrics_samples import FACTS, FEED, IDLE, distribution
from wsmon.model.histogram import bucket_index
from wsmon.model.metrics import (
    BOUNDS_NS,
    DistributionPoint,
    MetricFamily,
    NumberPoint,
    bound_within,
    connection_families,
    cut,
    recorder_families,
)


def family(name: str, *families: MetricFamily) -> MetricFamily:
    found = [one for one in families or connection_families((FEED, IDLE)) if one.name == name]
    assert len(found) == 1
    return found[0]


def values(name: str) -> dict[str, float]:
    """The points of a family by their labels' values."""
    return {
        "/".join(text for _, text in point.labels): point.value if isinstance(point, NumberPoint) else point.count
        for point in family(name).points
    }


def test_names_are_unique_and_legal() -> None:
    families = (*connection_families((FEED,)), *recorder_families(FACTS))
    names = [one.written_name for one in families]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch("[a-z][a-z0-9_]*", name)] == []
    assert [one.help for one in families if one.help.endswith(".") or not one.help] == []


def test_labels_are_the_same_in_all_series_of_a_family() -> None:
    for one in (*connection_families((FEED, IDLE)), *recorder_families(FACTS)):
        assert len({tuple(name for name, _ in point.labels) for point in one.points}) <= 1, one.name


def test_the_guides_counters_have_its_labels() -> None:
    assert values("wsmon.connection.started") == {"feed/wss://feed/ws": 4, "idle/wss://idle/ws": 0}
    assert values("wsmon.connection.completed") == {"feed/wss://feed/ws": 3, "idle/wss://idle/ws": 0}
    assert values("wsmon.error.occurred") == {"feed/tcp_refused": 1, "feed/protocol": 2}
    assert values("wsmon.subscription.subscribe.completed") == {"feed/book.BTC": 2}


def test_what_became_of_errors_and_alerts_is_counted() -> None:
    told = dataclasses.replace(
        IDLE,
        keyed={"error_outcome": {"recovered": 8, "not_recovered": 2}, "failed_alert": {"webhook": 3}},
        distributions={"alert": distribution("alert", 200 * 10**6, 5_000 * 10**6, 5_001 * 10**6)},
    )
    found = {each.name: each.points for each in connection_families((told,))}
    client = ("client_id", "idle")
    assert found["wsmon.error.outcome"] == (
        NumberPoint((client, ("outcome", "recovered")), 8),
        NumberPoint((client, ("outcome", "not_recovered")), 2),
    )
    assert found["wsmon.alert.failed"] == (NumberPoint((client, ("way", "webhook")), 3),)
    bounds = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
    counts = (0, 1, 0, 0, 1, 1, 0, 0)
    assert found["wsmon.alert.delivered.duration"] == (DistributionPoint((client,), 3, 10.201, bounds, counts),)


def test_messages_without_a_type_have_an_empty_one() -> None:
    assert values("wsmon.message.received") == {"feed/trade": 6, "feed/book": 3, "feed/": 1, "idle/": 0}
    assert values("wsmon.message.sent") == {"feed/subscribe": 2, "idle/": 0}


def typed(client: str, kind: str) -> tuple[tuple[str, str], ...]:
    return (("client_id", client), ("type", kind))


def test_sizes_are_a_summary_by_type_of_what_was_counted() -> None:
    assert family("wsmon.message.received.size").points == (
        DistributionPoint(typed("feed", "trade"), 6, 1_200),
        DistributionPoint(typed("feed", "book"), 3, 790),
        DistributionPoint(typed("feed", ""), 1, 10),
        DistributionPoint(typed("idle", ""), 0, 0),
    )
    # All have a type: there is no series of those without
    assert family("wsmon.message.sent.size").points == (
        DistributionPoint(typed("feed", "subscribe"), 2, 50),
        DistributionPoint(typed("idle", ""), 0, 0),
    )


def test_times_of_steps_are_a_summary_by_type() -> None:
    assert family("wsmon.message.decode.completed.duration").points == (
        DistributionPoint(typed("feed", "trade"), 6, 0.003),
        DistributionPoint(typed("feed", ""), 2, 0.001),
    )
    assert family("wsmon.message.encode.completed.duration").points == ()


def test_processing_times_are_a_histogram_by_type() -> None:
    bounds = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
    assert family("wsmon.message.process.completed.duration").points == (
        DistributionPoint(typed("feed", "order"), 2, 0.007, bounds, (0, 1, 1, 0, 0, 0, 0, 0, 0)),
        DistributionPoint(typed("feed", ""), 1, 0.400000001, bounds, (0, 0, 0, 0, 0, 1, 0, 0, 0)),
        DistributionPoint(typed("idle", ""), 0, 0.0, bounds, (0,) * 9),
    )


def test_tg_13_connection_times_of_5_10_11_and_6000_ms() -> None:
    spread = family("wsmon.connection.completed.duration").points[0]
    assert spread == DistributionPoint(
        (("client_id", "feed"), ("uri", "wss://feed/ws")),
        4,
        6.026,
        (0.01, 0.1, 0.5, 1.0, 5.0),
        (2, 1, 0, 0, 0, 1),
    )


def test_a_connection_is_in_one_status() -> None:
    assert {key for key, value in values("wsmon.connection.status").items() if value} == {
        "feed/websocket_connected",
        "idle/initialized",
    }
    assert values("wsmon.connection.up") == {"feed": 1, "idle": 0}
    assert values("wsmon.connection.stalled") == {"feed": 1, "idle": 0}


def test_a_connection_without_a_status_is_neither_up_nor_down() -> None:
    shop = dataclasses.replace(IDLE, name="shop", status="")
    families = {one.name: one.points for one in connection_families((shop,))}
    assert [families[f"wsmon.connection.{name}"] for name in ("status", "up", "stalled")] == [(), (), ()]
    assert len(families["wsmon.connection.info"]) == len(families["wsmon.message.received"]) == 1


def test_what_never_came_has_no_time() -> None:
    assert values("wsmon.message.received.last_timestamp") == {"feed": 1_768_053_744.5}


def test_it_says_what_was_counted_as_other() -> None:
    assert values("wsmon.labels.folded") == {"feed/received_type": 7}


def test_the_recorder_says_how_it_is() -> None:
    said = {
        one.written_name: one.points[0].value
        for one in recorder_families(FACTS)
        if isinstance(one.points[0], NumberPoint) and not one.points[0].labels
    }
    assert said == {
        "wsmon_recorder_queue_events": 3,
        "wsmon_recorder_queue_bytes": 900,
        "wsmon_recorder_commit_lag_seconds": 0.0125,
        "wsmon_recorder_loop_lag_seconds": 0.002,
        "wsmon_recorder_paused": 1,
        "wsmon_recorder_warning": 1,
        "wsmon_recorder_shed_events": 5,
        "wsmon_recorder_viewers": 2,
        "wsmon_recorder_left_out_connections": 4,
        "wsmon_store_events": 1_000,
        "wsmon_store_pruned_events": 40,
        "wsmon_store_size_bytes": 8_192,
        "wsmon_store_free_bytes": 10**9,
        "process_cpu_seconds": 1.5,
        "process_resident_memory_bytes": 4_096,
        "process_open_fds": 12,
        "process_start_time_seconds": 1_768_053_744.0,
    }


def test_a_sink_says_what_it_sent_and_what_it_lost() -> None:
    families = recorder_families(FACTS)
    assert family("wsmon.sink.up", *families).points == (NumberPoint((("sink", "otlp"),), 0),)
    assert family("wsmon.sink.behind.events", *families).points == (NumberPoint((("sink", "otlp"),), 17),)
    assert family("wsmon.sink.sent", *families).points == (NumberPoint((("sink", "otlp"), ("signal", "spans")), 9),)
    assert family("wsmon.sink.dropped", *families).points == (NumberPoint((("sink", "otlp"), ("signal", "spans")), 1),)


MS_NS = 1_000_000


def test_the_bounds_of_connecting_are_those_of_the_guide() -> None:
    assert BOUNDS_NS["connect"] == (10 * MS_NS, 100 * MS_NS, 500 * MS_NS, 1_000 * MS_NS, 5_000 * MS_NS)


@pytest.mark.parametrize("metric", BOUNDS_NS)
def test_no_bucket_of_the_histogram_is_cut_twice(metric: str) -> None:
    assert sorted(BOUNDS_NS[metric]) == list(BOUNDS_NS[metric])
    assert len(bound_within(metric)) == len(BOUNDS_NS[metric])


@given(
    st.lists(st.integers(0, 10**10) | st.sampled_from(BOUNDS_NS["rtt"]).flatmap(lambda n: st.integers(n - 2, n + 2)))
)
def test_each_value_counts_once_up_to_its_bound(values: list[int]) -> None:
    within = bound_within("rtt")
    above = Counter(bucket_index(value) for value in values if value > within.get(bucket_index(value), value))
    bounds = BOUNDS_NS["rtt"]
    expected = [sum(low < value <= high for value in values) for low, high in zip((-1, *bounds), bounds, strict=False)]
    expected.append(sum(value > bounds[-1] for value in values))
    assert cut("rtt", Counter(map(bucket_index, values)), above) == tuple(expected)
