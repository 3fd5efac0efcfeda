"""Ports: the interfaces between layers, as protocols: clock, event sink, detector, store view, notes, recorder control.

A layer that needs something from above declares it here and receives the implementation: ``SystemClock`` (clock.py),
``Bus`` (bus.py), model/detectors/, store/reader.py, store/notes.py, control/client.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from wsmon.query.ast import EVERYTHING

# Interfaces need the types for annotations alone: a layer that uses one of them loads none of the others
if TYPE_CHECKING:
    from array import array
    from datetime import tzinfo

    from wsmon.model.block import Block, Committed
    from wsmon.model.bundle import RecordedRun
    from wsmon.model.detectors.base import Expectation, Traffic
    from wsmon.model.events import Event
    from wsmon.model.notes import Bookmark, NotesPage, SavedView
    from wsmon.model.ranges import (
        DayStart,
        MatchHistogram,
        QueryMatches,
        Ranking,
        SearchProgress,
        SessionRange,
        StoreBounds,
        TopMatches,
    )
    from wsmon.model.snapshot import Health, Snapshot
    from wsmon.model.spans import Span
    from wsmon.model.statistics import Density, Extreme, Statistics, Trend
    from wsmon.model.subscriptions import TopicState
    from wsmon.model.timeline import Lane, LaneTitle, TimelineProblem
    from wsmon.query.ast import Query


class Clock(Protocol):
    """Wall time for display, monotonic time for measuring; never subtract wall times."""

    def wall_ns(self) -> int:
        """Return nanoseconds since 1970, UTC; may step back."""
        ...

    def mono_ns(self) -> int:
        """Return nanoseconds of a clock that never steps back."""
        ...


class EventSink(Protocol):
    """Takes the events that the engine emits; never blocks, never raises."""

    def emit(self, event: Event) -> None:
        """Take a lifecycle event; it is committed at once."""
        ...

    def emit_message(self, event: Event) -> None:
        """Take a message or heartbeat; it is committed with its batch."""
        ...

    def emit_block(self, block: Block) -> None:
        """Take the messages of a block; they are committed with their batch."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether more bytes wait than should: sessions pause their sockets until they are resumed."""
        ...


