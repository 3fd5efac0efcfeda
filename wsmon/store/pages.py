"""Event pages and searches: events by id in windows, with progress; no statement runs for long."""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, Protocol, TypeVar

import msgspec

from wsmon.model.events import Event, Source
from wsmon.model.ranges import DayStart, SearchProgress
from wsmon.model.units import SECOND_NS
from wsmon.ports import Clock
from wsmon.query.ast import Query
from wsmon.store.codec import (
    CONNECTION_GROUP,
    EVENT_COLUMNS,
    SELECT_EVENTS,
    SELECT_SOURCES,
    SqlValue,
    event_of,
    source_of,
)
from wsmon.store.search.block_filter import ANY_BLOCK, BlockFilter
from wsmon.store.search.functions import QueryFunctions
from wsmon.store.search.plan import SourceSearch, compile_block_filter
from wsmon.store.search.skip_index import SkipIndex
from wsmon.store.search.sql import Condition, compile_query
from wsmon.store.validation import Id, Ns, checked, checked_events

# Parameters of one statement
IDS_AT_ONCE = 500
# Ids for which the index is asked at once: two or three segments
FILTERED_AT_ONCE = 40_000
# Sources in memory, about 300 bytes each
HELD_SOURCES = 10_000

_FIRST_FROM = "SELECT id, ts_ns FROM event WHERE id >= ? ORDER BY id LIMIT 1"
_TIMES = "SELECT id, ts_ns FROM event WHERE id BETWEEN ? AND ? ORDER BY id"
_LAST_TO = "SELECT id FROM event WHERE id <= ? ORDER BY id DESC LIMIT 1"
_CONNECTIONS = f"SELECT id, name, coalesce({CONNECTION_GROUP}, '') FROM connection"
_INDEX = "INDEXED BY event_by_name"
_SOURCE = EVENT_COLUMNS.index("source")
_SOURCE_ROW = tuple[Id, Id, str, str, str | None, str | None]
# How long one statement may take: those of a recorder's store take a part of a second
STATEMENT_LIMIT_S = 20.0
# Between two looks at the clock: a few milliseconds
_OPCODES_BETWEEN_LOOKS = 100_000


Summary = TypeVar("Summary", covariant=True)


