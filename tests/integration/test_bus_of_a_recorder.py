"""The bus of an application on a recorder process: each event once, while readers and recorders come and go."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.support.processes import Home, Recorder
from tests.support.thoroughness import times
from wsmon.trace import Bus, ReceivedEvent, Sink, TraceEvent, Truncated

THREADS = 8
EACH = times(1_000)
DEADLINE_S = 60.0
READ_BEFORE_LEAVING = 100
# Applications alone report
CONFIGURATION = """
[[connection]]
name = "off"
url = "ws://127.0.0.1:9/"
enabled = false
"""


async def recorded(home: Home) -> Recorder:
    return await home.record(home.write(CONFIGURATION))


def storm(bus: Bus, number: int) -> None:
    for count in range(EACH):
        bus.publish(TraceEvent(name="n", ref=f"{number}:{count}"))


def read_in_pieces(bus: Bus, since_id: int, count: int, after_each: Callable[[int], None]) -> list[ReceivedEvent]:
    """The events of a reader that leaves after every 100, and comes back with its cursor."""
    found: list[ReceivedEvent] = []
    while len(found) < count:
        with bus.subscribe(since_id) as subscription:
            for _ in range(min(READ_BEFORE_LEAVING, count - len(found))):
                item = subscription.next(DEADLINE_S)
                assert isinstance(item, ReceivedEvent), (item, subscription.problem)
                found.append(item)
            since_id = subscription.cursor
        after_each(len(found))
    return found


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_nx_18_nx_21_each_event_is_read_once_over_the_ends_of_readers_and_recorders(
    home: Home, number: signal.Signals
) -> None:
    recorder = await recorded(home)
    sink = Sink(recorder.store)
    bus = Bus(sink=sink)
    bus.publish(TraceEvent(name="first"))
    first = bus.subscribe().next(DEADLINE_S)
    assert isinstance(first, ReceivedEvent)
    is_half_read = threading.Event()

    def after_each(count: int) -> None:
        if count >= THREADS * EACH // 2:
            is_half_read.set()

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(
            asyncio.to_thread(read_in_pieces, bus, first.id, THREADS * EACH, after_each), name="reader"
        )
        for each in range(THREADS):
            group.create_task(asyncio.to_thread(storm, bus, each), name=f"storm {each}")
        assert await asyncio.to_thread(is_half_read.wait, DEADLINE_S)
        recorder.signal(number)
        await recorder.ended()
        recorder = await recorded(home)
    found = reading.result()
    identifiers = [item.id for item in found]
    assert identifiers == sorted(set(identifiers))
    assert sorted(item.ref for item in found) == sorted(
        f"{each}:{count}" for each in range(THREADS) for count in range(EACH)
    )
    for each in range(THREADS):
        own = [item.ref for item in found if item.ref.startswith(f"{each}:")]
        assert own == [f"{each}:{count}" for count in range(EACH)]
    assert sink.state.lost == 0
    bus.close()
    sink.close()


@pytest.mark.timeout(120)
async def test_nx_18_ids_of_a_whole_store_have_no_holes(home: Home) -> None:
    recorder = await recorded(home)
    sink = Sink(recorder.store)
    bus = Bus(sink=sink)
    writer = threading.Thread(target=storm, args=(bus, 1))
    with bus.subscribe(query="") as subscription:
        writer.start()
        found: list[int] = []
        began_s = time.monotonic()
        while len(found) < EACH:
            assert time.monotonic() - began_s < DEADLINE_S
            item = await anext(subscription)
            assert not isinstance(item, Truncated)
            found += [item.id] if isinstance(item, ReceivedEvent) else range(item.from_id, item.to_id + 1)
    await asyncio.to_thread(writer.join)
    assert found == list(range(1, len(found) + 1))
    bus.close()
    sink.close()
