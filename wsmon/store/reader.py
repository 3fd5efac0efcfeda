"""The view of a store that viewers and commands read: committed events only, never a write.

No statement runs for long: searches go window by window, so that the recorder's checkpoints never wait.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from wsmon.errors import StoreError
from wsmon.model.events import Event
from wsmon.model.snapshot import SearchProgress, SessionRange, Snapshot, StoreBounds
from wsmon.model.spans import Span
from wsmon.model.statistics import Density, Statistics, Trend
from wsmon.model.timeline import Lane, LaneTitle, TimelineProblem
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock, PagesCopied
from wsmon.query.ast import EVERYTHING, Query
from wsmon.store.opening import OpenStore, copy_store, open_to_read, store_origin
from wsmon.store.pages import Pages, SearchCollector
from wsmon.store.replay import Replay, replaying
from wsmon.store.sessions import session_lives, session_spans, trace_spans
from wsmon.store.snapshot import StoreExtent, snapshot
from wsmon.store.statistics import covering_buckets, density, statistics, trend
from wsmon.store.timeline import LaneScope, lane_titles, lanes, problems_near

# One answer of a store: what all its statements see, and what becomes of what SQLite raises.


class ReadTransaction:
    """The questions that an open store is asked, one after the other."""

    def __init__(self, store: OpenStore, pages: Pages) -> None:
        self._store = store
        self._connection = store.connection
        self._pages = pages

    @contextmanager
    def __call__(self, query: Query = EVERYTHING, *, is_consistent: bool = False) -> Iterator[None]:
        """Around the statements of an answer; with ``is_consistent`` all of them see the same commits.

        Raises ``StoreError`` for what SQLite raises, ``InterruptedError`` where the view was interrupted, and
        ``QueryError`` where the query was ended for taking too long; what a function raised that SQLite called goes on.
        """
        self._pages.begin()
        self._end_transaction()
        try:
            self._store.follow_migration()
            if is_consistent:
                self._connection.execute("BEGIN")
            yield
        except sqlite3.Error as error:
            if reason := self._pages.reason(error, query):
                raise reason from error
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                raise InterruptedError("the search was ended") from error
            raise StoreError(f"cannot read the store {self._store.path}: {error}") from error
        except msgspec.DecodeError as error:
            raise StoreError(f"cannot read the store {self._store.path}: {error}") from error
        finally:
            self._end_transaction()

    def _end_transaction(self) -> None:
        """Let go of the commits that were seen.

        While a cursor that was interrupted is half read, SQLite interrupts this too: the next question ends it then.
        """
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_INTERRUPT":
                    raise


class Reader:
    """A ``ports.StoreView`` over a store file; belongs to the thread that made it, but for ``interrupt``."""

    def __init__(self, path: Path, clock: Clock, cache_folder: Path | None = None) -> None:
        """Open the store; raises ``StoreError`` as ``opening.open_to_read`` does."""
        self.path = path
        # of the store itself, also where a copy of it is read
        self._store = open_to_read(path, cache_folder)
        self._connection = self._store.connection
        self._clock = clock
        self._pages = Pages(self._connection, clock)
        self._question = ReadTransaction(self._store, self._pages)
        self._extent = StoreExtent(self._connection, self._store.path, clock)

    @property
    def notice(self) -> str:
        """What a viewer must know about the store: that it is a copy, or not complete; empty where all is well."""
        return self._store.notice

    @property
    def store_id(self) -> str:
        """What names the store wherever it lies; it never changes."""
        with self._question():
            return self._extent.store_id()

    def data_version(self) -> int:
        """A number that changes when another process commits: to be polled where no recorder wakes the viewer."""
        with self._question():
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            return int(version)

    def is_cut_off(self) -> bool:
        """Whether the newest run ended without a word: nobody records, and what was open then is not known to be."""
        with self._question():
            return self._extent.is_cut_off()

    def bounds(self) -> StoreBounds:
        """Which events there are."""
        with self._question():
            return self._extent.bounds()

    def snapshot(self, at_ns: int) -> Snapshot:
        """How all connections of the configuration are, for the wall time ``at_ns``."""
        with self._question(is_consistent=True):
            return snapshot(self._connection, at_ns, self._extent.bounds(), self._extent.rolled_s(), self._pages.by_id)

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """At most ``limit`` events with ``id > after_id`` that match, oldest first."""
        with self._question(query):
            oldest_id, last_id = self._extent.kept()
            return self._pages.page(max(oldest_id, after_id + 1), last_id, limit, query, newest_first=False)

    def events_before(self, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """At most ``limit`` events with ``id < before_id`` that match, newest first."""
        with self._question(query):
            oldest_id, last_id = self._extent.kept()
            return self._pages.page(oldest_id, min(before_id - 1, last_id), limit, query, newest_first=True)

    def events_by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        """The events with these ids, in the order of the ids; those not kept are left out."""
        with self._question():
            return self._pages.by_id(ids)

    def glance(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> SearchProgress:
        """The matches in as much of a closed range of ids as a moment suffices for; what is not kept counts as seen."""
        found = self._search(query, first_id, last_id, newest_first=newest_first, is_glance=True)
        with closing(found):
            return next(found, SearchProgress(array("q"), first_id, last_id))

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        """The matches in a closed range of ids as they are found, four times a second at least.

        What is no longer kept counts as looked at. Whoever does not want the rest closes the generator.
        """
        return self._search(query, first_id, last_id, newest_first=newest_first)

    def lane_titles(self, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
        """The connections with a lane in a period: the configured ones in their order, then others that it knows."""
        with self._question():
            return lane_titles(self._connection, since_ns, until_ns)

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        """The timeline of a period, of these connections or all, in the order of ``lane_titles``.

        Thinned to cells of ``cell_ns`` from ``since_ns`` on: nothing that is the worst of a cell is left out.
        """
        with self._question(is_consistent=True):
            runs = self._extent.runs()
            scope = LaneScope(since_ns, until_ns, cell_ns, self._extent.bounds().oldest_id, runs)
            return lanes(self._connection, scope, connections)

    def problems_near(self, places: tuple[tuple[str, int], ...], *, newer: bool) -> tuple[TimelineProblem, ...]:
        """Of each connection the first problem of the timeline at its time or later, or the last one before it."""
        with self._question():
            return problems_near(self._connection, places, newer=newer)

    def density(self, since_ns: int, until_ns: int, buckets: int) -> Density:
        """Messages and errors of a period, cut into equal buckets."""
        with self._question(is_consistent=True):
            return density(self._connection, since_ns, until_ns, buckets, self._extent.coverage())

    def statistics(
        self, since_ns: int | None, until_ns: int | None, connection: str = "", *, has_types: bool = False
    ) -> Statistics:
        """Statistics of a period (``None`` = open end), of one connection or all; on demand messages by type.

        The answer's period is the one asked for, rounded outward to whole seconds, or to the minutes or hours that
        are left of it. An open end is now while a recorder runs, else the end of the last run.
        """
        with self._question(is_consistent=True):
            runs = self._extent.runs()
            first_ns = min((run.start_ns for run in runs.values()), default=0)
            last_ns = max((run.end_ns for run in runs.values()), default=0)
            since_s = (first_ns if since_ns is None else since_ns) // SECOND_NS
            until_s = -(-(last_ns if until_ns is None else until_ns) // SECOND_NS)
            stitching = covering_buckets(since_s, until_s, self._extent.coverage())
            is_open_end = until_ns is None or until_ns >= last_ns
            return statistics(
                self._connection, stitching, runs, connection, is_open_end=is_open_end, has_types=has_types
            )

    def trend(self, connection: str, since_ns: int, until_ns: int, buckets: int) -> Trend:
        """How a connection went over a period cut into at most so many equal buckets; empty for an unknown one."""
        with self._question(is_consistent=True):
            return trend(self._connection, connection, since_ns, until_ns, buckets, self._extent.coverage())

    def sessions(self, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
        """The sessions with these ids, as far as they are known, in no particular order."""
        with self._question():
            return session_lives(self._connection, connection_ids)

    def spans(self, connection_id: str, limit: int, *, of_trace: bool = False) -> tuple[Span, ...]:
        """At most ``limit`` spans of a session, in the order in which they ended; ``of_trace``: its trace's newest."""
        with self._question():
            return (trace_spans if of_trace else session_spans)(self._connection, connection_id, limit)

    def id_at(self, ts_ns: int) -> int:
        """The id of the first event at or after a wall time, ``last_id + 1`` where there is none.

        Found by halving: where the wall clock was set back, one of the places at which that time passed.
        """
        with self._question():
            return self._pages.id_at(ts_ns, *self._extent.kept())

    def copy(self, target: Path, progress: PagesCopied) -> None:
        """Copy the whole store into an empty file, as it is now; see ``copying.copy_store``."""
        with self._question():
            copy_store(self._connection, target, progress)

    @contextmanager
    def excerpt(self, target: Path) -> Iterator[Replay]:
        """Make an empty file a store of the events that it is given; what else is known of them goes along."""
        with self._question():
            origin = store_origin(self._connection)
        with replaying(target, origin) as replay:
            yield replay

    def interrupt(self) -> None:
        """End the question under way in the view's own thread: it raises ``InterruptedError``."""
        self._pages.interrupt()

    def close(self) -> None:
        """Let the store go."""
        self._store.close()

    def _search(
        self, query: Query, first_id: int, last_id: int, *, newest_first: bool, is_glance: bool = False
    ) -> Generator[SearchProgress]:
        if first_id > last_id:
            return
        with self._question(query):
            oldest_id, newest_id = self._extent.kept()
            kept = max(first_id, oldest_id), min(last_id, newest_id)
            progress = SearchCollector(self._clock, first_id, last_id, newest_first=newest_first, is_glance=is_glance)
            yield from self._pages.search(query, *kept, progress)
