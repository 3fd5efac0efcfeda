"""StoreWorker and SnapshotPoller: what is delivered, replaced, interrupted and retried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from queue import Queue
from threading import Event as Flag

import pytest

from tests.support.builders import message
from tests.support.fake_ports import FakeClock, FakeView
from wsmon.errors import StoreError
from wsmon.model.ranges import StoreBounds
from wsmon.model.snapshot import Snapshot
from wsmon.ports import StoreView
from wsmon.tui.store_threads import SnapshotPoller, StoreWorker

DEADLINE_S = 20.0


class Asker:
    """Asks, and collects what is delivered."""

    def __init__(self) -> None:
        self.view = FakeView()
        self.delivered: Queue[object] = Queue()
        self.worker = StoreWorker("store", lambda: self.view, lambda deliver: deliver(), self.delivered.put)
        self.worker.start()

    def next(self) -> object:
        """What is delivered next."""
        return self.delivered.get(timeout=DEADLINE_S)


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker()
    yield made
    made.worker.stop()


def test_an_answer_is_delivered(asker: Asker) -> None:
    asker.worker.submit("bounds", lambda view: view.bounds().events, asker.delivered.put)
    assert asker.next() == 0


def test_the_latest_of_a_kind_wins_and_other_kinds_are_answered_too(asker: Asker) -> None:
    running, go = Flag(), Flag()

    def wait(_view: StoreView) -> str:
        running.set()
        assert go.wait(DEADLINE_S)
        return "first"

    asker.worker.submit("lanes", wait, asker.delivered.put)
    assert running.wait(DEADLINE_S)
    asker.worker.submit("lanes", lambda _: "second", asker.delivered.put)
    asker.worker.submit("lanes", lambda _: "third", asker.delivered.put)
    asker.worker.submit("statistics", lambda _: "numbers", asker.delivered.put)
    go.set()
    assert [asker.next(), asker.next()] == ["third", "numbers"]


def test_a_question_that_was_interrupted_for_nothing_is_asked_again(asker: Asker) -> None:
    tries: list[int] = []

    def read(_view: StoreView) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise InterruptedError
        return len(tries)

    asker.worker.submit("lanes", read, asker.delivered.put)
    assert asker.next() == 2


def test_a_stream_ends_when_a_newer_one_is_asked_for(asker: Asker) -> None:
    delivered = Flag()

    def numbers(_view: StoreView, is_stale: Callable[[], bool]) -> Iterator[int]:
        yield 1
        while not is_stale():
            delivered.wait(DEADLINE_S)
        yield 2

    def more(_view: StoreView, _is_stale: Callable[[], bool]) -> Iterator[int]:
        yield 3

    asker.worker.stream("filter", numbers, asker.delivered.put)
    assert asker.next() == 1
    asker.worker.stream("filter", more, asker.delivered.put)
    delivered.set()
    assert asker.next() == 3


def test_a_stream_can_be_ended_without_another_one(asker: Asker) -> None:
    ended = Flag()

    def numbers(_view: StoreView, is_stale: Callable[[], bool]) -> Iterator[int]:
        yield 1
        while not is_stale():
            ended.wait(0.001)
        yield 2

    asker.worker.stream("filter", numbers, asker.delivered.put)
    assert asker.next() == 1
    asker.worker.end("filter")
    asker.worker.submit("bounds", lambda _: "next", asker.delivered.put)
    assert asker.next() == "next"


def test_a_store_that_fails_one_question_answers_the_next(asker: Asker) -> None:
    def fail(_view: StoreView) -> None:
        raise StoreError("disk I/O error")

    asker.worker.submit("lanes", fail, asker.delivered.put)
    assert str(asker.next()) == "disk I/O error"
    asker.worker.submit("lanes", lambda _: "well", asker.delivered.put)
    assert asker.next() == "well"


def test_the_end_closes_the_view_and_drops_what_waits(asker: Asker) -> None:
    running = Flag()

    def wait(_view: StoreView) -> str:
        running.set()
        return "late"

    asker.worker.submit("lanes", wait, lambda _: None)
    assert running.wait(DEADLINE_S)
    asker.worker.stop()
    assert asker.view.is_closed


def test_questions_with_many_answers_take_turns(asker: Asker) -> None:
    begun, go = Flag(), Flag()

    def count(_view: StoreView, is_stale: Callable[[], bool]) -> Iterator[str]:
        number = 0
        while not is_stale():
            number += 1
            yield f"count {min(number, 2)}"
            begun.set()
            assert go.wait(DEADLINE_S)

    asker.worker.stream("matches", count, asker.delivered.put)
    assert begun.wait(DEADLINE_S)
    asker.worker.submit("jump", lambda _: "jump", asker.delivered.put)
    go.set()
    seen = [asker.next() for _ in range(4)]
    assert seen[0] == "count 1"
    assert "jump" in seen
    asker.worker.stream("matches", lambda _view, _is_stale: iter(("end",)), asker.delivered.put)
    while asker.next() != "end":
        pass


# The thread that makes snapshots.

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
