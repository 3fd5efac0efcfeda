"""One view of several recordings (``ports.StoreView``): connections by recording, events by wall time.

A connection has the name of its recording before its own, ``eu/orders``. Events have the ids of a ``MergedOrder``; what
names an event (evidence, marks of the timeline, incidents) names it by that id. Searches go through all recordings side
by side. Times are those of the clocks of the recorders, as recorded.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from heapq import merge, nlargest
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from wsmon.errors import QueryError, UsageError
from wsmon.model.events import Event, split_connection
from wsmon.model.ranges import (
    DayStart,
    FirstMatch,
    MatchHistogram,
    QueryMatches,
    SearchProgress,
    SessionRange,
    StoreBounds,
    TopMatches,
)
from wsmon.model.snapshot import Snapshot
from wsmon.model.statistics import Density, Statistics
from wsmon.ports import Excerpt, PagesCopied, RecordingView
from wsmon.query.ast import EVERYTHING, Query
from wsmon.store.merged.order import MergedOrder, Place
from wsmon.store.merged.recording import MergedRecording, RecordingTimes, with_ids

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import date, tzinfo

    from wsmon.model.block import Committed
    from wsmon.model.bundle import RecordedRun
    from wsmon.model.ranges import Ranking
    from wsmon.model.spans import Span
    from wsmon.model.statistics import Extreme, Trend
    from wsmon.model.subscriptions import TopicState
    from wsmon.model.timeline import Lane, LaneTitle, TimelineProblem

Result = TypeVar("Result")

# Events that are read of a recording at once, since each query has its price
_LEAST_SHARE = 16


class MergedView:
    """A ``ports.StoreView`` over several recordings; belongs to the thread that made it, but for ``interrupt``."""

    def __init__(self, order: MergedOrder, recordings: Sequence[tuple[str, RecordingView]]) -> None:
        """``recordings`` are names with views, in the order that ``order`` has them; the views are closed with this."""
        self._order = order
        self._views = tuple(view for _, view in recordings)
        self._times = RecordingTimes(self._views)
        self.recordings = tuple(
            MergedRecording(number, name, view, order, self._times) for number, (name, view) in enumerate(recordings)
        )
        self._by_name = {each.name: each for each in self.recordings}
        self._check()
        self._extend()

    @property
    def store_id(self) -> str:
        """The ids of the stores; another one where one of them was replaced."""
        return "+".join(each.store_id for each in self._views)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences for the user, each with the recording that it is about."""
        return tuple(f"{each.name}: {each.view.notice}" for each in self.recordings if each.view.notice)

    def data_version(self) -> int:
        """A number that changes when a recorder commits."""
        return sum(each.data_version() for each in self._views)

    def bounds(self) -> StoreBounds:
        """Return the range of ids; the newest run is the number of runs, and the size that of all files."""
        bounds = self._extend()
        last_id = self._order.last_id
        oldest_id = self._oldest_id(bounds) if last_id else 0
        missing = self._missing(bounds, oldest_id) if oldest_id else 0
        return StoreBounds(
            oldest_id,
            last_id,
            sum(each.run for each in bounds),
            sum(each.size_bytes for each in bounds),
            last_id - oldest_id + 1 - missing if missing else None,
        )

    def period(self) -> tuple[int, int]:
        """Return the wall times that everything recorded lies between; 0, 0 where there is nothing."""
        periods = [period for each in self._views if (period := each.period()) != (0, 0)]
        return min((each[0] for each in periods), default=0), max((each[1] for each in periods), default=0)

    def snapshot(self, at_ns: int) -> Snapshot:
        """Return the state of all connections of all recordings, by recording.

        Raises ``StoreError`` where a recording was replaced by another one.
        """
        self._check()
        found = [each.view.snapshot(at_ns) for each in self.recordings]
        bounds = self.bounds()
        pairs = tuple(zip(self.recordings, found, strict=True))
        incidents = [of.incident(each) for of, snapshot in pairs for each in snapshot.incidents]
        return Snapshot(
            at_ns,
            bounds,
            tuple(of.row(row) for of, snapshot in pairs for row in snapshot.connections),
            tuple(map(sum, zip(*(each.messages_per_s for each in found), strict=True))),
            tuple(sorted(incidents, key=lambda each: each.event_id)),
        )

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Return at most ``limit`` matching events with greater ids, oldest first."""
        self._extend()

        def of(each: MergedRecording) -> Iterator[Event]:
            wanted, own_id, share = each.query(query), each.first_from(after_id + 1) - 1, self._share_of(limit)
            while page := each.view.events_after(own_id, share, wanted):
                yield from each.events(page)
                if len(page) < share:
                    break
                own_id, share = page[-1].id, min(limit, 2 * share)

        return tuple(islice(merge(*map(of, self.recordings), key=_id_of), limit))

    def events_before(self, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        """Return at most ``limit`` matching events with lesser ids, newest first."""
        self._extend()

        def of(each: MergedRecording) -> Iterator[Event]:
            wanted, own_id, share = each.query(query), each.first_from(before_id), self._share_of(limit)
            while page := each.view.events_before(own_id, share, wanted):
                yield from each.events(page)
                if len(page) < share:
                    break
                own_id, share = page[-1].id, min(limit, 2 * share)

        return tuple(islice(merge(*map(of, self.recordings), key=_id_of, reverse=True), limit))

    def events_by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        """Return the events with these ids, in their order; pruned and unknown ones are left out."""
        found: dict[int, Event] = {}
        for each in self.recordings:
            if own_ids := each.own_ids(ids):
                found.update((event.id, event) for event in each.events(each.view.events_by_id(own_ids)))
        return tuple(found[event_id] for event_id in ids if event_id in found)

    def place(self, event_id: int) -> Place:
        """Return the recording of an event and its id there; of a bookmark's copy also where it is not kept."""
        if event_id < 0:
            own_id, recording = divmod(-event_id, len(self._views))
            return Place(recording, own_id)
        return self._order.place(event_id, self._times)

    def own_event(self, event: Event) -> Event:
        """Return an event with the ids and the connection that it has in its recording; the recording's name stays."""
        source = msgspec.structs.replace(event.source, connection=split_connection(event.source.connection)[1])
        return with_ids(event, source, self.place(event.id).id, lambda event_id: self.place(event_id).id)

    def first_matches(
        self, queries: Mapping[str, Query], first_id: int, last_id: int, committed: Sequence[Committed] = ()
    ) -> QueryMatches:
        """Return the first match of each query on each connection; ``committed`` has events of one recording, and is
        not used.
        """
        found: dict[str, list[FirstMatch]] = {name: [] for name in queries}
        failed: dict[str, QueryError] = {}
        for each in self.recordings:
            translated = {name: each.query(query) for name, query in queries.items()}
            own = each.view.first_matches(translated, each.first_from(first_id), each.first_from(last_id + 1) - 1)
            failed.update(own.failed)
            for name, matches in own.found.items():
                ids = each.ids([match.event_id for match in matches])
                found[name] += [FirstMatch(each.source(of.source), id_) for of, id_ in zip(matches, ids, strict=True)]
        in_order = {
            name: tuple(sorted(of, key=lambda match: match.event_id))
            for name, of in found.items()
            if name not in failed
        }
        return QueryMatches(in_order, failed)

    def glance(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> SearchProgress:
        """Return the matches in what each recording searches in some tens of milliseconds, of the closed range."""
        self._extend()
        search = _MergedSearch(first_id, last_id, newest_first=newest_first)
        for each in self.recordings:
            low, high = each.first_from(first_id), each.first_from(last_id + 1) - 1
            if low <= high:
                found = each.view.glance(each.query(query), low, high, newest_first=newest_first)
                search.add(each, found, is_end=(found.first_id <= low if newest_first else found.last_id >= high))
        return search.take()

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        """Yield the matches in a closed range of ids; the recording that is behind the others is searched next."""
        self._extend()
        if first_id > last_id:
            return
        search = _MergedSearch(first_id, last_id, newest_first=newest_first)
        with ExitStack() as open_searches:
            of_recordings: dict[int, Generator[SearchProgress]] = {}
            ends: dict[int, int] = {}
            for each in self.recordings:
                low, high = each.first_from(first_id), each.first_from(last_id + 1) - 1
                if low <= high:
                    found = each.view.search(each.query(query), low, high, newest_first=newest_first)
                    open_searches.callback(found.close)
                    of_recordings[each.number], ends[each.number] = found, low if newest_first else high
                    search.expect(each.number)
            while (number := search.behind) is not None:
                progress = next(of_recordings[number], None)
                if progress is None:
                    search.end(number)
                else:
                    reached = progress.first_id if newest_first else progress.last_id
                    search.add(self.recordings[number], progress, is_end=reached == ends[number])
                if search.has_progress:
                    yield search.take()
            if not search.is_over:
                yield search.take()

    def top(self, query: Query, ranking: Ranking, limit: int) -> Generator[TopMatches]:
        """Yield the matches with the greatest values of those looked at so far, newest events first."""
        latest: dict[int, TopMatches] = {}
        values: dict[int, tuple[int, int]] = {}

        def ranked() -> TopMatches:
            ids = [each.ids(latest[each.number].ids) for each in self.recordings if each.number in latest]
            whole = tuple(event_id for some in ids for event_id in some if event_id)
            unknown = tuple(event_id for event_id in whole if event_id not in values)
            for event in self.events_by_id(unknown):
                value = event.duration_ns if ranking == "duration" else event.size
                values[event.id] = (value or 0, event.id)
            best = nlargest(limit, (event_id for event_id in whole if event_id in values), key=values.__getitem__)
            is_complete = len(latest) == len(self.recordings) and all(each.is_complete for each in latest.values())
            return TopMatches(tuple(best), sum(each.searched for each in latest.values()), is_complete)

        self._extend()
        own = [of.view.top(of.query(query), ranking, limit) for of in self.recordings]
        for _ in self._side_by_side(own, latest):
            yield ranked()

    def histogram(self, query: Query, start_ns: int, step_ns: int, steps: int) -> Generator[MatchHistogram]:
        """Yield how many matches there are in each step of time, of the events looked at so far."""
        latest: dict[int, MatchHistogram] = {}
        own = [of.view.histogram(of.query(query), start_ns, step_ns, steps) for of in self.recordings]
        for _ in self._side_by_side(own, latest):
            counts = tuple(map(sum, zip(*(each.counts for each in latest.values()), strict=True)))
            is_complete = len(latest) == len(own) and all(each.is_complete for each in latest.values())
            searched = sum(each.searched for each in latest.values())
            yield MatchHistogram(start_ns, step_ns, counts, searched, is_complete)

    def lane_titles(self, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
        """Return the connections with a lane in a period, by recording."""
        return tuple(
            replace(title, connection=each.named(title.connection))
            for each in self.recordings
            for title in each.view.lane_titles(since_ns, until_ns)
        )

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        """Return the timeline of a period, of these connections or all, in the order of ``lane_titles``."""
        return tuple(
            each.lane(lane)
            for each, own in self._of(connections)
            for lane in each.view.lanes(since_ns, until_ns, own, cell_ns)
        )

    def problems_near(self, places: tuple[tuple[str, int], ...], *, newer: bool) -> tuple[TimelineProblem, ...]:
        """Return for each (connection, time) the first problem at or after the time, or the last one before it."""
        found: list[TimelineProblem] = []
        for each in self.recordings:
            own = tuple((name, at_ns) for whole, at_ns in places for name in each.own((whole,)))
            found += [
                replace(problem, connection=each.named(problem.connection), event_id=each.id(problem.event_id))
                for problem in (each.view.problems_near(own, newer=newer) if own else ())
            ]
        return tuple(found)

    def density(
        self, since_ns: int, until_ns: int, buckets: int, connections: tuple[str, ...] | None = None
    ) -> Density:
        """Return messages and errors of a period in equal buckets."""
        found = [each.view.density(since_ns, until_ns, buckets, own) for each, own in self._of(connections)]
        if not found:
            return self._views[0].density(since_ns, until_ns, buckets, ())
        return replace(
            found[0],
            messages=tuple(map(sum, zip(*(each.messages for each in found), strict=True))),
            errors=tuple(map(sum, zip(*(each.errors for each in found), strict=True))),
        )

    def statistics(
        self, since_ns: int | None, until_ns: int | None, connection: str = "", *, has_types: bool = False
    ) -> Statistics:
        """Return statistics of a period, of one connection or all, by recording; they are never added up."""
        found = [
            (each, each.view.statistics(since_ns, until_ns, own[0] if own else "", has_types=has_types))
            for each, own in self._of((connection,) if connection else None)
        ]
        return Statistics(
            min((each.since_ns for _, each in found), default=since_ns or 0),
            max((each.until_ns for _, each in found), default=until_ns or 0),
            tuple(replace(one, name=of.named(one.name)) for of, each in found for one in each.connections),
        )

    def trend(self, connection: str, since_ns: int, until_ns: int, buckets: int) -> Trend:
        """Return the figures of a connection in at most so many equal parts of a period."""
        of, own = self._owner(connection)
        return replace(of.view.trend(own, since_ns, until_ns, buckets), connection=connection)

    def extreme(self, connection: str, metric: Extreme, since_ns: int, until_ns: int) -> Event | None:
        """Return the event with the greatest value of a metric of a connection in a period."""
        of, own = self._owner(connection)
        return of.event(of.view.extreme(own, metric, since_ns, until_ns))

    def topics(self, connection: str) -> tuple[TopicState, ...]:
        """Return the subscriptions of a connection, in alphabetical order."""
        of, own = self._owner(connection)
        return of.view.topics(own)

    def sessions(self, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
        """Return the sessions with these ids, as far as they are known."""
        return tuple(
            found._replace(
                first_id=each.id(found.first_id), last_id=each.id(found.last_id), open_id=each.id(found.open_id)
            )
            for each in self.recordings
            for found in each.view.sessions(connection_ids)
        )

    def spans(self, connection_id: str, limit: int, *, of_trace: bool = False) -> tuple[Span, ...]:
        """Return the spans of a session, or the newest of its trace in all recordings."""
        return _by_end(
            (span for each in self._views for span in each.spans(connection_id, limit, of_trace=of_trace)), limit
        )

    def trace_spans(self, trace_id: str, limit: int) -> tuple[Span, ...]:
        """Return the newest spans of a trace, whichever recordings it went through."""
        return _by_end((span for each in self._views for span in each.trace_spans(trace_id, limit)), limit)

    def newest_traces(self, connection: str, limit: int) -> tuple[str, ...]:
        """Return the ids of the newest traces of a connection, newest first."""
        of, own = self._owner(connection)
        return of.view.newest_traces(own, limit)

    def id_at(self, ts_ns: int) -> int:
        """Return the id of the first event at or after a wall time; ``last_id + 1`` where there is none."""
        self._extend()
        found = filter(None, (each.id(each.view.id_at(ts_ns)) for each in self.recordings))
        return min(found, default=self._order.last_id + 1)

    def day_starts(self, from_id: int, zone: tzinfo | None) -> tuple[DayStart, ...]:
        """Return the day of the first event from an id on, and the first event of each day after it."""
        self._extend()
        first_ids: dict[date, int] = {}
        for each in self.recordings:
            for start in each.view.day_starts(each.first_from(from_id), zone):
                if event_id := each.id(start.first_id):
                    first_ids[start.day] = min(event_id, first_ids.get(start.day, event_id))
        starts: list[DayStart] = []
        for day, event_id in sorted(first_ids.items()):
            if not starts or event_id > starts[-1].first_id:
                starts.append(DayStart(event_id, day))
        return tuple(starts)

    def copy(self, target: Path, progress: PagesCopied) -> None:
        """Refuse: a store holds one recording."""
        raise _one_store()

    def excerpt(self, target: Path) -> AbstractContextManager[Excerpt]:
        """Refuse: a store holds one recording."""
        raise _one_store()

    def seal(self, target: Path, manifest: str) -> str:
        """Refuse: a bundle is of one recording."""
        raise _one_store()

    @property
    def sqlite_version(self) -> str:
        """Refuse: no store is written."""
        raise _one_store()

    def runs(self) -> tuple[RecordedRun, ...]:
        """Refuse: runs of several recorders are no sequence."""
        raise _one_store()

    def interrupt(self) -> None:
        """End the query under way in the view's thread. Callable from any thread."""
        for each in self._views:
            each.interrupt()

    def close(self) -> None:
        """Close all recordings."""
        for each in self._views:
            each.close()

    def _check(self) -> None:
        self._order.check([each.store_id for each in self._views])

    def _oldest_id(self, bounds: Sequence[StoreBounds]) -> int:
        """Return the id of the oldest event that is kept; 0 where none is."""
        if all(each.oldest_id in (0, first) for each, first in zip(bounds, self._order.first_ids, strict=True)):
            # None was pruned since: whichever comes first, its id is 1
            return 1
        oldest = (of.id(each.oldest_id) for of, each in zip(self.recordings, bounds, strict=True) if each.oldest_id)
        return min(filter(None, oldest), default=0)

    def _missing(self, bounds: Sequence[StoreBounds], oldest_id: int) -> int:
        """Return how many ids from the oldest on have no event: a recording is an excerpt, or was pruned since."""
        firsts = self._order.places_from(oldest_id, self._times) if oldest_id > 1 else self._order.first_ids
        pruned = sum(max(0, each.oldest_id - first) for each, first in zip(bounds, firsts, strict=True))
        in_gaps = (each.last_id - each.oldest_id + 1 - each.events for each in bounds if each.oldest_id)
        return pruned + sum(in_gaps)

    def _extend(self) -> list[StoreBounds]:
        """Number what was committed since; return the bounds of each recording."""
        bounds = [each.bounds() for each in self._views]
        self._order.extend(bounds)
        return bounds

    def _of(self, connections: tuple[str, ...] | None) -> Iterator[tuple[MergedRecording, tuple[str, ...] | None]]:
        """Yield the recordings that these connections are in, with their own names of them; None = all."""
        for each in self.recordings:
            own = None if connections is None else each.own(connections)
            if own is None or own:
                yield each, own

    def _share_of(self, limit: int) -> int:
        """Return how many events of a page are read of each recording at first: all of them are of one, or equally of
        each; reading the whole page of each would take as many times as long.
        """
        return max(min(limit, _LEAST_SHARE), -(-limit // len(self.recordings)))

    def _owner(self, connection: str) -> tuple[MergedRecording, str]:
        """Return the recording of a connection, and its own name there; the first recording for an unknown one."""
        recording, own = split_connection(connection)
        return self._by_name.get(recording, self.recordings[0]), own

    def _side_by_side(self, own: Sequence[Generator[Result]], latest: dict[int, Result]) -> Iterator[int]:
        """Step through generators in turn; put the newest result of each into ``latest``."""
        with ExitStack() as stack:
            for each in own:
                stack.callback(each.close)
            running = dict(enumerate(own))
            while running:
                for number, each in tuple(running.items()):
                    result = next(each, None)
                    if result is None:
                        del running[number]
                    else:
                        latest[number] = result
                        yield number


class _MergedSearch:
    """The progress of searches side by side: what all of them have been through is reported."""

    def __init__(self, first_id: int, last_id: int, *, newest_first: bool) -> None:
        self._newest_first = newest_first
        self._end_id = first_id if newest_first else last_id
        # What was not reported yet
        self._first_id, self._last_id = first_id, last_id
        self._found: list[int] = []
        # By recording: how far its search has come, and the wall time at which it continues
        self._reached: dict[int, int] = {}
        self._reached_ns: dict[int, int] = {}
        self._ended: set[int] = set()

    def expect(self, number: int) -> None:
        """Take in that a recording is searched."""
        self._reached[number] = self._last_id + 1 if self._newest_first else self._first_id - 1

    def add(self, of: MergedRecording, found: SearchProgress, *, is_end: bool) -> None:
        """Add what a recording found in the next part of its search; ``is_end``: it was the last one."""
        self._found += of.ids(found.ids)
        self._reached_ns[of.number] = found.reached_ns
        if is_end:
            self.end(of.number)
        else:
            self._reached[of.number] = of.id(found.first_id if self._newest_first else found.last_id)

    def end(self, number: int) -> None:
        """Take in that a recording was searched to its end."""
        self._ended.add(number)
        self._reached[number] = self._end_id

    @property
    def behind(self) -> int | None:
        """The recording that is searched next: the one that has come least far; None = all are searched."""
        running = self._reached.keys() - self._ended
        return (max if self._newest_first else min)(running, key=self._reached.__getitem__, default=None)

    @property
    def has_progress(self) -> bool:
        """Whether all recordings have come further than was reported."""
        reached = self._all_reached()
        return reached <= self._last_id if self._newest_first else reached >= self._first_id

    @property
    def is_over(self) -> bool:
        """Whether the whole range was reported."""
        return self._first_id > self._last_id

    def take(self) -> SearchProgress:
        """Report how far all have come, and the matches up to there."""
        reached, behind = self._all_reached(), self.behind
        reached_ns = self._reached_ns.get(behind, 0) if behind is not None else 0
        if self._newest_first:
            ids = sorted(each for each in self._found if each >= reached)
            self._found = [each for each in self._found if each < reached]
            searched = (reached, self._last_id)
            self._last_id = reached - 1
        else:
            ids = sorted(each for each in self._found if each <= reached)
            self._found = [each for each in self._found if each > reached]
            searched = (self._first_id, reached)
            self._first_id = reached + 1
        return SearchProgress(array("q", ids), *searched, reached_ns)

    def _all_reached(self) -> int:
        if self._newest_first:
            return max(self._reached.values(), default=self._end_id)
        return min(self._reached.values(), default=self._end_id)


def _by_end(spans: Iterable[Span], limit: int) -> tuple[Span, ...]:
    """Return the newest spans in the order of their ends, then those that are under way."""

    def end(span: Span) -> tuple[bool, int]:
        return span.status == "open", span.start_ns + (span.duration_ns or 0)

    return tuple(sorted(spans, key=end))[-limit:] if limit else ()


def _id_of(event: Event) -> int:
    return event.id


def _one_store() -> UsageError:
    return UsageError("several recordings cannot be written as one store", "choose another format, or export each one")
