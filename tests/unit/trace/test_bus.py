"""The bus of an application: NX-01 … NX-08, NX-18 … NX-23 over a recorder's socket, bus, writer and store."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.applications import ListeningRecorder
from tests.support.thoroughness import times
from tests.support.tracing import until
from wsmon.errors import QueryError, UsageError
from wsmon.trace import Bus, Gap, ReceivedEvent, Sink, TraceEvent, Truncated

DEADLINE_S = 30.0
THREADS = 8
EACH = times(1_000)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "recording" / "store.db"


@pytest.fixture
def sink(store: Path) -> Iterator[Sink]:
    one = Sink(store)
    yield one
    one.close()


@pytest.fixture
def bus(sink: Sink) -> Iterator[Bus]:
    one = Bus(connection="svc", sink=sink)
    yield one
    one.close()


def publish(bus: Bus, first: int, last: int) -> None:
    for number in range(first, last + 1):
        bus.publish(TraceEvent(name=f"e{number}"))
    assert bus.flush(DEADLINE_S)


def take(subscription: Any, count: int) -> list[Any]:
    """The next items: names of events, and markers as they are."""
    items = [subscription.next(DEADLINE_S) for _ in range(count)]
    return [item.name if isinstance(item, ReceivedEvent) else item for item in items]


def names(first: int, last: int) -> list[str]:
    return [f"e{number}" for number in range(first, last + 1)]


def test_nx_01_what_is_published_arrives_with_an_id_and_a_time(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        subscription = bus.subscribe(0)
        assert subscription.next(0.01) is None
        began_ns = time.time_ns()
        bus.publish(TraceEvent(name="request.start", meta={"path": "/"}))
        item = subscription.next(DEADLINE_S)
    assert isinstance(item, ReceivedEvent)
    assert (item.id, item.name, item.connection, item.meta) == (1, "request.start", "svc", {"path": "/"})
    assert began_ns <= item.ts_ns <= time.time_ns()
    assert subscription.cursor == 1


def test_nx_02_nx_03_nx_04_a_backlog_is_what_came_after_the_cursor(store: Path, sink: Sink) -> None:
    with ListeningRecorder(store):
        small = Bus(3, sink=sink)
        publish(small, 1, 5)
        assert take(small.subscribe(), 4) == [Truncated(3), *names(3, 5)]
        assert take(small.subscribe(3), 2) == names(4, 5)
        assert take(Bus(5, sink=sink).subscribe(0), 5) == names(1, 5)
        small.close()


def test_nx_05_a_subscriber_that_never_takes_delays_no_publisher(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        subscription = bus.subscribe(0, 1)
        began_s = time.monotonic()
        publish(bus, 1, 100)
        assert time.monotonic() - began_s < 2
        assert take(subscription, 100) == names(1, 100)


def test_nx_06_a_time_that_is_given_is_kept(store: Path, bus: Bus) -> None:
    at_ns = time.time_ns() - 5_000_000_000
    with ListeningRecorder(store):
        bus.publish(TraceEvent(name="earlier", ts_ns=at_ns))
        item = bus.subscribe().next(DEADLINE_S)
    assert isinstance(item, ReceivedEvent)
    assert item.ts_ns == at_ns


@pytest.mark.parametrize(("capacity", "expected"), [(0, 1_000), (-1, 1_000), (7, 7)])
def test_nx_07_capacity_and_buffer_have_defaults(sink: Sink, capacity: int, expected: int) -> None:
    bus = Bus(capacity, sink=sink)
    assert bus.capacity == expected
    assert [bus.subscribe(0, buffer).buffer for buffer in (0, -1, 9)] == [128, 128, 9]


def test_nx_08_a_subscription_is_cancelled_twice_and_over(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        publish(bus, 1, 2)
        subscription = bus.subscribe()
        assert take(subscription, 1) == ["e1"]
        subscription.cancel()
        subscription.cancel()
        publish(bus, 3, 3)
        assert list(subscription) == []
        assert subscription.next() is None


def test_nx_18_eight_threads_publish_and_a_reader_that_comes_and_goes_gets_each_event_once(
    store: Path, bus: Bus
) -> None:
    def storm(number: int) -> None:
        for count in range(EACH):
            bus.publish(TraceEvent(name="n", ref=f"{number}:{count}"))

    found: list[ReceivedEvent] = []
    cursor = 0
    with ListeningRecorder(store):
        first = bus.subscribe()
        threads = [threading.Thread(target=storm, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        while len(found) < THREADS * EACH:
            with first if not found else bus.subscribe(cursor) as subscription:
                for _ in range(min(100, THREADS * EACH - len(found))):
                    item = subscription.next(DEADLINE_S)
                    assert isinstance(item, ReceivedEvent), item
                    found.append(item)
            cursor = found[-1].id
        for thread in threads:
            thread.join(DEADLINE_S)
    assert [item.id for item in found] == list(range(1, THREADS * EACH + 1))
    assert {item.ref for item in found} == {f"{number}:{count}" for number in range(THREADS) for count in range(EACH)}
    assert bus.subscribe(cursor).next(0.05) is None


def test_nx_19_a_subscriber_that_was_too_slow_reads_the_gap_from_the_store(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        subscription = bus.subscribe(0, 4)
        publish(bus, 1, 1)
        assert take(subscription, 1) == ["e1"]
        publish(bus, 2, 11)
        assert take(subscription, 5) == [*names(2, 5), Gap(6, 11, 6)]
        assert (subscription.dropped, subscription.cursor) == (6, 11)
        assert [item.name for item in subscription.reread(Gap(6, 11, 6)) if isinstance(item, ReceivedEvent)] == names(
            6, 11
        )
        publish(bus, 12, 12)
        assert take(subscription, 1) == ["e12"]


def test_a_subscriber_with_a_buffer_without_bounds_is_given_all(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        subscription = bus.subscribe(0, sys.maxsize)
        publish(bus, 1, 1)
        assert take(subscription, 1) == ["e1"]
        publish(bus, 2, 900)
        assert take(subscription, 899) == names(2, 900)


def test_nx_21_ids_go_on_over_restarts_of_both_sides(store: Path) -> None:
    cursor = 0
    living_sink = Sink(store)
    living = Bus(connection="svc", sink=living_sink).subscribe(query="name:trace.log")
    for start in (1, 11, 21):
        sink = Sink(store)
        bus = Bus(connection="svc", sink=sink)
        # Half of it while no recorder runs
        publish(bus, start, start + 4)
        with ListeningRecorder(store):
            publish(bus, start + 5, start + 9)
            subscription = bus.subscribe(cursor, query="name:trace.log")
            assert take(subscription, 10) == names(start, start + 9)
            assert take(living, 10) == names(start, start + 9)
            assert subscription.cursor == living.cursor > cursor
            cursor = subscription.cursor
        bus.close()
        sink.close()
    living.cancel()
    living_sink.close()


def test_nx_22_a_cursor_that_no_event_has_is_the_end(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        publish(bus, 1, 3)
        ahead = bus.subscribe(99)
        assert ahead.next(0.1) is None
        assert take(bus.subscribe(-5), 3) == names(1, 3)
        publish(bus, 4, 4)
        assert take(ahead, 1) == ["e4"]
    for cursor in ("3", 3.0, None):
        with pytest.raises(TypeError):
            bus.subscribe(cursor)  # type: ignore[arg-type]


def test_nx_23_cancelling_in_a_storm_disturbs_nothing(store: Path, bus: Bus) -> None:
    done = threading.Event()

    def storm() -> None:
        while not done.is_set():
            bus.publish(TraceEvent(name="n"))
            time.sleep(0)

    with ListeningRecorder(store):
        threads = [threading.Thread(target=storm) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(50):
            subscription = bus.subscribe()
            subscription.next(0.001 * (number % 5))
            canceller = threading.Thread(target=subscription.cancel)
            canceller.start()
            list(subscription)
            canceller.join(DEADLINE_S)
        done.set()
        for thread in threads:
            thread.join(DEADLINE_S)


async def test_an_event_loop_iterates_and_may_stop_waiting(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        subscription = bus.subscribe()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(subscription)
        await asyncio.to_thread(publish, bus, 1, 3)
        found = []
        async with asyncio.timeout(DEADLINE_S):
            async for item in subscription:
                assert isinstance(item, ReceivedEvent)
                found.append(item.name)
                if len(found) == 3:
                    subscription.cancel()
    assert found == names(1, 3)


def test_subscribers_see_what_others_publish_and_choose_what_they_see(store: Path, bus: Bus) -> None:
    other_sink = Sink(store)
    other = Bus(connection="other", sink=other_sink)
    with ListeningRecorder(store):
        publish(other, 1, 2)
        publish(bus, 3, 4)
        bus.publish(TraceEvent(name="e5", connection="third"))
        assert bus.flush(DEADLINE_S)
        assert take(bus.subscribe(), 2) == names(3, 4)
        assert take(Bus(connection="svc", sink=other_sink).subscribe(), 2) == names(3, 4)
        assert take(bus.subscribe(query=""), 5) == names(1, 5)
        assert take(bus.subscribe(query="conn:third OR type:e1"), 2) == ["e1", "e5"]
    other.close()
    other_sink.close()
    with pytest.raises(QueryError):
        bus.subscribe(query="size>x")


def test_a_store_that_is_not_there_yet_is_waited_for(store: Path, bus: Bus) -> None:
    subscription = bus.subscribe()
    assert subscription.next(0.1) is None
    assert "no recording found at" in subscription.problem
    publish(bus, 1, 1)
    with ListeningRecorder(store):
        assert subscription.next(DEADLINE_S) is not None
    assert subscription.problem == ""


def test_a_program_without_a_recorder_has_a_bus_of_its_own(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "own.db", own=True)
    with_own = Bus(sink=sink)
    subscription = with_own.subscribe()
    publish(with_own, 1, 3)
    assert take(subscription, 3) == names(1, 3)
    with_own.close()
    sink.close()


def test_without_a_store_there_is_nothing_to_subscribe_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WSMON_STORE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sink = Sink()
    with pytest.raises(UsageError, match="no store is named"):
        Bus(sink=sink).subscribe()
    sink.close()


def test_what_is_no_event_is_counted_and_not_raised(bus: Bus, sink: Sink) -> None:
    bus.publish("nothing")  # type: ignore[arg-type]
    assert sink.state.lost == 1


def test_a_bus_that_is_closed_ends_its_subscriptions(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        subscription = bus.subscribe()
        taken: list[object] = []
        waiting = threading.Thread(target=lambda: taken.extend(subscription))
        waiting.start()
        until(lambda: subscription._delivery.is_waited_for)
        bus.close()
        waiting.join(DEADLINE_S)
    assert (waiting.is_alive(), taken) == (False, [])
    assert list(subscription.reread(Gap(1, 2, 2))) == []
    with ListeningRecorder(store):
        publish(bus, 1, 1)
        assert take(bus.subscribe(), 1) == ["e1"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_subscription_stays_with_the_parent_of_a_fork(store: Path, bus: Bus) -> None:
    with ListeningRecorder(store):
        publish(bus, 1, 2)
        subscription = bus.subscribe()
        assert take(subscription, 1) == ["e1"]
        child = os.fork()
        if child == 0:
            is_right = list(subscription) == [] and take(bus.subscribe(), 2) == names(1, 2)
            os._exit(0 if is_right else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert take(subscription, 1) == ["e2"]


def test_a_pattern_that_cannot_be_searched_for_is_raised_where_the_subscriber_waits(
    store: Path, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise QueryError("/x/", 0, "it takes too long")

    with ListeningRecorder(store):
        publish(bus, 1, 1)
        subscription = bus.subscribe()
        monkeypatch.setattr("wsmon.trace.subscription.EventWindow.read", fail)
        with pytest.raises(QueryError):
            subscription.next(DEADLINE_S)
        assert list(subscription) == []
