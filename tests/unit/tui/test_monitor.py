"""The thread that makes snapshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Event as Flag

import pytest

from tests.support.builders import message
from tests.support.fake_ports import FakeClock, FakeView
from wsmon.errors import StoreError
from wsmon.model.snapshot import Snapshot, StoreBounds
from wsmon.tui.store_threads import SnapshotPoller

DEADLINE_S = 20.0
Make = Callable[[FakeView], tuple[SnapshotPoller, Queue[None]]]


@pytest.fixture
def make() -> Iterator[Make]:
    """Starts monitors, and ends them."""
    monitors: list[SnapshotPoller] = []

    def start(view: FakeView) -> tuple[SnapshotPoller, Queue[None]]:
        notices: Queue[None] = Queue()
        monitor = SnapshotPoller(lambda: view, FakeClock(), lambda: notices.put(None), lambda: 0.0)
        monitors.append(monitor)
        monitor.start()
        return monitor, notices

    yield start
    for monitor in monitors:
        monitor.stop()


def bounds_of(snapshot: Snapshot | None) -> StoreBounds | None:
    return snapshot.bounds if snapshot is not None else None


def test_the_first_snapshot_comes_at_once_and_is_taken_once(make: Make) -> None:
    view = FakeView([message(id=1)])
    monitor, notices = make(view)
    notices.get(timeout=DEADLINE_S)
    assert bounds_of(monitor.take()) == view.bounds()
    assert monitor.take() is None


def test_a_commit_is_seen_when_it_wakes_the_monitor(make: Make) -> None:
    view = FakeView([message(id=1)])
    monitor, notices = make(view)
    notices.get(timeout=DEADLINE_S)
    monitor.take()
    bounds = view.add(message())
    monitor.wake()
    notices.get(timeout=DEADLINE_S)
    assert bounds_of(monitor.take()) == bounds


def test_a_snapshot_that_nobody_took_is_replaced_without_another_notice(make: Make) -> None:
    view = FakeView([message(id=1)])
    seen = Flag()
    snapshot = view.snapshot

    def watched(at_ns: int) -> Snapshot:
        if view.bounds().last_id == 3:
            seen.set()
        return snapshot(at_ns)

    view.snapshot = watched  # type: ignore[method-assign]  # tells when the third event was seen
    monitor, notices = make(view)
    notices.get(timeout=DEADLINE_S)
    view.add(message(), message())
    monitor.wake()
    assert seen.wait(DEADLINE_S)
    monitor.stop()
    assert (bounds_of(monitor.take()), notices.qsize()) == (view.bounds(), 0)


def test_a_store_that_cannot_be_read_is_said_and_tried_again(make: Make) -> None:
    view = FakeView([message(id=1)])
    snapshot = view.snapshot

    def fail(_at_ns: int) -> Snapshot:
        view.snapshot = snapshot  # type: ignore[method-assign]  # the fault is over
        raise StoreError("disk I/O error")

    view.snapshot = fail  # type: ignore[method-assign, assignment]  # the fault
    monitor, notices = make(view)
    notices.get(timeout=DEADLINE_S)
    assert (monitor.take(), monitor.trouble) == (None, "disk I/O error")
    notices.get(timeout=DEADLINE_S)
    assert monitor.trouble == ""


def test_a_fault_of_ours_ends_the_thread_and_is_raised_where_it_is_taken(make: Make) -> None:
    view = FakeView()

    def fail(_at_ns: int) -> Snapshot:
        raise ZeroDivisionError

    view.snapshot = fail  # type: ignore[method-assign, assignment]  # the fault
    monitor, notices = make(view)
    notices.get(timeout=DEADLINE_S)
    with pytest.raises(ZeroDivisionError):
        monitor.take()


def test_the_view_is_closed_at_the_end(make: Make) -> None:
    view = FakeView()
    monitor, notices = make(view)
    notices.get(timeout=DEADLINE_S)
    monitor.stop()
    assert view.is_closed
