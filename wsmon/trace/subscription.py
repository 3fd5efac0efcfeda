"""Subscription: the events of a store from a cursor on, for a thread or an event loop; the thread that reads them."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from wsmon.errors import StoreError
from wsmon.feed import CommittedEvents, Feed
from wsmon.model.ranges import SearchProgress
from wsmon.query.ast import Query
from wsmon.trace.received import Gap, ReceivedEvent, Truncated, received

if TYPE_CHECKING:
    import asyncio

    from wsmon.store.reader import Reader

Item = ReceivedEvent | Gap | Truncated
# Events of a subscription in memory at once, with a payload of up to 64 KiB each
PAGE_EVENTS: Final = 200
# Between two looks for what was committed
LOOK_S: Final = 0.02
# Between two tries to open a store that is not there
RETRY_S: Final = 0.2
# Without a subscriber that waits, the store is closed and the thread ends
IDLE_S: Final = 5.0


class SearchableEvents(CommittedEvents, Protocol):
    """The part of ``StoreView`` that a window needs."""

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        """Search a closed range of ids; yields the matches as they are found."""
        ...


class EventWindow:
    """What a subscriber is given next: all up to an id, then what was committed meanwhile, or a part of it and a gap.

    Used by one thread.
    """

    def __init__(self, since_id: int, capacity: int, buffer: int, query: Query, *, last_id: int | None = None) -> None:
        """See ``TraceBus.subscribe``; ``last_id`` is where it ends."""
        self._since_id = since_id
        self._capacity = capacity
        self.buffer = buffer
        self._query = query
        self._last_id = last_id
        self._feed: Feed | None = None
        # Everything up to this id is delivered, and the gap after that
        self._end_id = 0
        self._gap: Gap | None = None
        # The subscriber has waited since it was given everything
        self._is_idle = False

    @property
    def is_over(self) -> bool:
        """Whether everything up to its last id was read."""
        return self._last_id is not None and self._feed is not None and self._feed.cursor >= self._last_id

    def part(self, gap: Gap) -> EventWindow:
        """Return a window of the same events within a gap."""
        # A cursor of 0 would begin with the newest events
        return EventWindow(gap.from_id - 1, gap.to_id, gap.dropped, self._query, last_id=gap.to_id)

    def read(self, view: SearchableEvents) -> tuple[Item, ...]:
        """Return what comes next, some events or a marker; empty where there is nothing yet."""
        feed = self._feed
        if feed is None:
            feed, marker = self._begin(view)
            self._feed = feed
            if marker is not None:
                return (marker,)
        if feed.cursor >= self._end_id:
            if self._gap is not None:
                gap, self._gap = self._gap, None
                feed.skip_to(gap.to_id)
                return (gap,)
            self._look(view, feed)
        ends_id = self._end_id if self._gap is not None else self._last_id
        page = feed.poll(PAGE_EVENTS, ends_id)
        items: list[Item] = [received(event) for event in page.events]
        if page.truncated is not None:
            items.insert(0, Truncated(page.truncated))
            # Also of another store, whose ids begin anew
            self._end_id = min(self._end_id, view.bounds().last_id)
            self._gap = None
        return tuple(items)

    def _begin(self, view: SearchableEvents) -> tuple[Feed, Truncated | None]:
        self._end_id = view.bounds().last_id
        if self._since_id > 0 or self._last_id is not None:
            return Feed(view, self._since_id, self._query), None
        newest: list[int] = []
        with closing(view.search(self._query, 1, self._end_id, newest_first=True)) as search:
            for found in search:
                newest += found.ids[::-1]
                if len(newest) > self._capacity:
                    oldest_id = newest[self._capacity - 1]
                    return Feed(view, oldest_id - 1, self._query), Truncated(oldest_id)
        return Feed(view, 0, self._query), None

    def _look(self, view: SearchableEvents, feed: Feed) -> None:
        """Decide on what was committed since everything was delivered."""
        last_id = view.bounds().last_id
        waiting = last_id - feed.cursor
        if waiting <= 0:
            self._is_idle = True
            return
        was_idle, self._is_idle = self._is_idle, False
        self._end_id = last_id
        # A commit may bring any number at once: a subscriber that waited for it is not slow
        if was_idle or waiting <= self.buffer:
            return
        count, end_id, from_id, to_id = 0, 0, 0, 0
        with closing(view.search(self._query, feed.cursor + 1, last_id, newest_first=False)) as search:
            for found in search:
                for event_id in found.ids:
                    count += 1
                    if count == self.buffer:
                        end_id = event_id
                    elif count == self.buffer + 1:
                        from_id = event_id
                    to_id = event_id
        if count > self.buffer:
            self._end_id = end_id
            self._gap = Gap(from_id, to_id, count - self.buffer)


class ItemDelivery:
    """What the reader's thread hands to the consumer of one subscription, and how each waits for the other."""

    def __init__(self, reader: BusReader, window: EventWindow) -> None:
        self.reader = reader
        self.window = window
        reader.add(self)
        # Guards all below; it is held for a moment only
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._items: deque[Item] = deque()
        # Threads that wait, and event loops
        self._waiting = 0
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._is_ended = False
        self._error: Exception | None = None
        self.cursor = 0
        self.dropped = 0
        # Why the store cannot be read now, as a sentence
        self.problem = ""

    @property
    def is_waited_for(self) -> bool:
        """Whether a consumer waits for an item."""
        with self._lock:
            return not self._items and not self._is_ended and bool(self._waiting or self._waiters)

    def take(self, timeout_s: float | None) -> Item | None:
        """Wait in a thread; None where there is nothing in time, or at the end."""
        ends_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._changed:
            self._waiting += 1
            try:
                while not self._items and not self._is_ended:
                    left_s = None if ends_s is None else ends_s - time.monotonic()
                    if left_s is not None and left_s <= 0:
                        return None
                    if not self.reader.ask(self):
                        return None
                    self._changed.wait(left_s)
            finally:
                self._waiting -= 1
            return self._next()

    async def take_in_loop(self) -> Item | None:
        """Wait in an event loop; None at the end."""
        # Imported now: the application has loaded it
        import asyncio

        loop = asyncio.get_running_loop()
        while True:
            with self._lock:
                if self._items or self._is_ended:
                    return self._next()
                waiter = (loop, loop.create_future())
                self._waiters.append(waiter)
                if not self.reader.ask(self):
                    return None
            try:
                await waiter[1]
            finally:
                with self._lock:
                    if waiter in self._waiters:
                        self._waiters.remove(waiter)

    def read(self, view: SearchableEvents) -> bool:
        """Read what comes next for the consumer; returns whether there was anything. Called in the reader's thread."""
        try:
            items = self.window.read(view)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - the border of the thread: it is raised in the consumer
            with self._changed:
                self._error = error
                self._end()
            return True
        is_over = self.window.is_over
        with self._changed:
            self.problem = ""
            if not self._is_ended:
                self._items += items
                if is_over:
                    self._end()
                elif items:
                    self._tell()
        return bool(items) or is_over

    def cancel(self) -> None:
        """End it; what was not taken is not delivered."""
        with self._changed:
            self._items.clear()
            self._end()

    def after_fork(self) -> None:
        """End in a forked child: the subscription is the parent's."""
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._items.clear()
        self._waiters.clear()
        self._is_ended = True

    def _end(self) -> None:
        """End it; the caller holds the lock."""
        self._is_ended = True
        self._tell()

    def _tell(self) -> None:
        self._changed.notify_all()
        for loop, future in self._waiters:
            # A loop that is closed waits for nothing
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_wake, future)
        self._waiters.clear()

    def _next(self) -> Item | None:
        """Take an item; None at the end. The caller holds the lock."""
        if not self._items:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            return None
        item = self._items.popleft()
        match item:
            case Gap():
                self.cursor = item.to_id
                self.dropped += item.dropped
            case Truncated():
                self.cursor = item.oldest_id - 1
            case _:
                self.cursor = item.id
        return item


