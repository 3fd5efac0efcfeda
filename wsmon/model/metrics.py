"""Metric families of connections and of the recorder, in no format yet: for Prometheus and OTLP.

Names and labels are those of WebSockexNova's telemetry guide (``client_id`` is the name of a connection), and of the
numbers that its key figures are made from. Counters start with the recorder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from wsmon.model.histogram import bucket_index
from wsmon.model.snapshot import Health
from wsmon.model.statuses import OPEN, STATUSES, ConnectionStatus
from wsmon.model.units import MS_NS, SECOND_NS


def _ms(*bounds_ms: int) -> tuple[int, ...]:
    return tuple(bound_ms * MS_NS for bound_ms in bounds_ms)


# Ascending bounds of exported histograms; a value counts below the bound that it equals. Those of ``connect`` are the
# telemetry guide's; the others include the thresholds of the key figures
BOUNDS_NS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "connect": _ms(10, 100, 500, 1_000, 5_000),
        "reconnect": _ms(100, 500, 1_000, 2_000, 5_000, 30_000, 300_000),
        "rtt": _ms(1, 5, 10, 50, 100, 500, 1_000, 5_000),
        "process": _ms(1, 5, 10, 50, 100, 500, 1_000, 5_000),
        "alert": _ms(100, 500, 1_000, 2_000, 5_000, 10_000, 30_000),
    }
)


def bound_within(metric: str) -> dict[int, int]:
    """Return the bounds of a metric by the bucket of the log-bucket histogram that they cut in two."""
    return {bucket_index(bound): bound for bound in BOUNDS_NS.get(metric, ())}


def cut(metric: str, counts: Mapping[int, int], above: Mapping[int, int]) -> tuple[int, ...]:
    """Return how many values lie up to each bound and above the one before; last, those above all bounds.

    ``counts`` are by the buckets of the histogram; ``above``: how many values of a bucket lie above the bound in it.
    """
    bounds = BOUNDS_NS[metric]
    places = [bucket_index(bound) for bound in bounds]
    up_to = [
        sum(count for bucket, count in counts.items() if bucket <= place) - above.get(place, 0) for place in places
    ]
    return tuple(last - first for first, last in zip([0, *up_to], [*up_to, sum(counts.values())], strict=True))


Kind = Literal["counter", "gauge", "histogram", "summary"]
# Names and values, in the order in which they are written
Labels: TypeAlias = "tuple[tuple[str, str], ...]"


@dataclass(frozen=True, slots=True)
class NumberPoint:
    """One series of a counter or a gauge."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class DistributionPoint:
    """One series of a histogram or a summary; a summary has no bounds."""

    labels: Labels
    count: int
    sum: float
    """In the unit of the family."""
    bounds: tuple[float, ...] = ()
    """Ascending, in the same unit."""
    counts: tuple[int, ...] = ()
    """Values up to each bound and above the one before, and above all; empty for a summary."""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """One metric with all its series."""

    name: str
    """Dotted, without its unit."""
    kind: Kind
    help: str
    """One sentence without its full stop."""
    points: tuple[NumberPoint, ...] | tuple[DistributionPoint, ...]
    unit: str = ""
    """``seconds``, ``bytes``, or empty."""

    @property
    def written_name(self) -> str:
        """The name in the Prometheus format, in snake case with the unit, without the suffix of its kind."""
        name = self.name.replace(".", "_")
        return f"{name}_{self.unit}" if self.unit else name


@dataclass(frozen=True, slots=True)
class Distribution:
    """Measurements: their number, their sum, and a log-bucket histogram (``wsmon.model.histogram``)."""

    count: int = 0
    sum: int = 0
    """Nanoseconds, or bytes."""
    counts: Mapping[int, int] = field(default_factory=dict)
    above: Mapping[int, int] = field(default_factory=dict)
    """By bucket that a bound of ``BOUNDS_NS`` cuts: how many values lie above the bound."""


# What is measured of messages by their type: sizes by way, and the time of each step
TypedMeasure: TypeAlias = Literal["received", "sent", "decode", "encode", "process"]


@dataclass(frozen=True, slots=True)
class TypedValues:
    """Measurements of messages of one type."""

    count: int
    sum: int
    """Bytes, or nanoseconds."""
    counts: tuple[int, ...] = ()
    """Values up to each bound of the measure and above the one before, and above all; empty where it has no bounds."""


