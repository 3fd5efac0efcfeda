"""Detectors at work: they see what is folded, and what they find is folded too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from wsmon.config.specs import ConnectionSpec
from wsmon.model.detectors.watched import Expectation, Numbered, Traffic
from wsmon.model.events import Event, Meta
from wsmon.ports import Detector
from wsmon.store.bucket import Bucket
from wsmon.store.lifecycle import ERRORS, MESSAGES_IN, MESSAGES_OUT
from wsmon.store.schema import DIMENSIONS, METRICS
from wsmon.store.sources import Stream

_TYPE = DIMENSIONS["type"]
_ERROR_TYPE = DIMENSIONS["error_type"]
_RTT = METRICS["rtt"]
_PROCESS = METRICS["process"]
_Key = TypeVar("_Key")


class Detection:
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

    def observe_batch(self, streams: Iterable[Stream], deltas: Mapping[tuple[int, int], Bucket], mono_ns: int) -> None:
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


def numbered(event_id: int, event: Event, meta: Meta) -> Numbered | None:
    """The sequence number that the engine read out of a message; ``None`` where it has none."""
    number, key = meta.get("seq"), meta.get("key", "")
    if not isinstance(number, int):
        return None
    return Numbered(event_id, event.source.connection_id, key if isinstance(key, str) else "", number)


def _add_stream(traffic: Traffic, stream: Stream) -> None:
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