class EventSubscription:
    """Events and markers in their order: an iterator and an asynchronous iterator, for one consumer at a time.

    Made by ``Bus.subscribe``; a context manager, which cancels it.
    """

    def __init__(self, delivery: ItemDelivery) -> None:
        self._delivery = delivery

    @property
    def cursor(self) -> int:
        """The ``since_id`` with which another subscription goes on after the item that was taken last; 0: none was."""
        return self._delivery.cursor

    @property
    def dropped(self) -> int:
        """Events that gaps left out so far."""
        return self._delivery.dropped

    @property
    def buffer(self) -> int:
        """Events that may be stored while the subscriber is busy, before it is told of a gap."""
        return self._delivery.window.buffer

    @property
    def problem(self) -> str:
        """Why the store cannot be read now, as a sentence; empty: it can."""
        return self._delivery.problem

    def next(self, timeout_s: float | None = None) -> Item | None:
        """Wait for the next item; None where there is none in time, or the subscription has ended.

        Raises ``QueryError`` for a pattern that takes too long.
        """
        return self._delivery.take(timeout_s)

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        """Wait for the next item."""
        item = self._delivery.take(None)
        if item is None:
            raise StopIteration
        return item

    def __aiter__(self) -> EventSubscription:
        return self

    async def __anext__(self) -> Item:
        """Wait for the next item; the wait may be cancelled, and nothing is lost."""
        item = await self._delivery.take_in_loop()
        if item is None:
            raise StopAsyncIteration
        return item

    def reread(self, gap: Gap) -> EventSubscription:
        """Return the events of a gap, read from the store; it ends with the last of them."""
        return EventSubscription(ItemDelivery(self._delivery.reader, self._delivery.window.part(gap)))

    def cancel(self) -> None:
        """End the subscription, from any thread; what was not taken is not delivered. May be called again."""
        self._delivery.cancel()

    def __enter__(self) -> EventSubscription:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.cancel()


