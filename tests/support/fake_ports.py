"""Fakes of the ports in memory: clock, store view, notes, recorder control."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo

import msgspec

from tests.support.builders import MONO_0_NS, SECOND_NS, T0_NS
from wsmon.errors import QueryError, WsmonError
from wsmon.model.block import Committed
from wsmon.model.events import Event
from wsmon.model.notes import EMPTY_NOTES, Bookmark, NotesPage, SavedView
from wsmon.model.ranges import (
    DayStart,
    FirstMatch,
    MatchHistogram,
    QueryMatches,
    Ranking,
    SearchProgress,
    SessionRange,
    StoreBounds,
    TopMatches,
)
from wsmon.model.snapshot import ConnectionRow, Health, OpenIncident, Snapshot
from wsmon.model.spans import Span
from wsmon.model.statistics import Density, Extreme, Statistics, Trend
from wsmon.model.subscriptions import TopicState
from wsmon.model.timeline import Lane, LaneTitle, TimelineProblem
from wsmon.ports import SentByHand
from wsmon.query.ast import EVERYTHING, Query
from wsmon.query.predicate import matches

# Ids; after so many the fake says how far its search has come
STRETCH = 5_000


class FakeClock:
    """Time that passes when the test says so."""

    def __init__(self, wall_ns: int = T0_NS, mono_ns: int = MONO_0_NS) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns

    def wall_ns(self) -> int:
        return self._wall_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    def advance(self, seconds: float) -> None:
        """Let both clocks pass."""
        self._wall_ns += round(seconds * SECOND_NS)
        self._mono_ns += round(seconds * SECOND_NS)


class FakeView:
    """``ports.StoreView`` over events in memory.

    ``calls`` counts what was asked, so that a test can hold a pane to one query a page.
    """

    def __init__(
        self,
        events: Sequence[Event] = (),
        *,
        connections: Sequence[ConnectionRow] = (),
        lanes: Sequence[Lane] = (),
        density: Density | None = None,
        statistics: Statistics | None = None,
        messages_per_s: Sequence[int] = (),
    ) -> None:
        self.store_id = "5" * 16
        self.connections = tuple(connections)
        self.lanes_answer = tuple(lanes)
        self.density_answer = density
        self.statistics_answer = statistics
        self.extremes_answer: dict[Extreme, Event] = {}
        self.topics_answer: tuple[TopicState, ...] = ()
        self.messages_per_s = tuple(messages_per_s)
        self.incidents: tuple[OpenIncident, ...] = ()
        self.trend_answer: Callable[[Trend], Trend] | None = None
        # what there is, made from an empty one
        self.calls: list[str] = []
        self.glance_events = 0
        # how many a glance looks at; 0 = as many as are asked for
        self.is_closed = False
        self.spans_answer: tuple[Span, ...] = ()
        self._events = list(events)
        self._first_id = self._events[0].id if self._events else 1
        # the id of _events[0], also after pruning
        self._oldest_id = self._first_id
        # The thread that ended another one's question: both share this view, where each has a real one of its own
        self._interrupted_by: int | None = None

    def add(self, *events: Event) -> StoreBounds:
        """Commit more events; they get the next ids. Returns the new bounds."""
        next_id = self._first_id + len(self._events)
        self._events += [msgspec.structs.replace(each, id=number) for number, each in enumerate(events, next_id)]
        return self.bounds()

    def prune(self, oldest_id: int) -> StoreBounds:
        """Forget what is older than ``oldest_id``. Returns the new bounds."""
        self._oldest_id = oldest_id
        return self.bounds()

    def begin_anew(self, *events: Event, first_id: int = 1) -> None:
        """Another store under the same name, whose first event has that id."""
        self.store_id = "6" * 16
        self._events, self._first_id, self._oldest_id = [], first_id, first_id
        self.add(*events)

    def forget(self) -> None:
        """As if nothing had happened yet."""
        self._events, self.lanes_answer = [], ()

    def bounds(self) -> StoreBounds:
        last_id = self._first_id + len(self._events) - 1
        return StoreBounds(
            self._oldest_id if self._events else 0, last_id if self._events else 0, run=1, size_bytes=4096
        )

    def period(self) -> tuple[int, int]:
        times = [each.ts_ns for each in self._events[self._oldest_id - self._first_id :]] or [0]
        return min(times), max(times)

    def snapshot(self, at_ns: int) -> Snapshot:
        self.calls.append("snapshot")
        return Snapshot(at_ns, self.bounds(), self.connections, self.messages_per_s, self.incidents)

    def events_after(self, after_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        self.calls.append("events_after")
        start = max(after_id + 1, self._oldest_id) - self._first_id
        return _take((each for each in self._events[start : start + limit if not query else None]), limit, query)

    def events_before(self, before_id: int, limit: int, query: Query = EVERYTHING) -> tuple[Event, ...]:
        self.calls.append("events_before")
        kept = self._events[self._oldest_id - self._first_id : max(0, before_id - self._first_id)]
        return _take(reversed(kept), limit, query)

    def events_by_id(self, ids: tuple[int, ...]) -> tuple[Event, ...]:
        self.calls.append("events_by_id")
        newest = self.bounds().last_id
        return tuple(self._events[each - self._first_id] for each in ids if self._oldest_id <= each <= newest)

    def first_matches(
        self, queries: Mapping[str, Query], first_id: int, last_id: int, committed: Sequence[Committed] = ()
    ) -> QueryMatches:
        self.calls.append("first_matches")
        found: dict[str, tuple[FirstMatch, ...]] = {}
        failed: dict[str, QueryError] = {}
        for name, query in queries.items():
            first: dict[str, FirstMatch] = {}
            try:
                for each in self.events_after(first_id - 1, last_id, query.within(first_id, last_id)):
                    first.setdefault(each.source.connection, FirstMatch(each.source, each.id))
            except QueryError as error:
                failed[name] = error
            found[name] = tuple(first.values())
        return QueryMatches(found, failed)

    def glance(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> SearchProgress:
        self.calls.append("glance")
        if self.glance_events:
            first_id = max(first_id, last_id - self.glance_events + 1) if newest_first else first_id
            last_id = last_id if newest_first else min(last_id, first_id + self.glance_events - 1)
        return SearchProgress(self._ids(query, first_id, last_id), first_id, last_id)

    def _ids(self, query: Query, first_id: int, last_id: int) -> array[int]:
        if self._interrupted_by not in (None, threading.get_ident()):
            self._interrupted_by = None
            raise InterruptedError("the read was interrupted")
        kept = self._events[max(first_id, self._oldest_id) - self._first_id : max(0, last_id + 1 - self._first_id)]
        return array("q", (each.id for each in kept if matches(query, each)))

    def search(self, query: Query, first_id: int, last_id: int, *, newest_first: bool) -> Generator[SearchProgress]:
        first_id, last_id = max(first_id, self._oldest_id), min(last_id, self.bounds().last_id)
        while first_id <= last_id:
            low = max(first_id, last_id - STRETCH + 1) if newest_first else first_id
            high = last_id if newest_first else min(last_id, first_id + STRETCH - 1)
            reached_ns = self._events[(low if newest_first else high) - self._first_id].ts_ns
            self.calls.append("search")
            yield SearchProgress(self._ids(query, low, high), low, high, reached_ns)
            first_id, last_id = (first_id, low - 1) if newest_first else (high + 1, last_id)

    def top(self, query: Query, ranking: Ranking, limit: int) -> Generator[TopMatches]:
        self.calls.append(f"top {ranking}")
        found: list[tuple[int, int]] = []
        for each in self._events[self._oldest_id - self._first_id :]:
            value = each.size if ranking == "size" else None if each.opcode == "text" else each.duration_ns
            if value is not None and matches(query, each):
                found.append((value, each.id))
        ids = tuple(event_id for _, event_id in sorted(found, reverse=True)[:limit])
        yield TopMatches(ids, self.bounds().events, is_complete=True)

    def histogram(self, query: Query, start_ns: int, step_ns: int, steps: int) -> Generator[MatchHistogram]:
        self.calls.append(f"histogram {start_ns} {step_ns} {steps}")
        counts = [0] * steps
        for each in self._events[self._oldest_id - self._first_id :]:
            if 0 <= (step := (each.ts_ns - start_ns) // step_ns) < steps and matches(query, each):
                counts[step] += 1
        yield MatchHistogram(start_ns, step_ns, tuple(counts), self.bounds().events, is_complete=True)

    def lane_titles(self, since_ns: int, until_ns: int) -> tuple[LaneTitle, ...]:
        return tuple(LaneTitle(lane.connection, lane.group) for lane in self.lanes_answer)

    def lanes(
        self, since_ns: int, until_ns: int, connections: tuple[str, ...] | None = None, cell_ns: int = 1
    ) -> tuple[Lane, ...]:
        self.calls.append(f"lanes {since_ns} {until_ns}")
        return tuple(lane for lane in self.lanes_answer if connections is None or lane.connection in connections)

    def problems_near(self, places: tuple[tuple[str, int], ...], *, newer: bool) -> tuple[TimelineProblem, ...]:
        begun = {
            lane.connection: [
                *(TimelineProblem(lane.connection, each.at_ns, each.event_id) for each in lane.losses),
                *(TimelineProblem(lane.connection, each.start_ns, each.event_id) for each in lane.incidents),
            ]
            for lane in self.lanes_answer
        }
        found = []
        for name, at_ns in places:
            beyond = [each for each in begun[name] if (each.at_ns >= at_ns) is newer]
            found += sorted(beyond, key=lambda each: each.at_ns)[:: 1 if newer else -1][:1]
        return tuple(found)

    def density(
        self, since_ns: int, until_ns: int, buckets: int, connections: tuple[str, ...] | None = None
    ) -> Density:
        self.calls.append("density")
        empty = (0,) * buckets
        return self.density_answer or Density(since_ns, max(1, (until_ns - since_ns) // buckets), empty, empty)

    def statistics(
        self, since_ns: int | None, until_ns: int | None, connection: str = "", *, has_types: bool = False
    ) -> Statistics:
        self.calls.append(f"statistics {connection}".rstrip())
        return self.statistics_answer or Statistics(since_ns or T0_NS, until_ns or T0_NS, ())

    def trend(self, connection: str, since_ns: int, until_ns: int, buckets: int) -> Trend:
        self.calls.append(f"trend {connection} {since_ns} {until_ns}")
        empty = (None,) * buckets
        found = Trend(connection, since_ns, max(1, (until_ns - since_ns) // buckets), empty, empty, empty, {}, ())
        return self.trend_answer(found) if self.trend_answer else found

    def extreme(self, connection: str, metric: Extreme, since_ns: int, until_ns: int) -> Event | None:
        self.calls.append(f"extreme {connection} {metric}")
        return self.extremes_answer.get(metric)

    def topics(self, connection: str) -> tuple[TopicState, ...]:
        self.calls.append(f"topics {connection}")
        return self.topics_answer

    def sessions(self, connection_ids: tuple[str, ...]) -> tuple[SessionRange, ...]:
        self.calls.append("sessions")
        found = []
        for wanted in dict.fromkeys(connection_ids):
            own = [each for each in self._events if each.source.connection_id == wanted]
            opened = next((each for each in own if each.name == "connection.completed"), None)
            if own:
                life = SessionRange(wanted, own[0].id, own[-1].id)
                found.append(life if opened is None else life._replace(open_id=opened.id, open_mono_ns=opened.mono_ns))
        return tuple(found)

    def spans(self, connection_id: str, limit: int, *, of_trace: bool = False) -> tuple[Span, ...]:
        self.calls.append(f"spans {'of the trace of ' if of_trace else ''}{connection_id}")
        return self.spans_answer[:limit]

    def trace_spans(self, trace_id: str, limit: int) -> tuple[Span, ...]:
        self.calls.append(f"spans of trace {trace_id}")
        return self.spans_answer[:limit]

    def newest_traces(self, connection: str, limit: int) -> tuple[str, ...]:
        self.calls.append(f"traces of {connection}")
        own = (each.source.trace_id for each in reversed(self._events) if each.source.connection == connection)
        return tuple(dict.fromkeys(filter(None, own)))[:limit]

    def id_at(self, ts_ns: int) -> int:
        kept = self._events[self._oldest_id - self._first_id :]
        return next((each.id for each in kept if each.ts_ns >= ts_ns), self.bounds().last_id + 1)

    def day_starts(self, from_id: int, zone: tzinfo | None) -> tuple[DayStart, ...]:
        kept = self._events[max(from_id, self._oldest_id) - self._first_id :]
        days: dict[date, int] = {}
        for each in kept:
            days.setdefault(datetime.fromtimestamp(each.ts_ns // SECOND_NS, zone).date(), each.id)
        return tuple(DayStart(first_id, day) for day, first_id in days.items())

    def interrupt(self) -> None:
        self._interrupted_by = threading.get_ident()

    def close(self) -> None:
        self.is_closed = True


class FakeNotes:
    """``ports.Notes`` in memory, or refusing."""

    def __init__(self, page: NotesPage = EMPTY_NOTES) -> None:
        self.bookmarks = {each.event.id: each for each in page.bookmarks}
        self.views = {each.name: each for each in page.views}
        self.searches = list(page.searches)
        # Raised by every call while set
        self.refusal: WsmonError | None = None

    def read(self) -> NotesPage:
        self._obey()
        return NotesPage(tuple(self.bookmarks.values()), tuple(self.views.values()), tuple(self.searches))

    def keep_bookmark(self, bookmark: Bookmark) -> None:
        self._obey()
        self.bookmarks[bookmark.event.id] = bookmark

    def drop_bookmark(self, event_id: int) -> None:
        self._obey()
        del self.bookmarks[event_id]

    def keep_view(self, view: SavedView) -> None:
        self._obey()
        self.views[view.name] = view

    def drop_view(self, name: str) -> None:
        self._obey()
        del self.views[name]

    def keep_search(self, query: str) -> None:
        self._obey()
        self.searches.insert(0, query)

    def _obey(self) -> None:
        if self.refusal is not None:
            raise self.refusal


class FakeControl:
    """``ports.RecorderControl`` that records the commands it gets, or refuses them."""

    def __init__(self, health: Health | None = None) -> None:
        self.health_now = health
        self.commands: list[str] = []
        self.refusal: WsmonError | None = None
        # raised by every command while set
        self.reload_answer = "nothing changed"

    @property
    def health(self) -> Health | None:
        return self.health_now

    async def reconnect(self, connection: str) -> None:
        self._obey(f"reconnect {connection}")

    async def disable(self, connection: str) -> None:
        self._obey(f"disable {connection}")

    async def enable(self, connection: str) -> None:
        self._obey(f"enable {connection}")

    async def send(self, connection: str, message: str | bytes) -> SentByHand:
        self._obey(f"send {connection} {message!s}")
        kept = message.replace("hunter2", "[FILTERED]") if isinstance(message, str) else ""
        return SentByHand(f"sent to {connection}", kept)

    async def reload(self) -> str:
        self._obey("reload")
        return self.reload_answer

    async def stop(self) -> None:
        self._obey("stop")

    def _obey(self, command: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.commands.append(command)


def _take(events: Iterable[Event], limit: int, query: Query) -> tuple[Event, ...]:
    taken: list[Event] = []
    for each in events:
        if len(taken) == limit:
            break
        if matches(query, each):
            taken.append(each)
    return tuple(taken)


class FaultLog:
    """Keeps the faults that sinks report: the name of the sink, and the exception as text."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []

    def __call__(self, sink: str, error: Exception, /) -> None:
        """Keep a fault."""
        self.faults.append((sink, repr(error)))


def no_fault(sink: str, error: Exception, /) -> None:
    """Fail where a sink reports a fault."""
    raise AssertionError(f"{sink} reports a fault") from error
