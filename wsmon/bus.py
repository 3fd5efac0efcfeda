"""Bus: the bounded queue of events between the event loop (engine) and the writer thread (store).

The loop emits, the writer takes batches; neither waits for the other. Messages are bounded in bytes: past the
high-water mark sessions pause their sockets, so nothing is lost. Only while the store takes nothing (disk full) are
messages shed, and lifecycle events beyond their own places; shed events are counted by connection and event name, and a
batch ends where messages are missing, so that the counts stand in the recording where the messages would.

Events that applications report come as a ``EventDelivery``, which goes into one batch whole. They are never shed: where
there is no room (``has_room``), the application keeps them.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wsmon.model.block import Block, count_events
from wsmon.model.events import Event, EventName

# A transaction of this many rows takes about 4 ms: long enough to amortise the sync, short enough to be seen soon
BATCH_EVENTS = 2_000
# How long the first event of a batch waits for others
BATCH_DELAY_S = 0.05
# Interval at which an idle writer is woken: detectors look at the clock
TICK_S = 0.25
HIGH_WATER_BYTES = 32 * 1024 * 1024
LOW_WATER_BYTES = 8 * 1024 * 1024
# Memory of an event beside its payload
OVERHEAD_BYTES = 256
LIFECYCLE_PLACES = 10_000
# ``Batch.complete_until_ns`` where nothing waits, and the engine does not report what it has read
UNBOUNDED_NS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Shed:
    """Events that were discarded, of one connection and one event name."""

    connection: str
    name: EventName
    events: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class EventDelivery:
    """Events that an application reported, committed in one transaction with the number of its last line."""

    events: Sequence[Event]
    arrived_ns: int
    """Monotonic time at which they were read; the events may be older."""
    size: int
    """Bytes of their lines."""
    client: str = ""
    """Id of the process that numbers its lines; empty where it does not."""
    seq: int = 0
    """Number of the last line, also of one that was refused; 0 = it has none."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that the writer takes at once; empty on a tick."""

    events: Sequence[Event | Block]
    """A block stands for the messages in it."""
    shed: tuple[Shed, ...] = ()
    """What is missing behind ``events``."""
    complete_until_ns: int = 0
    """Monotonic time up to which everything that arrived is in this batch or an earlier one: detectors judge by no
    later time. 0 where the batch adds nothing to what was known before."""
    deliveries: tuple[EventDelivery, ...] = ()
    """Those whose events are in ``events``."""

    @property
    def count(self) -> int:
        """The number of events, those of blocks included."""
        return count_events(self.events)

    @property
    def arrived_ns(self) -> int:
        """Monotonic time at which the first of ``events``, of which there is one, arrived."""
        reported = next((each for each in self.deliveries if each.events), None)
        is_first = reported is not None and self.events[0] is reported.events[0]
        return reported.arrived_ns if reported is not None and is_first else self.events[0].mono_ns


