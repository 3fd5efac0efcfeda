"""What a collector has not got yet, read from the store behind the writer: spans or log records, page by page.

Messages and healthy heartbeats are no records: they stay in the store, and their numbers, sizes and latencies go as
metrics. Requests with their replies are spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from wsmon.export.otlp import dial_records, operation_records, session_records
from wsmon.export.otlp_logs import log_record
from wsmon.export.selection import Selection
from wsmon.export.sessions import LIFECYCLE, Session, alive_before, follow
from wsmon.model.events import EVENT_NAMES, Event, EventName
from wsmon.model.profiles import HEALTHY_HEARTBEATS
from wsmon.model.span_events import SpanFold
from wsmon.ports import Clock
from wsmon.query.ast import Exact, FieldTerm, Query
from wsmon.store.reader import Reader

RowKind = Literal["spans", "logRecords"]
PAGE_EVENTS: Final = 256
# whose records are one request: about 10 ms of work
WINDOW_IDS: Final = 50_000
# looked at for one page: where nothing but messages came, the page is empty
_REPLY: Final[EventName] = "message.process.completed"


def _is_told(name: EventName) -> bool:
    return name == _REPLY or not (name.startswith("message.") or name in HEALTHY_HEARTBEATS)


_TOLD: Final = Query((FieldTerm("name", tuple(Exact(name) for name in EVENT_NAMES if _is_told(name))),))


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of some events; what is up to ``up_to_id`` is sent when they are."""

    up_to_id: int
    newest_id: int
    # in the store
    records: tuple[bytes, ...] = ()
    pruned: int = 0
    # events that retention removed before they could be sent


class Backlog:
    """Reads on from an event; belongs to the thread that made it."""

    def __init__(self, store: Path, clock: Clock, kind: RowKind, after_id: int) -> None:
        """Read from behind this event on; raises ``StoreError`` where the store cannot be read."""
        self._view = Reader(store, clock)
        self._kind = kind
        self._after_id = after_id
        self._fold = SpanFold()
        self._alive: dict[str, Session] = {}
        # sessions by connection
        self._before: dict[str, Session] = {}
        # that ended last
        if kind == "spans":
            alive = alive_before(Selection(self._view, Query(), after_id + 1, after_id))
            self._alive = {session.source.connection: session for session in alive}

    def next(self) -> Batch:
        """The records of the next events; without any where nothing is to be sent."""
        bounds = self._view.bounds()
        after_id = max(self._after_id, bounds.oldest_id - 1)
        last_id = min(bounds.last_id, after_id + WINDOW_IDS)
        page = self._view.events_after(after_id, PAGE_EVENTS, _TOLD.within(after_id + 1, last_id))
        up_to_id = page[-1].id if len(page) == PAGE_EVENTS else max(last_id, after_id)
        records = tuple(record for event in page for record in self._records(event))
        batch = Batch(up_to_id, bounds.last_id, records, after_id - self._after_id)
        self._after_id = up_to_id
        return batch

    def close(self) -> None:
        """Let the store go."""
        self._view.close()

    def _records(self, event: Event) -> Iterator[bytes]:
        if self._kind == "spans":
            yield from operation_records(self._fold, event)
            if event.name in LIFECYCLE and event.source.connection_id:
                yield from self._lifecycle(event)
        elif event.name != _REPLY:
            yield log_record(event)

    def _lifecycle(self, event: Event) -> Iterator[bytes]:
        """The spans of a dial when it succeeds, of a session when it ends."""
        name = event.source.connection
        for session in follow(self._alive, event, event.id, event.id):
            yield from session_records(self._view, session, self._before.get(name))
            if session.completed is None:
                yield from dial_records(session)
            self._before[name] = session
        if event.name == "connection.completed" and name in self._alive:
            yield from dial_records(self._alive[name])
