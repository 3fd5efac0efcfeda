"""The one thread that writes a store: takes batches from the bus and commits them.

What is committed was folded exactly once; a commit that fails is repeated until the disk takes it, and what could not
be kept meanwhile is counted and recorded.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from wsmon.bus import TICK_S, Batch, Bus, Shed
from wsmon.config.specs import ConnectionSpec, RetentionSpec
from wsmon.errors import StoreError
from wsmon.model.detectors import all_detectors
from wsmon.model.events import Event, Source
from wsmon.model.snapshot import Health
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.ports import Clock, Detector
from wsmon.store.database import Database, primary_code, store_error
from wsmon.store.fold import Fold
from wsmon.store.retention import PruneSchedule, Retention
from wsmon.store.search.skip_index import SearchIndexer

# Between two commits: a storm of transitions is a hundred syncs a second, not a thousand
COMMIT_GAP_S = 0.01
FIRST_RETRY_S = 0.05
# Between two tries to commit while the disk takes nothing
LONGEST_RETRY_S = 0.5
LAST_TRIES_S = 0.5
# How long the end waits for such a disk, and between two tries: a stop is over within 2 s, sockets may take one
LAST_RETRY_S = 0.1
# Between two looks of the detectors: the tick of the bus is a little longer, a batch of a flood much shorter
DETECT_GAP_S = 0.2
# Of indexing: what a commit may have to wait for
INDEX_SLICE_S = 0.01
# Between two slices while nothing comes: a store with millions of events to index takes a third of a core for a while
INDEX_REST_S = 0.02
# A batch: from 20,000 events a second on recording has the machine to itself, and the index catches up later
INDEX_BELOW_EVENTS = 1_000

_LOG = logging.getLogger("wsmon.store")

# Primary codes of what may pass: somebody frees space, a cable is plugged in again, a viewer goes on that was stopped
# in the moment in which it marked what it reads (SQLITE_PROTOCOL, after ten seconds)
_PASSING = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CANTOPEN,
    }
)


class Writer:
    """Writes one run of a store, from ``start`` until the bus is closed and empty.

    The run must have begun (``Database.begin_run``); the database belongs to the writer's thread from ``start`` on, and
    is closed at its end.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        on_commit: Callable[[int], None],
        on_failure: Callable[[BaseException], None],
        detectors: Sequence[Detector] | None = None,
        on_notable: Callable[[Sequence[Event]], None] | None = None,
    ) -> None:
        """``on_commit`` gets the newest id after each commit of events, ``on_failure`` what ended the thread; both are
        called from the writer's thread, as is ``on_notable``, with the events that alerts are about, once they are
        committed. ``detectors`` default to all there are.
        """
        self.run = database.run
        self.last_id = database.last_id
        # newest committed
        self._database = database
        self._bus = bus
        self._clock = clock
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._on_notable = on_notable
        found_by = all_detectors() if detectors is None else detectors
        self._fold = Fold(database.connection, database.run, self.last_id, found_by)
        self._detected_mono_ns = 0
        self._has_ended = False
        self._retention = Retention(database.connection, database.path, clock, RetentionSpec())
        self._pruning = PruneSchedule(self._retention, clock)
        self._indexer = SearchIndexer(database.connection, database.path)
        self._configurations: deque[tuple[ConnectionSpec, ...]] = deque()
        # to take over, oldest first: as many as somebody reloaded since the last batch; filled by any thread
        self._thread = threading.Thread(target=self._run, name="writer")
        self._warning = ""
        self._commit_lag_ns = 0
        self._in_hand = 0
        self._events_shed = 0
        self._committed_mono_ns = 0
        # by retention, in this run
        # What happened on each connection, in this run
        self.totals = self._fold.totals

    def start(self) -> None:
        """Begin to take from the bus."""
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for the end: the bus closed and empty, everything committed, the log truncated, the store closed."""
        self._thread.join(timeout_s)

    @property
    def pruned_events(self) -> int:
        """How many events retention has removed; from any thread."""
        return self._pruning.events

    def configure(self, connections: tuple[ConnectionSpec, ...], retention: RetentionSpec | None = None) -> None:
        """Take over a configuration with the next batch; from any thread."""
        self._retention.spec = retention or RetentionSpec()
        self._configurations.append(connections)

    def health(self) -> Health:
        """How the recorder is; from any thread."""
        return Health(
            waiting_events=self._bus.waiting_events + self._in_hand,
            waiting_bytes=self._bus.waiting_bytes,
            commit_lag_ms=self._commit_lag_ns / MS_NS,
            events_shed=self._events_shed + self._bus.shed_events,
            is_paused=self._bus.is_awaited,
            warning=self._warning,
        )

    def _run(self) -> None:
        try:
            self._fold.restore(self._database.lost_batches)
            self._record(Batch(self._cut_off_events()))
            while not self._bus.is_closed:
                batch = self._bus.take()
                self._record(batch)
                self._prune()
                if len(batch.events) < INDEX_BELOW_EVENTS:
                    self._index()
            self._has_ended = True
            self._fold.close_batches(self._clock.wall_ns(), self._clock.mono_ns(), is_end=True)
            self._record(Batch([]))
            self._database.end_run(self._clock.wall_ns())
            self._database.close()
        except Exception as error:  # noqa: BLE001 - the border of the thread: its owner learns of whatever ended it
            self._database.connection.close()
            self._on_failure(error)

    def _record(self, batch: Batch) -> None:
        """Fold a batch, let the detectors look, commit."""
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        while self._configurations:
            self._fold.configure(self._configurations.popleft(), ts_ns)
        self._in_hand = len(batch.events)
        events, farewell = batch.events, []
        if events and events[-1].name == "self.run.ended":
            events, farewell = events[:-1], events[-1:]
            self._has_ended = True
            events = [*events, *self._pruning.tell()]
        self._fold.fold(events)
        self._fold.fold(self._shed_events(batch.shed, ts_ns, mono_ns))
        self._detect(ts_ns, mono_ns, is_tick=not batch.events)
        self._fold.close_batches(ts_ns, mono_ns)
        self._fold.fold(farewell)  # the last word, after what ends with the run
        self._fold.roll(ts_ns // SECOND_NS)
        if self._fold.has_changed:
            notable = self._commit()
            self.last_id = self._fold.last_id
            self._on_commit(self.last_id)
            if notable and self._on_notable is not None:
                self._on_notable(notable)
            if batch.events:
                self._commit_lag_ns = self._clock.mono_ns() - batch.events[0].mono_ns
        self._in_hand = 0

    def _detect(self, ts_ns: int, mono_ns: int, *, is_tick: bool) -> None:
        """Let the detectors look: on every tick, and some times a second however many batches there are."""
        if self._has_ended:
            self._fold.detect(ts_ns, mono_ns)
            self._fold.end_detection(ts_ns, mono_ns)
        elif is_tick or mono_ns - self._detected_mono_ns >= DETECT_GAP_S * SECOND_NS:
            self._detected_mono_ns = mono_ns
            self._fold.detect(ts_ns, mono_ns)

    def _commit(self) -> list[Event]:
        """Write what is folded, again and again while the disk takes nothing; what of it alerts are about."""
        self._keep_distance()
        retry_s = FIRST_RETRY_S
        refused_ns = gave_up_ns = 0
        # monotonic; 0 = not yet
        while True:
            try:
                self._write()
                break
            except sqlite3.Error as error:
                if primary_code(error) not in _PASSING:
                    raise store_error(error, self._database.path) from error
                if self._is_committed():
                    break
                self._warning = str(store_error(error, self._database.path))
                if not refused_ns:
                    _LOG.warning("%s; trying again until it takes events", self._warning)
            now_ns = self._clock.mono_ns()
            refused_ns = refused_ns or now_ns
            if self._bus.is_closing:
                retry_s = LAST_RETRY_S
                gave_up_ns = gave_up_ns or now_ns + round(LAST_TRIES_S * SECOND_NS)
                if now_ns > gave_up_ns:
                    raise StoreError(f"{self._lost()} events were not kept: {self._warning}")
            if self._bus.is_full:
                self._bus.start_shedding()
            time.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)
        notable = self._fold.committed()
        self._committed_mono_ns = self._clock.mono_ns()
        if refused_ns:
            _LOG.warning(
                "the store takes events again, after %.1f s", (self._committed_mono_ns - refused_ns) / SECOND_NS
            )
        self._warning = ""
        self._bus.stop_shedding()
        return notable

    def _write(self) -> None:
        connection = self._database.connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._fold.write()
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _is_committed(self) -> bool:
        """Whether a commit that reported a failure is in the store all the same: seen with EIO."""
        if self._fold.last_id == self.last_id:
            return False  # no events in it: absolute values may be written twice
        try:
            return self._database.last_id == self._fold.last_id
        except sqlite3.Error:
            return False  # not to be known now: the next try says

    def _lost(self) -> int:
        return self._fold.last_id - self.last_id + self._bus.waiting_events + self._bus.shed_events

    def _keep_distance(self) -> None:
        left_s = COMMIT_GAP_S - (self._clock.mono_ns() - self._committed_mono_ns) / SECOND_NS
        if left_s > 0:
            time.sleep(min(left_s, COMMIT_GAP_S))

    def _prune(self) -> None:
        """Give retention its turn; what it removed is an event, now and then."""
        if self._bus.is_closing:
            return
        try:
            told = self._pruning.slice()
        except StoreError as error:
            self._warning = str(error)
            return  # the next slice tries again, and commits have their own say
        if told:
            self._record(Batch(list(told)))

    def _index(self) -> None:
        """Index what is committed, a slice at a time, until something comes or the next tick is due."""
        mono_ns = self._clock.mono_ns
        tick_ns = mono_ns() + round(TICK_S * SECOND_NS)
        try:
            while not self._bus.is_closing:
                if not self._indexer.index(self.last_id, self._slice()):
                    return
                if mono_ns() >= tick_ns or not self._bus.stays_quiet(INDEX_REST_S):
                    return
        except (StoreError, sqlite3.Error) as error:
            self._warning = str(error)  # as with pruning: the next slice tries again

    def _slice(self) -> Callable[[], bool]:
        """Says when a slice of indexing that begins now is over."""
        ends_ns = self._clock.mono_ns() + round(INDEX_SLICE_S * SECOND_NS)
        return lambda: self._clock.mono_ns() >= ends_ns

    def _cut_off_events(self) -> list[Event]:
        """What ended with an earlier recorder, which could not say so."""
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        return [
            Event(
                Source(each.connection),
                "incident.closed",
                ts_ns,
                mono_ns,
                type=each.type,
                reason="the recorder ended",
                meta={"incident": each.id, "evidence": [each.id]},
            )
            for each in self._database.interrupted_incidents
        ]

    def _shed_events(self, shed: tuple[Shed, ...], ts_ns: int, mono_ns: int) -> list[Event]:
        """What was shed, as events: received = stored + shed."""
        self._events_shed += sum(each.events for each in shed)
        return [
            Event(
                Source(each.connection),
                "self.shed",
                ts_ns,
                mono_ns,
                reason=f"{each.events:,} {each.name} not kept: the store took nothing",
                meta={"name": each.name, "events": each.events, "size_bytes": each.size_bytes},
            )
            for each in shed
        ]