class Bus:
    """One producer (the event loop's thread), one consumer (the writer's).

    Messages and heartbeats carry a ``size``, lifecycle events none: ``take`` distinguishes the two by it.
    """

    def __init__(
        self,
        on_drained: Callable[[], None],
        high_water_bytes: int = HIGH_WATER_BYTES,
        low_water_bytes: int = LOW_WATER_BYTES,
        lifecycle_places: int = LIFECYCLE_PLACES,
    ) -> None:
        """``on_drained`` is called when a full bus has fallen to the low-water mark, or begins or ends to shed.

        That is on the writer thread, or on one that calls ``start_shedding`` for good.
        """
        self._on_drained = on_drained
        self._high_water_bytes = high_water_bytes
        self._low_water_bytes = low_water_bytes
        self._lifecycle_places = lifecycle_places
        self._events: deque[Event | Block | EventDelivery] = deque()
        self._wake = threading.Event()
        self._urgent = False
        self._closed = False
        self._was_full = False
        # Monotonic time up to which everything that arrived was emitted; one thread writes it, the other reads it
        self._read_until_ns = UNBOUNDED_NS
        # Each counter below has one writing thread; the other only reads it
        self._emitted_bytes = 0
        self._taken_bytes = 0
        self._emitted_lifecycle = 0
        self._taken_lifecycle = 0
        # Messages in blocks beyond one each
        self._emitted_more = 0
        self._taken_more = 0
        self._is_shedding = False
        # Guards the counts of shed events
        self._shed_lock = threading.Lock()
        # Oldest first
        self._losses: deque[_Loss] = deque()

    def emit_message(self, event: Event) -> None:
        """Take a message or heartbeat, on the event loop; it is committed with its batch."""
        if self._is_shedding:
            self._shed(event)
            return
        events = self._events
        events.append(event)
        self._emitted_bytes += OVERHEAD_BYTES + (event.size or 0)
        waiting = len(events)
        if waiting == 1 or waiting + self._emitted_more - self._taken_more == BATCH_EVENTS:
            self._wake.set()

    def emit_block(self, block: Block) -> None:
        """Take the messages of a block, on the event loop; they are committed with their batch."""
        if self._is_shedding:
            self._shed(block, block.count)
            return
        # Before the block is there to be taken, and counted as taken
        self._emitted_more += block.count - 1
        self._events.append(block)
        self._emitted_bytes += OVERHEAD_BYTES * block.count + block.size
        if len(self._events) == 1 or self.waiting_events >= BATCH_EVENTS:
            self._wake.set()

    def emit(self, event: Event) -> None:
        """Take a lifecycle event, on the event loop; it is committed at once."""
        if self._emitted_lifecycle - self._taken_lifecycle >= self._lifecycle_places:
            self._shed(event)
            return
        self._emitted_lifecycle += 1
        self._emitted_bytes += OVERHEAD_BYTES
        self._events.append(event)
        self._urgent = True
        self._wake.set()

    def deliver(self, delivery: EventDelivery) -> None:
        """Take what an application reported, on the event loop; the caller has asked ``has_room``.

        It waits for other events as messages do, unless a lifecycle event is among them.
        """
        count = len(delivery.events)
        self._emitted_more += count - 1
        self._emitted_bytes += OVERHEAD_BYTES * count + delivery.size
        self._events.append(delivery)
        if any(event.size is None for event in delivery.events):
            self._urgent = True
            self._wake.set()
        elif len(self._events) == 1 or self.waiting_events >= BATCH_EVENTS:
            self._wake.set()

    @property
    def has_room(self) -> bool:
        """Whether a delivery may come: the store takes events, and what waits leaves the engine its room."""
        return not self._closed and not self._is_shedding and self.waiting_bytes < self._low_water_bytes

    def mark_read(self, until_ns: int) -> None:
        """Take note that everything that arrived before this monotonic time was emitted.

        Until the first call the bus assumes that events are emitted as soon as they arrive.
        """
        self._read_until_ns = until_ns

    @property
    def is_full(self) -> bool:
        """Whether the high-water mark is reached: sessions pause their sockets until ``on_drained``.

        Reading it on a full bus sets ``is_awaited``. The event loop reads it after each chunk of a socket, the writer
        after a commit that failed.
        """
        # While messages are shed sockets are read on, so that peers stay connected and pings are answered
        if self.waiting_bytes < self._high_water_bytes or self._is_shedding:
            return False
        self._was_full = True
        return True

    @property
    def is_shedding(self) -> bool:
        """Whether messages are counted instead of kept; ``on_drained`` tells changes. Callable from any thread."""
        return self._is_shedding

    @property
    def is_awaited(self) -> bool:
        """Whether ``is_full`` was found true, and ``on_drained`` is yet to be called; callable from any thread."""
        return self._was_full

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were emitted and not yet taken; callable from any thread."""
        return self._emitted_bytes - self._taken_bytes

    @property
    def waiting_events(self) -> int:
        """Events that were emitted and not yet taken; callable from any thread."""
        return len(self._events) + self._emitted_more - self._taken_more

    @property
    def shed_events(self) -> int:
        """Events that were shed, and whose count was not yet taken; callable from any thread."""
        with self._shed_lock:
            return sum(loss.events.total() for loss in self._losses)

    def close(self) -> None:
        """End the stream of events, on the event loop: the writer takes what is left and ends."""
        self._closed = True
        self._wake.set()

    @property
    def is_closing(self) -> bool:
        """Whether ``close`` was called; events may be left to take. Read by the writer."""
        return self._closed

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called and everything was taken. Read by the writer."""
        return self._closed and not self._events and not self._losses

    def take(self, tick_s: float = TICK_S) -> Batch:
        """Wait for a batch, on the writer thread; it is empty where a tick has passed without an event.

        A batch is due 50 ms after its first event, at 2,000 events, and at once with a lifecycle event.
        """
        if self._wake.wait(tick_s) and not (self._urgent or self._closed or self.waiting_events >= BATCH_EVENTS):
            self._wake.clear()
            self._wake.wait(BATCH_DELAY_S)
        self._wake.clear()
        self._urgent = False
        return self._drain()

    def stays_quiet(self, for_s: float) -> bool:
        """Wait for an event on the writer thread, at most ``for_s``; return whether none came."""
        return not self._wake.wait(for_s)

    def start_shedding(self) -> None:
        """Count messages instead of keeping them, while the store takes nothing; paused sessions read on.

        Called on the writer thread, as ``stop_shedding`` is.
        """
        if not self._is_shedding or self._was_full:
            self._is_shedding, self._was_full = True, False
            self._on_drained()

    def stop_shedding(self) -> None:
        """Keep messages again: the store takes them; calls ``on_drained`` for those who wait for that."""
        if self._is_shedding:
            self._is_shedding = False
            self._on_drained()

    def _drain(self) -> Batch:
        waiting = self._events
        # Read before the events, so that it covers no event that is emitted meanwhile
        complete_until_ns = self._read_until_ns
        # Where messages are missing the batch ends
        end_bytes = self._losses[0].after_bytes if self._losses else None
        events: list[Event | Block] = []
        deliveries: list[EventDelivery] = []
        event: Event | Block | EventDelivery | None = None
        count = taken_more = taken_lifecycle = 0
        taken_bytes = self._taken_bytes
        while waiting and count < BATCH_EVENTS and (end_bytes is None or taken_bytes < end_bytes):
            event = waiting.popleft()
            if isinstance(event, EventDelivery):
                deliveries.append(event)
                events += event.events
                count += len(event.events)
                taken_bytes += OVERHEAD_BYTES * len(event.events) + event.size
                taken_more += len(event.events) - 1
                continue
            events.append(event)
            if isinstance(event, Block):
                count += event.count
                taken_bytes += OVERHEAD_BYTES * event.count + event.size
                taken_more += event.count - 1
            elif event.size is None:
                count += 1
                taken_lifecycle += 1
                taken_bytes += OVERHEAD_BYTES
            else:
                count += 1
                taken_bytes += OVERHEAD_BYTES + event.size
        if waiting:
            complete_until_ns = min(complete_until_ns, _arrival_ns(event))
        self._taken_more += taken_more
        # A whole batch that waits is due at once, a smaller one after its delay
        if waiting:
            if self.waiting_events >= BATCH_EVENTS:
                self._urgent = True
            self._wake.set()
        self._taken_lifecycle += taken_lifecycle
        self._taken_bytes = taken_bytes
        if self._was_full and self.waiting_bytes <= self._low_water_bytes:
            self._was_full = False
            self._on_drained()
        return Batch(events, self._take_shed(), complete_until_ns, tuple(deliveries))

    def _take_shed(self) -> tuple[Shed, ...]:
        """Return the oldest loss, once all events before it are taken."""
        if not self._losses or self._taken_bytes < self._losses[0].after_bytes:
            return ()
        with self._shed_lock:
            loss = self._losses.popleft()
        return tuple(
            Shed(connection, name, count, loss.size_bytes[connection, name])
            for (connection, name), count in loss.events.items()
        )

    def _shed(self, event: Event | Block, count: int = 1) -> None:
        """Count an event, or those of a block, instead of keeping it; runs on the event loop."""
        key = (event.source.connection, event.name)
        message_bytes = self._emitted_bytes - OVERHEAD_BYTES * self._emitted_lifecycle
        with self._shed_lock:
            losses = self._losses
            # A lifecycle event is counted with any: they may be shed for long, with messages kept between them
            is_new = not losses or (event.size is not None and losses[-1].message_bytes != message_bytes)
            if is_new:
                losses.append(_Loss(self._emitted_bytes, message_bytes))
            losses[-1].events[key] += count
            losses[-1].size_bytes[key] += event.size or 0


def _arrival_ns(item: Event | Block | EventDelivery | None) -> int:
    if item is None:
        return 0
    return item.arrived_ns if isinstance(item, EventDelivery) else item.mono_ns


@dataclass(slots=True)
class _Loss:
    """Events that were shed between two messages that were kept."""

    after_bytes: int
    """Bytes emitted before the first of them."""
    message_bytes: int
    """The same without lifecycle events."""
    events: Counter[tuple[str, EventName]] = field(default_factory=Counter)
    """By connection and name."""
    size_bytes: Counter[tuple[str, EventName]] = field(default_factory=Counter)