class BusReader:
    """The thread that reads a store for subscriptions; it runs while one of them waits."""

    def __init__(self, store: Path) -> None:
        self._store = store
        # Guards what follows. A subscription may hold its own lock when it takes this one, never the other way round
        self._lock = threading.Lock()
        self._asking: weakref.WeakSet[ItemDelivery] = weakref.WeakSet()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._wake = threading.Event()
        self.deliveries: weakref.WeakSet[ItemDelivery] = weakref.WeakSet()
        """All there are."""

    def add(self, delivery: ItemDelivery) -> None:
        """Know a subscription, to end it with the bus."""
        with self._lock:
            self.deliveries.add(delivery)

    def ask(self, delivery: ItemDelivery) -> bool:
        """Read for a subscription whose consumer waits; returns False where the bus is closed."""
        with self._lock:
            if self._is_closed:
                return False
            self._asking.add(delivery)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wsmon bus", daemon=True)
                self._thread.start()
            self._wake.set()
            return True

    def close(self) -> None:
        """End all subscriptions, and the thread."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
            deliveries = tuple(self.deliveries)
        for delivery in deliveries:
            delivery.cancel()
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        # Imported now, in the thread: they bring SQLite
        from wsmon.clock import SystemClock
        from wsmon.store.reader import Reader

        view: Reader | None = None
        # Of the last look, at which these subscriptions had read everything
        version, idle = -1, weakref.WeakSet[ItemDelivery]()
        idle_since_s = time.monotonic()
        try:
            while True:
                self._wake.clear()
                asking = self._asking_now()
                if asking:
                    idle_since_s = time.monotonic()
                elif self._ends(idle_since_s):
                    return
                wait_s: float | None = LOOK_S if asking else IDLE_S
                try:
                    if asking:
                        view = view or Reader(self._store, SystemClock())
                        if version != (newest := view.data_version()):
                            version = newest
                            idle.clear()
                    for delivery in asking:
                        assert view is not None
                        if delivery not in idle:
                            if delivery.read(view):
                                wait_s = None
                            else:
                                idle.add(delivery)
                except Exception as error:  # noqa: BLE001 - the border of the thread: subscriptions say why they wait
                    for delivery in asking:
                        delivery.problem = str(error)
                    idle.clear()
                    wait_s = RETRY_S
                if wait_s is not None:
                    self._wake.wait(wait_s)
        finally:
            if view is not None:
                view.close()

    def _asking_now(self) -> list[ItemDelivery]:
        """Return the subscriptions whose consumers wait, and forget the others."""
        with self._lock:
            asking = list(self._asking)
        waited_for = [each for each in asking if each.is_waited_for]
        with self._lock:
            # One that asked meanwhile has set the event, and is looked at again
            if not self._wake.is_set():
                self._asking.difference_update(each for each in asking if each not in waited_for)
        return waited_for

    def _ends(self, idle_since_s: float) -> bool:
        """Whether the thread ends: nobody has waited for long, or the bus is closed."""
        with self._lock:
            if self._is_closed or (not self._asking and time.monotonic() - idle_since_s >= IDLE_S):
                self._thread = None
                return True
            return False


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
