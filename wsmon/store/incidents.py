"""Detectors and verdicts inside the fold: incidents are found in what is folded, ends of sessions get verdicts."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from wsmon.config.specs import ConnectionSpec
from wsmon.model.detectors.base import Expectation, NumberedMessage, Traffic
from wsmon.model.events import Event, EventName, Meta, Source
from wsmon.model.incident_kinds import NO_THRESHOLDS, Thresholds
from wsmon.model.measures import sequence_numbers
from wsmon.model.statuses import OPEN, SESSION_ENDS
from wsmon.model.verdict.history import MAX_ENDS, Histories
from wsmon.ports import CountingDetector, Detector
from wsmon.store.bucket import ERRORS, KEY_CHARS, MESSAGES_IN, MESSAGES_OUT, Bucket
from wsmon.store.codec import NAME_CODES, SELECT_EVENTS, STATUS_CODES, event_of
from wsmon.store.connections import ConnectionRecord
from wsmon.store.journal import MessageTraffic
from wsmon.store.schema import DIMENSIONS, METRICS
from wsmon.store.sessions import SourceStream
from wsmon.store.validation import Id, checked, checked_events

_ERROR_TYPE = DIMENSIONS["error_type"]
_RTT = METRICS["rtt"]
_PROCESS = METRICS["process"]
_Key = TypeVar("_Key")
_LOG = logging.getLogger("wsmon.store")


class DetectorRunner:
    """Passes events to the detectors, and the traffic of a batch to those that read it."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._readers = [detector for detector in detectors if detector.reads_traffic]
        self._expectations: dict[str, Expectation] = {}
        # Connections that no configuration names
        self._watched: dict[str, None] = {}
        self._thresholds = NO_THRESHOLDS
        self._counting = [detector for detector in detectors if isinstance(detector, CountingDetector)]

    def configure(self, specs: Iterable[ConnectionSpec], thresholds: Thresholds) -> None:
        """Tell the detectors what the connections of a configuration are expected to do."""
        self._thresholds = thresholds
        self._expectations = {
            spec.name: Expectation(
                spec.expect_every_s, spec.reconnect.stable_after_s, frozenset(spec.silence), thresholds
            )
            for spec in specs
            if spec.enabled
        }
        self._configure()

    def watch(self, connection: str) -> None:
        """Watch a connection that applications report events of, by the defaults where it is not configured."""
        self._watched[connection] = None
        self._configure()

    def _configure(self) -> None:
        defaults = {name: Expectation(thresholds=self._thresholds) for name in self._watched}
        for detector in self._detectors:
            detector.configure({**defaults, **self._expectations})

    def observe(self, event: Event, event_id: int) -> None:
        """Pass a lifecycle event to the detectors."""
        identified = msgspec.structs.replace(event, id=event_id)
        for detector in self._detectors:
            detector.observe(identified)

    def observe_batch(
        self,
        streams: Iterable[SourceStream],
        messages: Iterable[MessageTraffic],
        deltas: Mapping[tuple[int, int], Bucket],
        mono_ns: int,
    ) -> None:
        """Pass the traffic of a batch to the detectors; ``deltas`` are by second and connection, without messages."""
        if not self._readers:
            return
        traffic: dict[int, Traffic] = {}
        for stream in streams:
            record = stream.connection
            if record is None:
                continue
            of_connection = traffic.get(record.id)
            if of_connection is None:
                of_connection = traffic[record.id] = Traffic(at_ns=mono_ns, problem_id=record.last_problem_id)
            _add_stream(of_connection, stream)
        for each in messages:
            _add_messages(traffic[each.connection], each)
        for (_, connection_id), delta in deltas.items():
            if connection_id in traffic:
                _add_counts(traffic[connection_id], delta)
        for reader in self._readers:
            reader.observe_traffic(traffic.values())

    def check(self, ts_ns: int, mono_ns: int) -> Iterable[tuple[Event, ...]]:
        """Yield the events that each detector found; the caller folds them before the next detector is asked."""
        for detector in self._detectors:
            yield detector.check(ts_ns, mono_ns)

    def running(self) -> Iterable[tuple[int, str]]:
        """Yield the ids of open incidents that found more since the last call, and what they have found by now."""
        for detector in self._counting:
            yield from detector.running()

    def end(self) -> None:
        """Tell the detectors that the run is over."""
        for detector in self._detectors:
            detector.end()


def numbered(event_id: int, event: Event, meta: Meta) -> Iterable[NumberedMessage]:
    """Yield the sequence numbers of a message, read out of its metadata."""
    session = event.source.connection_id
    for each in sequence_numbers(meta):
        yield NumberedMessage(event_id, session, each.key, each.last or 0, each.first, each.mark)


def _add_stream(traffic: Traffic, stream: SourceStream) -> None:
    if stream.last_id > traffic.newest_id:
        traffic.source = stream.source
        traffic.newest_id = stream.last_id
    newest = stream.newest_received
    if newest is not None:
        traffic.newest_data_ns = max(newest.mono_ns, traffic.newest_data_ns or 0)
    if stream.numbered:
        traffic.numbered = [*traffic.numbered, *stream.numbered]
        stream.numbered.clear()


def _add_messages(traffic: Traffic, each: MessageTraffic) -> None:
    traffic.messages += len(each.received) + len(each.sent)
    kinds = each.types_in + each.types_out if each.types_out else each.types_in
    if kinds:
        distinct = [kind[:KEY_CHARS] for kind in (kinds if len(kinds) == 1 else dict.fromkeys(kinds)) if kind]
        traffic.types = dict.fromkeys((*traffic.types, *distinct)) if traffic.types else distinct


