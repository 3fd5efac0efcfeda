"""Detectors at work: they see what is folded, and what they find is folded too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from wsmon.config.specs import ConnectionSpec
from wsmon.model.detectors.base import Expectation, NumberedMessage, Traffic
from wsmon.model.events import Event, EventName, Meta, Source
from wsmon.model.statuses import OPEN
from wsmon.model.verdict import Histories, judge
from wsmon.model.verdict.history import MAX_ENDS
from wsmon.ports import Detector
from wsmon.store.codec import NAME_CODES, SELECT_EVENTS, STATUS_CODES, event_of
from wsmon.store.connections import ConnectionRecord
from wsmon.store.lifecycle import ERRORS, MESSAGES_IN, MESSAGES_OUT
from wsmon.store.rollup import Bucket
from wsmon.store.schema import DIMENSIONS, METRICS
from wsmon.store.sessions import SourceStream

_TYPE = DIMENSIONS["type"]
_ERROR_TYPE = DIMENSIONS["error_type"]
_RTT = METRICS["rtt"]
_PROCESS = METRICS["process"]
_Key = TypeVar("_Key")


class DetectorRunner:
    """Shows each detector what it asks for, once a batch where that is often enough."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._readers = [detector for detector in detectors if detector.reads_traffic]

    def configure(self, specs: Iterable[ConnectionSpec]) -> None:
        """Take over what the connections of a configuration are expected to do."""
        expectations = {
            spec.name: Expectation(spec.expect_every_s, spec.reconnect.stable_after_s, frozenset(spec.silence))
            for spec in specs
            if spec.enabled
        }
        for detector in self._detectors:
            detector.configure(expectations)

    def observe(self, event: Event, event_id: int) -> None:
        """See a lifecycle event."""
        identified = msgspec.structs.replace(event, id=event_id)
        for detector in self._detectors:
            detector.observe(identified)

    def observe_batch(
        self, streams: Iterable[SourceStream], deltas: Mapping[tuple[int, int], Bucket], mono_ns: int
    ) -> None:
        """See what a batch brought, by stream; ``deltas`` by second and connection; it ended at ``mono_ns``."""
        if not self._readers:
            return
        traffic: dict[int, Traffic] = {}
        for stream in streams:
            if stream.connection is not None:
                _add_stream(traffic.setdefault(stream.connection.id, Traffic(at_ns=mono_ns)), stream)
        for (_, connection_id), delta in deltas.items():
            if connection_id in traffic:
                _add_counts(traffic[connection_id], delta)
        for each in traffic.values():
            for reader in self._readers:
                reader.observe_traffic(each)

    def check(self, ts_ns: int, mono_ns: int) -> Iterable[tuple[Event, ...]]:
        """What each detector found by now; to be folded before the next one is asked."""
        for detector in self._detectors:
            yield detector.check(ts_ns, mono_ns)

    def end(self) -> None:
        """The run is over, and whatever is watched with it."""
        for detector in self._detectors:
            detector.end()


def numbered(event_id: int, event: Event, meta: Meta) -> NumberedMessage | None:
    """The sequence number that the engine read out of a message; ``None`` where it has none."""
    number, key = meta.get("seq"), meta.get("key", "")
    if not isinstance(number, int):
        return None
    return NumberedMessage(event_id, event.source.connection_id, key if isinstance(key, str) else "", number)


def _add_stream(traffic: Traffic, stream: SourceStream) -> None:
    if stream.last_id > traffic.newest_id:
        traffic.source = stream.source
        traffic.newest_id = stream.last_id
    newest = stream.newest_received
    if newest is not None:
        traffic.newest_data_ns = max(newest.mono_ns, traffic.newest_data_ns or 0)
    if stream.connection is not None:
        traffic.problem_id = stream.connection.last_problem_id
    if stream.numbered:
        traffic.numbered = [*traffic.numbered, *stream.numbered]
        stream.numbered.clear()


def _add_counts(traffic: Traffic, delta: Bucket) -> None:
    traffic.messages += delta.counters[MESSAGES_IN] + delta.counters[MESSAGES_OUT]
    traffic.errors += delta.counters[ERRORS]
    if types := _counts(delta, _TYPE):
        traffic.types = _sum(traffic.types, types)
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


# Verdicts at work: each end is judged as it is folded, by what the store remembers of its connection.

# Transitions of an earlier run in which a connection's last losses are looked for
READ_BACK: Final = 2_000
TIMEOUT: Final[EventName] = "heartbeat.timeout"
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
    """Judges ends; remembers what verdicts need, across restarts."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._histories = Histories()

    def judged(self, event: Event, record: ConnectionRecord) -> Event:
        """The event, with its verdict where it is due one; what was judged when it was recorded stays as it was."""
        if event.size is not None:
            return event
        if record.name not in self._histories:
            self._read_back(record)
        if event.to_status is None or event.verdict is not None:
            return event
        verdict = judge(event, self._histories.of(record.name))
        return event if verdict is None else msgspec.structs.replace(event, verdict=verdict)

    def observe(self, event: Event, event_id: int) -> None:
        """Remember an event for verdicts to come; ``event_id`` is 0 where it became no row."""
        if event.size is None or event.name == TIMEOUT:
            self._histories.observe(msgspec.structs.replace(event, id=event_id))

    def _read_back(self, record: ConnectionRecord) -> None:
        """What an earlier run told of the connection."""
        self._histories.of(record.name)
        newest: list[_Transition] = self._connection.execute(_NEWEST, (record.id, READ_BACK)).fetchall()
        source = Source(record.name)
        for event_id in sorted(self._told(newest)):
            row = self._connection.execute(_EVENT, (event_id,)).fetchone()
            if row is not None:  # pruned meanwhile
                self._histories.observe(event_of(row, {row[3]: source}))

    def _told(self, newest: Sequence[_Transition]) -> Iterable[int]:
        """Ids of the events that make up a history: the last losses, with the begin and the login of their sessions,
        and what failed since it was usable; ``newest`` is in falling order."""
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
