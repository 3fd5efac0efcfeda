"""The fold: turns a batch of events into rows and counters; assigns ids and counts every event once.

The loop over messages is the hottest of the store (``tests/benchmarks/store.py``): it collects sizes by source, and
everything else is done once a batch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress

import msgspec

from wsmon.bus import EventDelivery
from wsmon.config.specs import ConnectionSpec
from wsmon.model.block import Block, Committed
from wsmon.model.events import Event, EventName, Meta
from wsmon.model.incident_kinds import NO_THRESHOLDS, Thresholds, is_rule
from wsmon.model.profiles import Notable, is_alertable
from wsmon.model.snapshot import NO_ROUTES, Routes
from wsmon.model.statuses import SESSION_ENDS
from wsmon.model.units import MS_NS, SECOND_NS
from wsmon.ports import Detector
from wsmon.store.bucket import EVENTS, Bucket
from wsmon.store.codec import (
    EVENT_COLUMNS,
    FLAG_IN,
    FLAG_OUT,
    FLAG_REDACTED,
    FLAG_TRUNCATED,
    LARGEST_CHUNK,
    LARGEST_CHUNK_OF_MESSAGES,
    NAME_CODES,
    OPCODE_CODES,
    MultiRowInsert,
    SqlValue,
    event_row,
    meta_text,
    storable,
)
from wsmon.store.connections import Connections
from wsmon.store.counted_seconds import CountedSecond, CountedSeconds, LostSecond
from wsmon.store.incidents import DetectorRunner, VerdictRunner, numbered
from wsmon.store.ingest import IngestedLines
from wsmon.store.journal import UNTIMED, MessageTraffic
from wsmon.store.lifecycle import ALERT_OUTCOMES, Lifecycle, count_alerts, count_outcomes
from wsmon.store.rollup import Rollups
from wsmon.store.schema import META_LAST_ID, META_OLDEST_ID
from wsmon.store.sessions import SourceRows, SourceStream, add_beside
from wsmon.store.validation import Ns, checked

# Columns that every message with a payload has
MESSAGE_COLUMNS = ("id", "ts_ns", "mono_ns", "source", "name", "flags", "opcode", "size", "wire_size", "payload")
# Columns that a message has where its protocol could read it
READ_COLUMNS = ("duration_ns", "type", "topic", "ref")

# For each of EVENT_COLUMNS, whether an event has a value in it
_HasValue = tuple[bool, ...]


_RECEIVED = NAME_CODES["message.received"]
_TEXT = OPCODE_CODES["text"]
_SENT = NAME_CODES["message.sent"]
_SUSPENDED: EventName = "self.suspended"
# The event that a rule matched, if it is of the run
_MONO_NS = "SELECT mono_ns FROM event JOIN source ON source.id = event.source WHERE event.id = ? AND run = ?"
# From this event of a connection on, other events become rows
_PROFILE_CHANGED: EventName = "self.config.reloaded"


class Fold:
    """The rows and counters between two commits. All values are absolute, so that a commit can be repeated."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        run: int,
        committed_id: int,
        detectors: Sequence[Detector],
        *,
        keeps_all: bool = False,
    ) -> None:
        """``keeps_all``: make every event a row, whatever the capture profiles say."""
        self._connection = connection
        self._run = run
        # The newest id that was assigned, committed or not
        self.assigned_id = committed_id
        self._committed_id = committed_id
        # No event was ever committed
        self._is_empty = committed_id == 0
        self._detection = DetectorRunner(detectors)
        self._connections = Connections(connection, keeps_all=keeps_all)
        self._sources = SourceRows(connection, run, self._connections)
        self._lifecycle = Lifecycle(connection, run, self._connections, self._sources)
        self._verdicts = VerdictRunner(connection)
        self._rollups = Rollups(connection)
        # What happened since this fold began; any thread may read it
        self.totals = self._rollups.totals
        self._ingested = IngestedLines(connection)
        # Numbers of the committed lines of clients; any thread may read it
        self.committed_seqs = self._ingested.committed_seqs
        self._counted = CountedSeconds()
        self._rows = EventRows()
        # Of the current batch, by second and connection: counters of all but messages
        self._deltas: dict[tuple[int, int], Bucket] = {}
        # And its messages
        self._traffic: list[MessageTraffic] = []
        # Streams with events in the current batch
        self._touched: list[SourceStream] = []
        # Events since the last commit that alerts are about
        self._notable: list[Notable] = []

    @property
    def has_changed(self) -> bool:
        """Whether there is something to commit."""
        parts = (self._connections, self._rollups, self._ingested)
        return self.assigned_id != self._committed_id or any(part.has_changed for part in parts)

    @property
    def uncommitted(self) -> Sequence[Committed]:
        """The events and blocks that the next commit writes, by id, each with its (first) id and that of its source.

        The list stays as it is when they are committed.
        """
        return self._rows.added

    def configure(
        self,
        specs: Sequence[ConnectionSpec],
        now_ns: int,
        thresholds: Thresholds = NO_THRESHOLDS,
        routes: Routes = NO_ROUTES,
    ) -> None:
        """Use the connections of a configuration, and the thresholds of detectors that it sets, from now on.

        ``routes`` are those of relays, by the names of the connections that come through them.
        """
        self._connections.configure(specs, now_ns, routes)
        self._sources.use_profiles()
        self._detection.configure(specs, thresholds)

    def admit(self, delivery: EventDelivery, ts_ns: int) -> None:
        """Take note of a delivery whose events are folded next: of its lines, and of connections that are new."""
        for source in dict.fromkeys(event.source for event in delivery.events):
            if source.connection and self._connections.adopt(source.connection, source.group, ts_ns):
                self._detection.watch(source.connection)
        if delivery.seq:
            self._ingested.take(delivery.client, delivery.seq, ts_ns)

    def fold(self, events: Iterable[Event | Block]) -> None:
        """Count events; assign an id and make a row of those that the capture profile of their connection keeps.

        A block is counted and stored as its messages would be.
        """
        event_id = self.assigned_id
        source = stream = event = None
        keeps_messages = True
        second = start_ns = end_ns = 0
        fold_message = self._fold_message
        for event in events:
            if stream is None or event.source is not source:
                source = event.source
                stream = self._touch(self._sources.stream(source))
                keeps_messages = stream.keeps_messages
            ts_ns = event.ts_ns
            if not start_ns <= ts_ns < end_ns:
                self._count_messages(second)
                second = ts_ns // SECOND_NS
                start_ns = second * SECOND_NS
                end_ns = start_ns + SECOND_NS
            if isinstance(event, Block):
                event_id = self._fold_block(event_id, event, stream)
                continue
            name = event.name
            if name == "message.received":
                stream.older_received = stream.newest_received
                stream.newest_received = event
                stream.received.append(event.size or 0)
                stream.received_wire += event.wire_size or 0
                if keeps_messages:
                    event_id += 1
                    fold_message(event_id, event, stream, _RECEIVED, FLAG_IN)
                else:
                    event_id = self._fold_unkept(event_id, event, stream, second)
            elif name == "message.sent":
                stream.last_sent_ns = event.mono_ns
                stream.sent.append(event.size or 0)
                stream.sent_wire += event.wire_size or 0
                if keeps_messages:
                    event_id += 1
                    fold_message(event_id, event, stream, _SENT, FLAG_OUT)
                else:
                    event_id = self._fold_unkept(event_id, event, stream, second)
            else:
                event_id = self._fold_single(event_id, event, stream, second)
                keeps_messages = stream.keeps_messages
        if event is None:
            return
        self.assigned_id = event_id
        self._count_messages(second)
        self._finish_batch(event.mono_ns)

    def detect(self, ts_ns: int, mono_ns: int) -> None:
        """Run the detectors, and fold the events that they found."""
        for found in self._detection.check(ts_ns, mono_ns):
            self.fold(found)
        for record, outcomes in self._lifecycle.expired_errors(mono_ns):
            count_outcomes(outcomes, self._delta(ts_ns // SECOND_NS, record.id))
        if self._deltas:
            self._finish_batch(mono_ns)
        for incident_id, sentence in self._detection.running():
            self._lifecycle.update_incident(incident_id, sentence)

    def end_detection(self, ts_ns: int, mono_ns: int) -> None:
        """End all incidents: the run is over."""
        self._detection.end()
        self.detect(ts_ns, mono_ns)
        # Incidents that the first call opened have an id now, and end too
        self.detect(ts_ns, mono_ns)

    def close_seconds(self, ts_ns: int, mono_ns: int, *, is_end: bool = False) -> None:
        """Make the rows that stand for the messages of past seconds, or, at the end of the run, of all seconds."""
        if is_end:
            self._rollups.end()
        seconds = self._counted.take_all() if is_end else self._counted.take_over(ts_ns // SECOND_NS)
        self.assigned_id = self._make_rows(seconds, self.assigned_id, ts_ns, mono_ns)
        self._finish_batch(mono_ns)

    def restore(self, cut_off: Iterable[LostSecond]) -> None:
        """Take over messages that an earlier recorder counted before it was cut off, and that no row stands for."""
        for each in cut_off:
            self._counted.restore(self._sources.stream(each.source), each.second, each.counts)

    def roll(self, now_s: int) -> None:
        """Add past seconds to their minutes and hours, and update the states in ``totals`` once a second."""
        self._rollups.roll(now_s)
        self.totals.update_states(now_s, self._connections)

    def write(self) -> None:
        """Write everything since the last commit, within the caller's transaction."""
        self._sources.write()
        self._connections.write(are_journaled=self._rollups.is_deferring)
        self._rows.write(self._connection)
        self._lifecycle.write()
        self._rollups.write()
        self._ingested.write()
        set_meta = "UPDATE meta SET value = ? WHERE key = ?"
        self._connection.execute(set_meta, (self.assigned_id, META_LAST_ID))
        if self._is_empty and self.assigned_id:
            self._connection.execute(set_meta, (1, META_OLDEST_ID))

    def committed(self) -> list[Notable]:
        """Forget what is written; returns the events that alerts are about, with their ids."""
        self._committed_id = self.assigned_id
        self._is_empty = self._is_empty and not self.assigned_id
        self._rows.clear()
        for part in (self._sources, self._connections, self._lifecycle, self._rollups, self._ingested):
            part.committed()
        notable, self._notable = self._notable, []
        return notable

    def move_to(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Write into an empty store from now on, what is not committed included; its run has begun.

        Connections, sources, open sessions, incidents and subscriptions get their rows there.
        """
        self._connection = connection
        self._is_empty = self._committed_id == 0
        self._connections.move_to(connection)
        self._sources.move_to(connection)
        self._lifecycle.move_to(connection, now_ns)
        self._verdicts.move_to(connection)
        self._rollups.move_to(connection)
        self._ingested.move_to(connection, now_ns)

    def _fold_message(self, event_id: int, event: Event, stream: SourceStream, name: int, flags: int) -> None:
        """Make the row of a message: the fast path for all that have a payload and no error."""
        stream.last_id = event_id
        payload = event.payload
        if (
            payload is None
            or event.wire_size is None
            or event.size is None
            or event.status is not None
            or event.reason
            or event.error_type
            or event.error
            or event.span_id
            or event.parent_id
            or event.close_code is not None
        ):
            self._fold_long_message(event_id, event, stream)
            return
        if event.truncated:
            flags |= FLAG_TRUNCATED
        if event.redacted:
            flags |= FLAG_REDACTED
        try:
            text: str | bytes = payload.decode()
        except UnicodeDecodeError:
            text = payload
        duration_ns = event.duration_ns
        kind = ""
        if duration_ns is not None or event.type:
            is_received = name == _RECEIVED
            sizes = stream.received if is_received else stream.sent
            if duration_ns is not None:
                add_beside(stream.decoded if is_received else stream.encoded, (duration_ns,), UNTIMED, sizes)
            if event.type:
                kind = storable(event.type)
                add_beside(stream.types_in if is_received else stream.types_out, (kind,), "", sizes)
        rows = self._rows
        rows.added.append((event_id, event, stream.id))
        meta = event.meta
        is_read = duration_ns is not None or kind or event.topic or event.ref or meta is not None
        values = rows.of(_READ_WITH_META if meta is not None else _READ if is_read else _UNREAD)
        values += (event_id, event.ts_ns, event.mono_ns, stream.id, name, flags)
        values += (OPCODE_CODES[event.opcode], event.size, event.wire_size, text)
        if is_read:
            values += (duration_ns, kind, storable(event.topic), storable(event.ref))
        if meta is not None:
            values.append(meta_text(meta))
            self._measure(event_id, event, meta, stream)

    def _fold_block(self, assigned_id: int, block: Block, stream: SourceStream) -> int:
        """Count the messages of a block, and make their rows where they are kept; returns the last id assigned."""
        count = block.count
        stream.older_received = stream.newest_received
        stream.newest_received = block
        stream.received_wire += sum(block.wire_sizes)
        if stream.keeps_messages and not block.texts:
            for event_id, event in enumerate(block.events(), assigned_id + 1):
                stream.received.append(event.size or 0)
                self._fold_long_message(event_id, event, stream)
            stream.last_id = assigned_id + count
            return stream.last_id
        stream.received += block.sizes
        columns = block.columns
        if columns is not None:
            add_beside(stream.types_in, columns.types, "", stream.received)
        if block.duration_ns is not None:
            add_beside(stream.decoded, [block.duration_ns] * count, UNTIMED, stream.received)
        if not stream.keeps_messages:
            return assigned_id
        stream.last_id = assigned_id + count
        self._rows.add_block(assigned_id + 1, stream.id, block)
        return stream.last_id

    def _fold_long_message(self, event_id: int, event: Event, stream: SourceStream) -> None:
        """Make the row of a message with rare fields, or without a payload."""
        self._rows.add(event_id, stream.id, event)
        stream.note_reading(event)
        if event.meta is not None:
            self._measure(event_id, event, event.meta, stream)
        if event.error_type and stream.connection is not None:
            self._lifecycle.fold_problem(
                event_id, event, stream.connection, self._delta(event.ts_ns // SECOND_NS, stream.connection.id)
            )

    def _fold_unkept(self, assigned_id: int, event: Event, stream: SourceStream, second: int) -> int:
        """Count a message that becomes a row only if it has an error; returns the last id assigned."""
        stream.note_reading(event)
        if event.meta is not None:
            self._measure(0, event, event.meta, stream)
        if event.error_type and stream.connection is not None:
            bucket = self._delta(second, stream.connection.id)
            row_id = self._row(assigned_id, event, stream, bucket)
            self._lifecycle.fold_problem(row_id, event, stream.connection, bucket)
            return row_id or assigned_id
        return assigned_id

    def _fold_single(self, assigned_id: int, event: Event, stream: SourceStream, second: int) -> int:
        """Fold any event but a message; returns the last id assigned."""
        connection = stream.connection
        if connection is not None and (event.to_status in SESSION_ENDS or event.name == _PROFILE_CHANGED):
            # Of this stream alone: a thousand sessions may end in one batch
            self._count_messages_of(stream, second)
            assigned_id = self._make_rows(self._counted.take_of(connection.id), assigned_id, event.ts_ns, event.mono_ns)
        bucket = None if connection is None else self._delta(second, connection.id)
        if connection is not None:
            event = self._verdicts.judged(event, connection, stream)
        row_id = self._row(assigned_id, event, stream, bucket)
        if connection is not None and bucket is not None:
            self._verdicts.observe(event, row_id)
            self._lifecycle.fold(row_id, event, stream, connection, bucket)
            if event.name == _PROFILE_CHANGED:
                self._connections.adjust(connection, event.meta or {})
                self._sources.use_profiles(connection)
        if event.size is None:
            self._detection.observe(event, row_id)
            if is_alertable(event):
                self._notable.append(Notable(msgspec.structs.replace(event, id=row_id), self._error_mono_ns(event)))
            elif event.name in ALERT_OUTCOMES:
                self._count_alerts(event, second)
            elif event.name == _SUSPENDED:
                self._lifecycle.forget_errors()
        return row_id or assigned_id

    def _error_mono_ns(self, event: Event) -> int:
        """The monotonic time of the error that an event is about: of the event, or of the one that a rule matched."""
        evidence = (event.meta or {}).get("evidence")
        if event.name == "incident.opened" and is_rule(event.type) and isinstance(evidence, list | tuple):
            # Rules match what is committed
            place = (evidence[-1] if evidence else 0, self._run)
            times: list[tuple[int]] = checked(self._connection.execute(_MONO_NS, place), tuple[Ns])
            return times[0][0] if times else event.mono_ns
        return event.mono_ns

    def _count_alerts(self, event: Event, second: int) -> None:
        """Count the alerts that were delivered, or were not, with the connections that they are about."""
        connections = (event.meta or {}).get("connections")
        for name in connections if isinstance(connections, Mapping) else ():
            record = self._connections.find(name)
            if record is not None:
                count_alerts(event, name, self._delta(second, record.id))

    def _measure(self, event_id: int, event: Event, meta: Meta, stream: SourceStream) -> None:
        """Collect the sequence number and the latency that the engine read out of a message; id 0: it is no row."""
        if "seq" in meta or "seqs" in meta or "seq_is" in meta:
            stream.numbered += numbered(event_id, event, meta)
        if "latency_ms" in meta:
            latency_ms = meta["latency_ms"]
            if isinstance(latency_ms, (int, float)):
                excess_ns = stream.fastest.excess_ns(round(latency_ms * MS_NS), event.mono_ns // SECOND_NS)
                stream.latencies.append(excess_ns)

    def _row(self, assigned_id: int, event: Event, stream: SourceStream, bucket: Bucket | None) -> int:
        """Make a row of an event where the profile keeps it; returns its id, or 0."""
        if not stream.profile.keeps(event):
            return 0
        stream.last_id = assigned_id + 1
        self._rows.add(stream.last_id, stream.id, event)
        if bucket is not None:
            bucket.counters[EVENTS] += 1
        return stream.last_id

    def _make_rows(self, seconds: Iterable[CountedSecond], assigned_id: int, ts_ns: int, mono_ns: int) -> int:
        """Make the rows that stand for messages, at a time; returns the last id assigned."""
        for counted in seconds:
            stream = self._touch(counted.stream)
            assert stream.connection is not None
            bucket = self._delta(ts_ns // SECOND_NS, stream.connection.id)
            assigned_id = self._row(assigned_id, counted.event(ts_ns, mono_ns), stream, bucket)
        return assigned_id

    def _touch(self, stream: SourceStream) -> SourceStream:
        if not stream.is_touched:
            stream.is_touched = True
            self._touched.append(stream)
        return stream

    def _delta(self, second: int, connection_id: int) -> Bucket:
        place = (second, connection_id)
        bucket = self._deltas.get(place)
        if bucket is None:
            bucket = self._deltas[place] = Bucket()
        return bucket

    def _count_messages(self, second: int) -> None:
        """Count the messages collected so far, all of one second."""
        for stream in self._touched:
            self._count_messages_of(stream, second)

    def _count_messages_of(self, stream: SourceStream, second: int) -> None:
        if stream.connection is not None and (stream.received or stream.sent):
            if not stream.keeps_messages:
                self._counted.add(stream, second, stream.received, stream.sent)
            self._traffic.append(stream.take(second, stream.connection.id))

    def _finish_batch(self, mono_ns: int) -> None:
        """Hand the counters of the batch to detectors, rollups, sessions and connections; it ended at ``mono_ns``."""
        self._detection.observe_batch(self._touched, self._traffic, self._deltas, mono_ns)
        for traffic in self._traffic:
            self._rollups.collect(traffic)
        for (second, connection_id), delta in self._deltas.items():
            self._rollups.fold(second, connection_id, delta)
        self._traffic.clear()
        self._deltas.clear()
        for stream in self._touched:
            stream.is_touched = False
            if stream.session is not None:
                self._sources.extend(stream.session, stream.last_id)
            newest = stream.newest_received
            if newest is not None and stream.connection is not None:
                stream.keep_newest()
                self._connections.hear(stream.connection, newest.ts_ns)
        self._touched.clear()


class EventRows:
    """Rows of the ``event`` table since the last commit, in the order of their ids.

    A row behind the last one costs SQLite 2 µs; one between others makes it move rows of full pages: where one row in
    25 came behind its successors, all rows cost 1.3 µs more. So rows are inserted in their order, as many with one
    statement as have the same columns. Messages and most other rows have one of three sets; any further row has those
    in which it has a value: ``sqlite3`` tries to adapt every ``None`` before it binds it, 0.2 µs each.
    """

    def __init__(self) -> None:
        # Adjacent rows with the same columns, flat
        self._runs: list[tuple[MultiRowInsert, list[SqlValue]]] = []
        # The events and blocks of all rows, in the order of their ids, each with its (first) id and that of its source
        self.added: list[Committed] = []

    def of(self, insert: MultiRowInsert) -> list[SqlValue]:
        """Return the list to which the values of the next row are to be added, where these are its columns."""
        runs = self._runs
        if runs and runs[-1][0] is insert:
            return runs[-1][1]
        values: list[SqlValue] = []
        runs.append((insert, values))
        return values

    def add(self, event_id: int, source_id: int, event: Event) -> None:
        """Add the row of any event."""
        self.added.append((event_id, event, source_id))
        row = event_row(event_id, source_id, event)
        for insert, places in _COMMON_ROWS:
            if row.count(None) == len(row) - len(places) + sum(row[place] is None for place in places):
                self.of(insert).extend(row[place] for place in places)
                return
        has_value = tuple(value is not None for value in row)
        self.of(_insert_of(has_value)).extend(compress(row, has_value))

    def add_block(self, first_id: int, source_id: int, block: Block) -> None:
        """Add the rows of a block whose payloads are kept; its first message has ``first_id``, the next ones follow."""
        self.added.append((first_id, block, source_id))
        count = block.count
        common = (block.ts_ns, block.mono_ns, source_id, _RECEIVED, FLAG_IN, _TEXT)
        columns: list[Sequence[SqlValue]] = [range(first_id, first_id + count)]
        columns += ([value] * count for value in common)
        columns += (block.sizes, block.wire_sizes, block.texts)
        if block.columns is not None:
            columns += ([block.duration_ns] * count, *block.columns)
        # Row after row: filling one column after the other costs half of what zip() does
        width = len(columns)
        values: list[SqlValue] = [None] * (width * count)
        for place, column in enumerate(columns):
            values[place::width] = column
        self.of(_UNREAD if block.columns is None else _READ).extend(values)

    def write(self, connection: sqlite3.Connection) -> None:
        """Insert the rows; they stay here until ``clear``, since the commit may fail."""
        for insert, values in self._runs:
            insert.write(connection, values)

    def clear(self) -> None:
        """Forget the rows: they are committed."""
        self._runs.clear()
        # The caller of the fold may hold the list
        self.added = []


def _insert(*columns: str, largest: int = LARGEST_CHUNK_OF_MESSAGES) -> MultiRowInsert:
    return MultiRowInsert("INSERT", "event", columns, may_be_empty=("type", "topic", "ref"), largest=largest)


# Messages of which no protocol is read; those that are read; those that are measured
_UNREAD = _insert(*MESSAGE_COLUMNS)
_READ = _insert(*MESSAGE_COLUMNS, *READ_COLUMNS)
_READ_WITH_META = _insert(*MESSAGE_COLUMNS, *READ_COLUMNS, "meta")
# For rows of any event: the statement, and where its columns are in the row
_COMMON_ROWS = tuple(
    (insert, tuple(EVENT_COLUMNS.index(column) for column in columns))
    for insert, columns in (
        (_READ, (*MESSAGE_COLUMNS, *READ_COLUMNS)),
        (_READ_WITH_META, (*MESSAGE_COLUMNS, *READ_COLUMNS, "meta")),
    )
)


# A few dozen sets of columns occur
@lru_cache(maxsize=256)
def _insert_of(has_value: _HasValue) -> MultiRowInsert:
    return _insert(*compress(EVENT_COLUMNS, has_value), largest=LARGEST_CHUNK)