def _add_counts(traffic: Traffic, delta: Bucket) -> None:
    traffic.messages += delta.counters[MESSAGES_IN] + delta.counters[MESSAGES_OUT]
    traffic.errors += delta.counters[ERRORS]
    if error_types := _counts(delta, _ERROR_TYPE):
        traffic.error_types = _sum(traffic.error_types, error_types)
    if rtt := delta.hists.get(_RTT):
        traffic.rtt = _sum(traffic.rtt, rtt)
    if process := delta.hists.get(_PROCESS):
        traffic.process = _sum(traffic.process, process)


def _counts(delta: Bucket, dimension: int) -> Mapping[str, int]:
    return {key: n for (each, key), n in delta.dims.items() if each == dimension}


def _sum(mine: Mapping[_Key, int], theirs: Mapping[_Key, int]) -> Mapping[_Key, int]:
    total = dict(mine)
    for key, number in theirs.items():
        total[key] = total.get(key, 0) + number
    return total


# Transitions of earlier runs among which the last losses of a connection are looked for
READ_BACK: Final = 2_000
TIMEOUT: Final[EventName] = "heartbeat.timeout"
# Heartbeats of protocols that verdicts ask for; those of WebSocket have an opcode, and only answers to ours count
_BEATS: Final[frozenset[EventName]] = frozenset({"heartbeat.received", "heartbeat.responded"})
_ANSWER: Final[EventName] = "heartbeat.responded"
_OPEN = STATUS_CODES[OPEN]
_LOST = STATUS_CODES["disconnected"]
_STARTED = NAME_CODES["connection.started"]
_NEWEST = "SELECT event_id, source, from_status, to_status, name FROM transition WHERE connection = ? "
_NEWEST += "ORDER BY ts_ns DESC, event_id DESC LIMIT ?"
_LOGIN = "SELECT max(id) FROM event WHERE name IN (?, ?) AND id BETWEEN ? AND ? AND source = ?"
_LOGINS = (NAME_CODES["auth.completed"], NAME_CODES["auth.refresh.completed"])
_EVENT = f"{SELECT_EVENTS} WHERE id = ?"

# Event, source, status before and after, name
_Transition = tuple[int, int, int, int, int]


class VerdictRunner:
    """Judges each end of a session as it is folded; reads the history of a connection back after a restart."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._histories = Histories()

    def judged(self, event: Event, record: ConnectionRecord, stream: SourceStream) -> Event:
        """Return the event, with a verdict where it is an end; one that already has a verdict keeps it."""
        if event.size is not None:
            return event
        if record.name not in self._histories:
            try:
                self._read_back(record)
            except sqlite3.Error as error:
                # Earlier runs only add to verdicts: a disk that fails a read must not end the recording
                _LOG.warning("verdicts on %s leave out earlier runs, which could not be read: %s", record.name, error)
        if event.to_status not in SESSION_ENDS or event.verdict is not None:
            return event
        # A recorder loads it once it is ready
        from wsmon.model.verdict.judge import judge

        verdict = judge(event, self._histories.of(record.name), stream.last_messages)
        return event if verdict is None else msgspec.structs.replace(event, verdict=verdict)

    def move_to(self, connection: sqlite3.Connection) -> None:
        """Read histories back from another store."""
        self._connection = connection

    def observe(self, event: Event, event_id: int) -> None:
        """Remember an event for later verdicts; ``event_id`` is 0 where it is no row."""
        is_pong = event.name == _ANSWER and event.direction == "in"
        if event.size is None or event.name == TIMEOUT or is_pong or (event.name in _BEATS and not event.opcode):
            self._histories.observe(msgspec.structs.replace(event, id=event_id))

    def _read_back(self, record: ConnectionRecord) -> None:
        """Read the history of a connection that earlier runs recorded."""
        self._histories.of(record.name)
        newest: list[_Transition] = checked(
            self._connection.execute(_NEWEST, (record.id, READ_BACK)), tuple[Id, Id, int, int, int]
        )
        source = Source(record.name)
        for event_id in sorted(self._history_ids(newest)):
            # It may be pruned
            for row in checked_events(self._connection.execute(_EVENT, (event_id,)).fetchall()):
                self._histories.observe(event_of(row, {row[3]: source}))

    def _history_ids(self, newest: Sequence[_Transition]) -> Iterable[int]:
        """Ids of the events of a history: the last losses, with the start and the login of their sessions, and the
        failures since the connection was usable; ``newest`` is in descending order.
        """
        starts = {source: event_id for event_id, source, _, _, name in newest if name == _STARTED}
        losses = [each for each in newest if each[2] == _OPEN and each[3] == _LOST][:MAX_ENDS]
        usable_id = max((event_id for event_id, _, _, after, _ in newest if after == _OPEN), default=0)
        for event_id, source, *_ in losses:
            yield event_id
            if source in starts:
                yield starts[source]
                login = self._connection.execute(_LOGIN, (*_LOGINS, starts[source], event_id, source)).fetchone()[0]
                if login is not None:
                    yield login
        failures = [each[0] for each in newest if each[3] == _LOST and each[2] != _OPEN and each[0] > usable_id]
        yield from failures[:MAX_ENDS]
