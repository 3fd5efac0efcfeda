"""One of several recordings, under the names and ids of the merged view.

In: a view of the recording (``ports.RecordingView``), and the order of the events of all. Out: its events, connections,
incidents and lanes with the name of the recording before that of a connection, and with ids of the order.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from wsmon.model.events import RECORDING_SIGN, Event, Json, Source, split_connection
from wsmon.model.snapshot import ConnectionRow, OpenIncident
from wsmon.ports import RecordingView
from wsmon.query.ast import Query
from wsmon.store.merged.order import MergedOrder
from wsmon.store.merged.queries import RecordingQueries

if TYPE_CHECKING:
    from wsmon.model.timeline import Lane

# Keys of meta that name other events
_EVENT_KEYS = ("incident", "evidence")
# Sources in memory
_HELD_SOURCES = 10_000


class MergedRecording:
    """A view of one recording, and what it has under the names and ids of the merged view."""

    def __init__(self, number: int, name: str, view: RecordingView, order: MergedOrder, times: RecordingTimes) -> None:
        self.number = number
        self.name = name
        self.view = view
        self._order = order
        self._times = times
        self._sources: dict[Source, Source] = {}
        self._queries = RecordingQueries(name, view.connection_names, self.first_from, self.own_ids)

    def named(self, connection: str) -> str:
        """Return the name of a connection with that of the recording; the recorder's own events have none."""
        return f"{self.name}{RECORDING_SIGN}{connection}" if connection else ""

    def own(self, connections: Iterable[str]) -> tuple[str, ...]:
        """Return those of the connections that are of this recording, by their own names."""
        return tuple(own for recording, own in map(split_connection, connections) if recording == self.name)

    def query(self, query: Query) -> Query:
        """Return a query as it is for this recording."""
        return self._queries.translated(query) if query else query

    def first_from(self, event_id: int) -> int:
        """Return its first id at or behind an id of the order."""
        return self._order.places_from(event_id, self._times)[self.number]

    def own_ids(self, ids: Iterable[int]) -> tuple[int, ...]:
        """Return which of these ids are its own, as it has them."""
        last_id = self._order.last_id
        places = [self._order.place(each, self._times) for each in ids if 1 <= each <= last_id]
        return tuple(place.id for place in places if place.recording == self.number)

    def ids(self, own_ids: Sequence[int]) -> array[int]:
        """Return the ids of its events in the order; 0 = not known."""
        return self._order.ids(self.number, own_ids, self._times)

    def id(self, own_id: int) -> int:
        """Return the id of one of its events in the order; 0 = not known."""
        return self.ids((own_id,))[0] if own_id else 0

    def source(self, source: Source) -> Source:
        """Return an origin of events with the name of the recording."""
        if (known := self._sources.get(source)) is None:
            if len(self._sources) >= _HELD_SOURCES:
                self._sources.clear()
            connection = self.named(source.connection)
            known = msgspec.structs.replace(source, connection=connection, recording=self.name)
            self._sources[source] = known
        return known

    def events(self, events: Sequence[Event]) -> list[Event]:
        """Return events under the names and ids of the order; those that it does not know yet are left out."""
        ids = self.ids([event.id for event in events])
        return [self._event(event, event_id) for event, event_id in zip(events, ids, strict=True) if event_id]

    def event(self, event: Event | None) -> Event | None:
        """Do the same with one event."""
        return next(iter(self.events((event,))), None) if event is not None else None

    def bookmarked(self, event: Event) -> Event:
        """Do the same with the copy of an event that a bookmark has; one that is not known has a negative id."""
        event_id = self.id(event.id)
        return self._event(event, event_id or -(event.id * len(self._times.views) + self.number))

    def incident(self, found: OpenIncident) -> OpenIncident:
        """Return an open incident under the names and ids of the order."""
        return replace(found, event_id=self.id(found.event_id), connection=self.named(found.connection))

    def row(self, row: ConnectionRow) -> ConnectionRow:
        """Return a row of the connections under the names and ids of the order."""
        state = replace(row.state, name=self.named(row.state.name), last_problem_id=self.id(row.state.last_problem_id))
        incidents = tuple(map(self.incident, row.incidents))
        return replace(
            row, state=state, problem=self.event(row.problem), incidents=incidents, began=self.event(row.began)
        )

    def lane(self, lane: Lane) -> Lane:
        """Return a lane of the timeline under the names and ids of the order."""
        return replace(
            lane,
            connection=self.named(lane.connection),
            segments=tuple(replace(each, event_id=self.id(each.event_id)) for each in lane.segments),
            losses=tuple(replace(each, event_id=self.id(each.event_id)) for each in lane.losses),
            incidents=tuple(replace(each, event_id=self.id(each.event_id)) for each in lane.incidents),
        )

    def _event(self, event: Event, event_id: int) -> Event:
        return with_ids(event, self.source(event.source), event_id, self.id)


class RecordingTimes:
    """Reads times of events for the order, by views that belong to the thread that asks."""

    def __init__(self, views: Sequence[RecordingView]) -> None:
        self.views = views

    def times(self, recording: int, first_id: int, last_id: int) -> array[int]:
        return self.views[recording].times(first_id, last_id)

    def time_from(self, recording: int, event_id: int) -> int:
        return self.views[recording].time_from(event_id)

    def id_at(self, recording: int, ts_ns: int) -> int:
        return self.views[recording].id_at(ts_ns)


def with_ids(event: Event, source: Source, event_id: int, id_of: Callable[[int], int]) -> Event:
    """Return an event under another source and id, and what it says about other events under those of ``id_of``."""
    verdict = event.verdict
    if verdict is not None and verdict.evidence:
        verdict = msgspec.structs.replace(verdict, evidence=tuple(filter(None, map(id_of, verdict.evidence))))
    meta = event.meta
    if meta is not None and not meta.keys().isdisjoint(_EVENT_KEYS):
        meta = {key: _mapped(value, id_of) if key in _EVENT_KEYS else value for key, value in meta.items()}
    return msgspec.structs.replace(event, id=event_id, source=source, verdict=verdict, meta=meta)


def _mapped(value: Json, id_of: Callable[[int], int]) -> Json:
    if isinstance(value, int):
        return id_of(value) if value else value
    return [_mapped(each, id_of) for each in value] if isinstance(value, list | tuple) else value
