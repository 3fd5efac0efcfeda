"""The read-only view of a store for viewers and commands (``ports.StoreView``); read transactions and their errors.

No statement runs for long: searches go window by window, so that the recorder's checkpoints never wait.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from wsmon.errors import QueryError, StoreError
from wsmon.model.events import Event
from wsmon.model.ranges import DayStart, FirstMatch, QueryMatches, SearchProgress, SessionRange, StoreBounds, TopMatches
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock, PagesCopied
from wsmon.query.ast import EVERYTHING, Query
from wsmon.store.extent import StoreExtent
from wsmon.store.opening import OpenStore, open_to_read, read_error
from wsmon.store.pages import Pages, SearchCollector
from wsmon.store.validation import BAD_VALUES, bad_value

# What a search does not need is imported by the methods that do: a command waits for the first row, and pays for it.
if TYPE_CHECKING:
    from datetime import tzinfo

    from wsmon.model.block import Committed
    from wsmon.model.bundle import Bundle, RecordedRun
    from wsmon.model.ranges import MatchHistogram, Ranking
    from wsmon.model.snapshot import Snapshot
    from wsmon.model.spans import Span
    from wsmon.model.statistics import Activity, Density, Extreme, Statistics, Trend
    from wsmon.model.subscriptions import TopicState
    from wsmon.model.timeline import Lane, LaneTitle, TimelineProblem
    from wsmon.model.uptime import RunPeriod
    from wsmon.store.first_matches import FirstMatches
    from wsmon.store.periods import StorePeriods
    from wsmon.store.received import ReceivedRow
    from wsmon.store.replay import Replay


class ReadTransaction:
    """Read transactions on one connection, one after the other."""

    def __init__(self, store: OpenStore, pages: Pages) -> None:
        self._store = store
        self._connection = store.connection
        self._pages = pages

    @contextmanager
    def __call__(self, query: Query = EVERYTHING, *, is_consistent: bool = False) -> Iterator[None]:
        """Run the statements of the block; with ``is_consistent`` all of them see the same commits.

        Raises ``StoreError`` for errors of SQLite, ``InterruptedError`` where the view was interrupted, ``QueryError``
        where a pattern of the query was too slow, and what a user function of SQLite raised.
        """
        self._pages.begin()
        self._end_transaction()
        try:
            self._store.follow_migration()
            if is_consistent:
                self._connection.execute("BEGIN")
            yield
        except sqlite3.Error as error:
            if cause := self._pages.cause_of(error, query):
                raise cause from error
            if self._pages.is_late:
                raise StoreError(
                    f"the store {self._store.path} did not answer in time",
                    "it may be damaged: `wsmon doctor` checks it",
                ) from error
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                raise InterruptedError("the read was interrupted") from error
            raise read_error(error, self._store.path) from error
        except BAD_VALUES as error:
            raise bad_value(error, self._store.path, "it was not modified") from error
        finally:
            self._end_transaction()

    def _end_transaction(self) -> None:
        """End the transaction.

        While a cursor that was interrupted is half read, SQLite interrupts this too: the next call ends it then.
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
        # Of the store itself, also where a copy of it is read
        self.path = path
        self._clock = clock
        self._cache_folder = cache_folder
        # How often a new file was found under the name of the store
        self._renewals = 0
        self._open()

    def _open(self) -> None:
        self._store = store = open_to_read(self.path, self._cache_folder)
        self._connection = store.connection
        self._pages = Pages(store.connection, self._clock)
        self._pages.has_holes = store.is_excerpt
        self._transaction = ReadTransaction(store, self._pages)
        self._extent = StoreExtent(store.connection, store.path)
        # Of the queries that were asked for last
        self._first_matches: FirstMatches | None = None

    @property
    def _question(self) -> ReadTransaction:
        """The transactions on the file that has the store's name: a recorder may have begun a new one there."""
        before = self._store
        if before.is_replaced:
            self._open()
            self._renewals += 1
            before.close()
        return self._transaction

    @property
    def _periods(self) -> StorePeriods:
        from wsmon.store.periods import StorePeriods

        return StorePeriods(self._connection, self._store.path, self._clock)

    @property
    def notice(self) -> str:
        """A sentence for the user: the store is read from a copy, or may lack events; empty otherwise."""
        return self._store.notice

    @property
    def is_excerpt(self) -> bool:
        """Whether the store was made of events of others, as exports, imports and bundles: it may lack some of them."""
        return self._store.is_excerpt

    @property
    def store_id(self) -> str:
        """A random id of the store, which never changes and is copied with it."""
        with self._question():
            return self._extent.store_id()

    def data_version(self) -> int:
        """A number that changes when another process commits: for polling where no recorder notifies the viewer."""
        with self._question():
            (version,) = self._connection.execute("PRAGMA data_version").fetchone()
            # Each file counts anew; the number has 32 bits
            return (self._renewals << 32) + int(version)

    def is_cut_off(self) -> bool:
        """Whether the newest run has no end and no recorder: what was open then is not known to be open."""
        with self._question():
            return self._extent.is_cut_off()

    def bounds(self) -> StoreBounds:
        """Read ids, run and size of the store."""
        with self._question():
            return self._extent.bounds()

    def period(self) -> tuple[int, int]:
        """Read which wall times everything recorded lies between; 0, 0 where there is nothing."""
        with self._question(is_consistent=True):
            periods = self._periods
            return periods.period(periods.runs())

    def snapshot(self, at_ns: int) -> Snapshot:
        """Read the state of all configured connections, for the wall time ``at_ns``."""
        from wsmon.store.snapshot import snapshot

        with self._question(is_consistent=True):
            return snapshot(self._connection, at_ns, self._extent.bounds(), self._periods.rolled_s(), self._pages.by_id)

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Read at most ``limit`` matching events with ``id > after_id``, oldest first."""
        with self._question(query):
            oldest_id, last_id = self._extent.kept()
            return self._pages.page(max(oldest_id, after_id + 1), last_id, limit, query, newest_first=False)

    def events_before(self, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Read at most ``limit`` matching events with ``id < before_id``, newest first."""
        with self._question(query):
            oldest_id, last_id = self._extent.kept()
            return self._pages.page(oldest_id, min(before_id - 1, last_id), limit, query, newest_first=True)

    def events_by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        """Read the events with these ids, in the order of the ids; pruned ones are left out."""
        with self._question():
            return self._pages.by_id(ids)

    def first_matches(
        self, queries: Mapping[str, Query], first_id: int, last_id: int, committed: Sequence[Committed] = ()
    ) -> QueryMatches:
        """Find the first match of each query on each connection in a closed range of ids, in one pass.

        ``committed`` has all events of the range where the caller has them; they are not read then.
        """
        from wsmon.store.first_matches import FirstMatches

        # What differs from a message in memory is read, and has to be kept as long
        with self._question(is_consistent=True):
            oldest_id, newest_id = self._extent.kept()
            is_kept = first_id >= oldest_id
            first_id, last_id = max(first_id, oldest_id), min(last_id, newest_id)
            if self._first_matches is None or not self._first_matches.is_for(queries):
                self._first_matches = FirstMatches(queries, self._pages, self._connection)
            known = self._first_matches.collect(first_id, last_id, committed if is_kept else ())
        found: dict[str, tuple[FirstMatch, ...]] = {}
        failed: dict[str, QueryError] = {}
        for name, query in queries.items():
            try:
                if not known[name].is_decided:
                    with self._question(query):
                        known[name].search(self._pages, first_id, last_id)
                found[name] = known[name].in_order()
            except QueryError as error:
                failed[name] = error
        return QueryMatches(found, failed)

    def received(self, query: Query, connection: str, first_id: int, last_id: int) -> Generator[list[ReceivedRow]]:
        """Read the messages received on a connection that match, in a closed range of ids, oldest first, in pieces."""
        from wsmon.store.received import received, received_query

        asked = received_query(query, connection)
        with self._question(asked):
            oldest_id, newest_id = self._extent.kept()
            kept = max(first_id, oldest_id), min(last_id, newest_id)
            yield from received(self._pages, asked, connection, *kept)

    def count_received(self, connection: str, first_id: int, last_id: int) -> int:
        """Count the messages received on a connection that are kept, in a closed range of ids."""
        from wsmon.store.received import count_received

        with self._question():
            oldest_id, newest_id = self._extent.kept()
            return count_received(self._pages, connection, max(first_id, oldest_id), min(last_id, newest_id))

    def runs_of(self, connection: str) -> dict[int, RunPeriod]:
        """Read when recorders ran that recorded something of a connection, by run; the present run ends now."""
        with self._question(is_consistent=True):
            return self._periods.runs_of(connection)

    def open_times(self, connection: str, since_ns: int, until_ns: int) -> list[tuple[int, int]] | None:
        """Read when sessions that touch a period were open, in wall time; None where no session is known at all."""
        with self._question(is_consistent=True):
            return self._periods.open_times(connection, since_ns, until_ns)

    def glance(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> SearchProgress:
        """Search a closed range of ids for some 40 ms; returns the matches, and how far the search came."""
        found = self._search(query, first_id, last_id, newest_first=newest_first, is_glance=True)
        with closing(found):
            return next(found, SearchProgress(array("q"), first_id, last_id))

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        """Search a closed range of ids; yields the matches as they are found, at least four times a second.

        Pruned ids count as searched. A caller that does not want the rest closes the generator.
        """
        return self._search(query, first_id, last_id, newest_first=newest_first)

    def top(self, query: Query, ranking: Ranking, limit: int) -> Generator[TopMatches]:
        """Find the matches with the greatest values, in windows of ids; only ``limit`` of them are in memory."""
        from wsmon.store.match_summaries import TopCollector

        with self._question(query):
            yield from self._pages.summarise(query, *self._extent.kept(), TopCollector(ranking, limit))

    def histogram(self, query: Query, start_ns: int, step_ns: int, steps: int) -> Generator[MatchHistogram]:
        """Count matches by their time, in windows of ids."""
        from wsmon.store.match_summaries import HistogramCollector

        with self._question(query):
            yield from self._pages.summarise(query, *self._extent.kept(), HistogramCollector(start_ns, step_ns, steps))

    def lane_titles(self, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
        """Read which connections have a lane in a period: the configured ones in their order, then others."""
        from wsmon.store.timeline import lane_titles

        with self._question():
            return lane_titles(self._connection, since_ns, until_ns)

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        """Read the timeline of a period, of some connections or all, in the order of ``lane_titles``.

        It is thinned to cells of ``cell_ns`` from ``since_ns`` on: the worst of each cell is kept.
        """
        from wsmon.store.timeline import LaneScope, clock_turns, lanes

        with self._question(is_consistent=True):
            runs = self._periods.runs()
            scope = LaneScope(
                since_ns, until_ns, cell_ns, self._extent.bounds().oldest_id, runs, clock_turns(self._connection)
            )
            return lanes(self._connection, scope, connections)

    def problems_near(self, places: tuple[tuple[str, int], ...], *, newer: bool) -> tuple[TimelineProblem, ...]:
        """Find, for each connection and time, the first problem at that time or later, or the last one before it."""
        from wsmon.store.timeline import problems_near

        with self._question():
            return problems_near(self._connection, places, newer=newer)

    def density(
        self, since_ns: int, until_ns: int, buckets: int, connections: tuple[str, ...] | None = None
    ) -> Density:
        """Read messages and errors of a period, of these connections or all, cut into equal buckets."""
        from wsmon.store.statistics import density

        with self._question(is_consistent=True):
            return density(self._connection, since_ns, until_ns, buckets, self._periods.coverage(), connections)

    def statistics(
        self, since_ns: int | None, until_ns: int | None, connection: str = "", *, has_types: bool = False
    ) -> Statistics:
        """Compute statistics of a period (``None`` = open end), of one connection or all; optionally by message type.

        The result has the requested period, rounded outward to whole seconds, or to the minutes or hours that are kept
        of it. An open end is now while a recorder runs, else the end of the last run.
        """
        from wsmon.store.statistics import covering_buckets, statistics

        with self._question(is_consistent=True):
            periods = self._periods
            runs = periods.runs()
            since_s, until_s, last_ns = _whole_seconds(periods.period(runs), since_ns, until_ns)
            cover = covering_buckets(since_s, until_s, periods.coverage())
            is_open_end = until_ns is None or until_ns >= last_ns
            return statistics(self._connection, cover, runs, connection, is_open_end=is_open_end, has_types=has_types)

    def activity(self, since_ns: int | None, until_ns: int | None, step_s: int, offset_s: int) -> Activity:
        """Add up the traffic of a period (``None`` = open end) in steps of time, by connection.

        ``step_s`` 0 = one step. Steps begin at multiples of their length in a zone ``offset_s`` ahead of UTC; they are
        as long as the buckets that are kept where these are longer.
        """
        from wsmon.store.activity import activity

        with self._question(is_consistent=True):
            periods = self._periods
            runs = periods.runs()
            since_s, until_s, _ = _whole_seconds(periods.period(runs), since_ns, until_ns)
            return activity(self._connection, since_s, until_s, step_s, offset_s, periods.coverage(), runs)

    def trend(self, connection: str, since_ns: int, until_ns: int, buckets: int) -> Trend:
        """Read the trend of a connection over a period, in at most so many equal buckets; empty for an unknown one."""
        from wsmon.store.statistics import trend

        with self._question(is_consistent=True):
            return trend(self._connection, connection, since_ns, until_ns, buckets, self._periods.coverage())

    def extreme(self, connection: str, metric: Extreme, since_ns: int, until_ns: int) -> Event | None:
        """Find the event with the greatest value of a metric of a connection in a period; None where none is kept."""
        from wsmon.store.extremes import event_of, greatest
        from wsmon.store.statistics import covering_buckets

        with self._question(is_consistent=True):
            since_s, until_s = since_ns // SECOND_NS, -(-until_ns // SECOND_NS)
            parts = covering_buckets(since_s, until_s, self._periods.coverage()).parts
            row = self._connection.execute("SELECT id FROM connection WHERE name = ?", (connection,)).fetchone()
            found = greatest(self._connection, row[0], metric, parts) if row else None
            if found is None:
                return None
            kept = self._extent.kept()
            first_id, next_id = (self._pages.id_at(each * SECOND_NS, *kept) for each in (found.since_s, found.until_s))
            event_id = event_of(self._connection, row[0], metric, found.value, (first_id, next_id - 1))
            return next(iter(self._pages.by_id((event_id,))), None)

    def topics(self, connection: str) -> tuple[TopicState, ...]:
        """Read the subscriptions of a connection, in alphabetical order."""
        from wsmon.store.connections import topics

        with self._question():
            return topics(self._connection, connection)

    def sessions(self, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
        """Read the sessions with these ids that the store knows, in no particular order."""
        from wsmon.store.sessions import session_lives

        with self._question():
            return session_lives(self._connection, connection_ids)

    def spans(self, connection_id: str, limit: int, *, of_trace: bool = False) -> tuple[Span, ...]:
        """Read at most ``limit`` spans of a session, or (``of_trace``) the newest of its trace: by their ends, then
        those that are under way.
        """
        from wsmon.store.sessions import session_spans, session_trace_spans

        with self._question():
            return (session_trace_spans if of_trace else session_spans)(self._connection, connection_id, limit)

    def trace_spans(self, trace_id: str, limit: int) -> tuple[Span, ...]:
        """Read the newest ``limit`` spans of a trace, in the order of their ends, then those that are under way."""
        from wsmon.store.sessions import trace_spans

        with self._question():
            return trace_spans(self._connection, trace_id, limit)

    def newest_traces(self, connection: str, limit: int) -> tuple[str, ...]:
        """Read the ids of the newest traces of a connection, newest first; ``limit`` is of the sessions looked at."""
        from wsmon.store.sessions import newest_traces

        with self._question():
            return newest_traces(self._connection, connection, limit)

    def id_at(self, ts_ns: int) -> int:
        """Find the id of the first event at or after a wall time; ``last_id + 1`` where there is none.

        By binary search: where the wall clock was set back, any event at which that time passed may be found.
        """
        with self._question():
            return self._pages.id_at(ts_ns, *self._extent.kept())

    def times(self, first_id: int, last_id: int) -> array[int]:
        """Read the wall times of a closed range of ids, one for each; -1 where no event has the id."""
        with self._question():
            return self._pages.times(first_id, last_id)

    def time_from(self, event_id: int) -> int:
        """Read the wall time of an event, or of the next one that is kept; 0 where there is none."""
        with self._question():
            return self._pages.time_of(event_id)

    def connection_names(self) -> tuple[str, ...]:
        """Read the names of all connections, also of those that are not configured any more."""
        with self._question():
            return tuple(source.connection for source in self._pages.connections().values())

    def day_starts(self, from_id: int, zone: tzinfo | None) -> tuple[DayStart, ...]:
        """Find the first event of each day from an event on, by binary searches: some milliseconds for a year.

        Where the wall clock was set back over midnight, a day begins at one of the events at which that time passed.
        """
        with self._question(is_consistent=True):
            oldest_id, last_id = self._extent.kept()
            return self._pages.day_starts(max(from_id, oldest_id), last_id, zone)

    def copy(self, target: Path, progress: PagesCopied) -> None:
        """Copy the whole store into an empty file, as it is now; see ``copying.copy_store``."""
        from wsmon.store.copying import copy_store, finish_copy

        with self._question():
            copy_store(self._connection, target, progress)
        finish_copy(target)

    @contextmanager
    def excerpt(self, target: Path) -> Iterator[Replay]:
        """Make an empty file a store of the events that are written to it, with their runs and connections."""
        from wsmon.store.copying import finish_copy, store_origin
        from wsmon.store.replay import replaying

        with self._question():
            origin = store_origin(self._connection)
        with replaying(target, origin) as replay:
            yield replay
        finish_copy(target)

    def seal(self, target: Path, manifest: str) -> str:
        """Turn a file that ``excerpt`` made into a bundle with this manifest, and return its seal."""
        from wsmon.store.bundle import seal

        return seal(target, manifest)

    def bundle(self) -> Bundle | None:
        """Read the manifest of a bundle and check its seal, which reads the whole file; ``None`` for other stores."""
        from wsmon.store.bundle import bundle_of

        with self._question():
            return bundle_of(self._connection, self.path)

    @property
    def sqlite_version(self) -> str:
        """The version of SQLite in this process."""
        return sqlite3.sqlite_version

    @property
    def is_bundle(self) -> bool:
        """Whether the store is a bundle."""
        from wsmon.store.bundle import is_bundle

        with self._question():
            return is_bundle(self._connection)

    def runs(self) -> tuple[RecordedRun, ...]:
        """Read the runs of the recorder, oldest first."""
        from wsmon.store.bundle import recorded_runs

        with self._question():
            return recorded_runs(self._connection)

    def interrupt(self) -> None:
        """Interrupt the read in the view's thread: it raises ``InterruptedError``. Callable from any thread."""
        self._pages.interrupt()

    def close(self) -> None:
        """Close the store."""
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


def _whole_seconds(recorded: tuple[int, int], since_ns: int | None, until_ns: int | None) -> tuple[int, int, int]:
    """Return a period (``None`` = open end) rounded outward to seconds, and the end of everything recorded in ns."""
    first_ns, last_ns = recorded
    since_s = (first_ns if since_ns is None else since_ns) // SECOND_NS
    until_s = -(-(last_ns if until_ns is None else until_ns) // SECOND_NS)
    return since_s, until_s, last_ns
