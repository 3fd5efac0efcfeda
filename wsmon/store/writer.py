"""The writer thread: takes batches of events from the bus, folds and commits them, prunes and indexes between commits.

Every event is folded exactly once. A commit that fails is repeated until the disk accepts it; events that were shed
meanwhile are counted, and recorded as an event.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from wsmon.bus import TICK_S, Batch, Bus, Shed
from wsmon.config.specs import ConnectionSpec, RetentionSpec
from wsmon.errors import StoreError
from wsmon.model.block import Block, Committed
from wsmon.model.detectors import all_detectors
from wsmon.model.events import RECORDER, Event, Meta, Source
from wsmon.model.incident_kinds import NO_THRESHOLDS, Thresholds
from wsmon.model.profiles import Notable
from wsmon.model.snapshot import NO_ROUTES, Health, Routes
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.ports import Clock, Detector
from wsmon.store.database import Database
from wsmon.store.fold import Fold
from wsmon.store.retention import PruneSchedule, Retention
from wsmon.store.search.skip_index import SearchIndexer
from wsmon.store.tampering import StoreWatch, set_aside
from wsmon.store.transactions import file_system_fault, primary_code, refusal, refusing, store_error

# Least time between two commits: a storm of transitions costs a hundred syncs a second, not a thousand.
COMMIT_GAP_S = 0.01
# Pause before a commit that the disk refused is tried again; it doubles with every try.
FIRST_RETRY_S = 0.05
# Longest such pause: a disk that accepts data again is noticed within it.
LONGEST_RETRY_S = 0.5
# How long the end of a run waits for a disk that accepts nothing: a stop takes at most 2 s, sockets up to 1 s of it.
LAST_TRIES_S = 0.5
# Pause between two tries at the end of a run: about five fit into ``LAST_TRIES_S``.
LAST_RETRY_S = 0.1
# Least time between two checks of the detectors: a tick of the bus is a little longer, a batch of a flood much shorter.
DETECT_GAP_S = 0.2
# Length of a slice of indexing: the longest that a commit waits for one.
INDEX_SLICE_S = 0.01
# Pause between two slices while no event comes: indexing a store of millions of events takes a third of a core.
INDEX_REST_S = 0.02
# A batch of this many events is not followed by indexing what was never indexed: that goes on after the flood.
INDEX_BELOW_EVENTS = 1_000

_LOG = logging.getLogger("wsmon.store")

# Primary result codes of failures that may pass: space is freed, a cable is plugged in again, a viewer continues that
# was stopped while it held a lock on the read marks (SQLITE_PROTOCOL, after ten seconds)
_PASSING = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CANTOPEN,
        # A file system that became read-only after an error, and may be mounted anew
        sqlite3.SQLITE_READONLY,
    }
)
# What SQLite may say of pages that it could not read whole: after an I/O error it tells of the disk, not of the store
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Writer:
    """Writes one run of a store in a thread of its own, from ``start`` until the bus is closed and empty.

    The run must have begun (``Database.begin_run``). From ``start`` on the database belongs to the writer's thread,
    which closes it at its end.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        clock: Clock,
        on_commit: Callable[[int, Sequence[Committed]], None],
        on_failure: Callable[[BaseException], None],
        detectors: Sequence[Detector] | None = None,
        on_notable: Callable[[Sequence[Notable]], None] | None = None,
        renew: Callable[[int], Database] | None = None,
        *,
        is_daemon: bool = False,
    ) -> None:
        """``on_commit`` gets the newest id after each commit, and what was committed: a list that stays as it is.
        ``on_failure`` gets the exception that ended the thread, and ``on_notable`` the committed events that alerts
        are about; all are called in the writer's thread. ``detectors`` default to all that exist. ``renew`` makes a
        new store at the same path, in which ids go on after the one that it gets and the run has begun; without it, a
        store that another program changed ends the thread. The interpreter waits at its end for a thread that is no
        daemon, before functions of ``atexit`` are called.
        """
        self.run = database.run
        # Newest committed id
        self.committed_id = database.last_id
        self._database = database
        self._bus = bus
        self._clock = clock
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._on_notable = on_notable
        found_by = all_detectors() if detectors is None else detectors
        with refusing(database.path):
            self._fold = Fold(database.connection, database.run, self.committed_id, found_by)
            self._indexer = SearchIndexer(database.connection, database.path)
        self._detected_mono_ns = 0
        # Monotonic time by which detectors judge: everything that arrived before it has been folded
        self._complete_until_ns = 0
        self._has_ended = False
        self._retention = Retention(database.connection, database.path, clock, RetentionSpec())
        self._pruning = PruneSchedule(self._retention, clock)
        # Configurations that were reloaded since the last batch, oldest first; filled by any thread
        self._configurations: deque[tuple[tuple[ConnectionSpec, ...], Thresholds, Routes]] = deque()
        self._renew = renew
        # No commit has succeeded since a new store was begun
        self._is_renewed = False
        # A new store is being begun: for a moment there is none, read by any thread
        self.is_renewing = False
        self._watch = StoreWatch(database.path, database.connection)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=is_daemon)
        self._warning = ""
        self._commit_lag_ns = 0
        self._in_hand = 0
        self._shed_in_hand = 0
        self._events_shed = 0
        self._committed_mono_ns = 0
        # What happened on each connection in this run
        self.totals = self._fold.totals
        # Numbers of the committed lines of applications, by client; any thread may read it
        self.committed_seqs = self._fold.committed_seqs

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the bus is closed and empty, everything is committed, and the store is closed."""
        self._thread.join(timeout_s)

    @property
    def lost_events(self) -> int:
        """Events that nothing in the store tells of: taken and not committed, waiting, or shed. Read after ``join``."""
        taken = max(self._in_hand, self._fold.assigned_id - self.committed_id)
        return taken + self._shed_in_hand + self._bus.waiting_events + self._bus.shed_events

    @property
    def pruned_events(self) -> int:
        """Events that retention has removed in this run; callable from any thread."""
        return self._pruning.events

    def configure(
        self,
        connections: tuple[ConnectionSpec, ...],
        retention: RetentionSpec | None = None,
        thresholds: Thresholds = NO_THRESHOLDS,
        routes: Routes = NO_ROUTES,
    ) -> None:
        """Use a configuration: its retention at once, all else from the next batch on; callable from any thread.

        ``routes`` are those of the relays that the connections with these names come through.
        """
        self._retention.spec = retention or RetentionSpec()
        self._configurations.append((connections, thresholds, routes))

    def health(self) -> Health:
        """The state of the recorder; callable from any thread."""
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
            self._fold.restore(self._database.lost_seconds)
            self._record(Batch(self._cut_off_events()))
            self._watch.settle()
            while not self._bus.is_closed:
                batch = self._bus.take()
                if changed := self._watch.change():
                    self._begin_anew(changed)
                self._record(batch)
                self._prune()
                if batch.count < INDEX_BELOW_EVENTS:
                    self._index()
                # What is missing now went while this batch was written
                if taken := self._watch.loss(has_written=True):
                    self._begin_anew(taken)
                self._watch.settle()
            self._has_ended = True
            self._fold.close_seconds(self._clock.wall_ns(), self._clock.mono_ns(), is_end=True)
            self._record(Batch([]))
            self._database.end_run(self._clock.wall_ns())
            self._database.close()
        except Exception as error:  # noqa: BLE001 - the border of the thread: its owner gets every failure
            self._database.connection.close()
            self._on_failure(refusal(error, self._database.path) or error)

    def _record(self, batch: Batch) -> None:
        """Fold a batch, run the detectors, commit."""
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        while self._configurations:
            connections, thresholds, routes = self._configurations.popleft()
            self._fold.configure(connections, ts_ns, thresholds, routes)
        for delivery in batch.deliveries:
            self._fold.admit(delivery, ts_ns)
        self._in_hand = batch.count
        self._shed_in_hand = sum(each.events for each in batch.shed)
        events: Sequence[Event | Block] = batch.events
        farewell: list[Event | Block] = []
        if events and events[-1].name == "self.run.ended":
            events, farewell = events[:-1], list(events[-1:])
            self._has_ended = True
            events = [*events, *self._pruning.report()]
        self._fold.fold(events)
        self._fold.fold(self._shed_events(batch.shed, ts_ns, mono_ns))
        self._complete_until_ns = max(self._complete_until_ns, min(mono_ns, batch.complete_until_ns))
        self._detect(ts_ns, mono_ns, is_tick=not batch.events)
        self._fold.close_seconds(ts_ns, mono_ns)
        # After the events of everything that ends with the run
        self._fold.fold(farewell)
        self._fold.roll(ts_ns // SECOND_NS)
        if self._fold.has_changed:
            committed = self._fold.uncommitted
            notable = self._commit()
            self.committed_id = self._fold.assigned_id
            self._on_commit(self.committed_id, committed)
            if notable and self._on_notable is not None:
                self._on_notable(notable)
            if batch.events:
                self._commit_lag_ns = self._clock.mono_ns() - batch.arrived_ns
            self._feed_index(committed)
        self._in_hand = self._shed_in_hand = 0

    def _detect(self, ts_ns: int, mono_ns: int, *, is_tick: bool) -> None:
        """Run the detectors: on every tick, and at most every ``DETECT_GAP_S`` otherwise.

        They judge by the time up to which everything that arrived has been folded. By the present time, a connection
        would seem to be silent while its messages wait for a slow disk.
        """
        known_ns = self._complete_until_ns
        if known_ns and (self._has_ended or is_tick or mono_ns - self._detected_mono_ns >= DETECT_GAP_S * SECOND_NS):
            self._detected_mono_ns = mono_ns
            self._fold.detect(ts_ns - (mono_ns - known_ns), known_ns)
        if self._has_ended:
            self._fold.end_detection(ts_ns, mono_ns)

    def _commit(self) -> list[Notable]:
        """Write what is folded, repeatedly while the disk accepts nothing; returns the events that alerts are about."""
        self._keep_distance()
        retry_s = FIRST_RETRY_S
        # Monotonic; 0 = not yet
        refused_ns = gave_up_ns = 0
        while True:
            try:
                self._write()
                break
            except sqlite3.Error as error:
                code = primary_code(error)
                if changed := self._change_behind(error):
                    self._begin_anew(changed)
                    continue
                if code not in _PASSING and not (refused_ns and code in _DAMAGE):
                    raise store_error(error, self._database.path) from error
                if self._is_committed():
                    break
                if code not in _DAMAGE:
                    self._warning = str(store_error(error, self._database.path))
                if not refused_ns:
                    _LOG.warning("retrying until it accepts events: %s", self._warning)
            now_ns = self._clock.mono_ns()
            refused_ns = refused_ns or now_ns
            if self._bus.is_closing:
                retry_s = LAST_RETRY_S
                gave_up_ns = gave_up_ns or now_ns + round(LAST_TRIES_S * SECOND_NS)
                if now_ns > gave_up_ns:
                    raise StoreError(self._warning)
            if self._bus.is_full:
                self._bus.start_shedding()
            time.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)
        self._is_renewed = False
        notable = self._fold.committed()
        self._committed_mono_ns = self._clock.mono_ns()
        if refused_ns:
            _LOG.warning(
                "the store accepts events again, after %.1f s", (self._committed_mono_ns - refused_ns) / SECOND_NS
            )
        self._warning = ""
        self._bus.stop_shedding()
        return notable

    def _change_behind(self, error: sqlite3.Error) -> str:
        """What another program did to the store that explains an error; empty where nothing is known."""
        if self._renew is None or self._is_renewed:
            return ""
        if primary_code(error) in _DAMAGE and not file_system_fault(self._database.path):
            return f"does not contain what was written to it ({error})"
        # Not `change`: a write of ours that failed half way has changed the log, too
        return "" if primary_code(error) == sqlite3.SQLITE_BUSY else self._watch.loss()

    def _begin_anew(self, changed: str) -> None:
        """Set the store aside that another program changed, and go on in a new one; raises ``StoreError``."""
        path = self._database.path
        if self._renew is None:
            raise StoreError(f"the store {path} {changed}", "the data in it is lost")
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        self.is_renewing = True
        try:
            aside = set_aside(path, ts_ns)
            # The file may be anything by now
            with suppress(sqlite3.Error):
                self._database.connection.close()
            self._database = self._renew(self.committed_id)
        except (OSError, sqlite3.Error, StoreError) as error:
            raise StoreError(f"the store {path} {changed}, and no new one could be created: {error}") from error
        finally:
            self.is_renewing = False
        self._is_renewed = True
        _LOG.warning("the store %s %s; it is now %s, and a new one was created", path, changed, aside.name)
        self._fold.move_to(self._database.connection, ts_ns)
        self._retention.move_to(self._database.connection)
        self._indexer = SearchIndexer(self._database.connection, path)
        self._watch = StoreWatch(path, self._database.connection)
        meta: Meta = {"store": str(path), "tampered": str(aside), "last_id": self.committed_id}
        reason = f"the store {changed}; it was set aside, and a new one was created"
        self._fold.fold([Event(RECORDER, "self.store.tampered", ts_ns, mono_ns, reason=reason, meta=meta)])

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
        """Whether a commit that reported a failure is in the store nevertheless, which happens with EIO."""
        if self._fold.assigned_id == self.committed_id:
            # It had no events, and absolute values may be written twice
            return False
        try:
            return self._database.last_id == self._fold.assigned_id
        except sqlite3.Error:
            # Unknown: the next try to commit decides
            return False

    def _keep_distance(self) -> None:
        left_s = COMMIT_GAP_S - (self._clock.mono_ns() - self._committed_mono_ns) / SECOND_NS
        if left_s > 0:
            time.sleep(min(left_s, COMMIT_GAP_S))

    def _prune(self) -> None:
        """Remove a slice of old events, and record the event about it where one is due."""
        if self._bus.is_closing:
            return
        try:
            pruned = self._pruning.slice()
        except (StoreError, sqlite3.Error) as error:
            # The next slice tries again; commits handle a full disk themselves
            self._warning = str(error)
            return
        if pruned:
            self._record(Batch(list(pruned)))

    def _feed_index(self, committed: Sequence[Committed]) -> None:
        """Index what was just committed."""
        try:
            self._indexer.feed(committed)
        except (StoreError, sqlite3.Error) as error:
            # What was not indexed is read later
            self._warning = str(error)

    def _index(self) -> None:
        """Index events of before, a slice at a time, until an event comes or the next tick is due."""
        mono_ns = self._clock.mono_ns
        tick_ns = mono_ns() + round(TICK_S * SECOND_NS)
        try:
            while not self._bus.is_closing:
                if not self._indexer.index(self.committed_id, self._slice()):
                    return
                if mono_ns() >= tick_ns or not self._bus.stays_quiet(INDEX_REST_S):
                    return
        except (StoreError, sqlite3.Error) as error:
            # The next slice tries again
            self._warning = str(error)

    def _slice(self) -> Callable[[], bool]:
        """A function that returns whether a slice of indexing that begins now is over."""
        ends_ns = self._clock.mono_ns() + round(INDEX_SLICE_S * SECOND_NS)
        return lambda: self._clock.mono_ns() >= ends_ns

    def _cut_off_events(self) -> list[Event]:
        """Events that close the incidents which an earlier recorder left open."""
        ts_ns, mono_ns = self._clock.wall_ns(), self._clock.mono_ns()
        return [
            Event(
                Source(each.connection),
                "incident.closed",
                ts_ns,
                mono_ns,
                type=each.type,
                reason="the recorder stopped",
                meta={"incident": each.id, "evidence": [each.id]},
            )
            for each in self._database.interrupted_incidents
        ]

    def _shed_events(self, shed: tuple[Shed, ...], ts_ns: int, mono_ns: int) -> list[Event]:
        """Events about what was shed: received = stored + shed."""
        self._events_shed += sum(each.events for each in shed)
        return [
            Event(
                Source(each.connection),
                "self.shed",
                ts_ns,
                mono_ns,
                reason=f"{each.events:,} {each.name} lost: the store accepted no data",
                meta={"name": each.name, "events": each.events, "size_bytes": each.size_bytes},
            )
            for each in shed
        ]
