"""What the layers ask of each other: protocols only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from wsmon.model.detectors.base import Expectation, Traffic
from wsmon.model.events import Event
from wsmon.model.notes import Bookmark, NotesPage, SavedView
from wsmon.model.snapshot import Health, SearchProgress, SessionRange, Snapshot, StoreBounds
from wsmon.model.spans import Span
from wsmon.model.statistics import Density, Statistics, Trend
from wsmon.model.timeline import Lane, LaneTitle, TimelineProblem
from wsmon.query.ast import EVERYTHING, Query


class Clock(Protocol):
    """Time: wall for showing, monotonic for measuring."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC; may step."""
        ...

    def mono_ns(self) -> int:
        """Nanoseconds of a clock that never steps back."""
        ...


class EventSink(Protocol):
    """Where the engine emits to; never blocks, never raises."""

    def emit(self, event: Event) -> None:
        """Take a lifecycle event; it is committed at once."""
        ...

    def emit_message(self, event: Event) -> None:
        """Take a message or heartbeat; it is committed with its batch."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether more bytes wait than should: who reads a socket pauses it until ``on_drained`` is called."""
        ...


class Detector(Protocol):
    """Finds one kind of trouble in what happens; run by the writer, in the transaction of what it saw."""

    @property
    def reads_traffic(self) -> bool:
        """Whether it wants to see what batches bring."""
        ...

    def configure(self, expectations: Mapping[str, Expectation]) -> None:
        """Know what is asked of each connection; replaces what was known, and those not named are not watched."""
        ...

    def observe(self, event: Event) -> None:
        """See a lifecycle event, in the order of commit, its id included; 0 where its profile keeps no row of it."""
        ...

    def observe_traffic(self, traffic: Traffic) -> None:
        """See what a batch brought of one connection; after the lifecycle events in it."""
        ...

    def check(self, ts_ns: int, mono_ns: int) -> tuple[Event, ...]:
        """What began or ended by now, as events; they come back through ``observe``, in this order."""
        ...

    def end(self) -> None:
        """The run is over: whatever is open ends with the next two checks."""
        ...


class StoreView(Protocol):
    """What a viewer asks of a store; every answer holds committed events only.

    A view belongs to the thread that made it; ``interrupt`` alone may be called from another.
    """

    def bounds(self) -> StoreBounds:
        """Which events there are."""
        ...

    def snapshot(self, at_ns: int) -> Snapshot:
        """How all connections are now, for the wall time ``at_ns``."""
        ...

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """At most ``limit`` events with ``id > after_id`` that match, oldest first."""
        ...

    def events_before(self, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """At most ``limit`` events with ``id < before_id`` that match, newest first."""
        ...

    def events_by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        """The events with these ids, in the order of the ids; those not kept are left out."""
        ...

    def glance(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> SearchProgress:
        """The matches in as much of a closed range of ids as a moment suffices for, from the side to begin with.

        A moment is some hundredths of a second: the screen's own thread may ask. It is longer only where one event is.
        """
        ...

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        """The matches in a closed range of ids as they are found: adjacent stretches, from the side to begin with.

        There is an answer four times a second, whether something was found or not, and one at the end of the range;
        none of an empty one.
        Whoever does not want the rest closes the generator.
        """
        ...

    def lane_titles(self, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
        """The connections with a lane in a period, in the order of the configuration."""
        ...

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        """The timeline of a period, of these connections or all, in the order of ``lane_titles``.

        Thinned to cells of ``cell_ns`` from ``since_ns`` on: nothing that is the worst of a cell is left out.
        """
        ...

    def problems_near(self, places: tuple[tuple[str, int], ...], *, newer: bool) -> tuple[TimelineProblem, ...]:
        """Of each connection the first problem of the timeline at its time or later, or the last one before it."""
        ...

    def density(self, since_ns: int, until_ns: int, buckets: int) -> Density:
        """Messages and errors of a period, cut into equal buckets."""
        ...

    def statistics(
        self, since_ns: int | None, until_ns: int | None, connection: str = "", *, has_types: bool = False
    ) -> Statistics:
        """Statistics of a period (``None`` = open end), of one connection or all; on demand messages by type."""
        ...

    def trend(self, connection: str, since_ns: int, until_ns: int, buckets: int) -> Trend:
        """How a connection went over a period cut into at most so many equal buckets; empty for an unknown one."""
        ...

    def sessions(self, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
        """The sessions with these ids, as far as they are known, in no particular order."""
        ...

    def spans(self, connection_id: str, limit: int, *, of_trace: bool = False) -> tuple[Span, ...]:
        """At most ``limit`` spans of a session, in the order in which they ended; ``of_trace``: its trace's newest."""
        ...

    def id_at(self, ts_ns: int) -> int:
        """The id of the first event at or after a wall time; ``last_id + 1`` where there is none."""
        ...

    def interrupt(self) -> None:
        """End the query under way in the view's own thread: it raises ``InterruptedError``."""
        ...

    def close(self) -> None:
        """Let the store go."""
        ...


# How many pages of a database are copied, and of how many; what it raises ends the copy
PagesCopied = Callable[[int, int], None]


class Excerpt(Protocol):
    """A store in the making, of events that another one has."""

    def write(self, events: Sequence[Event]) -> None:
        """Add events; they keep their ids, which ascend."""
        ...


class CopyableStore(StoreView, Protocol):
    """A view whose store can be handed over."""

    def copy(self, target: Path, progress: PagesCopied) -> None:
        """Copy the whole store into an empty file, as it is now, also while it is recorded into."""
        ...

    def excerpt(self, target: Path) -> AbstractContextManager[Excerpt]:
        """Make an empty file a store of the events that it is given."""
        ...


class Notes(Protocol):
    """What viewers write down about a store, kept in a file; any thread may call, and every call may wait for it.

    Raises ``StoreError`` where the file cannot be used.
    """

    def read(self) -> NotesPage:
        """Everything that is written down."""
        ...

    def keep_bookmark(self, bookmark: Bookmark) -> None:
        """Write a bookmark down, or its new text."""
        ...

    def drop_bookmark(self, event_id: int) -> None:
        """Forget a bookmark."""
        ...

    def keep_view(self, view: SavedView) -> None:
        """Write a view down; one of the same name is replaced."""
        ...

    def drop_view(self, name: str) -> None:
        """Forget a view."""
        ...

    def keep_search(self, query: str) -> None:
        """Write a search down as the newest."""
        ...


class RecorderControl(Protocol):
    """What a viewer asks of the recorder that holds its store."""

    @property
    def health(self) -> Health | None:
        """The newest sample; ``None`` while no recorder answers."""
        ...

    async def reconnect(self, connection: str) -> None:
        """Dial anew, now; raises ``WsmonError`` with the recorder's answer where it will not."""
        ...

    async def disable(self, connection: str) -> None:
        """Close the connection and leave it closed."""
        ...

    async def enable(self, connection: str) -> None:
        """Open a connection that was disabled."""
        ...

    async def reload(self) -> str:
        """Read the configuration again; returns what changed, in a sentence."""
        ...

    async def stop(self) -> None:
        """End the recorder cleanly."""
        ...
