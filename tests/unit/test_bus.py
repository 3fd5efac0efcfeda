"""The hand-off between loop and writer: what waits, what is due, what is counted instead of kept."""

from __future__ import annotations

import threading

import pytest

from tests.support.builders import dialled, event, message, ping
from wsmon.bus import BATCH_EVENTS, OVERHEAD_BYTES, UNBOUNDED_NS, Batch, Bus, EventDelivery, Shed
from wsmon.model.block import Block
from wsmon.model.events import Event

# Payload bytes of a message in these tests
SMALL = 1_000


class Drained:
    """How often the bus said that there is room again."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def drained() -> Drained:
    return Drained()


@pytest.fixture
def bus(drained: Drained) -> Bus:
    return Bus(drained, high_water_bytes=10 * (SMALL + OVERHEAD_BYTES), low_water_bytes=SMALL, lifecycle_places=3)


def test_a_tick_brings_an_empty_batch(bus: Bus) -> None:
    assert bus.take(tick_s=0) == Batch([], complete_until_ns=UNBOUNDED_NS)


def test_events_come_in_the_order_they_were_emitted(bus: Bus) -> None:
    events = [message("1"), dialled(), message("2"), ping()]
    for each in events:
        (bus.emit_message if each.size is not None else bus.emit)(each)
    assert bus.take() == Batch(events, complete_until_ns=UNBOUNDED_NS)


def test_a_lifecycle_event_is_due_at_once(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.bus.BATCH_DELAY_S", 3_600)
    bus.emit_message(message("1"))
    bus.emit(dialled())
    assert len(bus.take().events) == 2


def test_a_whole_batch_is_due_at_once_and_the_rest_waits(monkeypatch: pytest.MonkeyPatch, drained: Drained) -> None:
    monkeypatch.setattr("wsmon.bus.BATCH_DELAY_S", 3_600)
    bus = Bus(drained)
    for _ in range(2 * BATCH_EVENTS + 1):
        bus.emit_message(message("1"))
    sizes = [len(bus.take().events), len(bus.take().events)]
    monkeypatch.setattr("wsmon.bus.BATCH_DELAY_S", 0)
    assert [*sizes, len(bus.take().events)] == [BATCH_EVENTS, BATCH_EVENTS, 1]


def test_messages_wait_for_company(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.bus.BATCH_DELAY_S", 10)
    bus.emit_message(message("1"))
    taken: list[Batch] = []
    writer = threading.Thread(target=lambda: taken.append(bus.take(tick_s=10)))
    writer.start()
    bus.emit_message(message("2"))
    bus.emit(dialled())
    writer.join(10)
    assert [len(batch.events) for batch in taken] == [3]


def test_the_bus_is_full_from_its_high_water_mark_to_its_low_one(bus: Bus, drained: Drained) -> None:
    found = []
    for _ in range(10):
        found.append(bus.is_full)
        bus.emit_message(message("x" * SMALL))
    found.append(bus.is_full)
    assert found == [False] * 10 + [True]
    assert bus.is_awaited
    bus.take()
    assert (bus.is_full, bus.is_awaited, drained.times, bus.waiting_bytes) == (False, False, 1, 0)


def test_nobody_is_called_who_does_not_wait(bus: Bus, drained: Drained) -> None:
    for _ in range(20):
        bus.emit_message(message("x" * SMALL))
    bus.take()
    assert drained.times == 0


def test_shedding_counts_messages_and_keeps_lifecycle_events(bus: Bus) -> None:
    bus.start_shedding()
    bus.emit_message(message("12345", connection="a"))
    bus.emit_message(message("123", connection="a"))
    bus.emit_message(message("1", connection="b", direction="out"))
    lost = dialled()
    bus.emit(lost)
    bus.stop_shedding()
    kept = message("kept")
    bus.emit_message(kept)
    assert bus.shed_events == 3
    shed = (Shed("a", "message.received", 2, 8), Shed("b", "message.sent", 1, 1))
    assert bus.take() == Batch([], shed)
    assert bus.take() == Batch([lost, kept], complete_until_ns=UNBOUNDED_NS)
    assert bus.shed_events == 0


def test_a_batch_ends_where_messages_are_missing(bus: Bus) -> None:
    first, between, last = message("1", 1), message("2", 2), message("3", 3)
    bus.emit_message(first)
    for kept in (between, last):
        bus.start_shedding()
        bus.emit_message(message("lost"))
        bus.emit_message(message("lost, too"))
        bus.stop_shedding()
        bus.emit_message(kept)
    shed = (Shed("binance-spot", "message.received", 2, 13),)
    assert [bus.take() for _ in range(3)] == [
        Batch([first], shed, first.mono_ns),
        Batch([between], shed, between.mono_ns),
        Batch([last], complete_until_ns=UNBOUNDED_NS),
    ]


def test_while_messages_are_shed_nobody_waits_for_room(bus: Bus, drained: Drained) -> None:
    for _ in range(10):
        bus.emit_message(message("x" * SMALL))
    assert bus.is_full
    bus.start_shedding()
    assert (bus.is_full, bus.is_awaited, drained.times) == (False, False, 1)


def test_a_bus_tells_when_it_begins_and_ends_to_shed(bus: Bus, drained: Drained) -> None:
    told = []
    for change in (bus.start_shedding, bus.start_shedding, bus.stop_shedding, bus.stop_shedding):
        change()
        told.append((bus.is_shedding, drained.times))
    assert told == [(True, 1), (True, 1), (False, 2), (False, 2)]


def test_lifecycle_events_past_their_places_are_counted(bus: Bus) -> None:
    for _ in range(5):
        bus.emit(event("error.occurred", connection="a", error_type="protocol"))
    batch = bus.take()
    assert (len(batch.events), batch.shed) == (3, (Shed("a", "error.occurred", 2, 0),))


def test_places_of_lifecycle_events_are_free_again_once_taken(bus: Bus) -> None:
    for _ in range(3):
        bus.emit(dialled())
    bus.take()
    bus.emit(dialled())
    assert bus.take() == Batch([dialled()], complete_until_ns=UNBOUNDED_NS)


def test_a_closed_bus_ends_when_the_last_count_is_taken(bus: Bus) -> None:
    bus.start_shedding()
    bus.emit_message(message("1"))
    bus.close()
    assert (bus.is_closing, bus.is_closed) == (True, False)
    assert bus.take().shed == (Shed("binance-spot", "message.received", 1, 1),)
    assert bus.is_closed


def test_every_event_of_a_busy_producer_is_taken_once(drained: Drained) -> None:
    bus = Bus(drained)
    emitted = [message(str(number)) for number in range(20_000)]

    def produce() -> None:
        for each in emitted:
            bus.emit_message(each)
        bus.close()

    loop = threading.Thread(target=produce)
    loop.start()
    taken: list[Event | Block] = []
    while not bus.is_closed:
        taken += bus.take(tick_s=0.01).events
    loop.join()
    assert taken == emitted


def test_a_batch_is_complete_until_the_time_that_the_engine_has_read_to(bus: Bus) -> None:
    bus.mark_read(500)
    bus.emit_message(message("1", after_s=2))
    assert bus.take().complete_until_ns == 500


def test_a_batch_behind_which_events_wait_is_complete_until_its_last_event(drained: Drained) -> None:
    bus = Bus(drained)
    bus.mark_read(UNBOUNDED_NS - 1)
    for number in range(BATCH_EVENTS + 1):
        bus.emit_message(message("1", after_s=number))
    batch = bus.take()
    assert (len(batch.events), batch.complete_until_ns) == (BATCH_EVENTS, batch.events[-1].mono_ns)
    assert bus.take().complete_until_ns == UNBOUNDED_NS - 1


def block(texts: list[str], after_s: float = 0.0) -> Block:
    """Messages that one read brought."""
    first = message("", after_s)
    sizes = [len(text) for text in texts]
    return Block(first.source, first.ts_ns, first.mono_ns, sizes, [size + 2 for size in sizes], texts)


def test_the_messages_of_a_block_count_one_by_one(bus: Bus) -> None:
    first, last = block(["a"] * BATCH_EVENTS), message("b")
    bus.emit_block(first)
    bus.emit_message(last)
    assert (bus.waiting_events, bus.waiting_bytes) == (BATCH_EVENTS + 1, (OVERHEAD_BYTES + 1) * (BATCH_EVENTS + 1))
    taken = bus.take()
    assert (taken.events, taken.count) == ([first], BATCH_EVENTS)
    assert (bus.waiting_events, bus.waiting_bytes) == (1, OVERHEAD_BYTES + 1)
    assert bus.take().events == [last]
    assert (bus.waiting_events, bus.waiting_bytes) == (0, 0)


def test_a_block_that_is_shed_is_counted_by_its_messages(bus: Bus) -> None:
    kept = block(["a", "b"])
    bus.emit_block(kept)
    bus.start_shedding()
    bus.emit_block(block(["abc", "de"]))
    bus.stop_shedding()
    taken = bus.take()
    assert (taken.events, taken.shed) == ([kept], (Shed("binance-spot", "message.received", 2, 5),))


def delivery(*events: Event, arrived_ns: int = 77, seq: int = 0) -> EventDelivery:
    return EventDelivery(events, arrived_ns, SMALL * len(events), "c" * 16, seq)


def test_what_an_application_reports_goes_into_one_batch_whole(drained: Drained) -> None:
    bus = Bus(drained)
    before = message("before")
    reported = delivery(*(message(str(number)) for number in range(BATCH_EVENTS)), seq=3)
    for _ in range(2):
        bus.emit_message(before)
        bus.deliver(reported)
    assert bus.waiting_events == 2 * (1 + BATCH_EVENTS)
    for _ in range(2):
        batch = bus.take()
        assert (batch.events, batch.deliveries) == ([before, *reported.events], (reported,))
    assert (bus.waiting_events, bus.waiting_bytes) == (0, 0)


def test_a_number_without_an_event_is_taken_too(bus: Bus) -> None:
    refused = delivery(seq=9)
    bus.deliver(refused)
    batch = bus.take()
    assert (batch.count, batch.deliveries) == (0, (refused,))
    assert bus.waiting_events == 0


def test_a_batch_arrived_when_it_was_read_however_old_its_events_are(bus: Bus) -> None:
    late = event("trace.log", size=0)
    bus.deliver(delivery(seq=1))
    bus.deliver(delivery(late, arrived_ns=77))
    assert bus.take().arrived_ns == 77
    bus.emit_message(first := message("1"))
    bus.deliver(delivery(late, arrived_ns=77))
    assert bus.take().arrived_ns == first.mono_ns


def test_a_delivery_has_room_below_the_low_water_mark_alone(drained: Drained) -> None:
    bus = Bus(drained, low_water_bytes=2 * (SMALL + OVERHEAD_BYTES))
    rooms = [bus.has_room]
    bus.deliver(delivery(message("1"), message("2")))
    rooms.append(bus.has_room)
    bus.take()
    rooms.append(bus.has_room)
    bus.start_shedding()
    rooms.append(bus.has_room)
    bus.stop_shedding()
    bus.close()
    rooms.append(bus.has_room)
    assert rooms == [True, False, True, False, False]


def test_a_lifecycle_event_in_a_delivery_is_due_at_once(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsmon.bus.BATCH_DELAY_S", 3_600)
    bus.deliver(delivery(message("1"), dialled()))
    assert bus.take().count == 2
