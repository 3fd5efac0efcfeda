"""Event bus of an application: publishes into a store, and subscribes to what is stored there, from a cursor on.

An event is delivered when it is on disk; its id in the store is the cursor, which holds over restarts of the
application and of the recorder. Subscribers read the store, so none delays a publisher or another subscriber.
"""

from __future__ import annotations

import operator
import os
import threading
import weakref
from typing import TYPE_CHECKING, Final

import msgspec

from wsmon.trace.events import TraceEvent
from wsmon.trace.sink import END_S, Sink, sink_of

if TYPE_CHECKING:
    from wsmon.query.ast import Query
    from wsmon.trace.subscription import BusReader, EventSubscription

# Newest events that a subscriber without a cursor begins with
CAPACITY: Final = 1_000
# Events that may be stored while a subscriber is busy with others, before it is told of a gap
BUFFER: Final = 128
CONNECTION: Final = "app"


class TraceBus:
    """Publishes events, and gives those of the store to subscribers; any thread and event loop may use it.

    Events are those of one connection of the recording, unless a subscriber asks for others.
    """

    def __init__(
        self,
        capacity: int = CAPACITY,
        *,
        connection: str = CONNECTION,
        group: str = "",
        store: str | os.PathLike[str] = "",
        own: bool = False,
        sink: Sink | None = None,
    ) -> None:
        """``capacity`` is how many of the newest events a subscriber without a cursor gets, 0 or less: 1,000.

        ``connection`` and ``group`` are of published events that name none: choose a name that the configuration does
        not have. ``store`` and ``own`` are those of ``Sink``.
        """
        self.capacity = capacity if capacity > 0 else CAPACITY
        self._connection = connection
        self._group = group
        self._sink = sink_of(store, own=own) if sink is None else sink
        # Guards the reader
        self._lock = threading.Lock()
        self._reader: BusReader | None = None
        _BUSES.add(self)

    def publish(self, event: TraceEvent) -> None:
        """Take an event; returns at once, and raises nothing. It is delivered when it is stored."""
        try:
            if not event.connection:
                group = event.group or self._group
                event = msgspec.structs.replace(event, connection=self._connection, group=group)
        except (AttributeError, TypeError):
            # It is no event: the sink counts it as lost
            pass
        self._sink.emit(event)

    def subscribe(self, since_id: int = 0, buffer: int = BUFFER, query: str | None = None) -> EventSubscription:
        """Return an iterator, for threads and event loops, over the events after ``since_id`` and those to come.

        ``since_id`` is the cursor of an earlier subscription, also of another process; all events since are delivered.
        0 or less is none: it begins with the newest ``capacity`` events. An id that no event has yet is the end.
        ``buffer`` (0 or less: 128) is how many events may be stored while the subscriber is busy with others: the next
        ones are left out, and a ``Gap`` in their place says which. Nothing is buffered in memory, so that a subscriber
        that must have all passes ``sys.maxsize``. ``query`` is a search, as of ``wsmon search``: empty is every event
        of the store; None, those of the connection of the bus.

        A store that is not there yet is waited for. Raises ``UsageError`` where none is found, ``QueryError`` for text
        that is no query, and ``TypeError`` for an id that is no number.
        """
        since_id = operator.index(since_id)
        # Imported now: an application that only publishes needs it not
        from wsmon.trace.subscription import EventSubscription, EventWindow, ItemDelivery

        window = EventWindow(since_id, self.capacity, buffer if buffer > 0 else BUFFER, self._query(query))
        return EventSubscription(ItemDelivery(self._present_reader(), window))

    def flush(self, timeout_s: float = END_S) -> bool:
        """Wait until what was published is stored or spooled; returns whether that came true in time."""
        return self._sink.flush(timeout_s)

    def close(self) -> None:
        """End all subscriptions; what was published is stored or spooled all the same."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child: threads, and a store that is open, stay the parent's."""
        self._lock = threading.Lock()
        reader, self._reader = self._reader, None
        for delivery in tuple(reader.deliveries) if reader is not None else ():
            delivery.after_fork()

    def _present_reader(self) -> BusReader:
        from wsmon.trace.subscription import BusReader

        with self._lock:
            if self._reader is None:
                self._reader = BusReader(self._sink.locate())
            return self._reader

    def _query(self, text: str | None) -> Query:
        from wsmon.clock import SystemClock
        from wsmon.export.import_session import connection_name
        from wsmon.query.parser import ReferenceTime, parse

        if text is None:
            # As the recorder makes it valid; a name that the configuration has becomes another one there
            name = connection_name(self._connection, CONNECTION)
            text = f"conn:{name},{name}.app"
        return parse(text, ReferenceTime(SystemClock().wall_ns(), None))


# The name that applications use; the recorder has a class of that name
Bus = TraceBus

_BUSES: weakref.WeakSet[TraceBus] = weakref.WeakSet()


def _forked() -> None:
    for bus in tuple(_BUSES):
        bus.after_fork()


os.register_at_fork(after_in_child=_forked)
