"""The metrics about the recorder itself: whether what is measured can be trusted, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wsmon.model.metrics.family import Family, Labels, Point
from wsmon.model.snapshot import Health

_MS_PER_S: Final = 1_000
_NO_LABELS: Final[Labels] = ()


@dataclass(frozen=True, slots=True)
class SignalTotals:
    """What became of one kind of telemetry that a sink sends."""

    signal: str
    # spans, logs, metrics
    sent: int = 0
    dropped: int = 0
    # and never sent


@dataclass(frozen=True, slots=True)
class SinkState:
    """How one way out of the recorder is."""

    name: str
    is_up: bool
    # the newest delivery succeeded, or none was due yet
    behind_events: int = 0
    # events that wait to be sent
    signals: tuple[SignalTotals, ...] = ()


@dataclass(frozen=True, slots=True)
class RecorderFacts:
    """How the recorder is, all of it taken at one time."""

    version: str
    run: int
    started_ns: int
    # wall
    health: Health
    pruned_events: int
    # in this run
    last_id: int
    viewers: int
    store_bytes: int
    # of the file and its write-ahead log
    free_bytes: int
    # of the file system
    cpu_s: float
    # of the process
    resident_bytes: int
    open_files: int
    loop_lag_s: float
    # how late the event loop was, newest look
    sinks: tuple[SinkState, ...] = ()


def recorder_families(facts: RecorderFacts) -> tuple[Family, ...]:
    """All of them."""
    return (*_own(facts), *_store(facts), *_process(facts), *_sinks(facts.sinks))


def _own(facts: RecorderFacts) -> Iterable[Family]:
    health = facts.health
    built: Labels = (("version", facts.version), ("run", str(facts.run)))
    yield Family("wsmon.build.info", "gauge", "The version that records; always 1", (Point(built, 1),))
    yield _gauge("wsmon.recorder.queue.events", "Events that wait for the store", health.waiting_events)
    yield _gauge("wsmon.recorder.queue", "Bytes that wait for the store", health.waiting_bytes, "bytes")
    text = "From the first event of the newest batch to its commit"
    yield _gauge("wsmon.recorder.commit_lag", text, health.commit_lag_ms / _MS_PER_S, "seconds")
    text = "How late the event loop was, when it was looked at last"
    yield _gauge("wsmon.recorder.loop_lag", text, facts.loop_lag_s, "seconds")
    yield _gauge("wsmon.recorder.paused", "1 while sockets are not read because the store is slow", health.is_paused)
    text = "1 while the recorder has something to say; its header says what"
    yield _gauge("wsmon.recorder.warning", text, bool(health.warning))
    yield _counter("wsmon.recorder.shed.events", "Events that were not kept", health.events_shed)
    yield _gauge("wsmon.recorder.viewers", "Viewers that are attached", facts.viewers)


def _store(facts: RecorderFacts) -> Iterable[Family]:
    yield _counter("wsmon.store.events", "Events ever committed to the store", facts.last_id)
    yield _counter("wsmon.store.pruned.events", "Events that retention removed", facts.pruned_events)
    yield _gauge("wsmon.store.size", "The store's file and its write-ahead log", facts.store_bytes, "bytes")
    yield _gauge("wsmon.store.free", "What its file system has left", facts.free_bytes, "bytes")


def _process(facts: RecorderFacts) -> Iterable[Family]:
    """With the names that all Prometheus clients give them."""
    yield _counter("process.cpu", "User and system time of the recorder", facts.cpu_s, "seconds")
    yield _gauge("process.resident_memory", "Memory that the recorder holds", facts.resident_bytes, "bytes")
    yield _gauge("process.open_fds", "Files and sockets that it has open", facts.open_files)
    yield _gauge("process.start_time", "Unix time at which it began", facts.started_ns / 1e9, "seconds")


def _sinks(sinks: tuple[SinkState, ...]) -> Iterable[Family]:
    up = tuple(Point((("sink", sink.name),), int(sink.is_up)) for sink in sinks)
    yield Family("wsmon.sink.up", "gauge", "1 while what the sink was given last got through", up)
    behind = tuple(Point((("sink", sink.name),), sink.behind_events) for sink in sinks)
    yield Family("wsmon.sink.behind.events", "gauge", "Events that wait to be sent", behind)
    for name, text in (("sent", "Spans, log records and points sent"), ("dropped", "Those given up and never sent")):
        points = tuple(
            Point((("sink", sink.name), ("signal", of.signal)), of.sent if name == "sent" else of.dropped)
            for sink in sinks
            for of in sink.signals
        )
        yield Family(f"wsmon.sink.{name}", "counter", text, points)


def _gauge(name: str, text: str, value: float, unit: str = "") -> Family:
    return Family(name, "gauge", text, (Point(_NO_LABELS, value),), unit)


def _counter(name: str, text: str, value: float, unit: str = "") -> Family:
    return Family(name, "counter", text, (Point(_NO_LABELS, value),), unit)