class SummaryCollector(Protocol[Summary]):
    """Sums up the matches of a query, window by window."""

    def statement(self, matches: str) -> tuple[str, tuple[tuple[SqlValue, ...], tuple[SqlValue, ...]]]:
        """Return a statement over ``matches``, which ends with its condition.

        With it its parameters, those before and those behind the parameters of the condition.
        """
        ...

    def add(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add the rows of the statement."""
        ...

    def summary(self, searched: int, *, is_complete: bool) -> Summary:
        """Return what was found in so many events."""
        ...


class Pages:
    """Reads the event table; used by the thread of the connection, except for ``interrupt``."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._sources: dict[int, Source] = {}
        self._is_interrupted = False
        # Ids may be missing between two events, as in an excerpt
        self.has_holes = False
        self._functions = QueryFunctions(connection)
        self._skip_index = SkipIndex(connection)
        self._source_search = SourceSearch(connection, self._functions.number)
        # Monotonic time by which the statement under way has to answer; None until it has run for a moment
        self._due_ns: int | None = None
        self._is_late = False
        connection.set_progress_handler(self._look_at_clock, _OPCODES_BETWEEN_LOOKS)

    def page(self, first_id: int, last_id: int, limit: int, query: Query, *, newest_first: bool) -> tuple[Event, ...]:
        """Read at most ``limit`` matching events of a closed range of ids."""
        condition = self._condition(query)
        first_id, last_id = max(first_id, condition.first_id), min(last_id, condition.last_id)
        order = "id DESC" if newest_first else "id"
        sql = f"{SELECT_EVENTS} {_where(condition)} ORDER BY {order} LIMIT ?"
        rows: list[tuple[Any, ...]] = []
        block_filter = self._block_filter(query, condition)
        for window in self._windows(first_id, last_id, block_filter, newest_first=newest_first):
            rows += self._connection.execute(sql, (*window, *condition.parameters, limit - len(rows))).fetchall()
            if len(rows) >= limit:
                break
        return self._events(rows)

    def search(self, query: Query, first_id: int, last_id: int, progress: SearchCollector) -> Generator[SearchProgress]:
        """Search a closed range of ids, all of which are kept; see ``StoreView.search``."""
        condition = self._condition(query)
        first_id, last_id = max(first_id, condition.first_id), min(last_id, condition.last_id)
        block_filter = self._block_filter(query, condition)
        sql = f"SELECT id FROM event {_where(condition)} ORDER BY id"
        for window in self._windows(first_id, last_id, block_filter, newest_first=progress.newest_first):
            if condition.is_everything and not self.has_holes:
                progress.add(array("q", range(window[0], window[1] + 1)))
            else:
                rows = self._connection.execute(sql, (*window, *condition.parameters))
                progress.add(array("q", (event_id for (event_id,) in checked(rows, tuple[Id]))))
            if progress.is_due:
                yield progress.take(window, self.time_of)
        if not progress.is_over:
            yield progress.rest(self.time_of)

    def summarise(
        self, query: Query, first_id: int, last_id: int, collector: SummaryCollector[Summary]
    ) -> Generator[Summary]:
        """Pass the matches of a range of ids to a collector, newest first; yields what it has, and at the end."""
        if not first_id:
            yield collector.summary(0, is_complete=True)
            return
        condition = self._condition(query)
        whole = last_id - first_id + 1
        first_id, last_id = max(first_id, condition.first_id), min(last_id, condition.last_id)
        block_filter = self._block_filter(query, condition)
        due_ns = self._clock.mono_ns() + FIRST_NS
        for window in self._windows(first_id, last_id, block_filter, newest_first=True):
            if window[0] <= window[1]:
                sql, parameters = collector.statement(f"event {_where(condition)}")
                bound = (*parameters[0], *window, *condition.parameters, *parameters[1])
                collector.add(self._connection.execute(sql, bound))
            if self._clock.mono_ns() >= due_ns:
                due_ns = self._clock.mono_ns() + NEXT_NS
                yield collector.summary(last_id - window[0] + 1, is_complete=False)
        yield collector.summary(whole, is_complete=True)

    def rows(
        self, query: Query, first_id: int, last_id: int, columns: str, kind: Any
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Read columns of the matching events of a range of ids, oldest first, window by window; pieces may be empty.

        ``kind`` is that of a row, as ``validation.checked`` takes it.
        """
        condition = self._condition(query)
        first_id, last_id = max(first_id, condition.first_id), min(last_id, condition.last_id)
        sql = f"SELECT {columns} FROM event {_where(condition)} ORDER BY id"
        for window in self._windows(first_id, last_id, self._block_filter(query, condition), newest_first=False):
            yield checked(self._connection.execute(sql, (*window, *condition.parameters)), kind)

    def by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        """Read the events with these ids, in the order of the ids; pruned ones are left out."""
        found: dict[int, Event] = {}
        for some in _pieces(ids):
            rows = self._connection.execute(f"{SELECT_EVENTS} WHERE id IN ({_places(some)})", some).fetchall()
            found.update((event.id, event) for event in self._events(rows))
        return tuple(found[event_id] for event_id in ids if event_id in found)

    def id_at(self, ts_ns: int, first_id: int, last_id: int) -> int:
        """Find the first id in a closed range whose event is at or after a wall time; ``last_id + 1`` for none."""
        low, high = first_id, last_id + 1
        while low < high:
            middle = (low + high) // 2
            found = self._first_from(middle)
            if found is None or found[1] >= ts_ns:
                high = middle
            else:
                low = found[0] + 1
        return low

    def times(self, first_id: int, last_id: int) -> array[int]:
        """Read the wall times of a closed range of ids, one for each; -1 where no event has the id."""
        found = dict(checked(self._connection.execute(_TIMES, (first_id, last_id)), tuple[Id, Ns]))
        if len(found) == last_id - first_id + 1:
            return array("q", found.values())
        return array("q", (found.get(event_id, -1) for event_id in range(first_id, last_id + 1)))

    def day_starts(self, first_id: int, last_id: int, zone: tzinfo | None) -> tuple[DayStart, ...]:
        """Find the first event of each day in a closed range of ids."""
        starts: list[DayStart] = []
        while first_id <= last_id and (found := self._first_from(first_id)) is not None:
            day = datetime.fromtimestamp(found[1] // SECOND_NS, zone).date()
            starts.append(DayStart(found[0], day))
            # Midnight in that zone, which need not be 24 hours later
            after = datetime.combine(day + timedelta(days=1), time(), zone)
            first_id = self.id_at(math.floor(after.timestamp()) * SECOND_NS, found[0] + 1, last_id)
        return tuple(starts)

    def time_of(self, event_id: int) -> int:
        """Read the wall time of an event, or of the next one that is kept; 0 where there is none."""
        found = self._first_from(event_id)
        return found[1] if found is not None else 0

    def _first_from(self, event_id: int) -> tuple[int, int] | None:
        """Id and wall time of the first event from an id on."""
        return next(iter(checked(self._connection.execute(_FIRST_FROM, (event_id,)), tuple[Id, Ns])), None)

    def begin(self) -> None:
        """Begin a read: an earlier interrupt does not count for it."""
        self._is_interrupted = self._is_late = False
        self._due_ns = None
        self._functions.begin()

    @property
    def is_late(self) -> bool:
        """Whether a statement was ended because it took too long."""
        return self._is_late

    def _look_at_clock(self) -> bool:
        now_ns = self._clock.mono_ns()
        if self._due_ns is None:
            self._due_ns = now_ns + round(STATEMENT_LIMIT_S * SECOND_NS)
        self._is_late = self._is_late or now_ns > self._due_ns
        return self._is_late

    def cause_of(self, error: sqlite3.Error, query: Query) -> BaseException | None:
        """Return the exception of a user function that ended a statement; ``None`` where another error did."""
        return self._functions.cause_of(error, query.text)

    def interrupt(self) -> None:
        """Stop the read, between two windows or within a statement; callable from any thread."""
        self._is_interrupted = True
        self._connection.interrupt()

    def _windows(
        self, first_id: int, last_id: int, block_filter: BlockFilter, *, newest_first: bool
    ) -> Iterator[tuple[int, int]]:
        """Yield the windows to search, without those in which the index excludes a match.

        An empty window behind each chunk of ids that the index was asked about reports how far the search has come.
        """
        ranges = self._ranges(first_id, last_id, block_filter, newest_first=newest_first)
        for window in windows(ranges, self._clock, newest_first=newest_first):
            self._end_if_interrupted()
            yield window

    def _ranges(
        self, first_id: int, last_id: int, block_filter: BlockFilter, *, newest_first: bool
    ) -> Iterator[tuple[int, int]]:
        if block_filter == ANY_BLOCK:
            yield first_id, last_id
            return
        while first_id <= last_id:
            self._end_if_interrupted()
            chunk = self._next_chunk(first_id, last_id, newest_first=newest_first)
            if newest_first:
                last_id = chunk[0] - 1
            else:
                first_id = chunk[1] + 1
            found = self._skip_index.candidates(block_filter, *chunk)
            yield from reversed(found) if newest_first else found
            yield _end_of(chunk, newest_first=newest_first)

    def _next_chunk(self, first_id: int, last_id: int, *, newest_first: bool) -> tuple[int, int]:
        """Return the ids to ask the index about next; one end is that of the range, a hole of any size is skipped."""
        if newest_first:
            found = self._connection.execute(_LAST_TO, (last_id,)).fetchone()
            start = max(found[0] if found is not None else first_id, first_id)
            return max(first_id, start - FILTERED_AT_ONCE + 1), last_id
        found = self._first_from(first_id)
        start = min(found[0] if found is not None else last_id, last_id)
        return first_id, min(last_id, start + FILTERED_AT_ONCE - 1)

    def _end_if_interrupted(self) -> None:
        if self._is_interrupted:
            raise InterruptedError("the read was interrupted")
        self._due_ns = None

    def _block_filter(self, query: Query, condition: Condition) -> BlockFilter:
        """Compile the block filter of a query; ``ANY_BLOCK`` where the skip index is not needed or missing."""
        if condition.is_indexed or condition.is_everything or not self._skip_index.exists:
            return ANY_BLOCK
        return compile_block_filter(query, self._source_search.ids)

    def _condition(self, query: Query) -> Condition:
        return compile_query(query, self.connections() if query else {}, self._functions.number)

    def connections(self) -> dict[int, Source]:
        """Read the connections and their groups, by id."""
        rows = self._connection.execute(_CONNECTIONS)
        return {id_: Source(name, group) for id_, name, group in checked(rows, tuple[Id, str, str])}

    def forget_sources(self) -> None:
        """Read sources anew: a connection is in another group now."""
        self._sources.clear()

    def sources(self, ids: set[int]) -> dict[int, Source]:
        """Read sources by their ids."""
        self._load_sources(ids)
        if not ids <= self._sources.keys():
            raise msgspec.ValidationError(f"there is no source {min(ids - self._sources.keys())}")
        return {source: self._sources[source] for source in ids}

    def _events(self, rows: list[tuple[Any, ...]]) -> tuple[Event, ...]:
        rows = checked_events(rows)
        sources = self.sources({row[_SOURCE] for row in rows})
        return tuple(event_of(row, sources) for row in rows)

    def _load_sources(self, ids: Iterable[int]) -> None:
        needed = set(ids)
        if len(self._sources) + len(needed) > HELD_SOURCES:
            self._sources.clear()
        for some in _pieces(tuple(needed - self._sources.keys())):
            rows = self._connection.execute(f"{SELECT_SOURCES} WHERE source.id IN ({_places(some)})", some)
            self._sources.update(source_of(row) for row in checked(rows, _SOURCE_ROW))


def _where(condition: Condition) -> str:
    index = _INDEX if condition.is_indexed else ""
    more = f" AND {condition.where}" if condition.where else ""
    return f"{index} WHERE id BETWEEN ? AND ?{more}"


def _pieces(ids: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))


def _places(ids: tuple[int, ...]) -> str:
    return ", ".join("?" * len(ids))


# Ids in the first window: it takes some tens of milliseconds even where a pattern is as slow as it may be.
FIRST_WINDOW = 16
# Fewest ids in a window, however slow they are: every window costs a statement.
LEAST_WINDOW = 2
# Time a window should take. One that took less doubles the next; ten times as much would delay a checkpoint noticeably.
TARGET_NS = 50_000_000
# Most ids in a window, where the doubling ends: more than a store has.
MAX_WINDOW = 1 << 62


def windows(
    ranges: Iterable[tuple[int, int]], clock: Clock, *, newest_first: bool = False
) -> Iterator[tuple[int, int]]:
    """Cut closed ranges of ids into windows, so that no statement holds a snapshot of the store for long.

    The ranges come in the order of the search. A window is as wide as the time allows that the caller spent on those
    before. An empty range, which reports progress, is passed on.
    """
    size = FIRST_WINDOW
    for first_id, last_id in ranges:
        if first_id > last_id:
            yield first_id, last_id
        while first_id <= last_id:
            width = min(size, last_id - first_id + 1)
            started_ns = clock.mono_ns()
            if newest_first:
                yield last_id - width + 1, last_id
                last_id -= width
            else:
                yield first_id, first_id + width - 1
                first_id += width
            took_ns = clock.mono_ns() - started_ns
            if took_ns > 2 * TARGET_NS:
                size = max(width // 2, LEAST_WINDOW)
            elif took_ns < TARGET_NS and width == size:
                size = min(2 * size, MAX_WINDOW)


def _end_of(chunk: tuple[int, int], *, newest_first: bool) -> tuple[int, int]:
    """Return the empty range that reports a chunk as searched: it begins where the search of the chunk ends."""
    first_id, last_id = chunk
    return (first_id, first_id - 1) if newest_first else (last_id + 1, last_id)


def chunks(first_id: int, last_id: int, size: int, *, newest_first: bool) -> Iterator[tuple[int, int]]:
    """Cut a closed range into adjacent ones of one size; the last one may be smaller."""
    while first_id <= last_id:
        if newest_first:
            yield max(first_id, last_id - size + 1), last_id
            last_id -= size
        else:
            yield first_id, min(last_id, first_id + size - 1)
            first_id += size


# Until the first progress of a search that finds nothing: a search answers within 100 ms, and a glance delays no key
FIRST_NS = 40_000_000
# Between two reports of progress: with a slow window, still four a second
NEXT_NS = 100_000_000


class SearchCollector:
    """Collects the matches of one search until the next progress is due."""

    def __init__(
        self, clock: Clock, first_id: int, last_id: int, *, newest_first: bool, is_glance: bool = False
    ) -> None:
        """``is_glance``: there will be one report, which is due when the time is up."""
        self._clock = clock
        # The range that was not reported yet
        self._first_id, self._last_id = first_id, last_id
        self.newest_first = newest_first
        self._found: list[array[int]] = []
        self._reports_first_match = not is_glance
        self._due_ns = clock.mono_ns() + FIRST_NS

    def add(self, ids: array[int]) -> None:
        """Add the matches (ascending) of the next window."""
        if ids:
            self._found.append(ids)

    @property
    def is_due(self) -> bool:
        """Whether progress is due: at once with the first matches, else after a while."""
        return bool(self._found and self._reports_first_match) or self._clock.mono_ns() >= self._due_ns

    @property
    def is_over(self) -> bool:
        """Whether the whole range was reported."""
        return self._first_id > self._last_id

    def take(self, window: tuple[int, int], time_of: Callable[[int], int]) -> SearchProgress:
        """Report the matches since the last progress; everything up to this window is searched."""
        if self.newest_first:
            searched = (window[0], self._last_id)
            self._last_id = window[0] - 1
        else:
            searched = (self._first_id, window[1])
            self._first_id = window[1] + 1
        ids = array("q")
        for some in reversed(self._found) if self.newest_first else self._found:
            ids.extend(some)
        self._reports_first_match = self._reports_first_match and not ids
        self._found.clear()
        self._due_ns = self._clock.mono_ns() + NEXT_NS
        return SearchProgress(ids, *searched, time_of(searched[0 if self.newest_first else 1]))

    def rest(self, time_of: Callable[[int], int]) -> SearchProgress:
        """Report the rest: the whole range is searched."""
        return self.take((self._first_id, self._last_id), time_of)
