"""Lifecycle fold: single events become states of connections, sessions, transitions, incidents and counters."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, Literal, TypeAlias

from wsmon.model.detectors.sequence import SEQUENCE_COUNTS
from wsmon.model.error_recovery import ErrorRecovery, Outcomes, is_critical
from wsmon.model.events import READ_LATE, Event, EventName, Json
from wsmon.model.histogram import bucket_index
from wsmon.model.metrics import BOUNDS_NS, bound_within
from wsmon.model.profiles import BATCH_PROCESSED, MESSAGES
from wsmon.model.spans import BROKEN_OFF
from wsmon.model.statuses import OPEN, SESSION_ENDS, STOPPED, Status
from wsmon.model.uptime import UNWANTED
from wsmon.store.bucket import (
    ATTEMPTS,
    BYTES_IN,
    BYTES_OUT,
    ERRORS,
    FAILURES,
    LOSSES,
    MESSAGES_IN,
    MESSAGES_OUT,
    MISSED,
    OPENS,
    PINGS,
    PONGS,
    WIRE_IN,
    WIRE_OUT,
    Bucket,
)
from wsmon.store.codec import CLOSE_BY_CODES, NAME_CODES, STATUS_CODES, MultiRowInsert, SqlValue, storable
from wsmon.store.connections import ConnectionRecord, Connections, SubscriptionRows
from wsmon.store.schema import DIMENSIONS, METRICS
from wsmon.store.sessions import SourceRows, SourceStream, SpanRows

# A session that was open for this long ends the outage before it; one that is rejected sooner belongs to it
RECOVERED_NS: Final = 30_000_000_000
# Bounds of monitoring systems by metric and bucket of its histogram
_BOUNDS: Final = {
    (number, place): bound for name, number in METRICS.items() for place, bound in bound_within(name).items()
}
_GREATEST: Final = 2**62
# Events that are counted for monitoring systems alone
_MONITORED: Final = frozenset(
    {
        "auth.completed",
        "auth.failed",
        "auth.refresh.completed",
        "connection.reconnect.failed",
        "error.handled",
        "subscription.lost",
        "subscription.restored",
        "subscription.subscribe.completed",
        "subscription.unsubscribe.completed",
    }
)
# Steps of a message, counted by type for monitoring systems alone; those with a measure are measured
_Step: TypeAlias = Literal["decode", "encode", "process"]
_STEPS: Final[Mapping[EventName, _Step | None]] = {
    "message.decode.started": None,
    "message.decode.completed": "decode",
    "message.encode.started": None,
    "message.encode.completed": "encode",
    "message.process.started": None,
    "message.process.completed": "process",
}
_PROCESS_BOUNDS: Final = BOUNDS_NS["process"]
# Events that tell what came of alerts
ALERT_OUTCOMES: Final[frozenset[EventName]] = frozenset({"self.alert.delivered", "self.alert.failed"})
_UNWANTED: Final = frozenset(STATUS_CODES[status] for status in UNWANTED)
# Error types that end an open session, and that an event before its end has already
_ENDED_FOR: Final = frozenset({"protocol", "invalid_utf8", "message_too_big", "write_overflow", "heartbeat_timeout"})


@dataclass(slots=True)
class IncidentRecord:
    """One row of ``incident``, column by column."""

    id: int
    connection: int
    type: str
    opened_ns: int
    sentence: str
    closed_ns: int | None = None
    closed_id: int | None = None


_INCIDENT_COLUMNS = tuple(field.name for field in fields(IncidentRecord))
_incident_values = attrgetter(*_INCIDENT_COLUMNS)
_INCIDENT = MultiRowInsert("INSERT OR REPLACE", "incident", _INCIDENT_COLUMNS)
_CLOSED_BEFORE = "UPDATE incident SET closed_id = ? WHERE id = ? AND closed_id IS NULL"
_TRANSITION = MultiRowInsert(
    "INSERT",
    "transition",
    ("event_id", "connection", "source", "ts_ns", "mono_ns", "run", "from_status", "to_status", "name"),
)


class Lifecycle:
    """Folds single events into connections, sessions, transitions, incidents, and the counters of their second."""

    def __init__(self, connection: sqlite3.Connection, run: int, connections: Connections, sources: SourceRows) -> None:
        self._connection = connection
        self._run = run
        self._connections = connections
        self._sources = sources
        self._transitions: list[SqlValue] = []
        self._subscriptions = SubscriptionRows(connection)
        self._spans = SpanRows()
        self._open_incidents: dict[int, IncidentRecord] = {}
        self._changed_incidents: dict[int, IncidentRecord] = {}
        # Ids of events that close incidents of an earlier run, and of these
        self._closed_before: list[tuple[int, int]] = []
        # By connection: errors of which it is not known yet what became of them
        self._recoveries: defaultdict[int, ErrorRecovery] = defaultdict(ErrorRecovery)

    def fold(self, event_id: int, event: Event, stream: SourceStream, record: ConnectionRecord, bucket: Bucket) -> None:
        """Fold one event of a connection; ``event_id`` is 0 where it is no row."""
        self.fold_problem(event_id, event, record, bucket)
        self._spans.fold(event_id, event, stream.id)
        if event.size is not None:
            self._fold_frequent(event, record, bucket)
        else:
            self._fold_name(event_id, event, stream, record, bucket)
        if event.to_status is not None:
            self._fold_transition(event_id, event, event.to_status, stream, record, bucket)

    def fold_problem(self, event_id: int, event: Event, record: ConnectionRecord, bucket: Bucket) -> None:
        """Fold the error of an event; of messages, which are counted elsewhere, this alone."""
        if event.error_type:
            if not _is_counted_elsewhere(event):
                bucket.counters[ERRORS] += 1
                bucket.count(DIMENSIONS["error_type"], event.error_type)
                if not is_critical(event.error_type):
                    self._recoveries[record.id].occurred(event.mono_ns)
            if event.name in MESSAGES or (event.name == "message.process.completed" and event.status == "error"):
                bucket.count(DIMENSIONS["failed_message"], event.error_type)
        if event_id and event.is_problem and not _explains_nothing(event):
            record.last_problem_id = event_id
            self._connections.change(record)

    def update_incident(self, incident_id: int, sentence: str) -> None:
        """Set what an open incident has found by now."""
        incident = self._open_incidents.get(incident_id)
        if incident is not None:
            incident.sentence = storable(sentence)
            self._changed_incidents[incident_id] = incident

    def expired_errors(self, mono_ns: int) -> Iterator[tuple[ConnectionRecord, Outcomes]]:
        """Yield what became of errors whose time to recover is over at a monotonic time, by connection."""
        if any(self._recoveries.values()):
            for record in self._connections.all():
                if outcomes := self._expired(record, mono_ns):
                    yield record, outcomes

    def forget_errors(self) -> None:
        """Drop the errors that are not decided: the recorder stood still, so it is not known what became of them."""
        self._recoveries.clear()

    def move_to(self, connection: sqlite3.Connection, now_ns: int) -> None:
        """Write open incidents and subscriptions into another store."""
        self._connection = connection
        self._changed_incidents.update(self._open_incidents)
        self._subscriptions.move_to(connection, now_ns)

    def write(self) -> None:
        """Write what changed since the last commit; it stays changed until ``committed``."""
        _TRANSITION.write(self._connection, self._transitions)
        incidents = [value for record in self._changed_incidents.values() for value in _incident_values(record)]
        _INCIDENT.write(self._connection, incidents)
        self._connection.executemany(_CLOSED_BEFORE, self._closed_before)
        self._subscriptions.write()
        self._spans.write(self._connection)

    def committed(self) -> None:
        """Forget the changes."""
        self._transitions.clear()
        self._changed_incidents.clear()
        self._closed_before.clear()
        self._subscriptions.committed()
        self._spans.committed()

    def _fold_frequent(self, event: Event, record: ConnectionRecord, bucket: Bucket) -> None:
        """Count heartbeats, and what else may be as frequent as messages."""
        counters = bucket.counters
        counters[WIRE_IN if event.direction == "in" else WIRE_OUT] += event.wire_size or 0
        if event.name == "heartbeat.sent":
            counters[PINGS] += 1
        elif event.name == "heartbeat.timeout":
            counters[MISSED] += 1
        elif event.name == "heartbeat.responded" and event.direction == "in":
            counters[PONGS] += 1
            if event.duration_ns is not None and not _is_read_late(event):
                _measure(bucket, METRICS["rtt"], event.duration_ns)
                record.rtt_ns = event.duration_ns
                self._connections.change(record)
        elif event.name in _STEPS:
            bucket.count_monitored(event.name, event.type)
            step = _STEPS[event.name]
            if step is not None and event.duration_ns is not None and not _is_read_late(event):
                _measure_step(bucket, step, event.type, event.duration_ns)
        elif event.name == BATCH_PROCESSED:
            _count_messages(event, bucket)

    def _fold_name(
        self, event_id: int, event: Event, stream: SourceStream, record: ConnectionRecord, bucket: Bucket
    ) -> None:
        if event.name in _MONITORED:
            bucket.count_monitored(event.name, event.topic)
        match event.name:
            case "connection.started":
                bucket.counters[ATTEMPTS] += 1
                record.attempt = _number(event, "attempt") or 1
                record.next_attempt_ns = None
                record.sessions += 1
                record.source = stream.id
                record.trace_id = event.source.trace_id
                self._sources.begin_session(stream, record.attempt, event_id, event.ts_ns)
            case "connection.completed":
                bucket.counters[OPENS] += 1
                if event.duration_ns is not None:
                    _measure(bucket, METRICS["connect"], event.duration_ns)
            case "connection.reconnect.success" if event.duration_ns is not None:
                _measure(bucket, METRICS["reconnect"], event.duration_ns)
            case "connection.reconnect.attempt":
                record.attempt = _number(event, "attempt") or 0
                record.next_attempt_ns = _number(event, "next_attempt_ns")
            case "incident.opened":
                self._open_incident(event_id, event, record, bucket)
            case "incident.closed":
                self._close_incident(event_id, event, record, bucket)
            case "error.handled" if record.id in self._recoveries:
                count_outcomes(self._recoveries[record.id].handled(), bucket)
            case "self.shed":
                _count_shed(event, bucket)
            case _ if event.category == "subscription":
                self._subscriptions.fold(event, record.id)
            # Other events change nothing but the counters
            case _:
                pass
        self._connections.change(record)

    def _fold_transition(
        self,
        event_id: int,
        event: Event,
        to_status: Status,
        stream: SourceStream,
        record: ConnectionRecord,
        bucket: Bucket,
    ) -> None:
        self._decide_errors(event, to_status, record, bucket)
        known = record.status or STATUS_CODES["initialized"]
        before = known if event.from_status is None else STATUS_CODES[event.from_status]
        self._transitions += (event_id, record.id, stream.id, event.ts_ns, event.mono_ns, self._run)
        self._transitions += (before, STATUS_CODES[to_status], NAME_CODES[event.name])
        was_open = before == STATUS_CODES[OPEN]
        if to_status == "disconnected":
            bucket.counters[LOSSES if was_open else FAILURES] += 1
            if record.failing_since_ns is None or (was_open and (event.duration_ns or 0) >= RECOVERED_NS):
                record.failing_since_ns = event.ts_ns
        elif to_status == "closed":
            record.failing_since_ns = None
        if event.close_code is not None:
            bucket.count(DIMENSIONS["close_code"], str(event.close_code))
        record.status = STATUS_CODES[to_status]
        record.since_ns = event.ts_ns
        if to_status == OPEN:
            record.last_connected_ns = event.ts_ns
            record.attempt = 0
        elif was_open:
            record.last_disconnected_ns = event.ts_ns
            record.stalled_since_ns = None
        if to_status in STOPPED:
            record.attempt = 0
            record.next_attempt_ns = None
        self._connections.change(record)
        if to_status == OPEN or was_open:
            self._subscriptions.fold_status(event, to_status, record.id)
        self._fold_session(event, to_status, stream)

    def _decide_errors(self, event: Event, to_status: Status, record: ConnectionRecord, bucket: Bucket) -> None:
        """Count what became of errors, where a change of status decides it; the status is the one before."""
        count_outcomes(self._expired(record, event.mono_ns), bucket)
        recovery = self._recoveries.get(record.id)
        if recovery is None:
            return
        if to_status == OPEN:
            count_outcomes(recovery.opened(), bucket)
        elif to_status == "error":
            count_outcomes(recovery.gave_up(), bucket)
        elif to_status in UNWANTED:
            recovery.forget()

    def _expired(self, record: ConnectionRecord, mono_ns: int) -> Outcomes:
        recovery = self._recoveries.get(record.id)
        if recovery is None:
            return {}
        outcomes = recovery.expired(mono_ns, is_open=record.status == STATUS_CODES[OPEN])
        if not recovery:
            del self._recoveries[record.id]
        # What is not to be open, or has no status, is not expected to recover
        return outcomes if record.status and record.status not in _UNWANTED else {}

    def _fold_session(self, event: Event, to_status: Status, stream: SourceStream) -> None:
        session = stream.session
        if session is None:
            return
        if to_status == OPEN:
            session.open_ns = event.ts_ns
        elif to_status in SESSION_ENDS:
            session.ended_ns = event.ts_ns
            session.end = "clean"
            session.close_code = event.close_code
            session.close_by = CLOSE_BY_CODES[event.close_by]
        self._sources.change(session)

    def _open_incident(self, event_id: int, event: Event, record: ConnectionRecord, bucket: Bucket) -> None:
        incident = IncidentRecord(event_id, record.id, storable(event.type), event.ts_ns, storable(event.reason))
        self._open_incidents[event_id] = self._changed_incidents[event_id] = incident
        bucket.count(DIMENSIONS["incident"], event.type)
        if event.type == "stall":
            record.stalled_since_ns = max(record.last_message_ns or 0, record.since_ns)

    def _close_incident(self, event_id: int, event: Event, record: ConnectionRecord, bucket: Bucket) -> None:
        incident_id = _number(event, "incident") or 0
        incident = self._open_incidents.pop(incident_id, None)
        if incident is None:
            self._closed_before.append((event_id, incident_id))
        else:
            incident.closed_ns = event.ts_ns
            incident.closed_id = event_id
            # What it has found in all
            if any(name in (event.meta or {}) for name in SEQUENCE_COUNTS):
                incident.sentence = storable(event.reason)
            self._changed_incidents[incident.id] = incident
        for name in SEQUENCE_COUNTS:
            if number := _number(event, name):
                bucket.count(DIMENSIONS["sequence"], name, number)
        if event.type == "stall":
            record.stalled_since_ns = None


def count_outcomes(outcomes: Outcomes, bucket: Bucket) -> None:
    """Count what became of errors."""
    for outcome, number in outcomes.items():
        bucket.count(DIMENSIONS["error_outcome"], outcome, number)


def count_alerts(event: Event, name: str, bucket: Bucket) -> None:
    """Count the alerts of a connection of which ``self.alert.delivered`` or ``self.alert.failed`` tells."""
    facts = event.meta or {}
    connections, way = facts.get("connections"), facts.get("way")
    number = _whole(connections.get(name)) if isinstance(connections, Mapping) else None
    if event.name == "self.alert.failed" and number and isinstance(way, str):
        bucket.count(DIMENSIONS["failed_alert"], way, number)
    elif event.name == "self.alert.delivered" and number and event.duration_ns is not None:
        _measure(bucket, METRICS["alert"], event.duration_ns)


def _is_counted_elsewhere(event: Event) -> bool:
    """Whether another event has the same error and is counted: an error that was handled, a request that failed, a
    session that ends for a fault or a missed pong.
    """
    if event.name == "message.process.completed":
        return event.status == "error" and event.error_type != BROKEN_OFF
    return event.name == "error.handled" or (event.from_status == OPEN and event.error_type in _ENDED_FOR)


def _is_read_late(event: Event) -> bool:
    return event.meta is not None and READ_LATE in event.meta


def _explains_nothing(event: Event) -> bool:
    """Whether a problem does not explain the state of its connection.

    A close by an application with a code of an error leaves the connection closed as wanted; an incident is about
    events that explain it, and only a stall has none.
    """
    if event.name == "incident.opened":
        return event.type != "stall"
    return event.to_status == "closed" and not event.error_type


def _count_shed(event: Event, bucket: Bucket) -> None:
    """Count the events that were not kept, so that a message received is stored or shed."""
    name = event.meta.get("name") if event.meta else None
    if isinstance(name, str):
        for dimension, key in ((DIMENSIONS["shed"], "events"), (DIMENSIONS["shed_bytes"], "size_bytes")):
            if number := _number(event, key):
                bucket.count(dimension, name, number)


def _count_messages(event: Event, bucket: Bucket) -> None:
    """Count the messages that a recorded ``message.batch_processed`` stands for."""
    for way, messages, size_bytes in (("received", MESSAGES_IN, BYTES_IN), ("sent", MESSAGES_OUT, BYTES_OUT)):
        counted = event.meta.get(way) if event.meta else None
        if isinstance(counted, Mapping):
            for key, counter in (("count", messages), ("total_size", size_bytes)):
                bucket.counters[counter] += _whole(counted.get(key)) or 0


def _measure(bucket: Bucket, metric: int, value: int) -> None:
    place = bucket_index(value)
    bucket.measure(metric, {place: 1}, 1, value, value)
    if value > _BOUNDS.get((metric, place), value):
        bucket.above[metric, place] = bucket.above.get((metric, place), 0) + 1


def _measure_step(bucket: Bucket, step: _Step, kind: str, value: int) -> None:
    _measure(bucket, METRICS[step], value)
    if not kind:
        return
    spread: list[int] = []
    if step == "process":
        spread = [0] * (len(_PROCESS_BOUNDS) + 1)
        spread[bisect_left(_PROCESS_BOUNDS, value)] = 1
    bucket.measure_typed(step, kind, (1, value, *spread))


def _number(event: Event, key: str) -> int | None:
    """A whole number in an event's ``meta``; ``None`` where there is none."""
    return _whole(event.meta.get(key) if event.meta else None)


def _whole(value: Json) -> int | None:
    """A number that the store can add to its counts; an import may bring any."""
    return value if isinstance(value, int) and 0 <= value < _GREATEST else None