@dataclass(frozen=True, slots=True)
class ConnectionTotals:
    """What happened on one connection since the recorder started, up to the last whole second, and its state now."""

    name: str
    group: str
    url: str
    """Secrets masked."""
    profile: str
    protocol: str
    enabled: bool
    status: ConnectionStatus
    is_stalled: bool
    last_message_ns: int | None = None
    """Wall time; None where no message came."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """By the name of the store's counter."""
    keyed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By dimension and key."""
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    """By metric."""
    typed: Mapping[TypedMeasure, Mapping[str, TypedValues]] = field(default_factory=dict)
    """By measure and type; messages without a type are in the whole alone."""
    folded: Mapping[str, int] = field(default_factory=dict)
    """Counted under ``other`` because there were too many keys, by dimension."""


CLIENT: Final = "client_id"
OTHER: Final = "other"
_NOTHING: Final = Distribution()
_Totals = Sequence[ConnectionTotals]
_LabelsOf = Callable[[ConnectionTotals], Labels]


def _client(connection: ConnectionTotals) -> Labels:
    return ((CLIENT, connection.name),)


def _client_and_uri(connection: ConnectionTotals) -> Labels:
    return ((CLIENT, connection.name), ("uri", connection.url))


def connection_families(totals: _Totals) -> tuple[MetricFamily, ...]:
    """Return all families about connections, also those that have no series yet."""
    return (*_now(totals), *_dialling(totals), *_traffic(totals), *_keyed(totals), *_quality(totals))


def _now(totals: _Totals) -> Iterable[MetricFamily]:
    """Yield the state of connections."""
    info = tuple(
        NumberPoint(
            (
                *_client_and_uri(connection),
                ("group", connection.group),
                ("profile", connection.profile),
                ("protocol", connection.protocol),
                ("enabled", "true" if connection.enabled else "false"),
            ),
            1,
        )
        for connection in totals
    )
    yield MetricFamily("wsmon.connection.info", "gauge", "Configuration of the connection; always 1", info)
    with_status = tuple(connection for connection in totals if connection.status)
    states = tuple(
        NumberPoint((*_client(connection), ("status", status)), int(connection.status == status))
        for connection in with_status
        for status in STATUSES
    )
    yield MetricFamily("wsmon.connection.status", "gauge", "1 for the current status of the connection", states)
    up = tuple(NumberPoint(_client(connection), int(connection.status == OPEN)) for connection in with_status)
    yield MetricFamily("wsmon.connection.up", "gauge", "1 while the connection is open", up)
    stalled = tuple(
        NumberPoint(_client(connection), int(connection.is_stalled and connection.status == OPEN))
        for connection in with_status
    )
    yield MetricFamily(
        "wsmon.connection.stalled", "gauge", "1 while the connection is open but expected data does not arrive", stalled
    )
    newest = tuple(
        NumberPoint(_client(connection), connection.last_message_ns / SECOND_NS)
        for connection in totals
        if connection.last_message_ns is not None
    )
    text = "Unix time of the newest message received"
    yield MetricFamily("wsmon.message.received.last_timestamp", "gauge", text, newest, "seconds")


def _dialling(totals: _Totals) -> Iterable[MetricFamily]:
    """Yield attempts, opens, losses and reconnects."""
    counted = (
        ("connection.started", "attempts", "Connection attempts"),
        ("connection.completed", "opens", "Connection attempts that succeeded"),
        ("connection.disconnected", "losses", "Disconnects"),
        ("connection.failed", "failures", "Connection attempts that failed"),
    )
    for name, counter, text in counted:
        yield _counter(name, text, totals, counter, _client_and_uri)
    text = "Time from the connection attempt to the completed upgrade"
    yield _histogram("connection.completed.duration", text, totals, "connect", _client_and_uri)
    text = "Time from a disconnect until the connection was open again"
    yield _histogram("connection.reconnect.success.duration", text, totals, "reconnect")
    yield _event_counter(
        "connection.reconnect.failed", "Reconnect attempts that failed", totals, "connection.reconnect.failed"
    )
    yield _by_key("connection.closed", "Closed connections by close code", totals, "close_code", "code")


def _traffic(totals: _Totals) -> Iterable[MetricFamily]:
    """Yield messages received and sent."""
    ways: tuple[tuple[str, TypedMeasure, str, str, str], ...] = (
        ("received", "received", "messages_in", "bytes_in", "wire_in"),
        ("sent", "sent", "messages_out", "bytes_out", "wire_out"),
    )
    for way, measure, messages, size_bytes, wire_bytes in ways:
        sizes = [
            (connection, _by_type(connection, measure, (_count(connection, messages), _count(connection, size_bytes))))
            for connection in totals
        ]
        counts = tuple(
            NumberPoint((*_client(connection), ("type", kind)), values.count)
            for connection, kinds in sizes
            for kind, values in kinds.items()
        )
        text = f"Messages {way}, by protocol message type"
        yield MetricFamily(f"wsmon.message.{way}", "counter", text, counts)
        spreads = tuple(
            DistributionPoint((*_client(connection), ("type", kind)), values.count, values.sum)
            for connection, kinds in sizes
            for kind, values in kinds.items()
        )
        text = f"Sizes of messages {way}, by protocol message type"
        yield MetricFamily(f"wsmon.message.{way}.size", "summary", text, spreads, "bytes")
        yield _counter(f"wire.{way}", f"Bytes of frames {way}, as on the wire", totals, wire_bytes, unit="bytes")
    yield _processing(totals)
    for step, what in (("decode", "Parsing of messages"), ("encode", "Encoding of messages"), ("process", "Requests")):
        for side in ("started", "completed"):
            yield _by_key(f"message.{step}.{side}", f"{what} {side}, by type", totals, f"message.{step}.{side}", "type")
    yield _step_times("decode", "Time to parse received messages, by type", totals)
    yield _step_times("encode", "Time to encode sent messages, by type", totals)
    text = "Messages that could not be parsed, and requests that failed"
    yield _by_key("message.failed", text, totals, "failed_message", "error_type")


def _by_type(
    connection: ConnectionTotals, measure: TypedMeasure, whole: tuple[int, int], spread: tuple[int, ...] = ()
) -> Mapping[str, TypedValues]:
    """Return what was measured by type, of the ``whole`` (number, sum, ``spread`` over the bounds).

    What has no type has an empty one, also where nothing was measured.
    """
    typed = connection.typed.get(measure, {})
    count = max(0, whole[0] - sum(values.count for values in typed.values()))
    if typed and not count:
        return typed
    rest_sum = max(0, whole[1] - sum(values.sum for values in typed.values()))
    of_types = zip(*(values.counts for values in typed.values()), strict=True) if typed and spread else ()
    taken = [sum(counts) for counts in of_types] or [0] * len(spread)
    rest = tuple(max(0, counted - less) for counted, less in zip(spread, taken, strict=True))
    return {**typed, "": TypedValues(count, rest_sum, rest)}


def _step_times(step: Literal["decode", "encode"], text: str, totals: _Totals) -> MetricFamily:
    """Return number and sum of the durations of a step, of the connections that have any."""
    points = tuple(
        DistributionPoint((*_client(connection), ("type", kind)), values.count, values.sum / SECOND_NS)
        for connection in totals
        if (spread := connection.distributions.get(step)) is not None
        for kind, values in _by_type(connection, step, (spread.count, spread.sum)).items()
    )
    return MetricFamily(f"wsmon.message.{step}.completed.duration", "summary", text, points, "seconds")


def _processing(totals: _Totals) -> MetricFamily:
    bounds = tuple(bound / SECOND_NS for bound in BOUNDS_NS["process"])
    points: list[DistributionPoint] = []
    for connection in totals:
        measured = connection.distributions.get("process", _NOTHING)
        counts = cut("process", measured.counts, measured.above)
        points += (
            DistributionPoint(
                (*_client(connection), ("type", kind)), values.count, values.sum / SECOND_NS, bounds, values.counts
            )
            for kind, values in _by_type(connection, "process", (measured.count, measured.sum), counts).items()
        )
    text = "Response time, where the protocol matches requests and replies, and of applications, by type"
    return MetricFamily("wsmon.message.process.completed.duration", "histogram", text, tuple(points), "seconds")


def _keyed(totals: _Totals) -> Iterable[MetricFamily]:
    """Yield errors, incidents, subscriptions and logins."""
    yield _by_key("error.occurred", "Errors by type", totals, "error_type", "error_type")
    yield _event_counter("error.handled", "Errors reported as handled", totals, "error.handled")
    text = "Errors that are not critical, by whether the connection was usable within a minute"
    yield _by_key("error.outcome", text, totals, "error_outcome", "outcome")
    text = "Time from an error to the delivery of the alert about it"
    yield _histogram("alert.delivered.duration", text, totals, "alert")
    yield _by_key("alert.failed", "Alerts that could not be delivered", totals, "failed_alert", "way")
    yield _by_key("incident.opened", "Incidents opened, by kind", totals, "incident", "kind")
    for name, text in (
        ("subscription.subscribe.completed", "Subscribe requests answered by the peer"),
        ("subscription.unsubscribe.completed", "Subscriptions that ended"),
        ("subscription.lost", "Subscriptions lost in a reconnect"),
        ("subscription.restored", "Subscriptions restored after a reconnect"),
    ):
        yield _by_key(name, text, totals, name, "channel")
    for name, text in (
        ("auth.completed", "Logins that succeeded"),
        ("auth.failed", "Logins that were refused"),
        ("auth.refresh.completed", "Tokens refreshed"),
    ):
        yield _event_counter(name, text, totals, name)
    folded = tuple(
        NumberPoint((*_client(connection), ("dimension", dimension)), n)
        for connection in totals
        for dimension, n in connection.folded.items()
    )
    text = 'Occurrences counted as "other", because there were too many label values'
    yield MetricFamily("wsmon.labels.folded", "counter", text, folded)


def _quality(totals: _Totals) -> Iterable[MetricFamily]:
    """Yield heartbeats and latencies."""
    yield _counter("heartbeat.sent", "Pings sent", totals, "pings")
    yield _counter("heartbeat.responded", "Pings that were answered", totals, "pongs")
    yield _counter("heartbeat.timeout", "Pings that were not answered in time", totals, "missed")
    yield _histogram("heartbeat.rtt", "Round trips of pings", totals, "rtt")
    text = "Latency of messages, relative to the fastest one"
    yield _summary("wsmon.feed.latency", text, totals, "latency")


def _count(connection: ConnectionTotals, counter: str) -> int:
    return connection.counters.get(counter, 0)


def _counter(
    name: str, text: str, totals: _Totals, counter: str, labels: _LabelsOf = _client, unit: str = ""
) -> MetricFamily:
    points = tuple(NumberPoint(labels(connection), _count(connection, counter)) for connection in totals)
    return MetricFamily(f"wsmon.{name}", "counter", text, points, unit)


def _event_counter(name: str, text: str, totals: _Totals, dimension: str) -> MetricFamily:
    """Return a counter of events, without labels of its own."""
    points = tuple(
        NumberPoint(_client(connection), sum(connection.keyed.get(dimension, {}).values())) for connection in totals
    )
    return MetricFamily(f"wsmon.{name}", "counter", text, points)


def _by_key(name: str, text: str, totals: _Totals, dimension: str, label: str) -> MetricFamily:
    points = tuple(
        NumberPoint((*_client(connection), (label, key)), n)
        for connection in totals
        for key, n in connection.keyed.get(dimension, {}).items()
    )
    return MetricFamily(f"wsmon.{name}", "counter", text, points)


def _summary(name: str, text: str, totals: _Totals, metric: str) -> MetricFamily:
    """Return number and sum of durations, of the connections that have any."""
    points = tuple(
        DistributionPoint(_client(connection), spread.count, spread.sum / SECOND_NS)
        for connection in totals
        if (spread := connection.distributions.get(metric)) is not None
    )
    return MetricFamily(name, "summary", text, points, "seconds")


def _histogram(name: str, text: str, totals: _Totals, metric: str, labels: _LabelsOf = _client) -> MetricFamily:
    bounds = tuple(bound / SECOND_NS for bound in BOUNDS_NS[metric])
    spreads: list[DistributionPoint] = []
    for connection in totals:
        measured = connection.distributions.get(metric, _NOTHING)
        counts = cut(metric, measured.counts, measured.above)
        spreads.append(DistributionPoint(labels(connection), measured.count, measured.sum / SECOND_NS, bounds, counts))
    return MetricFamily(f"wsmon.{name}", "histogram", text, tuple(spreads), "seconds")


_MS_PER_S: Final = 1_000
_NO_LABELS: Final[Labels] = ()


@dataclass(frozen=True, slots=True)
class SignalTotals:
    """How much of one signal a sink has sent and dropped."""

    signal: str
    """``spans``, ``logs`` or ``metrics``."""
    sent: int = 0
    dropped: int = 0
    """Given up and never sent."""


@dataclass(frozen=True, slots=True)
class SinkState:
    """The state of one exporter of the recorder."""

    name: str
    is_up: bool
    """The newest delivery succeeded, or none was due yet."""
    behind_events: int = 0
    """Events waiting to be sent."""
    signals: tuple[SignalTotals, ...] = ()


@dataclass(frozen=True, slots=True)
class RecorderFacts:
    """The state of the recorder and what it costs, all taken at one time."""

    version: str
    run: int
    started_ns: int
    """Wall time."""
    health: Health
    pruned_events: int
    """In this run."""
    last_id: int
    viewers: int
    left_out_connections: int
    """Of applications, that are in no family: too many others are."""
    store_bytes: int
    """Size of the file and its write-ahead log."""
    free_bytes: int
    """Free space of the file system."""
    cpu_s: float
    """User and system time of the process."""
    resident_bytes: int
    open_files: int
    loop_lag_s: float
    """How late the event loop was at the last measurement."""
    sinks: tuple[SinkState, ...] = ()


def recorder_families(facts: RecorderFacts) -> tuple[MetricFamily, ...]:
    """Return all families about the recorder."""
    return (*_own(facts), *_store(facts), *_process(facts), *_sinks(facts.sinks))


def _own(facts: RecorderFacts) -> Iterable[MetricFamily]:
    health = facts.health
    built: Labels = (("version", facts.version), ("run", str(facts.run)))
    yield MetricFamily("wsmon.build.info", "gauge", "Version of the recorder; always 1", (NumberPoint(built, 1),))
    yield _gauge("wsmon.recorder.queue.events", "Events waiting to be written to the store", health.waiting_events)
    yield _gauge("wsmon.recorder.queue", "Bytes waiting to be written to the store", health.waiting_bytes, "bytes")
    text = "Write delay: from the first event of the newest batch to its commit"
    yield _gauge("wsmon.recorder.commit_lag", text, health.commit_lag_ms / _MS_PER_S, "seconds")
    text = "Delay of the event loop at the last measurement"
    yield _gauge("wsmon.recorder.loop_lag", text, facts.loop_lag_s, "seconds")
    yield _gauge("wsmon.recorder.paused", "1 while reading is paused because the store is slow", health.is_paused)
    text = "1 while the recorder has a warning, which its header shows"
    yield _gauge("wsmon.recorder.warning", text, bool(health.warning))
    yield _recorder_counter(
        "wsmon.recorder.shed.events", "Events lost because the store was too slow", health.events_shed
    )
    yield _gauge("wsmon.recorder.viewers", "Attached viewers", facts.viewers)
    text = "Connections of applications that are not among these metrics, because there are too many"
    yield _gauge("wsmon.recorder.left_out.connections", text, facts.left_out_connections)


def _store(facts: RecorderFacts) -> Iterable[MetricFamily]:
    yield _recorder_counter("wsmon.store.events", "Events written to the store since it was created", facts.last_id)
    yield _recorder_counter("wsmon.store.pruned.events", "Events removed by retention", facts.pruned_events)
    yield _gauge("wsmon.store.size", "Size of the store file and its write-ahead log", facts.store_bytes, "bytes")
    yield _gauge("wsmon.store.free", "Free space on the file system of the store", facts.free_bytes, "bytes")


def _process(facts: RecorderFacts) -> Iterable[MetricFamily]:
    """Yield the process metrics, with the names that all Prometheus client libraries use."""
    yield _recorder_counter("process.cpu", "User and system CPU time of the recorder", facts.cpu_s, "seconds")
    yield _gauge("process.resident_memory", "Resident memory of the recorder", facts.resident_bytes, "bytes")
    yield _gauge("process.open_fds", "Open file descriptors of the recorder", facts.open_files)
    yield _gauge("process.start_time", "Unix time at which the recorder started", facts.started_ns / 1e9, "seconds")


def _sinks(sinks: tuple[SinkState, ...]) -> Iterable[MetricFamily]:
    up = tuple(NumberPoint((("sink", sink.name),), int(sink.is_up)) for sink in sinks)
    yield MetricFamily("wsmon.sink.up", "gauge", "1 if the last delivery to the sink succeeded", up)
    behind = tuple(NumberPoint((("sink", sink.name),), sink.behind_events) for sink in sinks)
    yield MetricFamily("wsmon.sink.behind.events", "gauge", "Events waiting to be sent", behind)
    for name, text in (
        ("sent", "Spans, log records and points sent"),
        ("dropped", "Spans, log records and points dropped without being sent"),
    ):
        points = tuple(
            NumberPoint(
                (("sink", sink.name), ("signal", each.signal)),
                each.sent if name == "sent" else each.dropped,
            )
            for sink in sinks
            for each in sink.signals
        )
        yield MetricFamily(f"wsmon.sink.{name}", "counter", text, points)


def _gauge(name: str, text: str, value: float, unit: str = "") -> MetricFamily:
    return MetricFamily(name, "gauge", text, (NumberPoint(_NO_LABELS, value),), unit)


def _recorder_counter(name: str, text: str, value: float, unit: str = "") -> MetricFamily:
    return MetricFamily(name, "counter", text, (NumberPoint(_NO_LABELS, value),), unit)
