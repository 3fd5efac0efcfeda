"""Snapshots: what follows from the fields of connections and stores."""

from __future__ import annotations

import pytest

from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import EMPTY_SNAPSHOT, ConnectionState, StoredSpec, down_since
from wsmon.model.statuses import STATUSES, Status


def state(status: Status, stalled_since_ns: int | None) -> ConnectionState:
    return ConnectionState("feed", StoredSpec(), "", "", status, 0, stalled_since_ns)


@pytest.mark.parametrize("status", STATUSES)
def test_only_an_open_connection_is_stalled(status: Status) -> None:
    assert state(status, 5).is_stalled is (status == "websocket_connected")
    assert state(status, None).is_stalled is False


@pytest.mark.parametrize(
    ("bounds", "events"),
    [(StoreBounds(), 0), (StoreBounds(oldest_id=1, last_id=1), 1), (StoreBounds(oldest_id=41, last_id=50), 10)],
)
def test_ids_without_gaps_count_the_events_of_a_store(bounds: StoreBounds, events: int) -> None:
    assert bounds.events == events


def test_a_store_whose_events_are_all_pruned_is_empty_though_it_had_some() -> None:
    assert StoreBounds(oldest_id=0, last_id=812).events == 0


def test_the_empty_snapshot_has_neither_connections_nor_incidents() -> None:
    assert (EMPTY_SNAPSHOT.connections, EMPTY_SNAPSHOT.incidents, EMPTY_SNAPSHOT.bounds.events) == ((), (), 0)


@pytest.mark.parametrize(
    ("status", "failing_ns", "disconnected_ns", "down_ns"),
    [
        ("websocket_connected", 10, 60, None),
        ("closed", None, 60, None),
        ("connecting", None, None, None),
        ("reconnecting", 60, 60, 60),
        ("reconnecting", 10, 60, 60),
        ("reconnecting", 60, 10, 60),
        ("error", 10, None, 10),
    ],
)
def test_down_is_not_open_since_and_failing_is_not_well_since(
    status: Status, failing_ns: int | None, disconnected_ns: int | None, down_ns: int | None
) -> None:
    assert down_since(status, failing_ns, disconnected_ns) == down_ns