class Detector(Protocol):
    """Finds one kind of incident in the events; run by the writer, in the transaction of the events it observes."""

    @property
    def reads_traffic(self) -> bool:
        """Whether ``observe_traffic`` is to be called."""
        ...

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Replace the expectations of all connections; connections that are not named are not watched."""
        ...

    def observe(self, event: Event) -> None:
        """Observe a lifecycle event, in the order of commit; its id is 0 where its profile keeps no row of it."""
        ...

    def observe_traffic(self, batch: Iterable[Traffic]) -> None:
        """Observe the messages of a batch, by connection, after the lifecycle events of the batch."""
        ...

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """Return incidents that began or ended by now, as events; they come back through ``observe``, in this order."""
        ...

    def end(self) -> None:
        """End the run: open incidents end with the next two checks."""
        ...


@runtime_checkable
class CountingDetector(Protocol):
    """A detector whose open incidents go on finding more of the same."""

    def running(self) -> tuple[tuple[int, str], ...]:
        """Return the ids of open incidents that found more since the last call, and what they have found by now."""
        ...


class StoreView(Protocol):
    """Read access to a store; every result holds committed events only.

    A view belongs to the thread that made it; only ``interrupt`` may be called from another one.
    """

    def bounds(self) -> StoreBounds:
        """Return which events there are."""
        ...

    def period(self) -> tuple[int, int]:
        """Return the wall times that everything recorded lies between, whatever the clock did; 0, 0 = nothing is."""
        ...

    def snapshot(self, at_ns: int) -> Snapshot:
        """Return the state of all connections, with ages relative to the wall time ``at_ns``."""
        ...

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Return at most ``limit`` events with ``id > after_id`` that match, oldest first."""
        ...

    def events_before(self, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Return at most ``limit`` events with ``id < before_id`` that match, newest first."""
        ...

    def events_by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        """Return the events with these ids, in the order of ``ids``; pruned ones are left out."""
        ...

    def first_matches(
        self, queries: Mapping[str, Query], first_id: int, last_id: int, committed: Sequence[Committed] = ()
    ) -> QueryMatches:
        """Return the first match of each query on each connection in a closed range of ids, found in one pass.

        ``committed`` has all events of the range where the caller has them in memory; they are not read then.
        """
        ...

    def glance(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> SearchProgress:
        """Return the matches in as much of a closed range of ids as is searched in some tens of milliseconds.

        The search begins at the newest or oldest id, as asked. It may be called on the UI thread; it takes longer only
        where a single event does.
        """
        ...

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        """Yield the matches in a closed range of ids as they are found: adjacent parts, from the newest or oldest id.

        Yields four times a second, whether matches were found or not, and at the end of the range; not at all for an
        empty range. Close the generator to end the search early.
        """
        ...

    def top(self, query: Query, ranking: Ranking, limit: int) -> Generator[TopMatches]:
        """Yield the ``limit`` matches with the greatest values of those looked at so far, newest events first.

        ``duration`` ranks operations, such as replies, pongs and handshakes, by the time that they took; how long a
        session or an outage lasted does not count. ``size`` ranks messages. Yields some times a second, and at the end
        of what is kept now. Close the generator to end it early.
        """
        ...

    def histogram(self, query: Query, start_ns: int, step_ns: int, steps: int) -> Generator[MatchHistogram]:
        """Yield how many matches there are in each of so many steps of time, of the events looked at so far.

        The newest events are looked at first. Yields some times a second, and at the end. Close the generator to end it
        early.
        """
        ...

    def lane_titles(self, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
        """Return the connections with a lane in a period, in the order of the configuration."""
        ...

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        """Return the timeline of a period, of these connections or all, in the order of ``lane_titles``.

        It is thinned to cells of ``cell_ns`` from ``since_ns`` on; the worst of each cell is kept.
        """
        ...

    def problems_near(self, places: tuple[tuple[str, int], ...], *, newer: bool) -> tuple[TimelineProblem, ...]:
        """Return for each (connection, time) the first problem at or after the time, or the last one before it."""
        ...

    def density(
        self, since_ns: int, until_ns: int, buckets: int, connections: tuple[str, ...] | None = None
    ) -> Density:
        """Return messages and errors of a period, of these connections or all, in equal buckets."""
        ...

    def statistics(
        self, since_ns: int | None, until_ns: int | None, connection: str = "", *, has_types: bool = False
    ) -> Statistics:
        """Return statistics of a period (``None`` = open end), of one connection or all, on demand by type."""
        ...

    def trend(self, connection: str, since_ns: int, until_ns: int, buckets: int) -> Trend:
        """Return the figures of a connection in at most ``buckets`` equal parts of a period."""
        ...

    def extreme(self, connection: str, metric: Extreme, since_ns: int, until_ns: int) -> Event | None:
        """Return the event with the greatest value of a metric in a period; None where none is kept."""
        ...

    def topics(self, connection: str) -> tuple[TopicState, ...]:
        """Return the subscriptions of a connection, in alphabetical order."""
        ...

    def sessions(self, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
        """Return the sessions with these ids, as far as they are known, in no particular order."""
        ...

    def spans(self, connection_id: str, limit: int, *, of_trace: bool = False) -> tuple[Span, ...]:
        """Return at most ``limit`` spans of a session, in the order of their ends, then those that are under way;
        ``of_trace``: of its trace.
        """
        ...

    def trace_spans(self, trace_id: str, limit: int) -> tuple[Span, ...]:
        """Return the newest ``limit`` spans of a trace, whichever connections it went through, by their ends, then
        those that are under way.
        """
        ...

    def newest_traces(self, connection: str, limit: int) -> tuple[str, ...]:
        """Return the ids of the newest traces of a connection, newest first; at most ``limit``."""
        ...

    def id_at(self, ts_ns: int) -> int:
        """Return the id of the first event at or after a wall time; ``last_id + 1`` where there is none."""
        ...

    def day_starts(self, from_id: int, zone: tzinfo | None) -> tuple[DayStart, ...]:
        """Return the day of the first event from an id on, and the first event of each day after it, oldest first.

        ``zone`` is that of the days; ``None`` = local.
        """
        ...

    def interrupt(self) -> None:
        """End the query under way on the thread of the view: it raises ``InterruptedError``."""
        ...

    def close(self) -> None:
        """Close the store."""
        ...


class FollowedView(StoreView, Protocol):
    """A view that is polled while a recorder writes."""

    @property
    def store_id(self) -> str:
        """A random id of the store."""
        ...

    def data_version(self) -> int:
        """Return a number that changes when another process commits."""
        ...


class RecordingView(FollowedView, Protocol):
    """A view of one recording, as the view of several needs it."""

    @property
    def notice(self) -> str:
        """A sentence for the user: the store is read from a copy, or may lack events; empty otherwise."""
        ...

    def times(self, first_id: int, last_id: int) -> array[int]:
        """Return the wall times of a closed range of ids, one for each; -1 where no event has the id."""
        ...

    def time_from(self, event_id: int) -> int:
        """Return the wall time of an event, or of the next one that there is; 0 where there is none."""
        ...

    def connection_names(self) -> tuple[str, ...]:
        """Return the names of all connections, also of those that are not configured any more."""
        ...


# Called with the pages of a database copied so far, and their total; an exception ends the copy
PagesCopied = Callable[[int, int], None]


class Excerpt(Protocol):
    """A new store that is made of events of another one."""

    def write(self, events: Sequence[Event]) -> None:
        """Add events, in ascending order of their ids, which they keep."""
        ...


class CopyableStore(StoreView, Protocol):
    """A view whose store can be copied."""

    def copy(self, target: Path, progress: PagesCopied) -> None:
        """Copy the whole store, as it is now, into an empty file; a recorder may write to it meanwhile."""
        ...

    def excerpt(self, target: Path) -> AbstractContextManager[Excerpt]:
        """Return a new store in the empty file ``target``."""
        ...

    def seal(self, target: Path, manifest: str) -> str:
        """Turn such a new store, once it is closed, into a bundle with this manifest; return its seal."""
        ...

    @property
    def store_id(self) -> str:
        """The random id of the recording."""
        ...

    @property
    def sqlite_version(self) -> str:
        """The version of SQLite that writes the file."""
        ...

    def runs(self) -> tuple[RecordedRun, ...]:
        """Return the runs of the recorder, oldest first."""
        ...


class Notes(Protocol):
    """Bookmarks, saved views and searches of a store, kept in a file. Any thread may call; every call may block on it.

    Raises ``StoreError`` where the file cannot be used.
    """

    def read(self) -> NotesPage:
        """Return all bookmarks, views and searches."""
        ...

    def keep_bookmark(self, bookmark: Bookmark) -> None:
        """Save a bookmark, or its new text."""
        ...

    def drop_bookmark(self, event_id: int) -> None:
        """Delete a bookmark."""
        ...

    def keep_view(self, view: SavedView) -> None:
        """Save a view; one of the same name is replaced."""
        ...

    def drop_view(self, name: str) -> None:
        """Delete a view."""
        ...

    def keep_search(self, query: str) -> None:
        """Save a search as the newest."""
        ...


class SentByHand(NamedTuple):
    """A message that the recorder sent for the user."""

    sentence: str
    kept: str
    """Its text, masked as in the recording; empty for a binary message."""


class RecorderControl(Protocol):
    """Commands to the recorder that holds the store of a viewer."""

    @property
    def health(self) -> Health | None:
        """The newest health sample; ``None`` while no recorder answers."""
        ...

    async def reconnect(self, connection: str) -> None:
        """Dial anew, now; raises ``WsmonError`` with the reply where the recorder refuses, as all commands do."""
        ...

    async def disable(self, connection: str) -> None:
        """Close the connection and leave it closed."""
        ...

    async def enable(self, connection: str) -> None:
        """Open a connection that was disabled."""
        ...

    async def send(self, connection: str, message: str | bytes) -> SentByHand:
        """Send a text or a binary message to the peer of a connection; return what was done."""
        ...

    async def reload(self) -> str:
        """Read the configuration again; return what changed, in a sentence."""
        ...

    async def stop(self) -> None:
        """End the recorder cleanly."""
        ...
